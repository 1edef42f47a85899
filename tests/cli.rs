//! The binary as people and pipelines run it, without AWS.

#![allow(clippy::unwrap_used)]

use rstest::rstest;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Without the environment of this machine: no AWS configuration, no variables of ours.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .stdin(Stdio::null());
    command
}

fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(args: &[&str]) -> Run {
    finish(&mut command(args))
}

fn with_stdin(args: &[&str], text: &str) -> Run {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("evenkeel-cli-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            std::fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

const MANIFEST: &str = "examples/nextgen-commerce.yaml";

// ---------------------------------------------------------------------------------------------- exit codes

#[rstest]
#[case::nothing(&[])]
#[case::unknown_command(&["plann"])]
#[case::unknown_flag(&["plan", "--from", "tests/golden/balanced.yaml", "--bogus"])]
#[case::missing_value(&["plan", "-f"])]
#[case::bad_format(&["plan", "--from", "x", "-o", "yaml"])]
#[case::bad_time(&["plan", "--from", "tests/golden/balanced.yaml", "--at", "noon"])]
#[case::nothing_to_look_at(&["plan"])]
#[case::both(&["plan", "-f", MANIFEST, "--cache", "x"])]
#[case::cache_offline(&["plan", "--cache", "x", "--from", "tests/golden/balanced.yaml"])]
#[case::at_online(&["plan", "-f", MANIFEST, "--at", "2026-03-01T10:00:00Z"])]
#[case::zones_with_file(&["plan", "-f", MANIFEST, "--zones", "a,c"])]
#[case::region_with_file(&["plan", "-f", MANIFEST, "--region", "us-east-1"])]
#[case::zones_offline(&["plan", "--from", "tests/golden/balanced.yaml", "--zones", "a,c"])]
#[case::region_offline(&["plan", "--from", "tests/golden/balanced.yaml", "--region", "us-east-1"])]
#[case::a_name_that_no_stack_may_have(&["init", "--cache", "x", "--name", "My Shop"])]
#[case::a_namespace_that_can_not_be(&["init", "--cache", "x", "--namespace", "a/b"])]
#[case::no_file(&["plan", "-f", "no/such/file.yaml", "--from", "tests/golden/balanced.yaml"])]
#[case::no_snapshot(&["plan", "-f", MANIFEST, "--from", "no/such/file.json"])]
#[case::empty_value(&["plan", "--from", ""])]
#[case::installation(&["claim", "-f", MANIFEST, "--installation", "a/b"])]
#[case::shell(&["completions", "cmd.exe"])]
fn every_mistake_is_exit_1_with_a_sentence(#[case] args: &[&str]) {
    let Run { code, out, err } = run(args);
    assert_eq!(code, 1, "{err}");
    assert!(out.is_empty(), "{out}");
    assert!(!err.trim().is_empty());
}

#[rstest]
#[case::nothing_to_do("balanced", 0)]
#[case::held_actions_count("primary-skew", 2)]
#[case::zone_not_survivable("zone-down", 3)]
#[case::not_survivable_is_more_than_actions("single-zone", 3)]
#[case::unknown_is_the_highest("roles-unknown", 4)]
#[case::missing("missing", 4)]
fn detailed_exit_codes_are_asked_for(#[case] case: &str, #[case] detailed: i32) {
    let snapshot = format!("tests/golden/{case}.yaml");
    let plain = ["plan", "-f", MANIFEST, "--from", &snapshot];
    assert_eq!(run(&plain).code, 0);
    let Run { code, err, .. } = run(&[&plain[..], &["--detailed-exitcode"]].concat());
    assert_eq!(code, detailed, "{err}");
    assert!(err.is_empty(), "{err}");
}

#[test]
fn of_several_stacks_the_highest_exit_code_counts() {
    let manifest = text(MANIFEST);
    let other = manifest.replacen("name: nextgen-commerce", "name: other", 1);
    let snapshot = |name: &str, case: &str| {
        let text = text(&format!("tests/golden/{case}.yaml"));
        let text: String = text
            .lines()
            .filter(|l| !l.starts_with("stack:"))
            .map(|l| format!("{l}\n"))
            .collect();
        format!("stack: {{namespace: shop, name: {name}}}\n{text}")
    };
    let folder = Folder::new(&[
        ("a.yaml", &manifest),
        ("b.yml", &other),
        ("README.md", "no manifest"),
        (
            "s",
            &format!(
                "{}---\n{}",
                snapshot("nextgen-commerce", "balanced"),
                snapshot("other", "zone-down")
            ),
        ),
    ]);
    let args = [
        "plan",
        "-f",
        &folder.path(""),
        "--from",
        &folder.path("s"),
        "-o",
        "json",
        "--detailed-exitcode",
    ];
    let Run { code, out, err } = run(&args);
    assert_eq!(code, 3, "{err}");
    let documents: Value = serde_json::from_str(&out).unwrap();
    let names: Vec<_> = documents
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["stack"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["nextgen-commerce", "other"]);
}

// ---------------------------------------------------------------------------------------------- plan

#[test]
fn json_is_one_document_and_nothing_else() {
    let Run { code, out, err } = run(&[
        "plan",
        "-f",
        MANIFEST,
        "--from",
        "tests/golden/primary-skew.yaml",
        "-o",
        "json",
    ]);
    assert_eq!((code, err.as_str()), (0, ""));
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["schema"], "evenkeel.plan/v1");
    assert_eq!(plan["stack"]["name"], "nextgen-commerce");
    assert_eq!(plan["observedAt"], "2026-03-01T10:00:00Z");
    assert_eq!(plan["actions"][0]["type"], "MovePrimary");
    assert_eq!(plan["holds"][0]["guardrail"], "quiet_period");
    assert_eq!(plan["holds"][0]["retryAt"], "2026-03-01T10:20:00Z");
}

#[test]
fn the_same_snapshot_gives_the_same_bytes() {
    let args = [
        "plan",
        "-f",
        MANIFEST,
        "--from",
        "tests/golden/primary-skew.yaml",
        "-o",
        "json",
    ];
    assert_eq!(run(&args).out, run(&args).out);
}

#[test]
fn now_is_the_moment_of_the_snapshot_unless_told_otherwise() {
    let later = run(&[
        "plan",
        "-f",
        MANIFEST,
        "--from",
        "tests/golden/primary-skew.yaml",
        "-o",
        "json",
        "--at",
        "2026-03-01T10:21:00Z",
    ]);
    let plan: Value = serde_json::from_str(&later.out).unwrap();
    let quiet = plan["holds"]
        .as_array()
        .unwrap()
        .iter()
        .any(|h| h["guardrail"] == "quiet_period");
    assert!(!quiet, "{plan:#}");
    assert_eq!(plan["actions"].as_array().unwrap().len(), 1);
}

#[test]
fn the_table_is_plain_in_a_pipe_and_coloured_on_demand() {
    let args = ["plan", "-f", MANIFEST, "--from", "tests/golden/zone-down.yaml"];
    let plain = run(&args);
    assert_eq!(plain.out, text("tests/golden/zone-down.txt"));
    let painted = run(&[&args[..], &["--color", "always"]].concat());
    assert_eq!(painted.out, text("tests/golden/zone-down.colour.txt"));
}

#[test]
fn manifests_come_from_standard_input_too() {
    let args = ["plan", "-f", "-", "--from", "tests/golden/balanced.yaml"];
    let Run { code, out, err } = with_stdin(&args, &text(MANIFEST));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("Can shop/nextgen-commerce lose a zone right now? Yes"));
    let args = ["plan", "-f", MANIFEST, "--from", "-"];
    assert_eq!(with_stdin(&args, &text("tests/golden/balanced.yaml")).out, out);
    let both = with_stdin(&["plan", "-f", "-", "--from", "-"], "");
    assert_eq!(both.code, 1);
    assert!(both.err.contains("can't be both"), "{}", both.err);
}

