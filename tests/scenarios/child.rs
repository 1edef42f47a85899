//! The binary as a child process that talks to the simulator, takes its time from it, and keeps a log.

use evenkeel::clock::Stopwatch;
use evenkeel_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

/// It ends by itself within this much real time after SIGTERM.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// Killed when dropped.
pub struct Child {
    endpoint: String,
    log: PathBuf,
    running: Option<process::Child>,
}

impl Child {
    /// One that isn't running yet.
    pub fn new(sim: &Sim, log: PathBuf) -> Self {
        Self {
            endpoint: sim.endpoint_url(),
            log,
            running: None,
        }
    }

    /// Starts `evenkeel` with these arguments, the simulator's AWS and clock, and nothing of this process's environment.
    pub fn start(&mut self, with: impl FnOnce(&mut Command) -> &mut Command) {
        let endpoint = self.endpoint.clone();
        self.start_bare(|command| {
            with(command)
                .args(["--installation", "demo"])
                .args(["--aws-endpoint-url", &endpoint, "--clock-url", &endpoint])
                .env("AWS_ACCESS_KEY_ID", "AKIASCENARIO00000000")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .env("AWS_REGION", "ap-northeast-2")
                .env("AWS_CONFIG_FILE", "/dev/null")
                .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .env("RUST_BACKTRACE", "1")
        });
    }

    /// Starts `evenkeel` with nothing but these arguments and this environment.
    pub fn start_bare(&mut self, with: impl FnOnce(&mut Command) -> &mut Command) {
        assert!(self.running.is_none(), "it is running");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.env_clear();
        with(&mut command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.running = Some(command.spawn().unwrap());
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.running.take().expect("it is running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; panics unless it then ends well by itself.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let waited = Stopwatch::start();
        loop {
            if let Some(status) = self.ended() {
                self.running = None;
                assert!(status.success(), "it ended with {status}\n{}", self.log());
                return;
            }
            assert!(
                waited.elapsed() < ENDS_WITHIN,
                "it does not end on SIGTERM\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.running.as_ref().expect("it is running");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.as_mut().and_then(|c| c.try_wait().unwrap())
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
