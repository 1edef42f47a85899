//! `deploy/iam/`: what a policy allows is used to the last action, and nothing that a mode needs is missing from its own.
//! (That nothing is missing from the controller's, every scenario shows: the rig enforces it.)

use super::rig::{LoopUnderTest, Rig, healthy_and_balanced, hours, planned, policy};
use super::worlds::{Mode, manifest, skewed_manifest, skewed_world, world};
use serde_json::Value;
use std::collections::BTreeSet;

/// Every action that a policy of `deploy/iam/` allows.
fn allowed(name: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&policy(name)).unwrap();
    let statements = document["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    });
    actions
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

/// Every action that AWS was asked for.
fn used<L: LoopUnderTest>(rig: &Rig<L>) -> BTreeSet<String> {
    let calls = rig.sim.calls().into_iter();
    calls
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect()
}

pub async fn a_life_with_every_kind_of_step_uses_every_right_of_the_controller<L: LoopUnderTest>() {
    // Both shards in one zone: replicas are added, Multi-AZ is turned on, others removed, a primary moved.
    let shards = ["a:P a:r", "a:P a:r"];
    let world = world(Mode::Enabled, &["a", "c"], &shards, "").replace(
        "    clusterMode: enabled\n",
        "    clusterMode: enabled\n    multiAz: false\n",
    );
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "c"], 1, "")).await;
    rig.run_until("spread, protected and balanced", hours(24), healthy_and_balanced)
        .await;
    assert_eq!(used(&rig), allowed("controller"));
}

pub async fn the_mode_observe_needs_the_read_only_policy_and_all_of_it<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.sim.set_policies("default", &[&policy("observe")]).unwrap();
    let manifest = skewed_manifest(mode, "", "  mode: Observe\n");
    rig.lut.apply("shop", &manifest).await;
    rig.lut.start().await;
    rig.run_for(hours(3)).await;
    let status = rig.status().await;
    assert!(!planned(&status).is_empty(), "it judges and plans");
    assert_eq!(used(&rig), allowed("observe"));
}