#[test]
fn without_a_manifest_the_snapshots_own_stack_is_assumed() {
    let Run { code, out, err } = run(&["plan", "--from", "tests/golden/zone-down.yaml", "-o", "json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["mode"], "Observe");
    let zones: Vec<_> = plan["zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|z| z["name"].as_str().unwrap())
        .collect();
    assert_eq!(zones, ["ap-northeast-2a", "ap-northeast-2c"]);
    assert_eq!(plan["zones"][1]["verdict"], "Lost");
}

#[test]
fn problems_of_manifests_are_all_printed_and_nothing_is_planned() {
    let broken = text(MANIFEST)
        .replacen("mode: Enforce", "mode: Enfroce", 1)
        .replacen("quietPeriod: 30m", "quietPeriod: half an hour", 1);
    let folder = Folder::new(&[
        ("a.yaml", &broken),
        ("b.yaml", &text("examples/three-zones.yaml")),
    ]);
    let Run { code, out, err } = run(&[
        "plan",
        "-f",
        &folder.path(""),
        "--from",
        "tests/golden/balanced.yaml",
    ]);
    assert_eq!((code, out.as_str()), (1, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    assert!(
        lines[0].contains("a.yaml:10: spec.mode: \"Enfroce\" is no value that exists; did you mean Enforce?"),
        "{err}"
    );
    assert!(
        lines[1].contains("spec.guardrails.quietPeriod: \"half an hour\" is no duration; write a duration"),
        "{err}"
    );
    assert_eq!(lines[2], "error: 2 problems in the manifests; nothing was done");
}

#[test]
fn problems_of_snapshots_are_all_printed() {
    let folder = Folder::new(&[("s.yaml", "observedAt: x\ncomponents: [{nam: sessions}]\n")]);
    let Run { code, out, err } = run(&["plan", "-f", MANIFEST, "--from", &folder.path("s.yaml")]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("observedAt: \"x\" is no moment; write a moment such as"),
        "{err}"
    );
    assert!(
        err.contains("components[0].nam: is no field that exists; did you mean name?"),
        "{err}"
    );
    assert!(
        err.ends_with("error: 3 problems in the snapshot; nothing was planned\n"),
        "{err}"
    );
}

#[rstest]
#[case::other_stack(
    "stack: {namespace: shop, name: other}\nobservedAt: 2026-03-01T10:00:00Z",
    "stack shop/other is not in the manifests, which name shop/nextgen-commerce"
)]
#[case::no_time(
    "components: []",
    "observedAt is missing; add the moment of the observation, or give --at"
)]
fn a_snapshot_that_does_not_fit_is_refused(#[case] snapshot: &str, #[case] message: &str) {
    let folder = Folder::new(&[("s.yaml", snapshot)]);
    let Run { code, err, .. } = run(&["plan", "-f", MANIFEST, "--from", &folder.path("s.yaml")]);
    assert_eq!(code, 1);
    assert!(err.contains(message), "{err}");
}

#[test]
fn what_is_no_utf_8_is_told_with_all_other_problems() {
    let folder = Folder::new(&[("b.yaml", "kind: HAStack\n")]);
    std::fs::write(
        folder.path("a.yaml"),
        b"kind: HAStack\nmetadata: {name: caf\xe9}\n",
    )
    .unwrap();
    std::fs::write(folder.path("s"), b"\xff\xfes\0").unwrap();
    let Run { code, out, err } = run(&["plan", "-f", &folder.path("")]);
    assert_eq!((code, out.as_str()), (1, ""));
    let told = "a.yaml:2: the byte 0xe9 is no UTF-8 text; save the file as UTF-8";
    assert!(err.lines().next().unwrap().ends_with(told), "{err}");
    assert!(err.contains("b.yaml:1: apiVersion: is missing"), "{err}");
    let Run { code, err, .. } = run(&["plan", "--from", &folder.path("s")]);
    assert_eq!(code, 1);
    assert!(err.contains("s: is UTF-16 text; save the file as UTF-8"), "{err}");
}

#[rstest]
#[case::at(
    &["plan", "--from", "tests/golden/balanced.yaml", "--at", "noon"],
    "write a moment such as 2026-03-01T10:00:00Z"
)]
#[case::listen(
    &["run", "-f", "examples", "--listen", ":9402"],
    "write an IP address and a port, such as 127.0.0.1:9402 or [::]:9402"
)]
#[case::state(
    &["run", "-f", "examples", "--state-dir", MANIFEST],
    "can't be used; give a folder that this process may write with --state-dir: File exists"
)]
#[case::folder(&["plan", "--from", "examples"], "examples is a folder: give a file")]
#[case::log(&["run", "-f", "examples", "--log", "loud=x"], "--log must be a level (error, warn, info, debug, trace)")]
#[case::region(&["plan", "-f", MANIFEST, "--region", "us-east-1"], "spec.aws.region")]
#[case::name(&["init", "--cache", "x", "--name", "My Shop"], "use lower case letters, digits, '-' and '.'")]
fn errors_say_what_to_do_and_say_it_once(#[case] args: &[&str], #[case] remedy: &str) {
    let Run { code, err, .. } = run(args);
    assert_eq!(code, 1);
    assert_eq!(err.matches(remedy).count(), 1, "{err}");
    for cause in ["(os error", "error parsing level filter"] {
        assert!(err.matches(cause).count() <= 1, "{err}");
    }
}

