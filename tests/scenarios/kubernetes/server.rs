//! The API server goes away, forgets, or doesn't know HAStacks yet.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, holding, hours, minutes};
use crate::worlds::manifest_with;
use evenkeel::clock::Stopwatch;
use std::time::Duration;

async fn settling() -> (KubeRig, Rig<Controller>) {
    let (kube, mut rig) = alone(&skewed_world()).await;
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    (kube, rig)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_restarted_while_an_action_settles_does_no_harm() {
    let (mut kube, rig) = settling().await;
    kube.kill_api_server();
    rig.run_for(minutes(5)).await;
    kube.start_api_server().await.unwrap();
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_hangs_for_longer_than_the_lease_ends_acting_until_it_answers() {
    let (mut kube, rig) = settling().await;
    kube.pause().unwrap();
    rig.lut.wait_for_log("The lease ran out", 60).await;
    kube.resume().unwrap();
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_dropped_with_its_history_forgotten_begins_anew() {
    let (mut kube, rig) = settling().await;
    kube.compact().await.unwrap();
    kube.kill_api_server();
    kube.start_api_server().await.unwrap();
    let paused = manifest_with("    evenkeel.dev/paused: \"true\"\n", ZONES, 1, "");
    rig.lut.apply("shop", &paused).await;
    rig.run_until("the change is seen", hours(1), |s| {
        condition(s, "Reconciling") == "False" || holding(s).contains(&"paused".into())
    })
    .await;
    // The watch backs off for some real seconds; what it missed is listed anew.
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(30));
    loop {
        rig.run_for(minutes(1)).await;
        if holding(&rig.status().await).contains(&"paused".into()) {
            break;
        }
        assert!(waited.elapsed() < limit);
    }
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_crd_it_says_so_and_waits() {
    let kube = KubeRig::start().await.unwrap();
    let sim = simulator(&skewed_world()).await;
    let place = prepare(&kube).await;
    let lut = Controller::at(&sim, place, "scenario", &["--listen", "127.0.0.1:0"]);
    let mut rig = Rig::over(sim, lut);
    rig.lut.start().await;
    rig.lut
        .wait_for_log("install the CustomResourceDefinition", 20)
        .await;
    let (code, text) = super::process::get(&rig.lut, "/readyz").await;
    assert_eq!(code, 503, "{text}");
    assert!(text.contains("install the CustomResourceDefinition"), "{text}");
    assert_eq!(super::process::get(&rig.lut, "/healthz").await.0, 200);
    install_crd(kube.admin()).await;
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    // The watch tries again in real time; simulated minutes pass in less.
    super::process::page(&rig.lut, "/readyz", 60, |code, _| code == 200).await;
    rig.run_until("judged", minutes(10), |s| condition(s, "Ready") == "True")
        .await;
}
