//! The binary as a child process that talks to the simulator, takes its time from it, and keeps a log.

use crate::program;
use evenkeel_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

/// It ends by itself within this much real time after SIGTERM.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// Killed when dropped. Then it prints how much processor time its processes took, for `hack/run-tests`.
pub struct Child {
    endpoint: String,
    log: PathBuf,
    running: Option<process::Child>,
    used: Duration,
}

impl Child {
    /// One that isn't running yet.
    pub fn new(sim: &Sim, log: PathBuf) -> Self {
        Self {
            endpoint: sim.endpoint_url(),
            log,
            running: None,
            used: Duration::ZERO,
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
        let mut command = Command::new(program("evenkeel"));
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
        self.used += self.processor_time();
        let mut child = self.running.take().expect("it is running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; panics unless it then ends well by itself.
    pub async fn stop(&mut self) {
        self.used += self.processor_time();
        self.signal(Signal::TERM);
        let ended = async {
            loop {
                if let Some(status) = self.ended() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let status = tokio::time::timeout(ENDS_WITHIN, ended).await;
        let status = status.expect("it ends by itself on SIGTERM");
        self.running = None;
        assert!(status.success(), "it ended with {status}");
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.running.as_ref().expect("it is running");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.as_mut().and_then(|c| c.try_wait().unwrap())
    }

    /// Of the running process, until now; nothing where the system doesn't tell.
    fn processor_time(&self) -> Duration {
        let Some(child) = &self.running else {
            return Duration::ZERO;
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        // utime and stime are the twelfth and thirteenth fields behind the name, which may hold spaces (proc_pid_stat(5)).
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|f| f.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.used += self.processor_time();
        println!("evenkeel used {:.2} s of CPU", self.used.as_secs_f64());
        if let Some(child) = &mut self.running {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
