//! AWS refuses, runs out, or takes back what it accepted: a hold with the true reason, no storm, no race.

use super::rig::{LoopUnderTest, Rig, condition, healthy_and_balanced, hold_reason, holding, hours, minutes};
use super::worlds::{Mode, manifest, world};

const SKEWED: &[&str] = &["c:P a:r", "c:P a:r"];

pub async fn test_failover_blocked_is_a_hold_and_no_storm<L: LoopUnderTest>() {
    let mut rig: Rig<L> = Rig::new(&world(Mode::Enabled, &["a", "c"], SKEWED, "")).await;
    rig.fault("{testFailoverBlocked: true, until: 30h}");
    rig.lut.apply("shop", &manifest(&["a", "c"], 1, "")).await;
    rig.lut.start().await;
    rig.run_for(hours(24)).await;
    let status = rig.status().await;
    let calls = rig.mutations();
    assert!(
        !calls.is_empty()
            && calls
                .iter()
                .all(|c| c.error.as_deref() == Some("TestFailoverNotAvailableFault"))
    );
    assert!(
        calls.len() <= 25,
        "a storm of {} calls in a day\n{}",
        calls.len(),
        rig.story().await
    );
    let reason = hold_reason(&status, "back_off");
    assert!(
        reason.contains("TestFailoverNotAvailableFault"),
        "{}",
        rig.story().await
    );
    let retry = status["plan"]["holds"]
        .as_array()
        .unwrap()
        .iter()
        .any(|h| h["retryAt"].is_string());
    assert!(retry, "{}", rig.story().await);
}

pub async fn the_failover_quota_used_up_is_a_hold_with_a_retry_time<L: LoopUnderTest>() {
    let more = "quotas:\n  testFailoversPerDay: 0\n";
    let rig: Rig<L> = Rig::with(
        &world(Mode::Enabled, &["a", "c"], SKEWED, more),
        &manifest(&["a", "c"], 1, ""),
    )
    .await;
    rig.run_for(hours(12)).await;
    let status = rig.status().await;
    let calls = rig.mutations();
    assert!(
        !calls.is_empty()
            && calls
                .iter()
                .all(|c| c.error.as_deref() == Some("APICallRateForCustomerExceeded"))
    );
    assert!(
        calls.len() <= 13,
        "a storm of {} calls\n{}",
        calls.len(),
        rig.story().await
    );
    let retry = status["plan"]["holds"]
        .as_array()
        .unwrap()
        .iter()
        .any(|h| h["retryAt"].is_string());
    assert!(retry, "{}", rig.story().await);
}

pub async fn an_accepted_increase_that_is_rolled_back_stops_after_three_times<L: LoopUnderTest>() {
    let mut rig: Rig<L> = Rig::new(&world(Mode::Enabled, &["a", "b", "c"], &["a:P b:r"], "")).await;
    rig.fault("{operation: IncreaseReplicaCount, rollback: true}");
    rig.lut.apply("shop", &manifest(&["a", "b", "c"], 2, "")).await;
    rig.lut.start().await;
    rig.run_for(hours(20)).await;
    let status = rig.status().await;
    assert_eq!(
        rig.mutation_names(),
        ["IncreaseReplicaCount"; 3],
        "{}",
        rig.story().await
    );
    assert!(
        holding(&status).contains(&"flapping".into()),
        "{}",
        rig.story().await
    );
    assert_eq!(
        condition(&status, "ActionBlocked"),
        "True",
        "{}",
        rig.story().await
    );
    assert!(
        hold_reason(&status, "flapping").contains("evenkeel.dev/acknowledge"),
        "{}",
        rig.story().await
    );
}

pub async fn capacity_missing_in_one_zone_another_eligible_one_is_used<L: LoopUnderTest>() {
    let mut rig: Rig<L> = Rig::new(&world(Mode::Enabled, &["a", "b", "c", "d"], &["a:P b:r"], "")).await;
    rig.fault("{capacity: {zone: ap-northeast-2c}}");
    rig.lut
        .apply("shop", &manifest(&["a", "b", "c", "d"], 2, ""))
        .await;
    rig.lut.start().await;
    rig.run_until("three copies", hours(4), healthy_and_balanced)
        .await;
    assert_eq!(
        rig.zones_of_healthy("0001"),
        ["ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2d"],
        "{}",
        rig.story().await
    );
    assert_eq!(rig.applied("IncreaseReplicaCount"), 1);
}

pub async fn a_lone_dead_node_is_left_to_aws<L: LoopUnderTest>() {
    let world = world(Mode::Enabled, &["a", "b", "c"], &["a:P b:r", "c:P a:r"], "");
    let rig: Rig<L> = Rig::with(
        &world,
        &manifest(&["a", "b", "c"], 1, "  guardrails:\n    replaceAfter: 5m\n"),
    )
    .await;
    rig.run_for(minutes(30)).await;
    // The other node of zone a lives: one dead node is not a dead zone, however long AWS takes.
    rig.sim
        .fail_node_for("sessions-0002-002", evenkeel_sim::Span::mins(50))
        .unwrap();
    rig.run_until("the loss is seen", minutes(30), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    rig.run_until("AWS rebuilt it", hours(3), healthy_and_balanced)
        .await;
    assert_eq!(
        rig.mutation_names(),
        Vec::<String>::new(),
        "a race with AWS\n{}",
        rig.story().await
    );
}
