//! A thousand HAStacks on a real API server, one for each group of examples/world-fleet.yaml.

use evenkeel::clock::{Clock as _, Stopwatch, SystemClock};
use evenkeel_testkit::{Access, KubeRig, until};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

pub const STACKS: usize = 1000;

pub struct Fleet {
    pub namespace: String,
    /// The controller's account, with the rights of deploy/rbac.yaml.
    pub account: Access,
    stacks: Api<DynamicObject>,
    /// How long the API server took to store the objects: what it can do on this machine today.
    pub created_in: Duration,
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
        let created = Stopwatch::start();
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
            created_in: created.elapsed(),
        }
    }

    /// Waits until every HAStack says Ready, and tells how long that took.
    ///
    /// The audit log has the times; asking often, or for the objects, would slow down what is measured.
    pub async fn first_status(&self, kube: &KubeRig, started: Timestamp) -> Duration {
        let first = loop {
            let first = self.first_statuses(kube);
            if first.len() >= STACKS {
                break first;
            }
            let waited = SystemClock.now().duration_since(started);
            assert!(waited < SignedDuration::from_mins(5), "no status for all");
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        let list = self.stacks.list(&ListParams::default()).await.unwrap();
        let ready = list.items.iter().filter(|s| is_ready(s)).count();
        assert_eq!(ready, STACKS, "the first status is not a full one");
        let last = first.into_values().max().unwrap();
        last.duration_since(started).try_into().unwrap()
    }

    /// Deletes every HAStack, and waits until they are gone.
    pub async fn delete(&self) {
        let (params, all) = (DeleteParams::default(), ListParams::default());
        self.stacks.delete_collection(&params, &all).await.unwrap();
        let gone = async || self.stacks.list(&all).await.unwrap().items.is_empty();
        until("no HAStack", 60, gone).await.unwrap();
    }

    /// When the controller wrote each HAStack's first status, its record aside.
    fn first_statuses(&self, kube: &KubeRig) -> BTreeMap<String, Timestamp> {
        let events = kube.audit().of(self.account.user()).unwrap();
        let mut first = BTreeMap::new();
        for event in events {
            if event.verb == "patch"
                && event.subresource == "status"
                && event.code == 200
                && !event.uri.contains("fieldManager=evenkeel-record")
            {
                first.entry(event.name).or_insert(event.at);
            }
        }
        first
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
