//! Command line programs, run to their end.

use crate::RigError;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How a run of kubectl or Helm ended.
#[derive(Clone, Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    program: &'static str,
    args: String,
}

impl Ran {
    /// Its output when it succeeded, otherwise an error that holds what it said.
    pub fn ok(self) -> Result<String, RigError> {
        if self.status == 0 {
            return Ok(self.stdout);
        }
        Err(RigError::Tool {
            program: self.program,
            args: self.args,
            status: self.status,
            stderr: self.stderr,
        })
    }

    /// Runs it with `input` on its stdin.
    pub(crate) async fn of(
        program: &'static str,
        command: &mut Command,
        args: &[&str],
        input: &str,
    ) -> Result<Self, RigError> {
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(RigError::run(program))?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without having read all of it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(RigError::run(program))?;
        Ok(Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            program,
            args: args.join(" "),
        })
    }
}
