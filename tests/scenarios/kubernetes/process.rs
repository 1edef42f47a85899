//! The process from outside: health, metrics, signals, Events.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use evenkeel::clock::Stopwatch;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Status code and body of one of the process's own pages.
pub async fn get(lut: &Controller, path: &str) -> (u16, String) {
    let authority = lut.listens_at().await;
    let mut stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
    // An answer to HTTP/1.0 comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

/// Waits in real time until a page pleases.
pub async fn page(lut: &Controller, path: &str, seconds: u64, pleases: impl Fn(u16, &str) -> bool) -> String {
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    loop {
        let (code, body) = get(lut, path).await;
        if pleases(code, &body) {
            return body;
        }
        assert!(waited.elapsed() < limit, "{path}: {code} {body}\n{}", lut.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Events of the controller's namespace.
async fn events_of(lut: &Controller) -> Vec<Value> {
    let place = lut.place().await;
    let args = [
        "-n",
        &place.namespace,
        "get",
        "events.events.k8s.io",
        "-o",
        "json",
    ];
    let text = place.admin.kubectl(&args).await.unwrap().ok().unwrap();
    let mut list: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(list["items"].take()).unwrap()
}

async fn listening(kube: &KubeRig, world: &str) -> Rig<Controller> {
    let sim = simulator(world).await;
    let lut = Controller::at(
        &sim,
        prepare(kube).await,
        "scenario",
        &["--listen", "127.0.0.1:0"],
    );
    let mut rig = Rig::over(sim, lut);
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_readiness_tell_of_a_lost_watch_and_of_a_poller_that_reads_nothing() {
    let mut kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let balanced = world(Mode::Enabled, ZONES, &["a:P c:r", "c:P a:r"], "");
    let rig = listening(&kube, &balanced).await;
    rig.run_for(minutes(2)).await;
    page(&rig.lut, "/readyz", 10, |code, _| code == 200).await;

    rig.fault(
        "{operation: DescribeReplicationGroups, error: {code: Throttling, status: 400, message: slow down}}",
    );
    rig.run_for(minutes(20)).await;
    let text = page(&rig.lut, "/readyz", 10, |code, _| code == 503).await;
    assert!(
        text.contains("ap-northeast-2 was last read completely at"),
        "{text}"
    );
    rig.sim.clear_faults();
    rig.run_for(minutes(20)).await;
    page(&rig.lut, "/readyz", 10, |code, _| code == 200).await;

    kube.kill_api_server();
    let text = page(&rig.lut, "/readyz", 90, |code, text| {
        code == 503 && text.contains("HAStacks")
    })
    .await;
    assert!(text.contains("are not seen"), "{text}");
    assert_eq!(
        get(&rig.lut, "/healthz").await.0,
        200,
        "the process itself is well"
    );
    kube.start_api_server().await.unwrap();
    page(&rig.lut, "/readyz", 60, |code, _| code == 200).await;
}

/// A watch that goes on where it stopped tells so with the next change only, and in a quiet fleet none comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_shows_in_readyz_and_so_does_its_return_though_nothing_changes() {
    let balanced = world(Mode::Enabled, ZONES, &["a:P c:r", "c:P a:r"], "");
    let sim = simulator(&balanced).await;
    let mut place = prepare(shared_with_crd().await).await;
    let relay;
    (place.account, relay) = place.account.relayed().await.unwrap();
    let lut = Controller::at(&sim, place, "scenario", &["--listen", "127.0.0.1:0"]);
    let mut rig = Rig::over(sim, lut);
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    rig.run_until("balanced", hours(1), healthy_and_balanced).await;

    relay.cut();
    page(&rig.lut, "/readyz", 90, |code, text| {
        code == 503 && text.contains("HAStacks")
    })
    .await;
    relay.mend();
    page(&rig.lut, "/readyz", 60, |code, _| code == 200).await;
    rig.lut.wait_for_log("HAStacks are watched again", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_series_of_a_deleted_stack_vanish() {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let rig = listening(&kube, &skewed_world()).await;
    rig.run_for(minutes(2)).await;
    let before = page(&rig.lut, "/metrics", 10, |_, text| text.contains("name=\"shop\"")).await;
    assert!(before.contains("evenkeel_leader 1"), "{before}");
    assert!(before.contains("process_resident_memory_bytes"), "{before}");
    rig.lut.delete("shop").await;
    rig.run_for(minutes(2)).await;
    page(&rig.lut, "/metrics", 10, |_, text| {
        !text.contains("name=\"shop\"")
    })
    .await;
}

/// How long a failover took shows minutes after it: the last point of the lost primary must have grown old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failover_by_aws_is_counted_with_its_duration() {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let balanced = world(Mode::Enabled, ZONES, &["a:P c:r", "c:P a:r"], "");
    let rig = listening(&kube, &balanced).await;
    rig.run_for(minutes(3)).await;
    rig.fail_zone("ap-northeast-2a");
    rig.run_for(minutes(20)).await;
    let value = |text: &str, series: &str| -> Option<String> {
        let line = text.lines().find(|l| l.starts_with(series))?;
        line.rsplit(' ').next().map(str::to_owned)
    };
    let counted = |text: &str| {
        value(text, "evenkeel_failovers_total{class=\"Provider\"}").as_deref() == Some("1")
            && value(text, "evenkeel_failover_seconds_count{class=\"Provider\"}").as_deref() == Some("1")
    };
    page(&rig.lut, "/metrics", 10, |_, text| counted(text)).await;
}

/// An accepted risk is counted apart, and the moment at which it no longer is comes by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_risk_is_quiet_until_its_moment_and_loud_from_then_on() {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let rig = listening(&kube, &skewed_world()).await;
    let accepted = "  accepted:\n    - finding: PrimarySkew\n      component: sessions\n      until: 2026-03-02T01:30:30Z\n      \
                    reason: moves tomorrow\n";
    let observed = manifest(ZONES, 1, accepted).replace("mode: Enforce", "mode: Observe");
    rig.lut.apply("shop", &observed).await;
    rig.run_until("accepted", minutes(30), |s| {
        s["accepted"][0]["state"] == "InForce"
    })
    .await;
    let has = |text: &str, name: &str, value: &str| {
        let line = |l: &&str| l.starts_with(&format!("{name}{{")) && l.contains(value);
        text.lines().any(|l| line(&l))
    };
    let quiet = |text: &str| {
        has(text, "evenkeel_findings_accepted", "code=\"PrimarySkew\"")
            && has(text, "evenkeel_stack_imbalance_accepted", "name=\"shop\"")
            && !has(text, "evenkeel_findings", "code=\"PrimarySkew\"")
    };
    let text = page(&rig.lut, "/metrics", 10, |_, text| quiet(text)).await;
    assert!(
        has(&text, "evenkeel_stack_condition", "type=\"Balanced\"} 0"),
        "{text}"
    );

    rig.run_until("expired", hours(2), |s| s["accepted"][0]["state"] == "Expired")
        .await;
    let expired = rig.sim.now();
    let moment: jiff::Timestamp = "2026-03-02T01:30:30Z".parse().unwrap();
    assert!(expired >= moment && expired < moment + minutes(1), "{expired}");
    let loud = |text: &str| {
        has(text, "evenkeel_findings", "code=\"PrimarySkew\"")
            && has(text, "evenkeel_findings", "code=\"AcceptanceExpired\"")
            && !has(text, "evenkeel_stack_imbalance_accepted", "name")
    };
    page(&rig.lut, "/metrics", 10, |_, text| loud(text)).await;
    let told = async || {
        let events = events_of(&rig.lut).await.into_iter();
        let of = events.filter(|e| e["reason"] == "AcceptanceExpired" && e["type"] == "Warning");
        of.count() == 1
    };
    evenkeel_testkit::until("the Event", 10, told).await.unwrap();
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

/// Names, types, labels and help texts as Prometheus wants them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_has_nothing_to_say_against_the_metrics() {
    let found = std::process::Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/hack/promtool"))
        .output()
        .unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    let promtool = String::from_utf8(found.stdout).unwrap();
    let sim = simulator(&skewed_world()).await;
    let first = Controller::new(&sim);
    let place = first.place().await.clone();
    let lut = Controller::at(&sim, place, "scenario", &["--listen", "127.0.0.1:0"]);
    let mut rig = Rig::over(sim, lut);
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    // A failover and an action, so that their series are there too.
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    let (_, text) = get(&rig.lut, "/metrics").await;
    assert!(text.contains("evenkeel_actions_total{"), "{text}");
    let mut child = std::process::Command::new(promtool.trim())
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.trim(), "");
}

/// Five stacks whose only action AWS refuses as invalid: the fifth failure in a row stops everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_trips_after_five_failures_in_a_row_and_a_person_lifts_it() {
    let more: String = (2..=5)
        .map(|i| {
            format!(
                "  - id: sessions{i}\n    clusterMode: enabled\n    subnetGroup: shop-cache\n    tags:\n      evenkeel.dev/owner: demo\n    shards: [\"c:P a:r\", \"c:P a:r\"]\n"
            )
        })
        .collect();
    let sim = simulator(&world(Mode::Enabled, ZONES, &["c:P a:r", "c:P a:r"], &more)).await;
    let lut = Controller::new(&sim);
    let mut rig = Rig::over(sim, lut);
    rig.fault("{operation: TestFailover, error: {code: InvalidParameterValue, status: 400, message: no such node group}}");
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    for i in 2..=5 {
        let other = manifest(ZONES, 1, "")
            .replace("name: shop\n", &format!("name: shop{i}\n"))
            .replace(
                "replicationGroup: sessions\n",
                &format!("replicationGroup: sessions{i}\n"),
            );
        rig.lut.apply(&format!("shop{i}"), &other).await;
    }
    rig.lut.start().await;
    rig.run_for(hours(2)).await;
    rig.lut.wait_for_log("The breaker stops all acting", 5).await;
    rig.lut.wait_for_log("The stop switch is set", 10).await;
    assert_eq!(rig.mutations().len(), 5);
    let status = rig
        .run_until("the stop is told", minutes(10), |s| {
            crate::rig::holding(s).contains(&"stop".into())
        })
        .await;
    let reason = crate::rig::hold_reason(&status, "stop");
    assert!(reason.contains("evenkeel-stop"), "{reason}");
    assert!(reason.contains("5 actions in a row failed"), "{reason}");

    rig.run_for(hours(24)).await;
    assert_eq!(rig.mutations().len(), 5, "nothing is sent while it stands");
    // Otherwise the next five would trip it again, at once.
    rig.sim.clear_faults();
    rig.lut.stop_all_acting(false).await;
    rig.run_until("it is lifted", hours(2), |s| {
        !crate::rig::holding(s).contains(&"stop".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_and_what_did_not_is_told_in_events() {
    let rig = skewed().await;
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    let place = rig.lut.place().await;
    let described = async || {
        let args = ["-n", &place.namespace, "describe", "hastack", "shop"];
        place.admin.kubectl(&args).await.unwrap().ok().unwrap()
    };
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(10));
    let mut text = described().await;
    while !text.contains("done: move-primary") {
        assert!(waited.elapsed() < limit, "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        text = described().await;
    }
    for wanted in [
        "Judged",
        "survives the loss of 2/2 zones",
        "Held",
        "held by freshness: ",
        "ActionBegan",
        "FailedOver",
        "ActionDone",
        "Balanced",
        "evenkeel.dev/controller",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_tells_nothing_again_and_writes_nothing() {
    let mut rig: Rig<Controller> = Rig::with(
        &world(Mode::Enabled, ZONES, &["a:P c:r", "c:P a:r"], ""),
        &manifest(ZONES, 1, ""),
    )
    .await;
    rig.run_for(minutes(30)).await;
    let version = async |rig: &Rig<Controller>| {
        let stacks = rig.lut.stacks().await;
        stacks.get("shop").await.unwrap().metadata.resource_version
    };
    let before = (version(&rig).await, events_of(&rig.lut).await.len());
    assert!(before.1 > 0);
    rig.lut.stop().await;
    forget_clients(&rig.sim);
    rig.lut.start().await;
    rig.run_for(minutes(30)).await;
    assert_eq!((version(&rig).await, events_of(&rig.lut).await.len()), before);
}

/// As `kstatus` and `kubectl wait` read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_wait_sees_it_ready_also_during_an_outage() {
    let rig: Rig<Controller> = Rig::with(
        &world(Mode::Enabled, ZONES, &["a:P c:r", "c:P a:r"], ""),
        &manifest(ZONES, 1, ""),
    )
    .await;
    rig.run_for(minutes(5)).await;
    rig.fail_zone("ap-northeast-2a");
    rig.run_until("the outage is seen", hours(1), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    let place = rig.lut.place().await;
    let wait = [
        "-n",
        &place.namespace,
        "wait",
        "--for=condition=Ready",
        "has/shop",
        "--timeout=5s",
    ];
    place.admin.kubectl(&wait).await.unwrap().ok().unwrap();
    let status = rig.status().await;
    assert_eq!(condition(&status, "Stalled"), "False");
    assert_eq!(
        condition(&status, "Reconciling"),
        "False",
        "an outage is not reconciling"
    );
    let args = ["-n", &place.namespace, "get", "has"];
    let table = place.admin.kubectl(&args).await.unwrap().ok().unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        ["NAME", "READY", "REDUNDANT", "BALANCED", "ZONES", "MODE", "AGE"]
    );
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["shop", "True", "False", "True"], "{table}");
}
