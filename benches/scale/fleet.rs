//! A thousand HAStacks on a real API server, one for each group of examples/world-fleet.yaml.

use evenkeel::clock::Stopwatch;
use evenkeel_testkit::{Access, KubeRig};
use futures::StreamExt as _;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

pub const STACKS: usize = 1000;

pub struct Fleet {
    pub namespace: String,
    /// The controller's account, with the rights of deploy/rbac.yaml.
    pub account: Access,
    stacks: Api<DynamicObject>,
}

impl Fleet {
    /// The CRD, the account and the objects.
    pub async fn create(kube: &KubeRig) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let admin = kube.admin();
        let namespace = "evenkeel-system".to_owned();
        let applied = |files: Vec<String>| async move {
            let mut args = vec!["apply".to_owned(), "--server-side".to_owned()];
            args.extend(files.into_iter().flat_map(|f| ["-f".to_owned(), f]));
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            admin.kubectl(&args).await.unwrap().ok().unwrap();
        };
        applied(vec![format!("{root}/crds"), format!("{root}/deploy/rbac.yaml")]).await;
        let wait = "wait --for=condition=Established crd/hastacks.evenkeel.dev --timeout=30s";
        let wait: Vec<&str> = wait.split(' ').collect();
        while admin.kubectl(&wait).await.unwrap().ok().is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let account = kube.service_account(&namespace, "evenkeel").await.unwrap();
        let gvk = GroupVersionKind::gvk("evenkeel.dev", "v1alpha1", "HAStack");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "hastacks");
        let shops = kube.namespace("shops").await.unwrap();
        let stacks: Api<DynamicObject> =
            Api::namespaced_with(admin.client().await.unwrap(), &shops, &resource);
        futures::stream::iter(1..=STACKS)
            .for_each_concurrent(16, |number| {
                let (stacks, stack) = (stacks.clone(), stack(number));
                async move {
                    stacks.create(&PostParams::default(), &stack).await.unwrap();
                }
            })
            .await;
        Self {
            namespace,
            account,
            stacks,
        }
    }

    /// Waits until every HAStack says Ready, and tells how long that took.
    pub async fn first_status(&self, kube: &KubeRig, started: Stopwatch) -> Duration {
        // Asking for a thousand objects again and again would slow down what is measured: the audit log counts.
        while self.statuses(kube) < STACKS {
            assert!(started.elapsed() < Duration::from_mins(5), "no status for all");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let took = started.elapsed();
        let list = self.stacks.list(&ListParams::default()).await.unwrap();
        let ready = list.items.iter().filter(|s| is_ready(s)).count();
        assert_eq!(ready, STACKS, "the first status is not a full one");
        took
    }

    /// HAStacks whose status the controller has written, its record aside.
    fn statuses(&self, kube: &KubeRig) -> usize {
        let events = kube.audit().of(self.account.user()).unwrap();
        let written = events
            .iter()
            .filter(|e| e.verb == "patch" && e.subresource == "status" && e.code == 200)
            .filter(|e| !e.uri.contains("fieldManager=evenkeel-record"));
        written.map(|e| &e.name).collect::<BTreeSet<_>>().len()
    }

    /// Writes of the controller's account so far, but for the lease.
    pub fn writes(&self, kube: &KubeRig) -> usize {
        let events = kube.audit().of(self.account.user()).unwrap();
        let changes = ["create", "update", "patch", "delete", "deletecollection"];
        events
            .iter()
            .filter(|e| changes.contains(&e.verb.as_str()) && e.resource != "leases")
            .count()
    }
}

fn is_ready(stack: &DynamicObject) -> bool {
    let conditions = stack.data["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn stack(number: usize) -> DynamicObject {
    let group = format!("cache-{number:04}");
    let zones = ["a", "b", "c"].map(|z| json!({"name": format!("ap-northeast-2{z}")}));
    serde_json::from_value(json!({
        "apiVersion": "evenkeel.dev/v1alpha1",
        "kind": "HAStack",
        "metadata": {"name": group},
        "spec": {
            "mode": "Enforce",
            "aws": {"region": "ap-northeast-2"},
            "zones": zones,
            "caches": [{"name": "cache", "replicationGroup": group, "minReplicasPerShard": 2}],
        },
    }))
    .unwrap()
}
