//! The doors of the project do what they say, on a machine that has everything and on one that has nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Of the machine on which the tests were built.
const PATH: &str = env!("PATH");

/// A folder of programs that stands in for `PATH`.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// With these programs of the real machine and no others.
    fn with(programs: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            symlink(real(program), folder.path().join(program)).unwrap();
        }
        Self { folder }
    }

    /// Adds a program that is this script.
    fn and(self, program: &str, script: &str) -> Self {
        let path = self.folder.path().join(program);
        fs::write(&path, format!("#!/usr/bin/env bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Runs a script of the repository here.
    fn run(&self, script: &str, arguments: &[&str], more_path: &str) -> Output {
        self.command(script, arguments, more_path).output().unwrap()
    }

    fn command(&self, script: &str, arguments: &[&str], more_path: &str) -> Command {
        let mut command = Command::new(real("bash"));
        command
            .arg(Path::new(ROOT).join(script))
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}{more_path}", self.folder.path().display()));
        command
    }

    /// What `hack/prerequisites` misses here, one entry each.
    fn missing(&self, wanted: &[&str]) -> Vec<String> {
        let output = self.run("hack/prerequisites", wanted, "");
        let said = String::from_utf8(output.stderr).unwrap();
        let listed: Vec<String> = said
            .lines()
            .filter_map(|line| line.strip_prefix("  - "))
            .map(String::from)
            .collect();
        assert_eq!(output.status.success(), listed.is_empty(), "{said}");
        listed
    }
}

fn real(program: &str) -> PathBuf {
    let found = PATH
        .split(':')
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is not on this machine"))
}

/// What the scripts themselves are made of.
const BARE: [&str; 4] = ["bash", "sed", "dirname", "env"];
const ALL: [&str; 5] = ["rust", "lint", "python", "go", "image"];

#[test]
fn a_machine_with_nothing_is_told_everything_at_once() {
    let missing = Machine::with(&BARE).missing(&ALL);
    let begins: Vec<&str> = missing
        .iter()
        .map(|m| m.split([',', '(']).next().unwrap().trim())
        .collect();
    assert_eq!(
        begins,
        [
            "Rust 1.95 or newer with cargo",
            "a C compiler",
            "Python 3.11 or newer with venv",
            "Go 1.26 or newer",
            "flock",
            "git",
            "buildah",
        ]
    );
    for (entry, remedy) in missing.iter().zip([
        "rustup toolchain install 1.95.0 -c clippy -c rustfmt",
        "apt-get install build-essential",
        "apt-get install python3 python3-venv",
        "go.dev/dl",
        "apt-get install util-linux",
        "apt-get install git",
        "apt-get install --no-install-recommends buildah",
    ]) {
        assert!(entry.contains(remedy), "{entry}");
    }
}

#[test]
fn versions_that_are_too_old_are_named() {
    let machine = Machine::with(&["bash", "sed", "dirname", "env", "flock", "git"])
        .and("buildah", "exit 0")
        .and("cc", "exit 0")
        .and(
            "cargo",
            "[[ $1 == --version ]] && echo 'cargo 1.80.1 (376290515 2024-07-16)'",
        )
        .and(
            "python3",
            "[[ $1 == --version ]] && echo 'Python 3.8.10'; [[ $1 == --version ]]",
        )
        .and(
            "go",
            "[[ -n ${GOTOOLCHAIN:-} ]] && echo go1.19; [[ -n ${GOTOOLCHAIN:-} ]]",
        );
    assert_eq!(
        machine.missing(&ALL),
        [
            "Rust 1.95 or newer (found 1.80.1; rustup toolchain install 1.95.0 -c clippy -c rustfmt)",
            "clippy (rustup component add clippy --toolchain 1.95.0)",
            "rustfmt (rustup component add rustfmt --toolchain 1.95.0)",
            "Python 3.11 or newer (found Python 3.8.10)",
            "Go 1.26 or newer (found go1.19, which doesn't fetch a newer one by itself)",
        ]
    );
}

#[test]
fn what_is_there_half_is_told_too() {
    let machine = Machine::with(&BARE)
        .and(
            "cargo",
            "echo \"error: toolchain '1.95.0' is not installed\" >&2; exit 1",
        )
        .and("python3", "[[ $2 != *venv* ]]");
    let missing = machine.missing(&["rust", "python"]);
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing[0].starts_with("the Rust toolchain 1.95.0: cargo is here and doesn't start"));
    assert!(missing[2].starts_with("Python's venv module"));
}

