//! The controller as a child process.

use crate::fleet::Fleet;
use evenkeel::clock::Stopwatch;
use evenkeel_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Prometheus asks this often: twice as often as the chart's ServiceMonitor has it do.
const SCRAPE: Duration = Duration::from_secs(15);

/// `USER_HZ` of Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// What the image sets for the process.
fn environment_of_the_image() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../../Dockerfile").lines();
    let set: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("ENV ")?.split_once('='))
        .collect();
    assert!(!set.is_empty(), "the Dockerfile sets nothing");
    set
}

/// Scraped all the time, as in a cluster; killed when dropped.
pub struct Controller {
    child: Child,
    log: tempfile::NamedTempFile,
    scraper: JoinHandle<()>,
}

impl Controller {
    /// On the simulator's clock, under the fleet's account.
    pub fn start(fleet: &Fleet, sim: &Sim) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = || File::options().append(true).open(log.path()).unwrap();
        let endpoint = sim.endpoint_url();
        let child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .arg("controller")
            .arg("--kubeconfig")
            .arg(fleet.account.kubeconfig())
            .args(["--lease-namespace", &fleet.namespace])
            .args(["--installation", "demo", "--max-added-nodes", "1000"])
            .args(["--aws-endpoint-url", &endpoint, "--clock-url", &endpoint])
            .args(["--log-format", "text", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIABENCH00000000000")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "ap-northeast-2")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment_of_the_image())
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .unwrap();
        let scraper = tokio::spawn(scrape(log.path().to_owned()));
        Self { child, log, scraper }
    }

    /// Resident memory in MiB: now, and the most so far.
    pub fn memory(&self) -> (f64, f64) {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let mib = |name: &str| {
            let line = text.lines().find(|l| l.starts_with(name));
            let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        (mib("VmRSS"), mib("VmHWM"))
    }

    /// Seconds of processor time used so far.
    pub fn cpu(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name, which may hold spaces: state, ten others, user and system time (proc(5)).
        let (_, fields) = text.rsplit_once(')').unwrap();
        let times = fields.split_whitespace().skip(11).take(2);
        times.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_A_SECOND
    }

    /// SIGTERM; panics with the end of the log unless it ends well.
    pub async fn stop(mut self) {
        assert!(!self.scraper.is_finished(), "a scrape failed");
        self.scraper.abort();
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let waited = Stopwatch::start();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(waited.elapsed() < Duration::from_secs(40), "it does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        assert!(status.success(), "it ended with {status}: {tail:#?}");
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.scraper.abort();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the metrics again and again, at the address that the log tells; panics when they don't come.
async fn scrape(log: PathBuf) {
    let mut due = tokio::time::interval(SCRAPE);
    due.tick().await;
    loop {
        due.tick().await;
        let log = std::fs::read_to_string(&log).unwrap();
        let (_, address) = log.split_once("http://").unwrap();
        let address = address.split_whitespace().next().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("\nevenkeel_leader"), "{answer}");
    }
}
