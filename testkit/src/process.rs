//! A server that can't outlive the process that started it.
//!
//! A shell stands between: it starts the server and holds the reading end of a pipe. The pipe closes when the rig lets
//! go of it, and also when the test is killed, so that no etcd stays behind even after SIGKILL. Each shell has its
//! own process group: a Ctrl-C in the terminal reaches the test, not the servers.

use crate::RigError;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// `$0` is the log file, `$@` the server and its arguments. Tells the server's process id on stdout.
const GUARD: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- >>"$0" 2>&1 &
server=$!
{ while read -r _ <&3; do :; done; kill -KILL "$server"; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
echo "$server"
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

pub(crate) struct Server {
    name: &'static str,
    guard: Child,
    pid: Pid,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start<I>(
        name: &'static str,
        program: &Path,
        arguments: I,
        folder: &Path,
    ) -> Result<Self, RigError>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let log = folder.join(format!("{name}.log"));
        let mut guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(&log)
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            // All of them are Go programs, which clean up less often where they may keep more: a sixth of the time of
            // the scenarios on Kubernetes.
            .envs([("GOGC", "400"), ("GOMEMLIMIT", "1GiB")])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(RigError::run(name))?;
        let mut line = String::new();
        if let Some(stdout) = guard.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(RigError::run(name))?;
        }
        let pid = line
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| RigError::run(name)(std::io::Error::other("no process id")))?;
        Ok(Self {
            name,
            guard,
            pid,
            log,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), RigError> {
        kill_process(self.pid, signal).map_err(|source| RigError::Signal {
            server: self.name,
            source,
        })
    }

    /// An error when the server has ended, which it never should by itself.
    pub(crate) fn check_alive(&mut self) -> Result<(), RigError> {
        match self.guard.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(RigError::Ended {
                server: self.name,
                status: status.to_string(),
                log: self.log_tail(),
            }),
            Err(source) => Err(RigError::run(self.name)(source)),
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.guard.try_wait(), Ok(Some(_)))
    }

    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// SIGKILL, also when it is paused, and wait until it is gone.
    pub(crate) fn kill(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
