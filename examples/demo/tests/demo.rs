//! `make demo` in a pipe: it ends by itself, well, and its summary says what happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

const DEMO: &str = env!("CARGO_BIN_EXE_demo");

/// The lines of the summary with this label, without it.
fn summary<'a>(output: &'a str, label: &str) -> Vec<&'a str> {
    let (_, summary) = output.split_once("\nSummary\n").expect("there is a summary");
    let labelled = summary.lines().filter_map(|line| line.strip_prefix("  "));
    labelled
        .filter_map(|line| line.strip_prefix(label))
        .filter(|rest| rest.starts_with("  "))
        .map(str::trim)
        .collect()
}

#[test]
fn the_demo_ends_balanced_and_its_summary_says_how() {
    let output = Command::new(DEMO)
        .args(["--speed", "100"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{told}", output.status);
    assert!(
        !text.contains('\u{1b}'),
        "no control characters in a pipe\n{told}"
    );

    // The story, in order.
    let mut rest = text.as_str();
    for line in [
        "Evenkeel  balanced",
        "demo      ! zone ap-northeast-2a is lost",
        "AWS       promotes sessions-0001-002 of shard 0001, 60 s after sessions-0001-001 was lost",
        "Evenkeel  ! zone ap-northeast-2a is Impaired",
        "demo      zone ap-northeast-2a is back",
        "Evenkeel  zone ap-northeast-2a is Healthy",
        "Evenkeel  held by quiet_period: ",
        "AWS       accepts TestFailover of shard 0001",
        "Evenkeel  done: move-primary-sessions-0001",
        "\nSummary\n",
    ] {
        let at = rest
            .find(line)
            .unwrap_or_else(|| panic!("{line:?} is not told, or not in this order\n{told}"));
        rest = &rest[at + line.len()..];
    }

    // The nodes of a lost zone may be missed one by one, before the zone is.
    let outage = text.split("demo      ").nth(2).unwrap();
    assert!(
        outage.contains("Evenkeel  ! loss of ap-northeast-2c: Lost."),
        "{told}"
    );
    assert!(
        outage.contains("It waits for its zone to return"),
        "what a lost copy waits for is told\n{told}"
    );

    assert_eq!(
        summary(&text, "failover"),
        ["shard 0001 was without a primary for 60 s (AWS: sessions-0001-001 → sessions-0001-002)"]
    );
    assert_eq!(
        summary(&text, "failback"),
        [
            "shard 0001 was without a primary for 63 s (Evenkeel's TestFailover: sessions-0001-002 → sessions-0001-001)"
        ]
    );
    assert_eq!(summary(&text, "data lost"), ["none"]);
    let changes = summary(&text, "changes made");
    assert!(
        changes.len() == 1 && changes[0].starts_with("1: TestFailover of shard 0001 at "),
        "{changes:?}"
    );
    let held = summary(&text, "held");
    assert!(
        held.iter()
            .any(|h| h.starts_with("move-primary-sessions-0001 by quiet_period, ")),
        "{held:?}"
    );
    assert_eq!(
        summary(&text, "at the end"),
        ["balanced, and any one of its zones can be lost"]
    );
}

#[test]
fn a_demo_that_does_not_end_balanced_fails_and_says_so() {
    let mut demo = Command::new(DEMO)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut story = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("zone ap-northeast-2a is lost") {
        line.clear();
        assert!(
            story.read_line(&mut line).unwrap() > 0,
            "it ended before the zone was lost"
        );
    }
    let told = Command::new("kill")
        .args(["-INT", &demo.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    let mut rest = String::new();
    story.read_to_string(&mut rest).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(1), "{rest}");
    assert!(
        summary(&rest, "at the end")[0].starts_with("interrupted; "),
        "{rest}"
    );
}

#[test]
fn a_speed_that_makes_no_sense_is_refused() {
    let output = Command::new(DEMO).args(["--speed", "0"]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("a number from 1 to 1000"), "{said}");
}
