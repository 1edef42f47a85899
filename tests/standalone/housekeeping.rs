//! Files, signals, locks and switches.

use super::rehearsal::{Rehearsal, minutes};
use super::{TWO_ZONES, manifest};
use evenkeel::clock::Stopwatch;
use rstest::rstest;
use std::fs;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

async fn running() -> Rehearsal {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(2)).await;
    r
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_with_success_while_it_waits() {
    for signal in ["-INT", "-TERM"] {
        let mut r = running().await;
        assert_eq!(r.signal(signal).await.code(), Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused_with_the_first_one_s_pid() {
    let r = running().await;
    let output = r.run(&[]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("another evenkeel (pid "), "{error}");
    assert!(error.contains("--state-dir"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_records_of_their_own_do_not_act_on_the_same_manifests() {
    let r = running().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let state = ["--once", "--state-dir", elsewhere.path().to_str().unwrap()];
    let output = r.run(&state).await;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("another evenkeel already acts on the manifests of"),
        "{error}"
    );
    let looking = r.looking(&state).await;
    assert_eq!(looking.status.code(), Some(0), "{looking:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_manifest_is_seen_while_the_loop_waits() {
    let mut r = running().await;
    r.apply("web.yaml", &manifest("Observe", &["a", "c"]));
    // Simulated time stands still: only the real ticker can notice.
    r.until("the new mode", || {
        r.status("web")["effective"]["mode"] == "Observe"
    })
    .await;
    r.pass(minutes(5)).await;
    fs::remove_file(r.folder().join("web.yaml")).unwrap();
    let status = r.state().join("web.status.yaml");
    r.until("the status to go", || !status.exists()).await;
    assert!(r.state().join("records/default_web.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_manifest_is_told_and_nothing_is_done_by_it() {
    let r = running().await;
    r.apply("web.yaml", "kind: HAStack\n  : [");
    r.until("the problem", || r.condition("web", "Stalled") == "True")
        .await;
    assert_eq!(r.condition("web", "ZoneRedundant"), "True", "still judged");
    assert_eq!(r.holds("web"), ["paused"]);
    assert!(r.printed("out").contains("web.yaml"), "{}", r.printed("out"));
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.until("mended", || r.condition("web", "Stalled") == "False")
        .await;
    assert!(r.holds("web").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_file_holds_all_acting_and_its_removal_lets_it_go_on() {
    let mut r = running().await;
    r.pass(minutes(30)).await;
    r.sim.fail_zone("ap-northeast-2a").unwrap();
    r.pass(minutes(10)).await;
    r.sim.recover_zone("ap-northeast-2a").unwrap();
    let stop = r.state().join("STOP");
    let since = Stopwatch::start();
    fs::write(&stop, "release day\n").unwrap();
    r.until("the hold", || r.holds("web").contains(&"stop".to_owned()))
        .await;
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "seen after {:?}",
        since.elapsed()
    );
    r.pass(minutes(120)).await;
    assert_eq!(r.change_names(), Vec::<String>::new(), "{}", r.story());
    assert!(
        r.status_text("web").contains("release day"),
        "{}",
        r.status_text("web")
    );
    fs::remove_file(&stop).unwrap();
    r.pass_until(minutes(60), "balanced", |r| r.balanced("web")).await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_done_and_the_record_stays_as_it_was() {
    let skewed = TWO_ZONES.replace(r#""a:P c:r", "c:P a:r""#, r#""c:P a:r", "c:P a:r""#);
    let mut r = Rehearsal::new(&skewed).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(5)).await;
    r.kill();
    let record = r.state().join("records/default_web.json");
    let before = fs::read(&record).unwrap();
    // The failback that is due in half an hour can't be recorded, so it doesn't happen.
    r.start_on_a_full_disk();
    r.pass(minutes(120)).await;
    assert_eq!(r.change_names(), Vec::<String>::new(), "{}", r.story());
    assert_eq!(fs::read(&record).unwrap(), before);
    let records = fs::read_dir(r.state().join("records")).unwrap().count();
    assert_eq!(records, 1, "no half-written file takes the room");
    r.kill();
    r.start();
    r.pass_until(minutes(60), "balanced once there is room", |r| r.balanced("web"))
        .await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_log_the_work_goes_on_and_what_was_lost_is_counted() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let unread = || std::io::pipe().unwrap().1;
    for log in [std::process::Stdio::from(full()), unread().into()] {
        let skewed = TWO_ZONES.replace(r#""a:P c:r", "c:P a:r""#, r#""c:P a:r", "c:P a:r""#);
        let mut r = Rehearsal::new(&skewed).await;
        r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
        r.start_logging_to(log, &["--listen", "127.0.0.1:0", "--log", "debug"]);
        r.pass(minutes(2)).await;
        r.pass_until(minutes(120), "balanced", |r| r.balanced("web"))
            .await;
        assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
        let metrics = r.page("/metrics").await;
        let lost = metrics
            .lines()
            .find_map(|l| l.strip_prefix("evenkeel_lines_lost_total{output=\"stderr\"} "))
            .unwrap_or_else(|| panic!("{metrics}"));
        assert!(lost.parse::<u64>().unwrap() > 10, "{lost}");
        assert_eq!(r.signal("-TERM").await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_told_is_logged_once_and_stops_nothing() {
    let r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = r.run_telling(full, &["--once", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = log.matches("can't be told on standard output").count();
    assert_eq!(told, 1, "{log}");
    assert!(log.contains("No space left on device"), "{log}");
    let output = r.run_telling(std::io::pipe().unwrap().1, &["--once"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Neither what is too large to be read nor what takes long to be read.
#[rstest]
#[case::too_large(1, 50, Some("is larger than 4 MiB; split it into several files"))]
#[case::large(12, 3, None)]
#[tokio::test(flavor = "multi_thread")]
async fn a_large_manifest_holds_nothing_up(
    #[case] files: usize,
    #[case] megabytes: usize,
    #[case] problem: Option<&str>,
) {
    let mut r = running().await;
    // Each of a stack that nobody else knows, with more notes than anybody reads.
    let notes: String = (0..megabytes << 15)
        .map(|i| format!("x{i:07}: \"{i:018}\", "))
        .collect();
    for i in 0..files {
        let text = manifest("Observe", &["a", "c"])
            .replace(
                "{name: web}",
                &format!("{{name: large-{i}, annotations: {{{notes}}}}}"),
            )
            .replace(
                "replicationGroup: sessions",
                &format!("replicationGroup: other-{i}"),
            );
        r.apply(&format!("large-{i}.yaml"), &text);
    }
    let mark = r.sim.calls().len();
    let since = Stopwatch::start();
    r.pass(minutes(3)).await;
    if let Some(problem) = problem {
        r.until("the problem", || r.printed("out").contains(problem))
            .await;
        r.apply("web.yaml", &manifest("Approve", &["a", "c"]));
        r.until("the new mode", || {
            r.status("web")["effective"]["mode"] == "Approve"
        })
        .await;
    }
    assert!(r.sim.calls().len() - mark >= 6, "AWS was asked meanwhile");
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "it took {:?}",
        since.elapsed()
    );
}

/// More connections that say nothing than the process may have file descriptors.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_take_nothing_from_the_work() {
    let skewed = TWO_ZONES.replace(r#""a:P c:r", "c:P a:r""#, r#""c:P a:r", "c:P a:r""#);
    let mut r = Rehearsal::new(&skewed).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start_with_descriptors(256, &["--listen", "127.0.0.1:0"]);
    r.pass(minutes(2)).await;
    let address = r.address().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        // The first ones were closed by then.
        let _half = stream.write_all(b"GET /metrics HTTP/1.1\r\n").await;
        silent.push(stream);
    }
    let health = tokio::time::timeout(Duration::from_secs(5), r.page("/healthz")).await;
    assert!(health.expect("a probe waits no longer").ends_with("ok\n"));
    r.pass_until(minutes(120), "balanced", |r| r.balanced("web"))
        .await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_looks_reports_and_ends() {
    let r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    let output = r.run(&["--once"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(r.condition("web", "ZoneRedundant"), "True");
    fs::remove_file(r.state().join("web.status.yaml")).unwrap();
    let unwritten = r.run_on_a_full_disk(&["--once"]).await;
    assert_eq!(unwritten.code(), Some(1), "its report stands nowhere");
    r.apply("bad.yaml", "kind: HAStack");
    let output = r.run(&["--once"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_tell_the_truth() {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start_with(&["--listen", "127.0.0.1:0"]);
    r.pass(minutes(2)).await;
    let printed = r.printed("out");
    let address = printed
        .split("listening on http://")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .unwrap();
    let get = async |path: &str| http_get(address, path).await;
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics").await;
    for line in [
        r#"evenkeel_stack_survives_zone_loss{name="web",namespace="default",zone="ap-northeast-2a"} 1"#,
        r#"evenkeel_nodes{component="cache",name="web",namespace="default",role="primary",zone="ap-northeast-2c"} 1"#,
        r#"evenkeel_stack_condition{name="web",namespace="default",type="Balanced"} 1"#,
        r#"evenkeel_zone_impaired{account="111122223333",region="ap-northeast-2",zone="ap-northeast-2a"} 0"#,
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
    }
    assert!(metrics.contains(r#"evenkeel_aws_requests_total{operation="DescribeReplicationGroups",outcome="ok",service="elasticache"}"#));
    // AWS out of reach for long: alive, not ready.
    r.sim
        .fault_yaml("{service: elasticache, error: {code: InternalFailure, status: 500}}")
        .unwrap();
    r.pass(minutes(12)).await;
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
    let ready = get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains("was last read completely"), "{ready}");
    // A deleted stack's series vanish.
    r.sim.clear_faults();
    fs::remove_file(r.folder().join("web.yaml")).unwrap();
    r.pass(minutes(2)).await;
    assert!(!get("/metrics").await.contains(r#"name="web""#));
}

async fn http_get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
