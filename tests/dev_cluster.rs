//! `make dev-cluster` as a person uses it: the lines that it prints are typed into another terminal, and kubectl tells
//! the story of the demo.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel::clock::Stopwatch;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How many simulated seconds pass in a real one: the story takes hours.
const SPEED: &str = "120";
/// For each thing that is waited for. On a machine with much else to do, minutes may pass.
const LIMIT: Duration = Duration::from_mins(5);

struct DevCluster {
    child: Child,
    /// What it told to type into another terminal.
    lines: Vec<String>,
    _programs: tempfile::TempDir,
}

impl DevCluster {
    fn start() -> Self {
        let programs = tempfile::tempdir().unwrap();
        for name in ["evenkeel", "evenkeel-sim"] {
            symlink(evenkeel_test_support::program(name), programs.path().join(name)).unwrap();
        }
        // The cluster itself is no program that is released.
        let evenkeel = Path::new(env!("CARGO_BIN_EXE_evenkeel"));
        symlink(
            evenkeel.with_file_name("dev-cluster"),
            programs.path().join("dev-cluster"),
        )
        .unwrap();
        let mut child = Command::new("hack/dev-cluster")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("EVENKEEL_PROGRAMS", programs.path())
            .env("EVENKEEL_SIM_SPEED", SPEED)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines: Vec<String> = Vec::new();
        loop {
            let line = told
                .next()
                .unwrap_or_else(|| panic!("it ended: {lines:#?}"))
                .unwrap();
            let is_last = line.starts_with("Ctrl-C stops everything");
            lines.push(line);
            if is_last {
                break;
            }
        }
        // What the controller says must be read, or it would wait for a reader.
        thread::spawn(move || told.for_each(drop));
        Self {
            child,
            lines,
            _programs: programs,
        }
    }

    /// Types the first printed line that holds these words, after the exports.
    fn type_line(&self, words: &str) -> String {
        let line = self.lines.iter().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no line says {words:?}: {:#?}", self.lines));
        self.run(line)
    }

    /// What `kubectl get has -w` prints from now on.
    fn watch(&self) -> Watch {
        let mut child = self
            .shell("exec kubectl -n shop get has -w --no-headers")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, rows) = mpsc::channel();
        thread::spawn(move || told.map_while(Result::ok).try_for_each(|row| sender.send(row)));
        Watch { child, rows }
    }

    /// The line in a shell of its own, after the exports.
    fn shell(&self, line: &str) -> Command {
        let exports = self.lines.iter().filter(|line| line.starts_with("export "));
        let script: Vec<&str> = exports.map(String::as_str).chain([line]).collect();
        let mut shell = Command::new("bash");
        shell.args(["-euc", &script.join("\n")]).stdin(Stdio::null());
        shell
    }

    fn run(&self, line: &str) -> String {
        let ran = self.shell(line).output().unwrap();
        let (out, err) = (
            String::from_utf8(ran.stdout).unwrap(),
            String::from_utf8_lossy(&ran.stderr),
        );
        assert!(ran.status.success(), "{line}: {}\n{out}{err}", ran.status);
        out
    }

    fn folder(&self) -> PathBuf {
        let export = self
            .lines
            .iter()
            .find_map(|l| l.strip_prefix("export KUBECONFIG="));
        Path::new(export.unwrap()).parent().unwrap().to_owned()
    }
}

impl Drop for DevCluster {
    /// As Ctrl-C, also when a test fails. Not SIGINT itself: a shell that was started in the background ignores it for ever,
    /// and so do the shells that it starts.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// `kubectl get -w`: every state has its row, however short it lasts.
struct Watch {
    child: Child,
    rows: mpsc::Receiver<String>,
}

impl Watch {
    /// Waits for a row; its words from READY to MODE.
    fn wait_for(&self, what: &str, wanted: [&str; 5]) {
        let mut seen = Vec::new();
        loop {
            let row = self.rows.recv_timeout(LIMIT);
            let row = row.unwrap_or_else(|why| panic!("not {what} ({why}): {seen:#?}"));
            let columns: Vec<&str> = row.split_whitespace().skip(1).take(5).collect();
            if columns == wanted {
                return;
            }
            seen.push(row);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn kubectl_tells_the_story_of_the_demo() {
    let cluster = DevCluster::start();
    cluster.type_line("kubectl apply -f ");
    let watch = cluster.watch();
    watch.wait_for("balanced", ["True", "True", "True", "2/2", "Enforce"]);

    cluster.type_line("/fail ");
    watch.wait_for("zone lost", ["True", "False", "True", "1/2", "Enforce"]);
    cluster.type_line("/recover ");
    watch.wait_for(
        "survived, and skewed",
        ["True", "True", "False", "2/2", "Enforce"],
    );
    watch.wait_for("healed", ["True", "True", "True", "2/2", "Enforce"]);

    for told in [
        "Judged",
        "zone ap-northeast-2a is Impaired",
        "loss of ap-northeast-2c: Lost.",
        "zone ap-northeast-2a is Healthy",
        "held by quiet_period",
        "done: move-primary-sessions-0001",
        "Balanced",
    ] {
        // Events may come a little later than the status.
        let began = Stopwatch::start();
        loop {
            let described = cluster.type_line(" describe has");
            if described.contains(told) {
                break;
            }
            assert!(began.elapsed() < LIMIT, "{told:?} is not told:\n{described}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    drop(watch);
    let folder = cluster.folder();
    assert!(folder.is_dir());
    drop(cluster);
    assert!(!folder.exists(), "{} is left behind", folder.display());
}
