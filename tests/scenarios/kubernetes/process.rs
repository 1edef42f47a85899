//! The process from outside: health, metrics, signals, Events.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use evenkeel::clock::Stopwatch;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Status code and body of one of the process's own pages.
pub async fn get(lut: &Controller, path: &str) -> (u16, String) {
    lut.wait_for_log("Listening", 20).await;
    let log = lut.log().await;
    let authority = log
        .split("url=http://")
        .last()
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap()
        .trim_end_matches("\u{1b}[0m")
        .to_owned();
    let mut stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

/// Waits in real time until a page pleases.
async fn page(lut: &Controller, path: &str, seconds: u64, pleases: impl Fn(u16, &str) -> bool) -> String {
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    loop {
        let (code, body) = get(lut, path).await;
        if pleases(code, &body) {
            return body;
        }
        assert!(
            waited.elapsed() < limit,
            "{path}: {code} {body}\n{}",
            lut.log().await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn listening(kube: &KubeRig, world: &str) -> Rig<Controller> {
    let sim = simulator(world).await;
    let lut = Controller::at(
        &sim,
        prepare(kube).await,
        "scenario",
        &["--listen", "127.0.0.1:0"],
    );
    let mut rig = Rig { sim, lut };
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_readiness_tell_of_a_lost_watch_and_of_a_poller_that_reads_nothing() {
    let mut kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let rig = listening(&kube, &skewed_world()).await;
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
    rig.run_for(minutes(2)).await;
    page(&rig.lut, "/readyz", 60, |code, _| code == 200).await;
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
    let events = async |rig: &Rig<Controller>| {
        let place = rig.lut.place().await;
        let args = [
            "-n",
            &place.namespace,
            "get",
            "events.events.k8s.io",
            "-o",
            "json",
        ];
        let text = place.admin.kubectl(&args).await.unwrap().ok().unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().unwrap().len()
    };
    let before = (version(&rig).await, events(&rig).await);
    assert!(before.1 > 0);
    rig.lut.stop().await;
    forget_clients(&rig.sim);
    rig.lut.start().await;
    rig.run_for(minutes(30)).await;
    assert_eq!(
        (version(&rig).await, events(&rig).await),
        before,
        "{}",
        rig.story().await
    );
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
