//! AWS refuses, runs out, or takes back what it accepted: a hold with the true reason, no storm, no race.

use super::rig::{LoopUnderTest, Rig, condition, healthy_and_balanced, hold_reason, holding, hours, minutes};
use super::worlds::{Mode, manifest, skewed_manifest, skewed_world, world};

pub async fn test_failover_blocked_is_a_hold_and_no_storm<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.fault("{testFailoverBlocked: true, until: 30h}");
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
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
    assert!(calls.len() <= 25, "a storm of {} calls in a day", calls.len());
    let reason = hold_reason(&status, "back_off");
    assert!(reason.contains("TestFailoverNotAvailableFault"));
    assert_eq!(condition(&status, "ActionBlocked"), "True");
    let retry = status["plan"]["holds"]
        .as_array()
        .unwrap()
        .iter()
        .any(|h| h["retryAt"].is_string());
    assert!(retry);
}

pub async fn the_failover_quota_used_up_is_a_hold_with_a_retry_time<L: LoopUnderTest>(mode: Mode) {
    let more = "quotas:\n  testFailoversPerDay: 0\n";
    let rig: Rig<L> = Rig::with(&skewed_world(mode, more), &skewed_manifest(mode, "", "")).await;
    rig.run_for(hours(12)).await;
    let status = rig.status().await;
    let calls = rig.mutations();
    assert!(
        !calls.is_empty()
            && calls
                .iter()
                .all(|c| c.error.as_deref() == Some("APICallRateForCustomerExceeded"))
    );
    assert!(calls.len() <= 13, "a storm of {} calls", calls.len());
    let reason = hold_reason(&status, "back_off");
    assert!(reason.contains("APICallRateForCustomerExceeded"));
    let retry = status["plan"]["holds"]
        .as_array()
        .unwrap()
        .iter()
        .any(|h| h["retryAt"].is_string());
    assert!(retry);
}

pub async fn an_accepted_increase_that_is_rolled_back_stops_after_three_times<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&world(mode, &["a", "b", "c"], &["a:P b:r"], "")).await;
    rig.fault("{operation: IncreaseReplicaCount, rollback: true}");
    rig.lut.apply("shop", &manifest(&["a", "b", "c"], 2, "")).await;
    rig.lut.start().await;
    rig.run_for(hours(20)).await;
    let status = rig.status().await;
    assert_eq!(rig.mutation_names(), ["IncreaseReplicaCount"; 3]);
    assert!(holding(&status).contains(&"flapping".into()));
    assert_eq!(condition(&status, "ActionBlocked"), "True");
    assert!(hold_reason(&status, "flapping").contains("evenkeel.dev/acknowledge"));
}

pub async fn capacity_missing_in_one_zone_another_eligible_one_is_used<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&world(mode, &["a", "b", "c", "d"], &["a:P b:r"], "")).await;
    rig.fault("{capacity: {zone: ap-northeast-2c}}");
    rig.lut
        .apply("shop", &manifest(&["a", "b", "c", "d"], 2, ""))
        .await;
    rig.lut.start().await;
    rig.run_until("three copies", hours(4), healthy_and_balanced)
        .await;
    assert_eq!(
        rig.zones_of_healthy("0001"),
        ["ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2d"]
    );
    assert_eq!(rig.applied("IncreaseReplicaCount"), 1);
}

