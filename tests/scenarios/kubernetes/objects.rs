//! A HAStack that is edited, paused, deleted or recreated in mid-action; statuses that somebody else writes.

use super::*;
use crate::rig::{
    Damage, LoopUnderTest as _, condition, condition_message, healthy_and_balanced, holding, hours, minutes,
    planned,
};
use crate::worlds::manifest_with;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

async fn annotate(lut: &Controller, key: &str, value: &str) {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
    let stacks = lut.stacks().await;
    stacks
        .patch("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn patch_status(lut: &Controller, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let stacks = lut.stacks().await;
    stacks
        .patch_status("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn settling() -> Rig<Controller> {
    let rig = skewed().await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    rig
}

/// In the middle of a step: prepared, and about to look afresh.
async fn in_mid_step() -> Rig<Controller> {
    let rig = skewed().await;
    let look = rig.fault(FRESH_LOOK);
    rig.run_until_held(&look, hours(2)).await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_between_two_saves_of_a_step_does_not_stop_it() {
    let rig = in_mid_step().await;
    annotate(&rig.lut, "example.com/note", "hello").await;
    rig.sim.clear_faults();
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

/// What the watch brings while a step looks afresh counts for that very step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_or_another_spec_while_a_step_looks_afresh_stops_its_call() {
    let paused = manifest_with("    evenkeel.dev/paused: \"true\"\n", ZONES, 1, "");
    let observed = manifest(ZONES, 1, "").replace("mode: Enforce", "mode: Observe");
    for changed in [paused, observed] {
        let rig = in_mid_step().await;
        rig.lut.apply("shop", &changed).await;
        rig.lut.wait_for_log("HAStack changed", 30).await;
        rig.sim.clear_faults();
        rig.run_for(hours(2)).await;
        let none: Vec<String> = Vec::new();
        assert_eq!(rig.mutation_names(), none);
        rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
        rig.run_until("balanced", hours(30), healthy_and_balanced).await;
        assert_eq!(rig.mutation_names(), ["TestFailover"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_somebody_else_wrote_meanwhile_stops_the_step() {
    let rig = in_mid_step().await;
    patch_status(
        &rig.lut,
        json!({"record": r#"{"schema":"evenkeel.record/v1","holder":"other","history":{}}"#}),
    )
    .await;
    rig.sim.clear_faults();
    rig.run_for(minutes(5)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert!(rig.lut.log().contains("somebody else saved the record"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_newer_version_is_left_alone_and_nothing_is_done() {
    let mut rig = skewed().await;
    rig.run_for(minutes(5)).await;
    rig.kill().await;
    let newer = r#"{"schema":"evenkeel.record/v2","more":1}"#;
    patch_status(&rig.lut, json!({"record": newer})).await;
    rig.lut.start().await;
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert_eq!(rig.status().await["record"], json!(newer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_paused_while_it_settles_settles_and_does_no_more() {
    let world = world(
        Mode::Enabled,
        ZONES,
        &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"],
        "",
    );
    let rig: Rig<Controller> = Rig::with(&world, &manifest(ZONES, 1, "")).await;
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    let paused = manifest_with("    evenkeel.dev/paused: \"true\"\n", ZONES, 1, "");
    rig.lut.apply("shop", &paused).await;
    let status = rig
        .run_until("settled", hours(2), |s| condition(s, "Reconciling") == "False")
        .await;
    assert!(holding(&status).contains(&"paused".into()));
    rig.run_for(hours(6)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover", "TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_spec_while_it_settles_acts_at_once_and_keeps_the_ticket() {
    let rig = settling().await;
    let before = rig.status().await["observedGeneration"].clone();
    let changed = manifest(ZONES, 1, "  guardrails:\n    quietPeriod: 45m\n");
    rig.lut.apply("shop", &changed).await;
    let status = rig
        .run_until("the change is seen", minutes(2), |s| {
            s["observedGeneration"] != before
        })
        .await;
    assert_eq!(status["effective"]["quietPeriod"], "45m", "{status:#}");
    assert_eq!(condition(&status, "Reconciling"), "True", "the ticket is kept");
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_deleted_in_mid_step_is_gone_at_once_and_nothing_is_sent() {
    let rig = in_mid_step().await;
    rig.lut.delete("shop").await;
    rig.sim.clear_faults();
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert_eq!(rig.status().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_recreated_while_it_settles_begins_a_new_record_and_does_not_act_again() {
    let rig = settling().await;
    rig.lut.delete("shop").await;
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.run_until("judged anew", minutes(30), |s| condition(s, "Ready") == "True")
        .await;
    rig.run_for(hours(12)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_somebody_wipes_is_written_again_and_nothing_is_done_twice() {
    let rig = settling().await;
    let stacks = rig.lut.stacks().await;
    let whole = rig.status().await;
    let wiped: serde_json::Map<String, Value> = whole
        .as_object()
        .unwrap()
        .keys()
        .map(|k| (k.clone(), Value::Null))
        .collect();
    let patch = Patch::Merge(json!({"status": wiped}));
    stacks
        .patch_status("shop", &PatchParams::default(), &patch)
        .await
        .unwrap();
    rig.run_until("the status is back", minutes(10), |s| {
        condition(s, "Ready") == "True" && s["record"].is_string()
    })
    .await;
    rig.run_for(hours(12)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_at_is_echoed() {
    let rig = skewed().await;
    rig.run_for(minutes(2)).await;
    annotate(&rig.lut, "evenkeel.dev/reconcile-at", "now please").await;
    rig.run_until("echoed", minutes(2), |s| s["reconcileAt"] == "now please")
        .await;
}

/// The API server can't check a time zone; intake does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spec_that_only_we_can_refuse_is_told_and_mended_without_a_restart() {
    let bad = manifest(
        ZONES,
        1,
        "  guardrails:\n    windows:\n      - from: \"05:00\"\n        to: \"06:00\"\n        timeZone: Mars/Phobos\n",
    );
    let rig: Rig<Controller> = Rig::with(&skewed_world(), &bad).await;
    rig.run_for(minutes(2)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "Ready"), "False", "{status:#}");
    assert_eq!(condition(&status, "Stalled"), "True", "{status:#}");
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown", "{status:#}");
    let message = condition_message(&status, "Ready");
    assert!(message.contains("Mars/Phobos"), "{message}");

    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    rig.run_until("judged", minutes(5), |s| condition(s, "Ready") == "True")
        .await;
    rig.lut.apply("shop", &bad).await;
    let status = rig
        .run_until("refused again", minutes(5), |s| condition(s, "Stalled") == "True")
        .await;
    assert_eq!(
        planned(&status),
        ["MovePrimary 0001"],
        "the last good version is judged on"
    );
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_restarts_during_one_outage_do_nothing_twice() {
    let zones = &["a", "b", "c"];
    let world = world(Mode::Enabled, zones, &["a:P b:r", "c:P a:r"], "");
    let mut rig: Rig<Controller> = Rig::with(&world, &manifest(zones, 1, "")).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone("ap-northeast-2a");
    for _ in 0..20 {
        rig.run_for(minutes(4)).await;
        rig.kill().await;
        rig.lut.start().await;
    }
    rig.run_until("copies are replaced", hours(3), |s| {
        condition(s, "ZoneRedundant") == "True" && condition(s, "Reconciling") == "False"
    })
    .await;
    assert_eq!(rig.nodes(), 6, "each lost copy is replaced once");
    rig.recover_zone("ap-northeast-2a");
    rig.run_until("tidied up", hours(12), healthy_and_balanced).await;
    assert_eq!(rig.nodes(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_record_is_told_in_the_log() {
    let mut rig = skewed().await;
    rig.run_for(minutes(5)).await;
    rig.kill().await;
    rig.lut.damage_record("shop", Damage::Truncated).await;
    rig.lut.start().await;
    rig.run_for(minutes(5)).await;
    assert!(
        rig.lut.log().contains("The record was unreadable"),
        "{}",
        rig.lut.log()
    );
}
