//! SIGKILL at every point of a step, and records lost: it converges, and nothing is done twice.

use super::rig::{Damage, LoopUnderTest, Rig, condition, healthy_and_balanced, holding, hours, minutes};
use super::worlds::{Mode, manifest, world};

/// Both primaries in c: one test failover mends it.
async fn skewed<L: LoopUnderTest>() -> Rig<L> {
    let world = world(Mode::Enabled, &["a", "c"], &["c:P a:r", "c:P a:r"], "");
    Rig::with(&world, &manifest(&["a", "c"], 1, "")).await
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

async fn killed_while_held<L: LoopUnderTest>(rule: &str, received: usize) {
    let mut rig: Rig<L> = skewed().await;
    let rule = rig.fault(rule);
    rig.run_until_held(&rule, hours(2)).await;
    rig.kill().await;
    rig.sim.clear_faults();
    rig.lut.start().await;
    rig.run_until("balanced after the crash", hours(6), healthy_and_balanced)
        .await;
    rig.run_for(hours(2)).await;
    assert_eq!(
        rig.applied("TestFailover"),
        1,
        "a double failover\n{}",
        rig.story().await
    );
    assert_eq!(rig.mutations().len(), received, "{}", rig.story().await);
}

pub async fn killed_between_prepared_and_maybe_called<L: LoopUnderTest>() {
    // The fresh look before the call names the group; polls don't.
    killed_while_held::<L>(
        "{operation: DescribeReplicationGroups, target: sessions, hold: before}",
        1,
    )
    .await;
}

pub async fn killed_before_the_call_arrived<L: LoopUnderTest>() {
    // Recorded as maybe called, and never arrived: after the deadline it is planned afresh, once.
    killed_while_held::<L>("{operation: TestFailover, times: 1, hold: before}", 2).await;
}

pub async fn killed_after_the_call_before_its_answer<L: LoopUnderTest>() {
    killed_while_held::<L>("{operation: TestFailover, times: 1, hold: after}", 1).await;
}

pub async fn killed_while_settling<L: LoopUnderTest>() {
    let mut rig: Rig<L> = skewed().await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    for _ in 0..5 {
        rig.run_for(minutes(2)).await;
        rig.kill().await;
        rig.lut.start().await;
    }
    rig.run_until("balanced after the crashes", hours(6), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"], "{}", rig.story().await);
}

pub async fn killed_after_the_answer_before_the_status<L: LoopUnderTest>() {
    let mut rig: Rig<L> = skewed().await;
    // The look after the call: the answer is recorded, the status isn't published yet.
    let call = rig.fault("{operation: TestFailover, times: 1, hold: after}");
    rig.run_until_held(&call, hours(2)).await;
    let look = rig.fault("{operation: DescribeReplicationGroups, hold: before}");
    rig.sim.release(&call);
    rig.run_until_held(&look, hours(1)).await;
    rig.kill().await;
    rig.sim.clear_faults();
    rig.lut.start().await;
    rig.run_until("balanced after the crash", hours(6), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"], "{}", rig.story().await);
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
    assert_eq!(rig.mutation_names(), ["TestFailover"], "{}", rig.story().await);
}

pub async fn a_truncated_record_makes_no_second_failover<L: LoopUnderTest>() {
    record_lost_while_settling::<L>(Damage::Truncated).await;
}

pub async fn a_lost_record_makes_no_second_failover<L: LoopUnderTest>() {
    record_lost_while_settling::<L>(Damage::Gone).await;
}

pub async fn a_lost_record_means_not_ours_so_surplus_stays<L: LoopUnderTest>() {
    let world = world(Mode::Enabled, &["a", "b", "c"], &["a:P b:r", "c:P a:r"], "");
    let mut rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, "")).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone("ap-northeast-2a");
    rig.run_until("zone a is seen impaired", hours(1), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    rig.run_until("copies are replaced", hours(2), |s| {
        condition(s, "ZoneRedundant") == "True" && condition(s, "Reconciling") == "False"
    })
    .await;
    assert_eq!(rig.nodes(), 6, "{}", rig.story().await);
    rig.kill().await;
    rig.lut.damage_record("shop", Damage::Gone).await;
    rig.lut.start().await;
    rig.recover_zone("ap-northeast-2a");
    rig.run_for(hours(12)).await;
    assert_eq!(
        rig.nodes(),
        6,
        "nodes that no record calls ours are not removed\n{}",
        rig.story().await
    );
    assert!(
        rig.mutation_names().iter().all(|n| n != "DecreaseReplicaCount"),
        "{}",
        rig.story().await
    );
}
