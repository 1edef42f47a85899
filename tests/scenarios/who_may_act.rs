//! Who may act, and when: paused, modes, approvals, policy, windows, STOP.

use super::rig::{
    LoopUnderTest, Rig, condition, healthy_and_balanced, hold_reason, holding, hours, minutes, planned,
};
use super::worlds::{Mode, skewed_manifest, skewed_world};

/// One test failover is due, and these settings say whether.
async fn skewed<L: LoopUnderTest>(mode: Mode, spec: &str) -> Rig<L> {
    Rig::with(&skewed_world(mode, ""), &skewed_manifest(mode, "", spec)).await
}

async fn nothing_is_done<L: LoopUnderTest>(rig: &Rig<L>, guardrail: &str) {
    rig.run_for(hours(3)).await;
    let status = rig.status().await;
    assert_eq!(planned(&status), ["MovePrimary 0001"]);
    assert!(holding(&status).contains(&guardrail.into()));
    assert_eq!(condition(&status, "Ready"), "True");
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

pub async fn paused_judges_but_does_not_act<L: LoopUnderTest>(mode: Mode) {
    let paused = skewed_manifest(mode, "    evenkeel.dev/paused: \"true\"\n", "");
    let rig: Rig<L> = Rig::with(&skewed_world(mode, ""), &paused).await;
    nothing_is_done(&rig, "paused").await;
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.run_until("balanced once unpaused", hours(2), healthy_and_balanced)
        .await;
}

pub async fn observe_plans_and_never_acts<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = skewed(mode, "  mode: Observe\n").await;
    nothing_is_done(&rig, "mode").await;
}

pub async fn approve_waits_for_the_plan_id_and_uses_it_once<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = skewed(mode, "  mode: Approve\n").await;
    nothing_is_done(&rig, "mode").await;
    let id = rig.status().await["plan"]["id"].as_str().unwrap().to_owned();

    // Another plan's id approves nothing.
    rig.lut.apply("shop", &approved(mode, "0123456789ab")).await;
    nothing_is_done(&rig, "mode").await;

    rig.lut.apply("shop", &approved(mode, &id)).await;
    rig.run_until("balanced once approved", hours(2), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);

    // A month later the same skew comes back (AWS failed over), the annotation still stands: used is used.
    rig.lut.stop().await;
    rig.run_for(hours(24 * 32)).await;
    rig.lut.start().await;
    rig.run_for(hours(1)).await;
    rig.fail_node(&primary_in(&rig, "ap-northeast-2a"));
    rig.run_until("the skew is back", hours(3), |s| planned(s).len() == 1)
        .await;
    rig.run_for(hours(6)).await;
    assert_eq!(
        rig.mutation_names(),
        ["TestFailover"],
        "an approval was used twice"
    );
    assert!(holding(&rig.status().await).contains(&"mode".into()));
}

pub async fn an_approval_does_not_cover_a_plan_that_changed<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = skewed(mode, "  mode: Approve\n").await;
    nothing_is_done(&rig, "mode").await;
    let id = rig.status().await["plan"]["id"].as_str().unwrap().to_owned();
    // Before the approval arrives the spec changes, and with it the plan.
    let changed = approved(mode, &id).replace(
        "  mode: Approve\n",
        "  mode: Approve\n  guardrails:\n    quietPeriod: 40m\n",
    );
    rig.lut.apply("shop", &changed).await;
    nothing_is_done(&rig, "mode").await;
    assert_ne!(rig.status().await["plan"]["id"].as_str().unwrap(), id);
}

pub async fn policy_overrides_the_mode_for_one_action_type<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = skewed(mode, "  policy:\n    MovePrimary: Report\n").await;
    nothing_is_done(&rig, "mode").await;
    rig.lut
        .apply(
            "shop",
            &skewed_manifest(mode, "", "  mode: Observe\n  policy:\n    MovePrimary: Auto\n"),
        )
        .await;
    rig.run_until("balanced: policy says Auto", hours(2), healthy_and_balanced)
        .await;
}

