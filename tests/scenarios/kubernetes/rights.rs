//! The ServiceAccount of `deploy/rbac.yaml`: nothing it asks is denied, and nothing it may do is unused.

use super::accounts::{apply_account, naming, seen};
use super::{Controller, KubeRig, Mode, Rig, alone, world};
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use crate::worlds::manifest_with;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Right = (String, String, String);

/// (group, resource, verb) of every role in a manifest that is bound to this ServiceAccount.
pub fn granted(manifest: &str, account: &str) -> BTreeSet<Right> {
    let objects: Vec<Value> = manifest
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let is_bound = |role: &Value| {
        objects.iter().any(|binding| {
            binding["roleRef"]["kind"] == role["kind"]
                && binding["roleRef"]["name"] == role["metadata"]["name"]
                && binding["metadata"]["namespace"] == role["metadata"]["namespace"]
                && binding["subjects"][0]["name"] == account
        })
    };
    let texts = |list: &Value| -> Vec<String> {
        let all = list.as_array().unwrap();
        all.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for role in objects.iter().filter(|object| is_bound(object)) {
        for rule in role["rules"].as_array().unwrap() {
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

/// Zones of [`full_life`].
const ZONES: &[&str] = &["a", "b", "c"];

pub fn full_life_world() -> String {
    world(Mode::Enabled, ZONES, &["a:P b:r", "c:P a:r"], "")
}

/// Everything that the controller ever does on Kubernetes: it leads, looks AWSAccounts and labels of namespaces up, writes
/// status and Events, keeps notes, reads afresh, and gives its lease back. `midway`, all is calm.
pub async fn full_life(rig: &mut Rig<Controller>, midway: impl AsyncFnOnce(&Rig<Controller>)) {
    let account = json!({
        "roleArn": "arn:aws:iam::111122223333:role/evenkeel",
        "allowedNamespaces": {"selector": {"matchExpressions": [{"key": "closed", "operator": "DoesNotExist"}]}},
        "mode": "Enforce",
    });
    apply_account(&rig.lut, "own", &account).await;
    let stack = |annotations: &str| naming("own", &manifest_with(annotations, ZONES, 1, ""));
    rig.lut.apply("shop", &stack("")).await;
    rig.lut.start().await;
    seen(rig, |s| condition(s, "Ready") == "True").await;
    rig.run_for(minutes(30)).await;
    midway(rig).await;
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
    let paused = stack("    evenkeel.dev/paused: \"true\"\n");
    for _ in 0..2 {
        rig.lut.apply("shop", &paused).await;
        rig.run_until("paused", hours(1), |s| {
            crate::rig::holding(s).contains(&"paused".into())
        })
        .await;
        rig.lut.apply("shop", &stack("")).await;
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
}

/// What this user asked for; nothing of it was denied.
pub fn used(kube: &KubeRig, user: &str) -> BTreeSet<Right> {
    let asked = kube.audit().of(user).unwrap();
    let denied: Vec<_> = asked.iter().filter(|e| e.code == 403 || e.code == 401).collect();
    assert!(denied.is_empty(), "{denied:#?}");
    asked
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
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_right_is_missing_and_none_is_unused() {
    let (kube, mut rig) = alone(&full_life_world()).await;
    full_life(&mut rig, async |_| ()).await;
    let user = rig.lut.place().await.account.user().to_owned();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rbac.yaml");
    let file = std::fs::read_to_string(path).unwrap();
    assert_eq!(used(&kube, &user), granted(&file, "evenkeel"));
}
