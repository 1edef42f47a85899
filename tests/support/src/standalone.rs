//! `evenkeel run` as a child process: the real binary, the real SDK, real signals.

use crate::child::Child;
use crate::rig::{Damage, LoopUnderTest};
use evenkeel_sim::Sim;
use serde_json::Value;
use std::path::PathBuf;

pub struct Standalone {
    child: Child,
    dir: tempfile::TempDir,
}

impl Standalone {
    fn manifests(&self) -> PathBuf {
        self.dir.path().join("stacks")
    }
    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }
}

impl LoopUnderTest for Standalone {
    fn new(sim: &Sim) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let this = Self {
            child: Child::new(sim, dir.path().join("log")),
            dir,
        };
        std::fs::create_dir_all(this.manifests()).unwrap();
        this
    }

    async fn start(&mut self) {
        let (manifests, state) = (self.manifests(), self.state());
        self.child.start(|command| {
            let command = command.args(["run", "--file"]).arg(manifests);
            command.arg("--state-dir").arg(state)
        });
    }

    async fn kill(&mut self) {
        self.child.kill();
    }

    async fn stop(&mut self) {
        self.child.stop().await;
    }

    fn is_running(&self) -> bool {
        self.child.is_running()
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
            !self.child.is_running(),
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

    fn log(&self) -> String {
        self.child.log()
    }
}