#[test]
fn a_machine_that_can_run_these_tests_has_what_building_needs() {
    let output = Machine::with(&[]).run("hack/prerequisites", &["rust", "python"], &format!(":{PATH}"));
    // Where rustup and its toolchains are is in the environment, which is empty here; the rest must be found.
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("Python") && !said.contains("C compiler"), "{said}");
}

#[test]
fn an_unknown_prerequisite_is_an_error() {
    let output = Machine::with(&BARE).run("hack/prerequisites", &["fortran"], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown prerequisite 'fortran'"));
}

/// Name of a door → the lines of its recipe.
fn recipes() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(Path::new(ROOT).join("Makefile")).unwrap();
    let mut doors: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some(step) = line.strip_prefix('\t') {
            doors
                .last_mut()
                .unwrap()
                .1
                .push(step.trim_start_matches('@').to_owned());
        } else if let Some((name, _)) = line.split_once(':').filter(|(_, rest)| rest.contains("## ")) {
            doors.push((name.to_owned(), Vec::new()));
        }
    }
    doors
}

#[test]
fn every_door_is_listed_by_help_and_in_the_readme() {
    let help = Command::new("make")
        .args(["--no-print-directory", "help"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let doors: Vec<String> = recipes().into_iter().map(|(name, _)| name).collect();
    for wanted in ["demo", "test", "lint", "gen", "bench", "run", "help"] {
        assert!(doors.iter().any(|door| door == wanted), "{wanted} is no door");
    }
    for door in &doors {
        let line = help.lines().find(|line| line.split(' ').next() == Some(door));
        assert!(
            line.is_some_and(|line| line.len() > 20),
            "{door} has no line in\n{help}"
        );
        assert!(
            readme.contains(&format!("| `make {door}")),
            "{door} is not in the README"
        );
    }
}

#[test]
fn the_readme_names_no_door_that_is_not_there() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let doors: Vec<String> = recipes().into_iter().map(|(name, _)| name).collect();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `make "));
    let named: Vec<&str> = rows.map(|row| row.split(['`', ' ']).next().unwrap()).collect();
    assert!(named.len() >= 7, "{named:?}");
    for door in named {
        assert!(doors.iter().any(|d| d == door), "make {door} is no door");
    }
}

#[test]
fn every_door_looks_for_its_prerequisites_first() {
    for (door, recipe) in recipes().iter().filter(|(door, _)| door != "help") {
        assert!(
            recipe[0].starts_with("hack/prerequisites rust"),
            "{door}: {}",
            recipe[0]
        );
    }
    let of = |wanted: &str| recipes().into_iter().find(|(door, _)| door == wanted).unwrap().1;
    assert_eq!(of("test")[0], "hack/prerequisites rust python go image");
    assert_eq!(of("lint")[0], "hack/prerequisites rust lint python");
}

/// `.ci/run` with a `make` that prints what its argument's runners would and ends so.
fn ci(lint: i32, test: &str, code: i32) -> (Option<i32>, String) {
    let script =
        format!("case $1 in lint) exit {lint} ;; test) printf '{test}'; exit {code} ;; *) exit 99 ;; esac");
    let machine = Machine::with(&[])
        .and("make", &script)
        .and("rustc", "echo rustc 1.95.0");
    let output = machine
        .command(".ci/run", &[], &format!(":{PATH}"))
        // Neither what is kept for the next checkout nor the times of this very run are touched.
        .env("HOME", machine.folder.path())
        .env("CARGO_TARGET_DIR", machine.folder.path().join("target"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (
        output.status.code(),
        said.lines().last().unwrap_or_default().to_owned(),
    )
}

#[test]
fn ci_ends_with_one_line_that_adds_up_every_runner() {
    let cargo =
        "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\\n";
    let pytest = "63 passed, 2 skipped in 58.98s\\n";
    let (code, last) = ci(0, &format!("{cargo}{cargo}{pytest}"), 0);
    assert_eq!((code, last.as_str()), (Some(0), "87 passed, 0 failed, 4 skipped"));
    let failed =
        "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s\\n";
    let (code, last) = ci(0, &format!("{cargo}{failed}"), 2);
    assert_eq!((code, last.as_str()), (Some(2), "15 passed, 1 failed, 1 skipped"));
}

#[test]
fn ci_fails_when_lint_fails_and_runs_no_test_then() {
    let (code, last) = ci(2, "test result: ok. 12 passed; 0 failed; 0 ignored;\\n", 0);
    assert_eq!((code, last.as_str()), (Some(2), "0 passed, 0 failed, 0 skipped"));
}

/// What `.ci/run` says of steps that took so many seconds.
fn told_of(steps: &[(&str, u32)]) -> String {
    let target = tempfile::tempdir().unwrap();
    let notes: String = steps
        .iter()
        .map(|(step, wall)| {
            format!("{{\"at\": 2, \"kept\": false, \"step\": \"{step}\", \"wall\": {wall}, \"cpu\": 1}}\n")
        })
        .collect();
    // What was noted before the run is none of its business.
    let before = "{\"at\": 0, \"kept\": false, \"step\": \"of another run\", \"wall\": 9000, \"cpu\": 1}\n";
    fs::write(
        target.path().join("check-times.jsonl"),
        format!("{before}{notes}"),
    )
    .unwrap();
    let document = target.path().join("test-time.md");
    let rows = "| step | wall, s | CPU, s |\n|---|--:|--:|\n| cargo clippy | 100 | 1 |\n| tests | 450 | 1 |\n| build | 300 | 1 |\n";
    fs::write(&document, rows).unwrap();
    let output = Command::new(Path::new(ROOT).join("hack/test-time"))
        .args(["steps", "1"])
        .env("CARGO_TARGET_DIR", target.path())
        .env("TEST_TIME_DOCUMENT", &document)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ci_says_how_long_each_step_took_and_warns_above_fifty_minutes_of_what_grew_most() {
    let told = told_of(&[("tests", 2900), ("step that nobody measured", 90)]);
    assert!(told.contains("step that nobody measured"), "{told}");
    assert!(
        !told.contains("of another run") && !told.contains("WARNING"),
        "{told}"
    );

    // The machine is twice as slow, which explains the tests and the build.
    let grown = [
        ("build", 600),
        ("cargo clippy", 1300),
        ("tests", 900),
        ("step that nobody measured", 700),
    ];
    let told = told_of(&grown);
    let warning = told.lines().find(|line| line.starts_with("WARNING")).unwrap();
    assert!(
        warning.contains("took 58 minutes and should take at most 50"),
        "{warning}"
    );
    let place = |step: &str| {
        warning
            .find(step)
            .unwrap_or_else(|| panic!("{step} is not in {warning}"))
    };
    assert!(
        place("cargo clippy") < place("step that nobody measured"),
        "{warning}"
    );
}

/// Runs `hack/dependency-cache` for this target folder.
fn cache(what: &str, target: &Path, kept: &Path) -> String {
    let output = Command::new(Path::new(ROOT).join("hack/dependency-cache"))
        .arg(what)
        .env("CARGO_TARGET_DIR", target)
        .env("XDG_CACHE_HOME", kept)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The files below a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let output = Command::new("find")
        .args([".", "-type", "f"])
        .current_dir(folder)
        .output()
        .unwrap();
    let mut names: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(String::from)
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_for_the_next_checkout_is_of_other_people_and_taken_only_into_an_empty_folder() {
    let (first, kept, next) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    assert!(cache("save", first.path(), kept.path()).contains("nothing to keep"));
    for profile in ["debug", "release"] {
        for file in [
            ".fingerprint/serde-11aa/lib-serde",
            ".fingerprint/evenkeel-22bb/test-integration-test-judge",
            ".fingerprint/evenkeel-core-33cc/lib-evenkeel_core",
            "deps/libserde-11aa.rlib",
            "deps/judge-22bb",
            "deps/libevenkeel_core-33cc.rlib",
            "build/serde-11aa/output",
            "evenkeel",
        ] {
            let path = first.path().join(profile).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    assert!(cache("restore", next.path(), kept.path()).contains("nothing is kept"));
    assert!(cache("save", first.path(), kept.path()).contains("dependencies kept in"));
    assert!(cache("save", first.path(), kept.path()).contains("kept already"));
    assert!(cache("restore", first.path(), kept.path()).contains("has its own"));
    assert!(cache("restore", next.path(), kept.path()).contains("taken from"));
    let of = |profile: &str| {
        [
            "fingerprint/serde-11aa/lib-serde",
            "build/serde-11aa/output",
            "deps/libserde-11aa.rlib",
        ]
        .map(|file| format!("./{profile}/{file}").replace("fingerprint", ".fingerprint"))
    };
    let mut wanted = [of("debug"), of("release")].concat();
    wanted.sort();
    assert_eq!(files(next.path()), wanted);
}