pub async fn what_others_used_of_the_failover_quota_counts<L: LoopUnderTest>(mode: Mode) {
    // Ten test failovers by a person on another group: AWS would still allow five.
    let shards = "      - \"a:P c:r\"\n".repeat(10);
    let deeds: String = (1..=10)
        .map(|n| {
            format!(
                "  - at: {}m\n    does: {{testFailover: {{group: other, shard: \"{n:04}\"}}}}\n",
                n * 14
            )
        })
        .collect();
    let more = format!(
        "  - id: other\n    clusterMode: enabled\n    subnetGroup: shop-cache\n    shards:\n{shards}actors:\n{deeds}"
    );
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, &more)).await;
    rig.run_for(hours(3)).await;
    let deeds = rig.sim_state()["actorDeeds"].as_array().unwrap().clone();
    assert_eq!(deeds.len(), 10, "{deeds:#?}");
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.lut.start().await;
    rig.run_for(hours(12)).await;
    let status = rig.status().await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    let reason = hold_reason(&status, "quota");
    assert!(
        reason.contains("10 shards were failed over by TestFailover in ap-northeast-2 in the last 24 h"),
        "{reason}"
    );
    let holds = status["plan"]["holds"].as_array().unwrap();
    let quota = holds.iter().find(|h| h["guardrail"] == "quota").unwrap();
    let retry_at = quota["retryAt"].as_str().unwrap().to_owned();
    rig.run_until("balanced a day after the others", hours(16), healthy_and_balanced)
        .await;
    let at = rig.mutations()[0].at;
    let promised: jiff::Timestamp = retry_at.parse().unwrap();
    assert!(at >= promised, "promised {promised}, called {at}");
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn capacity_missing_in_every_eligible_zone_is_a_hold_with_a_retry_time<L: LoopUnderTest>(
    mode: Mode,
) {
    let mut rig: Rig<L> = Rig::new(&world(mode, &["a", "b", "c"], &["a:P b:r"], "")).await;
    rig.fault("{capacity: {zone: ap-northeast-2c}, until: 6h}");
    rig.lut.apply("shop", &manifest(&["a", "b", "c"], 2, "")).await;
    rig.lut.start().await;
    rig.run_for(hours(5)).await;
    let status = rig.status().await;
    let holds = status["plan"]["holds"].as_array().cloned().unwrap_or_default();
    let hold = holds.iter().find(|h| h["guardrail"] == "capacity");
    assert!(hold.is_some_and(|h| {
        h["retryAt"].is_string()
            && h["reason"]
                .as_str()
                .is_some_and(|r| r.contains("AWS had no capacity for it in ap-northeast-2c"))
    }));
    let calls = rig.mutations().len();
    assert!(
        (2..=30).contains(&calls),
        "asked again every ten minutes, not {calls} times in five hours"
    );
    rig.run_until(
        "three copies once there is capacity",
        hours(3),
        healthy_and_balanced,
    )
    .await;
    assert_eq!(rig.applied("IncreaseReplicaCount"), 1);
}

/// Six stacks with a failover due, which these credentials may not call.
pub async fn five_failed_actions_in_a_row_stop_all_acting<L: LoopUnderTest>() {
    let group = |id: &str| {
        format!(
            "  - id: {id}\n    clusterMode: enabled\n    subnetGroup: shop-cache\n    maintenanceWindow: \
             \"sun:03:00-sun:04:00\"\n    tags:\n      \
             evenkeel.dev/owner: demo\n    shards:\n      - \"c:P a:r\"\n      - \"c:P a:r\"\n"
        )
    };
    let others = ["a1", "a2", "a3", "a4", "a5"];
    let more: String = others.into_iter().map(group).collect();
    let mut rig: Rig<L> = Rig::new(&skewed_world(Mode::Enabled, &more)).await;
    rig.fault("{operation: TestFailover, error: {code: AccessDenied, status: 403}}");
    let manifest = skewed_manifest(Mode::Enabled, "", "");
    for name in others {
        let other = manifest
            .replace("name: shop\n", &format!("name: {name}\n"))
            .replace("replicationGroup: sessions", &format!("replicationGroup: {name}"));
        rig.lut.apply(name, &other).await;
    }
    rig.lut.apply("shop", &manifest).await;
    rig.lut.start().await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"; 5]);
    let status = rig.status().await;
    assert!(hold_reason(&status, "stop").contains("5 actions in a row failed"));
    // It stays stopped over a restart, until a person lifts it.
    rig.lut.stop().await;
    rig.lut.start().await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"; 5]);
    rig.sim.clear_faults();
    rig.lut.stop_all_acting(false).await;
    rig.run_until("the sixth is balanced", hours(2), healthy_and_balanced)
        .await;
}

pub async fn a_lone_dead_node_is_left_to_aws<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = mode.pick(&["a:P b:r", "c:P a:r"], &["b:P a:r"]);
    let (node, recovers) = mode.pick((mode.node(2, 2), 50), (mode.node(1, 2), 25));
    let settings = "  guardrails:\n    replaceAfter: 5m\n";
    let world = world(mode, &["a", "b", "c"], shards, "");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, settings)).await;
    rig.run_for(minutes(35)).await;
    // One dead node is not a dead zone, however long AWS takes: where it is the only one there, that is half an hour.
    rig.sim
        .fail_node_for(&node, evenkeel_sim::Span::mins(recovers))
        .unwrap();
    rig.run_until("the loss is seen", minutes(30), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    rig.run_until("AWS rebuilt it", hours(3), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new(), "a race with AWS");
}