#[test]
fn what_can_not_be_printed_is_an_error_and_a_reader_who_goes_away_is_none() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [
        &["--help"][..],
        &["crds"],
        &["completions", "bash"],
        &["plan", "--from", "tests/golden/balanced.yaml"],
    ] {
        let Run { code, err, .. } = finish(command(args).stdout(full()));
        assert_eq!(code, 1, "{args:?}: {err}");
        assert!(
            err.contains("can't write to standard output: No space left"),
            "{args:?}: {err}"
        );
        let Run { code, err, .. } = finish(command(args).stdout(unread()));
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    }
    let lost = [
        "plan",
        "--from",
        "tests/golden/zone-down.yaml",
        "--detailed-exitcode",
    ];
    assert_eq!(finish(command(&lost).stdout(unread())).code, 3, "as ever");
}

/// A pipe whose reader has gone away.
fn unread() -> std::io::PipeWriter {
    let (_gone, writer) = std::io::pipe().unwrap();
    writer
}

#[rstest]
#[case::a_flag_that_is_none(&["plan", "--bogus"])]
#[case::a_missing_file(&["plan", "-f", "no/such/file.yaml", "--from", "tests/golden/balanced.yaml"])]
#[case::a_manifest_with_problems(&["plan", "-f", "Cargo.toml", "--from", "tests/golden/balanced.yaml"])]
#[case::a_snapshot_with_problems(&["plan", "--from", "Cargo.toml"])]
fn an_error_that_nobody_can_read_is_an_error_all_the_same(#[case] args: &[&str]) {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(command(args).stderr(full).status().unwrap().code(), Some(1));
    assert_eq!(command(args).stderr(unread()).status().unwrap().code(), Some(1));
}

