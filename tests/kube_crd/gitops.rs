//! Applying what is there changes nothing, whoever applies it; several owners share one stack.

use crate::support::{Cluster, GOOD, MINIMAL, cluster, json};
use evenkeel_testkit::KubeRig;
use serde_json::Value;
use std::time::Duration;

struct Stack {
    cluster: &'static Cluster,
    namespace: String,
}

impl Stack {
    async fn new() -> Self {
        let cluster = cluster().await;
        let namespace = cluster.rig.namespace("gitops").await.unwrap();
        Self { cluster, namespace }
    }

    async fn kubectl(&self, args: &[&str], input: &str) -> String {
        let args = [&["-n", self.namespace.as_str()], args].concat();
        self.cluster.kubectl_with(&args, input).await
    }

    async fn refused(&self, args: &[&str], input: &str) -> String {
        let args = [&["-n", self.namespace.as_str()], args].concat();
        let ran = self.cluster.admin().kubectl_with(&args, input).await.unwrap();
        assert_ne!(ran.status, 0, "accepted: {}", ran.stdout);
        ran.stderr
    }

    async fn server_side(&self, manager: &str, text: &str) -> String {
        let manager = format!("--field-manager={manager}");
        self.kubectl(&["apply", "--server-side", &manager, "-f", "-"], text)
            .await
    }

    async fn get(&self, path: &str) -> String {
        let path = format!("jsonpath={{{path}}}");
        self.kubectl(&["get", "has", "shop", "-o", &path], "").await
    }

    async fn version(&self) -> String {
        self.get(".metadata.resourceVersion").await
    }
}

#[tokio::test]
async fn the_crd_applies_without_warnings_and_is_established() {
    let cluster = cluster().await;
    assert_eq!(cluster.warnings, "");
    assert_eq!(
        cluster.applied.trim(),
        "customresourcedefinition.apiextensions.k8s.io/awsaccounts.evenkeel.dev created\n\
         customresourcedefinition.apiextensions.k8s.io/hastacks.evenkeel.dev created"
    );
    let conditions = cluster
        .kubectl(&[
            "get",
            "crd/hastacks.evenkeel.dev",
            "-o",
            "jsonpath={range .status.conditions[*]}{.type}={.status} {end}",
        ])
        .await;
    assert_eq!(conditions.trim(), "NamesAccepted=True Established=True");
}

#[tokio::test]
async fn the_crd_itself_shows_no_difference_when_applied_again() {
    let cluster = cluster().await;
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    let ran = cluster.admin().kubectl(&["diff", "-f", crds]).await.unwrap();
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    let again = cluster.kubectl(&["apply", "-f", crds]).await;
    assert!(
        again.trim().ends_with("hastacks.evenkeel.dev unchanged"),
        "{again}"
    );
}

#[tokio::test]
async fn applying_the_same_manifest_again_changes_nothing() {
    for manifest in [GOOD, MINIMAL] {
        let stack = Stack::new().await;
        stack.kubectl(&["apply", "-f", "-"], manifest).await;
        let version = stack.version().await;
        let again = stack.kubectl(&["apply", "-f", "-"], manifest).await;
        assert_eq!(again.trim(), "hastack.evenkeel.dev/shop unchanged");
        // Exit 0 is "no difference"; 1 would be an error here.
        assert_eq!(stack.kubectl(&["diff", "-f", "-"], manifest).await, "");
        assert_eq!(stack.version().await, version);
    }
}

#[tokio::test]
async fn applying_the_same_manifest_again_on_the_server_changes_nothing() {
    for manifest in [GOOD, MINIMAL] {
        let stack = Stack::new().await;
        stack.server_side("gitops", manifest).await;
        let version = stack.version().await;
        stack.server_side("gitops", manifest).await;
        assert_eq!(stack.version().await, version);
        let diff = ["diff", "--server-side", "--field-manager=gitops", "-f", "-"];
        assert_eq!(stack.kubectl(&diff, manifest).await, "");
    }
}

#[tokio::test]
async fn two_owners_share_a_stack_entry_by_entry() {
    let stack = Stack::new().await;
    stack.server_side("platform", MINIMAL).await;
    // Another team adds a cache, a zone and a guardrail of its own, and writes nothing else.
    let theirs = "\
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: shop}
spec:
  zones: [{name: ap-northeast-2b}]
  guardrails: {quietPeriod: 45m}
  caches: [{name: carts, replicationGroup: carts, minReplicasPerShard: 2}]
";
    stack.server_side("carts-team", theirs).await;
    let names = stack.get(".spec.caches[*].name").await;
    assert_eq!(names, "sessions carts");
    let zones = stack.get(".spec.zones[*].name").await;
    assert_eq!(zones, "ap-northeast-2a ap-northeast-2c ap-northeast-2b");
    assert_eq!(stack.get(".spec.guardrails.quietPeriod").await, "45m");

    // Either applies again: nothing of the other's goes away, nothing changes.
    let version = stack.version().await;
    stack.server_side("platform", MINIMAL).await;
    stack.server_side("carts-team", theirs).await;
    assert_eq!(stack.version().await, version);

    // A field of the other's is not taken silently.
    let grab = theirs.replace(
        "{name: carts, replicationGroup: carts",
        "{name: sessions, replicationGroup: mine",
    );
    let manager = "--field-manager=carts-team";
    let said = stack
        .refused(&["apply", "--server-side", manager, "-f", "-"], &grab)
        .await;
    assert!(
        said.contains("conflict with \"platform\"")
            && said.contains(".spec.caches[name=\"sessions\"].replicationGroup"),
        "{said}"
    );

    // What one stops naming goes, and only that.
    let less = theirs.replace("  guardrails: {quietPeriod: 45m}\n", "");
    stack.server_side("carts-team", &less).await;
    assert_eq!(stack.get(".spec.guardrails.quietPeriod").await, "30m");
    assert_eq!(stack.get(".spec.caches[*].name").await, "sessions carts");
}

