//! The real binary against the simulator on a stepped clock: days pass in seconds.

use evenkeel::clock::Stopwatch;
use evenkeel_sim::{Call, ClockMode, Sim};
use jiff::SignedDuration;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A simulated AWS and a folder of manifests.
pub struct Rehearsal {
    pub sim: Sim,
    dir: TempDir,
    child: Option<Child>,
    starts: usize,
}

/// Real time that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

impl Rehearsal {
    pub async fn new(world: &str) -> Self {
        let sim = Sim::builder()
            .world_yaml(world)
            .clock(ClockMode::Stepped)
            .start()
            .await
            .unwrap();
        Self {
            sim,
            dir: TempDir::new().unwrap(),
            child: None,
            starts: 0,
        }
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join(".evenkeel")
    }

    /// Writes a manifest; a running loop sees it.
    pub fn apply(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = self.command_to_look();
        command.args(["--installation", "demo"]);
        command
    }

    /// Without a name of its own it never acts.
    fn command_to_look(&self) -> Command {
        let mut command = Command::new(evenkeel_test_support::program("evenkeel"));
        command
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.dir.path())
            .arg("run")
            .arg("--file")
            .arg(self.dir.path())
            .args(["--aws-endpoint-url", &self.sim.endpoint_url()])
            .args(["--clock-url", &self.sim.endpoint_url()]);
        command
    }

    /// Starts the loop; what it prints is in `out-<n>.log` and `err-<n>.log`.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the loop where no file can grow: every write to one fails, as on a full disk.
    pub fn start_on_a_full_disk(&mut self) {
        assert!(self.child.is_none(), "one loop at a time");
        self.child = Some(self.on_a_full_disk().spawn().unwrap());
    }

    /// How the command ends there.
    pub async fn run_on_a_full_disk(&self, arguments: &[&str]) -> std::process::ExitStatus {
        let mut command = tokio::process::Command::from(self.on_a_full_disk());
        command.args(arguments).status().await.unwrap()
    }

    fn on_a_full_disk(&self) -> Command {
        let mut full = self.limited("trap '' XFSZ; ulimit -f 0");
        full.stdout(Stdio::null()).stderr(Stdio::null());
        full
    }

    /// Starts the loop with so many file descriptors at most.
    pub fn start_with_descriptors(&mut self, most: u32, arguments: &[&str]) {
        assert!(self.child.is_none(), "one loop at a time");
        self.starts += 1;
        let log = |kind: &str| fs::File::create(self.log(kind)).unwrap();
        let mut command = self.limited(&format!("ulimit -n {most}"));
        command.args(arguments).stdout(log("out")).stderr(log("err"));
        self.child = Some(command.spawn().unwrap());
    }

    /// The command as a shell's, which limits itself first.
    fn limited(&self, limit: &str) -> Command {
        let plain = self.command();
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("{limit}; exec \"$@\""), "sh"])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear()
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(Stdio::null());
        limited
    }

    pub fn start_with(&mut self, arguments: &[&str]) {
        self.starts += 1;
        let log = fs::File::create(self.log("err")).unwrap();
        self.start_logging_to(log, arguments);
    }

    /// Starts the loop with its log there instead of in `err-<n>.log`.
    pub fn start_logging_to(&mut self, log: impl Into<Stdio>, arguments: &[&str]) {
        assert!(self.child.is_none(), "one loop at a time");
        let child = self
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.log("out")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Where the loop listens that was started with `--listen 127.0.0.1:0`.
    pub async fn address(&self) -> String {
        let address = || {
            let out = self.printed("out");
            let (_, after) = out.split_once("listening on http://")?;
            Some(after.lines().next()?.to_owned())
        };
        self.until("it listens", || address().is_some()).await;
        address().unwrap()
    }

    /// A page of it.
    pub async fn page(&self, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.address().await)
            .await
            .unwrap();
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Runs the command to its end.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::from(self.command());
        command.args(arguments).output().await.unwrap()
    }

    /// The same, with standard output there.
    pub async fn run_telling(&self, out: impl Into<Stdio>, arguments: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::from(self.command());
        command.args(arguments).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap().wait_with_output().await.unwrap()
    }

    /// The same, without the right to act.
    pub async fn looking(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::from(self.command_to_look());
        command.args(arguments).output().await.unwrap()
    }

    pub fn log(&self, kind: &str) -> PathBuf {
        self.dir.path().join(format!("{kind}-{}.log", self.starts))
    }

    pub fn printed(&self, kind: &str) -> String {
        fs::read_to_string(self.log(kind)).unwrap()
    }

    /// SIGKILL: nothing is said, nothing is finished.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a loop runs");
        child.kill().unwrap();
        child.wait().unwrap();
        // It may not have been waiting at the clock, which then would wait for it.
        self.sim.forget_client(&format!("evenkeel-{}", child.id()));
    }

    /// Sends a signal and waits for the end.
    pub async fn signal(&mut self, signal: &str) -> std::process::ExitStatus {
        self.send(signal);
        self.ended().await
    }

    pub fn send(&self, signal: &str) {
        let pid = self.child.as_ref().expect("a loop runs").id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("a loop runs");
        let begun = Stopwatch::start();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                // It may have ended in the middle of its work, and the clock waits for who works.
                self.sim.forget_client(&format!("evenkeel-{}", child.id()));
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets simulated time pass; the loop does everything that is due on the way.
    pub async fn pass(&mut self, by: SignedDuration) {
        let to = self.sim.now() + by;
        let clients = usize::from(self.child.is_some());
        let advanced = self.sim.advance_expecting(to, clients, PATIENCE).await;
        if let Err(error) = advanced {
            panic!("{error:?}\n{}", self.story());
        }
        if let Some(child) = &mut self.child {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the loop ended: {ended:?}\n{}", self.story());
        }
    }

    /// Waits (in real time) until something holds.
    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Stopwatch::start();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.story());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets time pass in steps until something holds, at most so long.
    pub async fn pass_until(&mut self, at_most: SignedDuration, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.sim.now() + at_most;
        while !holds(self) {
            assert!(self.sim.now() < end, "never: {what}\n{}", self.story());
            self.pass(minutes(1)).await;
        }
    }

    pub fn status_text(&self, stack: &str) -> String {
        fs::read_to_string(self.state().join(format!("{stack}.status.yaml")))
            .unwrap_or_else(|e| panic!("{stack}: {e}\n{}", self.story()))
    }

    pub fn status(&self, stack: &str) -> Value {
        let file: Value = serde_saphyr::from_str(&self.status_text(stack)).unwrap();
        file["status"].clone()
    }

    pub fn condition(&self, stack: &str, kind: &str) -> String {
        let status = self.status(stack);
        let found = status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == kind);
        found.unwrap()["status"].as_str().unwrap().to_owned()
    }

    pub fn balanced(&self, stack: &str) -> bool {
        self.condition(stack, "Balanced") == "True" && self.condition(stack, "Reconciling") == "False"
    }

    /// Guardrails that hold something now.
    pub fn holds(&self, stack: &str) -> Vec<String> {
        let status = self.status(stack);
        let holds = status["plan"]["holds"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = holds
            .iter()
            .map(|h| h["guardrail"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Mutating calls as AWS received them.
    pub fn changes(&self) -> Vec<Call> {
        self.sim.calls().into_iter().filter(|c| c.mutating).collect()
    }

    pub fn change_names(&self) -> Vec<String> {
        self.changes().into_iter().map(|c| c.operation).collect()
    }

    /// Everything that helps to understand a failure.
    pub fn story(&self) -> String {
        let calls: Vec<String> = self
            .changes()
            .iter()
            .map(|c| format!("{} {} {:?} {:?}", c.at, c.operation, c.params, c.error))
            .collect();
        let statuses: Vec<String> = fs::read_dir(self.state())
            .map(|entries| {
                let paths = entries.flatten().map(|e| e.path());
                let yaml = paths.filter(|p| p.extension().is_some_and(|e| e == "yaml"));
                yaml.map(|p| fs::read_to_string(p).unwrap_or_default()).collect()
            })
            .unwrap_or_default();
        let log = |kind| fs::read_to_string(self.log(kind)).unwrap_or_default();
        format!(
            "now {}\nchanges:\n{}\nstatus:\n{}\nprinted:\n{}\nlog:\n{}",
            self.sim.now(),
            calls.join("\n"),
            statuses.join("\n"),
            log("out"),
            log("err")
        )
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
