//! `evenkeel run` as a child process: the real binary, the real SDK, real signals.

use super::rig::{Damage, LoopUnderTest};
use evenkeel::clock::Stopwatch;
use evenkeel_sim::Sim;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Standalone {
    dir: tempfile::TempDir,
    endpoint: String,
    child: Option<Child>,
    starts: u32,
}

impl Standalone {
    fn manifests(&self) -> PathBuf {
        self.dir.path().join("stacks")
    }
    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }
    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl LoopUnderTest for Standalone {
    fn new(sim: &Sim) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let this = Self {
            dir,
            endpoint: sim.endpoint_url(),
            child: None,
            starts: 0,
        };
        std::fs::create_dir_all(this.manifests()).unwrap();
        this
    }

    async fn start(&mut self) {
        assert!(self.child.is_none(), "it is running");
        self.starts += 1;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["run", "--file"])
            .arg(self.manifests())
            .arg("--state-dir")
            .arg(self.state())
            .args([
                "--installation",
                "demo",
                "--aws-endpoint-url",
                &self.endpoint,
                "--clock-url",
                &self.endpoint,
            ])
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIASCENARIO00000000")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "ap-northeast-2")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    async fn kill(&mut self) {
        let mut child = self.child.take().expect("it is running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn stop(&mut self) {
        let mut child = self.child.take().expect("it is running");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let since = Stopwatch::start();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "it ended with {status}\n{}", self.log().await);
                return;
            }
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "it does not end on SIGTERM\n{}",
                self.log().await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn is_running(&self) -> bool {
        self.child.is_some()
    }

    async fn apply(&self, name: &str, manifest: &str) {
        // Written whole, then renamed: the loop never sees half a manifest.
        let path = self.manifests().join(format!("{name}.yaml"));
        let new = self.dir.path().join(format!("{name}.new"));
        std::fs::write(&new, manifest).unwrap();
        std::fs::rename(&new, &path).unwrap();
    }

    async fn delete(&self, name: &str) {
        std::fs::remove_file(self.manifests().join(format!("{name}.yaml"))).unwrap();
    }

    async fn status(&self, name: &str) -> Value {
        let path = self.state().join(format!("{name}.status.yaml"));
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let object: Value = serde_saphyr::from_str(&text)
                    .unwrap_or_else(|e| panic!("{}: {e}\n{text}", path.display()));
                if object.get("status").is_some() {
                    object["status"].clone()
                } else {
                    object
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Value::Null,
            Err(e) => panic!("{}: {e}", path.display()),
        }
    }

    async fn stop_all_acting(&self, on: bool) {
        let path = self.state().join("STOP");
        if on {
            std::fs::create_dir_all(self.state()).unwrap();
            std::fs::write(path, "scenario\n").unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    async fn damage_record(&self, name: &str, how: Damage) {
        assert!(
            self.child.is_none(),
            "damage the record of a loop that isn't running"
        );
        let mut found = 0;
        let mut folders = vec![self.state()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if file.contains(name) && path.extension().is_some_and(|e| e == "json") {
                    found += 1;
                    match how {
                        Damage::Gone => std::fs::remove_file(&path).unwrap(),
                        Damage::Truncated => {
                            let half = std::fs::metadata(&path).unwrap().len() / 2;
                            std::fs::OpenOptions::new()
                                .write(true)
                                .open(&path)
                                .unwrap()
                                .set_len(half)
                                .unwrap();
                        }
                    }
                }
            }
        }
        assert!(found > 0, "no record of {name} below {}", self.state().display());
    }

    async fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