#[tokio::test]
async fn a_status_writer_and_a_gitops_tool_do_not_meet() {
    let stack = Stack::new().await;
    stack.server_side("gitops", MINIMAL).await;
    let status = r#"
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: shop}
status:
  observedGeneration: 1
  zones: [{name: ap-northeast-2a, state: Healthy, verdict: Survives, nodes: 2, primaries: 1}]
  conditions:
    - {type: Ready, status: "True", reason: Judged, message: a, lastTransitionTime: "2021-03-01T10:00:00Z"}
"#;
    let write = [
        "apply",
        "--server-side",
        "--subresource=status",
        "--field-manager=evenkeel",
        "-f",
        "-",
    ];
    stack.kubectl(&write, status).await;
    let version = stack.version().await;
    assert_eq!(stack.get(".metadata.generation").await, "1");
    stack.server_side("gitops", MINIMAL).await;
    // Nor does the same status again make an event for all watchers.
    stack.kubectl(&write, status).await;
    assert_eq!(stack.version().await, version);
    assert_eq!(stack.get(".status.zones[0].verdict").await, "Survives");
    // Through the main resource nobody writes status.
    let lie = MINIMAL.to_owned() + "status: {zoneSummary: 9/9}\n";
    stack.server_side("gitops", &lie).await;
    assert_eq!(stack.get(".status.zoneSummary").await, "");
}

/// Zones and components had an owner for each of their fields in the CRD of earlier builds.
#[tokio::test]
async fn a_status_written_under_an_earlier_crd_is_written_on_under_this_one() {
    let rig = KubeRig::start().await.unwrap();
    let kubectl = async |args: &[&str], input: &str| {
        let ran = rig.admin().kubectl_with(args, input).await.unwrap();
        ran.ok().unwrap()
    };
    let crd = include_str!("../../crds/hastacks.evenkeel.dev.yaml");
    let mut earlier = json(crd);
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let properties = earlier.pointer_mut(schema).unwrap();
    for list in ["zones", "components"] {
        properties[list]["x-kubernetes-list-type"] = "map".into();
        properties[list]["x-kubernetes-list-map-keys"] = vec!["name"].into();
    }
    let effective = properties["effective"].as_object_mut().unwrap();
    effective.remove("x-kubernetes-map-type").unwrap();
    kubectl(&["apply", "-f", "-"], &earlier.to_string()).await;
    let established = ["wait", "--for=condition=Established", "crd/hastacks.evenkeel.dev"];
    kubectl(&established, "").await;
    kubectl(&["apply", "-f", "-"], MINIMAL).await;
    let zone = |name: &str, verdict: &str| serde_json::json!({"name": name, "state": "Healthy", "verdict": verdict, "nodes": 2, "primaries": 1});
    let write = async |zones: Vec<Value>| {
        let status = serde_json::json!({
            "apiVersion": "evenkeel.dev/v1alpha1",
            "kind": "HAStack",
            "metadata": {"name": "shop"},
            "status": {"zones": zones},
        });
        let apply = [
            "apply",
            "--server-side",
            "--subresource=status",
            "--field-manager=evenkeel",
            "-f",
            "-",
        ];
        kubectl(&apply, &status.to_string()).await;
        let get = ["get", "has", "shop", "--show-managed-fields", "-o", "json"];
        json(&kubectl(&get, "").await)
    };
    let owned = |object: &Value| {
        object["metadata"]["managedFields"]
            .to_string()
            .contains("f:verdict")
    };
    let first = write(vec![
        zone("ap-northeast-2a", "Survives"),
        zone("ap-northeast-2c", "Survives"),
    ])
    .await;
    assert!(owned(&first), "{first}");
    kubectl(&["apply", "-f", "-"], crd).await;
    // The API server takes a moment to serve a new schema.
    let wanted = vec![zone("ap-northeast-2a", "AtRisk")];
    for _ in 0..100 {
        let next = write(wanted.clone()).await;
        assert_eq!(next["status"]["zones"], Value::from(wanted.clone()));
        if !owned(&next) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("each field still has an owner");
}

#[tokio::test]
async fn the_region_of_a_stack_stays_but_its_zones_may_change() {
    let stack = Stack::new().await;
    stack.kubectl(&["apply", "-f", "-"], MINIMAL).await;
    let moved = MINIMAL.replace("ap-northeast-2", "eu-central-1");
    let said = stack.refused(&["apply", "-f", "-"], &moved).await;
    assert!(
        said.contains("spec.aws.region")
            && said.contains(
                "the region of a stack can't be changed: delete this HAStack and create one for the other \
                 region (deleting it touches nothing in AWS)"
            ),
        "{said}"
    );
    let wider = MINIMAL.replace("{name: ap-northeast-2c}", "{name: ap-northeast-2b}");
    stack.kubectl(&["apply", "-f", "-"], &wider).await;
    assert_eq!(
        stack.get(".spec.zones[*].name").await,
        "ap-northeast-2a ap-northeast-2b"
    );
    stack
        .kubectl(&["delete", "has", "shop", "--timeout=30s"], "")
        .await;
}
