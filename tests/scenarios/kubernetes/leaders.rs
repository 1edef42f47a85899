//! Two controllers: one acts, and when it dies or freezes the other does, never both.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use rustix::process::Signal;

/// A leader `a` and a follower `b` over one skewed stack.
async fn two() -> (Rig<Controller>, Controller) {
    let sim = simulator(&skewed_world()).await;
    let first = Controller::new(&sim);
    let place = first.place().await.clone();
    let lut = Controller::at(&sim, place.clone(), "a", &[]);
    let mut rig = Rig::over(sim, lut);
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.lut.start().await;
    rig.lut.wait_for_log("This process leads", 20).await;
    let mut other = Controller::at(&rig.sim, place, "b", &["--listen", "127.0.0.1:0"]);
    other.start().await;
    super::process::page(&other, "/readyz", 30, |code, _| code == 200).await;
    (rig, other)
}

async fn holder(lut: &Controller) -> Option<String> {
    let place = lut.place().await;
    let leases: Api<Lease> = Api::namespaced(place.admin.client().await.unwrap(), &place.namespace);
    leases
        .get("evenkeel")
        .await
        .unwrap()
        .spec
        .unwrap()
        .holder_identity
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_is_replaced_within_its_lease_and_nothing_is_done_twice() {
    let (mut rig, other) = two().await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    assert_eq!(holder(&rig.lut).await.as_deref(), Some("a"));
    rig.kill().await;
    other.wait_for_log("This process leads", 40).await;
    rig.lut = other;
    rig.run_until("balanced by the other", hours(6), healthy_and_balanced)
        .await;
    rig.run_for(hours(2)).await;
    assert_eq!(holder(&rig.lut).await.as_deref(), Some("b"));
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_frozen_past_its_lease_does_not_act_when_it_goes_on() {
    let (mut rig, other) = two().await;
    // In the middle of a step: prepared, and about to look afresh.
    let look = rig.fault(FRESH_LOOK);
    rig.run_until_held(&look, hours(2)).await;
    rig.lut.signal(Signal::STOP);
    other.wait_for_log("This process leads", 40).await;
    rig.sim.clear_faults();
    forget_clients(&rig.sim);
    let frozen = std::mem::replace(&mut rig.lut, other);
    frozen.signal(Signal::CONT);
    // Its step in hand gets 25 s, should its fresh look wait on the scenario's clock.
    frozen.wait_for_log("This process no longer leads", 60).await;
    rig.run_until("balanced by the other", hours(6), healthy_and_balanced)
        .await;
    rig.run_for(hours(2)).await;
    // One call in all, and the other sent it (which it may do before the old leader has said that it leads no more).
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
    let sent = |lut: &Controller| lut.log().matches("Call sent").count();
    assert_eq!(sent(&frozen), 0, "the old leader acted\n{}", frozen.log());
    assert_eq!(sent(&rig.lut), 1, "{}", rig.lut.log());
    assert_eq!(holder(&rig.lut).await.as_deref(), Some("b"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_asks_aws_nothing_and_leads_at_once_when_the_lease_is_given_back() {
    let (mut rig, other) = two().await;
    rig.run_for(minutes(20)).await;
    let metrics = super::process::get(&other, "/metrics").await.1;
    assert!(metrics.contains("evenkeel_leader 0"), "{metrics}");
    assert!(!metrics.contains("evenkeel_aws_requests_total{"), "{metrics}");
    assert_eq!(
        super::process::get(&other, "/readyz").await,
        (200, "ok\n".to_owned())
    );
    rig.lut.stop().await;
    forget_clients(&rig.sim);
    other.wait_for_log("This process leads", 10).await;
    rig.lut = other;
    rig.run_until("balanced by the other", hours(6), healthy_and_balanced)
        .await;
    let metrics = super::process::get(&rig.lut, "/metrics").await.1;
    assert!(metrics.contains("evenkeel_leader 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_under_one_identity_ends_the_first() {
    let sim = simulator(&skewed_world()).await;
    let first = Controller::new(&sim);
    let place = first.place().await.clone();
    let mut one = Controller::at(&sim, place.clone(), "same", &[]);
    one.start().await;
    one.wait_for_log("This process leads", 20).await;
    let mut two = Controller::at(&sim, place, "same", &[]);
    two.start().await;
    two.wait_for_log("This process leads", 20).await;
    one.wait_for_log("another process runs under the identity same", 20)
        .await;
    let mut ended = one.ended();
    while ended.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        ended = one.ended();
    }
    assert_eq!(ended.unwrap().code(), Some(1));
    assert!(two.ended().is_none());
}