pub async fn a_deny_window_across_midnight_in_seoul_holds_until_it_ends<L: LoopUnderTest>(mode: Mode) {
    // The scenario begins at 09:00 in Seoul (00:00Z).
    let deny = "  guardrails:\n    denyWindows:\n      - from: \"08:00\"\n        to: \"07:00\"\n        timeZone: Asia/Seoul\n";
    let rig: Rig<L> = skewed(mode, deny).await;
    nothing_is_done(&rig, "deny_window").await;
    rig.run_for(hours(18)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    rig.run_until("balanced in the open hour", hours(4), healthy_and_balanced)
        .await;
    let at = rig.mutations()[0].at.to_string();
    assert!(
        at.starts_with("2026-03-02T22:0"),
        "07:00 in Seoul is 22:00Z, it acted at {at}"
    );
}

pub async fn a_window_in_a_zone_with_summer_time_opens_on_its_own_clock<L: LoopUnderTest>(mode: Mode) {
    // Berlin's clocks go from 02:00 to 03:00 in the night before this window.
    let window = "  guardrails:\n    windows:\n      - from: \"05:00\"\n        to: \"06:00\"\n        timeZone: Europe/Berlin\n";
    let evening = "2026-03-28T20:00:00Z".parse().unwrap();
    // Sunday night is the usual maintenance window of these worlds.
    let world = skewed_world(mode, "").replace("sun:03:00-sun:04:00", "wed:03:00-wed:04:00");
    let mut rig: Rig<L> = Rig::starting_at(&world, evening).await;
    rig.lut.apply("shop", &skewed_manifest(mode, "", window)).await;
    rig.lut.start().await;
    rig.run_until("balanced in the window", hours(30), healthy_and_balanced)
        .await;
    let at = rig.mutations()[0].at.to_string();
    assert!(
        at.starts_with("2026-03-29T03:0"),
        "05:00 in Berlin's summer is 03:00Z, it acted at {at}"
    );
}

pub async fn nothing_disruptive_in_or_just_before_the_maintenance_window<L: LoopUnderTest>(mode: Mode) {
    let world = skewed_world(mode, "").replace("sun:03:00-sun:04:00", "mon:01:00-mon:03:00");
    let rig: Rig<L> = Rig::with(&world, &skewed_manifest(mode, "", "")).await;
    rig.run_for(minutes(50)).await;
    let status = rig.status().await;
    assert!(holding(&status).contains(&"provider_maintenance".into()));
    rig.run_until("balanced after the window", hours(6), healthy_and_balanced)
        .await;
    let at = rig.mutations()[0].at.to_string();
    assert!(at.starts_with("2026-03-02T03:0"), "it acted at {at}");
}

pub async fn a_replica_that_lags_just_before_the_call_holds_it<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = skewed(mode, "").await;
    rig.run_for(minutes(20)).await;
    // Lag was measured at the start. Since then nobody asked: only the fresh look before the call can see it.
    let replicas: Vec<String> = mode
        .pick(vec![1, 2], vec![1])
        .into_iter()
        .map(|s| mode.node(s, 2))
        .collect();
    for replica in &replicas {
        rig.sim.set_lag(replica, 5.0).unwrap();
    }
    nothing_is_done(&rig, "replication_lag").await;
    assert!(hold_reason(&rig.status().await, "replication_lag").contains("is 5s behind, more than 1s"));
    for replica in &replicas {
        rig.sim.set_lag(replica, 0.1).unwrap();
    }
    rig.run_until("balanced once it has caught up", hours(2), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn stop_halts_all_acting_until_it_is_lifted<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.lut.stop_all_acting(true).await;
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.lut.start().await;
    nothing_is_done(&rig, "stop").await;
    assert!(hold_reason(&rig.status().await, "stop").contains("stops all acting"));
    rig.lut.stop_all_acting(false).await;
    rig.run_until("balanced once lifted", hours(2), healthy_and_balanced)
        .await;
}

pub async fn stop_in_the_middle_of_a_step_sends_nothing<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = skewed(mode, "").await;
    // The step is prepared and looks afresh at its group; polls don't name it.
    let look = rig.fault("{operation: DescribeReplicationGroups, target: sessions, times: 1, hold: before}");
    rig.run_until_held(&look, hours(2)).await;
    rig.lut.stop_all_acting(true).await;
    rig.sim.release(&look);
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    rig.lut.stop_all_acting(false).await;
    rig.run_until("balanced once lifted", hours(2), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn sigterm_ends_it_cleanly_and_it_goes_on_later<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = skewed(mode, "").await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    rig.lut.stop().await;
    rig.lut.start().await;
    rig.run_until("balanced", hours(2), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

fn approved(mode: Mode, id: &str) -> String {
    let approve = format!("    evenkeel.dev/approve: \"{id}\"\n");
    skewed_manifest(mode, &approve, "  mode: Approve\n")
}

fn primary_in<L: LoopUnderTest>(rig: &Rig<L>, zone: &str) -> String {
    let state = rig.sim_state();
    let shards = state["groups"][0]["shards"].as_array().unwrap().clone();
    let shard = shards.iter().find(|s| s["primaryZone"] == zone).unwrap();
    shard["primary"].as_str().unwrap().to_owned()
}
