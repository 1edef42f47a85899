//! SIGKILL at every point of a step, and records lost: it converges, and nothing is done twice.

use super::rig::{Damage, LoopUnderTest, Rig, condition, healthy_and_balanced, holding, hours, minutes};
use super::worlds::{Mode, manifest, skewed_manifest, skewed_world, world};

/// One test failover mends it.
async fn skewed<L: LoopUnderTest>(mode: Mode) -> Rig<L> {
    Rig::with(&skewed_world(mode, ""), &skewed_manifest(mode, "", "")).await
}

/// Four primaries in c: two test failovers mend it.
async fn skewed_by_four<L: LoopUnderTest>() -> Rig<L> {
    let world = world(
        Mode::Enabled,
        &["a", "c"],
        &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"],
        "",
    );
    Rig::with(&world, &manifest(&["a", "c"], 1, "")).await
}

/// One shard of two copies where three are wanted: one increase mends it.
async fn short<L: LoopUnderTest>(mode: Mode) -> Rig<L> {
    let world = world(mode, &["a", "b", "c"], &["a:P b:r"], "");
    Rig::with(&world, &manifest(&["a", "b", "c"], 2, "")).await
}

/// Killed while a call hangs; afterwards the operation has changed the world once, by so many calls.
async fn killed_while_held<L: LoopUnderTest>(mut rig: Rig<L>, rule: &str, operation: &str, received: usize) {
    let rule = rig.fault(rule);
    rig.run_until_held(&rule, hours(2)).await;
    rig.kill().await;
    rig.until_let_go(&rule).await;
    rig.sim.clear_faults();
    rig.lut.start().await;
    rig.run_until("balanced after the crash", hours(6), healthy_and_balanced)
        .await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.applied(operation), 1, "a double {operation}");
    assert_eq!(rig.mutation_names(), vec![operation; received]);
}

/// The fresh look before the call names the group; polls don't.
const BEFORE_THE_CALL: &str = "{operation: DescribeReplicationGroups, target: sessions, hold: before}";

pub async fn killed_between_prepared_and_maybe_called<L: LoopUnderTest>(mode: Mode) {
    killed_while_held::<L>(skewed(mode).await, BEFORE_THE_CALL, "TestFailover", 1).await;
}

pub async fn killed_before_the_call_arrived<L: LoopUnderTest>(mode: Mode) {
    // Recorded as maybe called, and never arrived: after the deadline it is planned afresh, once.
    let rule = "{operation: TestFailover, times: 1, hold: before}";
    killed_while_held::<L>(skewed(mode).await, rule, "TestFailover", 2).await;
}

pub async fn killed_after_the_call_before_its_answer<L: LoopUnderTest>(mode: Mode) {
    let rule = "{operation: TestFailover, times: 1, hold: after}";
    killed_while_held::<L>(skewed(mode).await, rule, "TestFailover", 1).await;
}

pub async fn killed_after_an_increase_before_its_answer<L: LoopUnderTest>(mode: Mode) {
    let rule = "{operation: IncreaseReplicaCount, times: 1, hold: after}";
    killed_while_held::<L>(short(mode).await, rule, "IncreaseReplicaCount", 1).await;
}

pub async fn killed_while_settling<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = skewed(mode).await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    for _ in 0..5 {
        rig.run_for(minutes(2)).await;
        rig.kill().await;
        rig.lut.start().await;
    }
    rig.run_until("balanced after the crashes", hours(6), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn killed_after_the_answer_before_the_status<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = skewed(mode).await;
    // The look after the call: the answer is recorded, the status isn't published yet.
    let call = rig.fault("{operation: TestFailover, times: 1, hold: after}");
    rig.run_until_held(&call, hours(2)).await;
    let look = rig.fault("{operation: DescribeReplicationGroups, hold: before}");
    rig.sim.release(&call);
    rig.run_until_held(&look, hours(1)).await;
    rig.kill().await;
    rig.until_let_go(&look).await;
    rig.sim.clear_faults();
    rig.lut.start().await;
    rig.run_until("balanced after the crash", hours(6), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

async fn record_lost_while_settling<L: LoopUnderTest>(how: Damage) {
    let mut rig: Rig<L> = skewed_by_four().await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    rig.kill().await;
    rig.lut.damage_record("shop", how).await;
    rig.lut.start().await;
    let status = rig
        .run_until("our own failover looks like a person's", hours(3), |s| {
            holding(s).contains(&"acknowledgement".into())
        })
        .await;
    assert_eq!(condition(&status, "Balanced"), "False", "one more move is wanted");
    rig.run_for(hours(12)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn a_truncated_record_makes_no_second_failover<L: LoopUnderTest>() {
    record_lost_while_settling::<L>(Damage::Truncated).await;
}

pub async fn a_lost_record_makes_no_second_failover<L: LoopUnderTest>() {
    record_lost_while_settling::<L>(Damage::Gone).await;
}

pub async fn a_lost_record_makes_no_second_increase<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = short(mode).await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    rig.kill().await;
    rig.lut.damage_record("shop", Damage::Gone).await;
    rig.lut.start().await;
    rig.run_until("balanced after the loss", hours(3), healthy_and_balanced)
        .await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["IncreaseReplicaCount"]);
    assert_eq!(rig.nodes(), 3);
}

pub async fn a_lost_record_means_not_ours_so_surplus_stays<L: LoopUnderTest>(mode: Mode) {
    let (shards, nodes): (&[&str], _) = mode.pick((&["a:P b:r", "c:P a:r"], 6), (&["a:P b:r"], 3));
    let world = world(mode, &["a", "b", "c"], shards, "");
    let mut rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, "")).await;
    rig.run_for(minutes(35)).await;
    rig.fail_zone("ap-northeast-2a");
    rig.run_until("zone a is seen impaired", hours(1), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    rig.run_until("copies are replaced", hours(2), |s| {
        condition(s, "ZoneRedundant") == "True" && condition(s, "Reconciling") == "False"
    })
    .await;
    assert_eq!(rig.nodes(), nodes);
    rig.kill().await;
    rig.lut.damage_record("shop", Damage::Gone).await;
    rig.lut.start().await;
    rig.recover_zone("ap-northeast-2a");
    rig.run_for(hours(12)).await;
    assert_eq!(
        rig.nodes(),
        nodes,
        "nodes that no record calls ours are not removed"
    );
    assert!(rig.mutation_names().iter().all(|n| n != "DecreaseReplicaCount"));
}