/// Within a time in which nothing large can be read.
fn soon(command: &mut Command) -> Run {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, (ended, end)) = (child.id(), std::sync::mpsc::channel());
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let _nobody_waits = ended.send(());
        output
    });
    let in_time = end.recv_timeout(std::time::Duration::from_secs(20)).is_ok();
    if !in_time {
        let _it_may_have_ended = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
    let output = waiting.join().unwrap();
    assert!(in_time, "it hangs");
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_file_without_end_is_refused_by_its_size() {
    let snapshot = "tests/golden/balanced.yaml";
    for (args, wanted) in [
        (
            ["plan", "-f", "/dev/zero", "--from", snapshot],
            "/dev/zero: is larger than 4 MiB; split it into several files",
        ),
        (
            ["plan", "-f", MANIFEST, "--from", "/dev/zero"],
            "/dev/zero: is larger than 32 MiB; take one of fewer stacks",
        ),
        (
            ["plan", "-f", "-", "--from", snapshot],
            "stdin: is larger than 4 MiB; split it into several files",
        ),
    ] {
        let zero = std::fs::File::open("/dev/zero").unwrap();
        let Run { code, err, .. } = soon(command(&args).stdin(zero));
        assert_eq!(code, 1, "{err}");
        assert!(err.contains(wanted), "{err}");
    }
}

#[test]
fn a_named_pipe_is_not_waited_for_and_one_with_a_writer_is_read() {
    let folder = Folder::new(&[]);
    let pipe = folder.path("web.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let snapshot = "tests/golden/balanced.yaml";
    for file in [pipe.as_str(), &folder.path("")] {
        let Run { code, err, .. } = soon(&mut command(&["plan", "-f", file, "--from", snapshot]));
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("web.yaml is a pipe to which nobody writes: give a file"),
            "{err}"
        );
    }
    // As a shell does it for <(…): it comes into being with its writer.
    let script = format!("exec \"$0\" plan -f <(sleep 1; cat {MANIFEST}) --from {snapshot}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_evenkeel")]);
    let Run { code, out, err } = soon(shell.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("Can shop/nextgen-commerce lose a zone right now?"),
        "{out}"
    );
}

#[test]
fn an_empty_folder_says_what_it_should_hold() {
    let folder = Folder::new(&[("notes.txt", "x")]);
    let Run { code, err, .. } = run(&[
        "plan",
        "-f",
        &folder.path(""),
        "--from",
        "tests/golden/balanced.yaml",
    ]);
    assert_eq!(code, 1);
    assert!(err.contains("holds no manifest (*.yaml, *.yml, *.json)"), "{err}");
}

// ---------------------------------------------------------------------------------------------- environment

#[test]
fn flags_come_from_the_environment_too() {
    let Run { code, out, err } = finish(
        command(&["plan"])
            .env("EVENKEEL_FILE", MANIFEST)
            .env("EVENKEEL_FROM", "tests/golden/zone-down.yaml")
            .env("EVENKEEL_OUTPUT", "json")
            .env("EVENKEEL_DETAILED_EXITCODE", "yes")
            // Of use to --cache only.
            .env("EVENKEEL_REGION", "us-east-1")
            .env("EVENKEEL_ZONES", "a,c"),
    );
    assert_eq!((code, err.as_str()), (3, ""));
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["schema"],
        "evenkeel.plan/v1"
    );
}

