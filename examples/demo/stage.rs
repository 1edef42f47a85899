//! The two sides: a simulated AWS in this process, and `evenkeel run` as a child process on a folder with one manifest.
//!
//! The child gets an environment of its own, so nobody's AWS profile plays a part, and its clock is the simulator's
//! (requests are still signed with real time).

use anyhow::{Context as _, bail};
use evenkeel::api::v1alpha1::HAStackStatus;
use evenkeel::clock::Stopwatch;
use evenkeel::standalone::publish::status_path;
use evenkeel::topology::StackName;
use evenkeel_sim::{ClockMode, Sim};
use jiff::Timestamp;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// The first argument of the child.
pub const EVENKEEL: &str = "run";
/// The zone that is lost.
pub const LOST_ZONE: &str = "ap-northeast-2a";

const WORLD: &str = include_str!("../world-nextgen.yaml");
const MANIFEST: &str = include_str!("../nextgen-commerce.yaml");
/// A Tuesday morning, far from the group's maintenance window.
const START: &str = "2026-03-03T09:00:00Z";

pub struct Stage {
    pub sim: Sim,
    pub speed: f64,
    /// Real time since the curtain rose.
    pub watch: Stopwatch,
    pub start: Timestamp,
    evenkeel: Child,
    /// The child ends when this closes, however we end.
    _lifeline: Option<ChildStdin>,
    said: Receiver<String>,
    folder: tempfile::TempDir,
    stack: StackName,
}

impl Stage {
    pub async fn set(speed: f64) -> anyhow::Result<Self> {
        let start: Timestamp = START.parse()?;
        let sim = Sim::builder()
            .world_yaml(WORLD)
            .clock(ClockMode::Accelerated { speed })
            .start_time(start)
            .start()
            .await
            .context("the simulated AWS does not start")?;
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let stacks = folder.path().join("stacks");
        std::fs::create_dir(&stacks)?;
        std::fs::write(stacks.join("nextgen-commerce.yaml"), MANIFEST)?;
        let mut evenkeel = Command::new(std::env::current_exe()?)
            .args([EVENKEEL, "--installation", "demo", "--file"])
            .arg(&stacks)
            .arg("--state-dir")
            .arg(folder.path().join("state"))
            .args(["--aws-endpoint-url", &sim.endpoint_url()])
            .args(["--clock-url", &sim.endpoint_url()])
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIADEMONSTRATION000")
            .env("AWS_SECRET_ACCESS_KEY", "simulated")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.path().join("log"))?)
            .spawn()
            .context("evenkeel run does not start")?;
        let (tell, said) = channel();
        if let Some(stdout) = evenkeel.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                for line in lines {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            sim,
            speed,
            watch: Stopwatch::start(),
            start,
            _lifeline: evenkeel.stdin.take(),
            evenkeel,
            said,
            folder,
            stack: StackName::new("shop", "nextgen-commerce"),
        })
    }

    /// Evenkeel's status of the stack as last published.
    pub fn status(&self) -> Option<HAStackStatus> {
        #[derive(serde::Deserialize)]
        struct File {
            status: HAStackStatus,
        }
        let path = status_path(&self.folder.path().join("state"), &self.stack);
        let text = std::fs::read_to_string(path).ok()?;
        serde_saphyr::from_str::<File>(&text).ok().map(|file| file.status)
    }

    /// The lines that Evenkeel has printed since the last call.
    pub fn said(&self) -> Vec<String> {
        self.said.try_iter().collect()
    }

    /// Fails when Evenkeel has ended, with what it said last.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.evenkeel.try_wait()? else {
            return Ok(());
        };
        bail!("evenkeel run ended ({status})\n{}", self.last_words());
    }

    /// The end of Evenkeel's log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let from = log.lines().count().saturating_sub(12);
        log.lines().skip(from).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.evenkeel.kill();
        let _ = self.evenkeel.wait();
    }
}

/// In the child: ends it when the parent has gone, even if that could not say so.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
