//! The ServiceAccount of `deploy/rbac.yaml`: nothing it asks is denied, and nothing it may do is unused.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use crate::worlds::manifest_with;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Right = (String, String, String);

/// (group, resource, verb) of every rule of the file.
fn granted() -> BTreeSet<Right> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rbac.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let texts = |list: &Value| -> Vec<String> {
        let all = list.as_array().unwrap();
        all.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for document in text.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        for rule in object["rules"].as_array().into_iter().flatten() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        rights.insert((group.clone(), resource.clone(), verb));
                    }
                }
            }
        }
    }
    assert!(rights.len() > 8, "{rights:?}");
    rights
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_right_is_missing_and_none_is_unused() {
    let zones = &["a", "b", "c"];
    let (kube, mut rig) = alone(&world(Mode::Enabled, zones, &["a:P b:r", "c:P a:r"], "")).await;
    rig.lut.apply("shop", &manifest(zones, 1, "")).await;
    rig.lut.start().await;
    rig.run_for(minutes(30)).await;
    // A record that is gone, so that the newest is asked for.
    let gone = Patch::Merge(json!({"status": {"record": null}}));
    let stacks = rig.lut.stacks().await;
    stacks
        .patch_status("shop", &PatchParams::default(), &gone)
        .await
        .unwrap();
    // An outage, so that notes are kept and steps taken.
    rig.fail_zone("ap-northeast-2a");
    rig.run_until("the outage is seen", hours(1), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    // A pause that comes and goes, so that an Event repeats.
    let paused = manifest_with("    evenkeel.dev/paused: \"true\"\n", zones, 1, "");
    for _ in 0..2 {
        rig.lut.apply("shop", &paused).await;
        rig.run_until("paused", hours(1), |s| {
            crate::rig::holding(s).contains(&"paused".into())
        })
        .await;
        rig.lut.apply("shop", &manifest(zones, 1, "")).await;
        rig.run_until("not paused", hours(1), |s| {
            !crate::rig::holding(s).contains(&"paused".into())
        })
        .await;
    }
    rig.run_until("copies are replaced", hours(3), |s| {
        condition(s, "ZoneRedundant") == "True" && condition(s, "Reconciling") == "False"
    })
    .await;
    rig.recover_zone("ap-northeast-2a");
    rig.run_until("tidied up", hours(12), healthy_and_balanced).await;
    rig.lut.stop().await;

    let user = rig.lut.place().await.account.user().to_owned();
    let asked = kube.audit().of(&user).unwrap();
    let denied: Vec<_> = asked.iter().filter(|e| e.code == 403 || e.code == 401).collect();
    assert!(denied.is_empty(), "{denied:#?}");
    let used: BTreeSet<Right> = asked
        .into_iter()
        .filter(|e| !e.resource.is_empty())
        .map(|e| {
            let resource = if e.subresource.is_empty() {
                e.resource
            } else {
                format!("{}/{}", e.resource, e.subresource)
            };
            (e.group, resource, e.verb)
        })
        .collect();
    assert_eq!(used, granted());
}