#[test]
fn a_rehearsals_clock_is_refused_for_real_aws() {
    let refused = |endpoint: Option<&str>| {
        let mut command = command(&["plan", "--cache", "x", "--region", "ap-northeast-2"]);
        command.env("EVENKEEL_CLOCK_URL", "http://127.0.0.1:9");
        if let Some(endpoint) = endpoint {
            command.args(["--aws-endpoint-url", endpoint]);
        }
        let Run { code, err, .. } = finish(&mut command);
        code == 1 && err.contains("--clock-url is for rehearsals only")
    };
    assert!(refused(None));
    assert!(refused(Some("https://elasticache.ap-northeast-2.amazonaws.com")));
    assert!(!refused(Some("http://127.0.0.1:9")));
}

#[test]
fn without_a_region_the_error_says_where_to_give_one() {
    let Run { code, err, .. } = run(&["plan", "--cache", "x"]);
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "error: no AWS region is known: give --region, or set AWS_REGION or a region in your AWS profile\n"
    );
}

/// A region that isn't there: its name can't be resolved, so nobody is called.
fn in_no_region(region: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = command(&["plan", "--cache", "x", "--region", region]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .envs(variables.iter().copied());
    finish(&mut command)
}

#[test]
fn a_misspelt_region_has_its_own_sentence_and_a_blank_endpoint_counts_as_not_set() {
    for variables in [
        &[][..],
        &[("AWS_ENDPOINT_URL", "")],
        &[("AWS_ENDPOINT_URL_ELASTICACHE", " ")],
    ] {
        let Run { code, err, .. } = in_no_region("xx-nowhere-1", variables);
        assert_eq!(code, 1, "{variables:?}: {err}");
        assert!(
            err.contains("No such AWS endpoint: check the spelling of the region (--region, AWS_REGION)"),
            "{variables:?}: {err}"
        );
    }
    let Run { code, err, .. } = in_no_region("ap northeast 2", &[]);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("That is no name of an AWS region: write it like ap-northeast-2"),
        "{err}"
    );
}

#[test]
fn an_endpoint_that_is_no_url_has_its_own_sentence() {
    for url in ["localhost:4599", "127.0.0.1", "not a url", "ftp://localhost"] {
        let Run { code, err, .. } = in_no_region("xx-nowhere-1", &[("AWS_ENDPOINT_URL", url)]);
        assert_eq!(code, 1, "{url}: {err}");
        assert!(
            err.contains("The endpoint is no URL such as http://127.0.0.1:4599"),
            "{url}: {err}"
        );
        assert!(
            !err.contains("SdkBody"),
            "the whole request is no sentence: {err}"
        );
    }
}

#[test]
fn without_credentials_the_error_says_how_to_get_some() {
    let Run { code, err, .. } = run(&["plan", "-f", MANIFEST]);
    assert_eq!(code, 1);
    assert!(
        err.contains("No AWS credentials were found: set AWS_PROFILE"),
        "{err}"
    );
}

#[test]
fn claiming_needs_a_name() {
    let Run { code, err, .. } = run(&["claim", "-f", MANIFEST]);
    assert_eq!(code, 1);
    assert!(
        err.contains("give --installation or set EVENKEEL_INSTALLATION"),
        "{err}"
    );
}

// ---------------------------------------------------------------------------------------------- the rest

#[test]
fn crds_are_printed() {
    let Run { code, out, .. } = run(&["crds"]);
    assert_eq!(code, 0);
    let both = ["hastacks", "awsaccounts"].map(|name| text(&format!("crds/{name}.evenkeel.dev.yaml")));
    assert_eq!(out, both.concat());
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("powershell")]
#[case("elvish")]
fn completions_know_the_flags(#[case] shell: &str) {
    let Run { code, out, .. } = run(&["completions", shell]);
    assert_eq!(code, 0);
    assert!(out.contains("detailed-exitcode"));
}

#[test]
fn version_and_help_are_no_errors() {
    let version = run(&["--version"]);
    assert_eq!(
        (version.code, version.out),
        (0, format!("evenkeel {}\n", env!("CARGO_PKG_VERSION")))
    );
    let help = run(&["plan", "--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("EVENKEEL_DETAILED_EXITCODE"));
    assert!(!help.out.contains("clock-url"));
}
