//! Throttling, 5xx, resets after the change, answers that are cut off, a blind CloudWatch.

use super::rig::{LoopUnderTest, Rig, condition, condition_message, healthy_and_balanced, hours, minutes};
use super::worlds::{Mode, manifest, skewed_manifest, skewed_world, world};
use std::collections::BTreeMap;

/// Three zones, each shard in two of them.
fn three_zones(mode: Mode) -> String {
    let shards: &[&str] = mode.pick(&["a:P b:r", "c:P a:r"], &["a:P b:r"]);
    world(mode, &["a", "b", "c"], shards, "")
}

pub async fn half_of_all_calls_throttled_some_5xx_it_converges_within_its_budget<L: LoopUnderTest>(
    mode: Mode,
) {
    let mut rig: Rig<L> = Rig::new(&three_zones(mode)).await;
    let nodes = rig.nodes();
    rig.fault("{probability: 0.5, throttle: true}");
    rig.fault("{probability: 0.05, error: {code: InternalFailure, status: 500}}");
    rig.fault("{operation: IncreaseReplicaCount, times: 1, resetAfter: true}");
    rig.lut.apply("shop", &manifest(&["a", "b", "c"], 1, "")).await;
    rig.lut.start().await;
    rig.run_for(hours(1)).await;
    rig.fail_zone("ap-northeast-2a");
    rig.run_until("copies are replaced", hours(4), |s| {
        condition(s, "ZoneRedundant") == "True"
    })
    .await;
    rig.recover_zone("ap-northeast-2a");
    rig.run_until("balanced", hours(24), healthy_and_balanced).await;

    assert_eq!(rig.nodes(), nodes);
    let mut per_minute: BTreeMap<i64, usize> = BTreeMap::new();
    for call in rig.sim.calls() {
        *per_minute.entry(call.at.as_second() / 60).or_default() += 1;
    }
    let busiest = per_minute.values().max().copied().unwrap();
    assert!(busiest <= 60, "{busiest} calls in one minute for one group");
}

pub async fn a_reset_after_the_change_is_never_sent_again<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.fault("{operation: TestFailover, resetAfter: true}");
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.lut.start().await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn answers_cut_off_in_the_midst_are_told_and_are_no_absence<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&three_zones(mode)).await;
    // Cut there, the list of groups closes with none in it, and that of events with the first ones.
    rig.fault("{operation: DescribeReplicationGroups, cut: 0.1}");
    rig.lut.apply("shop", &manifest(&["a", "b", "c"], 1, "")).await;
    rig.lut.start().await;
    rig.run_for(minutes(10)).await;
    let status = rig.status().await;
    assert_ne!(status["components"][0]["status"], "Missing");
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
    let told = condition_message(&status, "Ready");
    assert!(told.contains("the answer ends before its end"), "{told}");
    rig.sim.clear_faults();
    rig.run_until("read", minutes(30), healthy_and_balanced).await;
    rig.fault("{operation: DescribeEvents, cut: 0.7}");
    rig.run_for(minutes(30)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
    let told = condition_message(&status, "ZoneRedundant");
    assert!(told.contains("the answer ends before its end"), "{told}");
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

pub async fn cloudwatch_blind_for_an_hour_nothing_is_impaired_and_nothing_done<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = Rig::with(&three_zones(mode), &manifest(&["a", "b", "c"], 1, "")).await;
    rig.run_for(minutes(35)).await;
    rig.fault("{dropPoints: true, until: 1h}");
    for _ in 0..90 {
        rig.run_for(minutes(1)).await;
        let status = rig.status().await;
        let impaired = status["zones"]
            .as_array()
            .unwrap()
            .iter()
            .any(|z| z["state"] == "Impaired");
        assert!(!impaired, "a gap became an outage");
    }
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    rig.run_until("as before", hours(1), healthy_and_balanced).await;
}
