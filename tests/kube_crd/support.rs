//! One API server with the CRD, for all tests of this binary.

use axum::http::Request;
use evenkeel_testkit::{Access, KubeRig, shared};
use kube::Client;
use serde_json::Value;
use tokio::sync::OnceCell;

/// Each field that can be given, once.
pub const GOOD: &str = r#"apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata:
  name: shop
spec:
  mode: Enforce
  policy: {MovePrimary: Approve}
  aws:
    region: ap-northeast-2
    accountRef: {name: shop-prod}
  zones:
    - name: ap-northeast-2a
      id: apne2-az1
    - name: ap-northeast-2c
      id: apne2-az3
  objectives: {recoveryTime: 2m, recoveryPoint: 5s}
  placement: {maxSkew: 1}
  guardrails:
    quietPeriod: 30m
    maxReplicationLag: 1s
    replaceAfter: 15m
    maxAddedNodes: 20
    maxConcurrentDisruptions: 1
    windows:
      - days: [Mon, Tue]
        from: "22:00"
        to: "05:00"
        timeZone: Asia/Seoul
    denyWindows:
      - from: "00:00"
        to: "12:00"
        timeZone: UTC
  accepted:
    - finding: SingleZone
      component: sessions
      until: 2027-03-31T00:00:00Z
      reason: moves in spring
  caches:
    - name: sessions
      replicationGroup: sessions
      minReplicasPerShard: 1
      placement: {maxSkew: 2}
      preferredPrimaryZones: [ap-northeast-2a]
"#;

/// Only what must be given.
pub const MINIMAL: &str = "\
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata:
  name: shop
spec:
  aws: {region: ap-northeast-2}
  zones: [{name: ap-northeast-2a}, {name: ap-northeast-2c}]
  caches: [{name: sessions, replicationGroup: sessions}]
";

/// The server, with the CRD established; what kubectl said while applying it.
pub struct Cluster {
    pub rig: &'static KubeRig,
    pub applied: String,
    pub warnings: String,
}

impl Cluster {
    pub fn admin(&self) -> &Access {
        self.rig.admin()
    }

    pub async fn kubectl(&self, args: &[&str]) -> String {
        self.admin().kubectl(args).await.unwrap().ok().unwrap()
    }

    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        let ran = self.admin().kubectl_with(args, input).await.unwrap();
        ran.ok().unwrap()
    }
}

pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            let rig = shared().await.unwrap();
            let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
            let ran = rig.admin().kubectl(&["apply", "-f", crds]).await.unwrap();
            let warnings = ran.stderr.clone();
            let applied = ran.ok().unwrap();
            let names = ["crd/hastacks.evenkeel.dev", "crd/awsaccounts.evenkeel.dev"];
            let wait = ["wait", "--for=condition=Established", "--timeout=30s"];
            rig.admin()
                .kubectl(&[&wait[..], &names].concat())
                .await
                .unwrap()
                .ok()
                .unwrap();
            Cluster {
                rig,
                applied,
                warnings,
            }
        })
        .await
}

pub fn json(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Asks the server to accept the object without storing it, as strictly as kubectl does: the object as it would be
/// stored, or the server's sentence.
pub async fn submit(client: &Client, object: &Value) -> Result<Value, String> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    submit_to(client, &format!("namespaces/{namespace}/hastacks"), object).await
}

/// The same for any kind of ours; `path` is that of its collection, below the version.
pub async fn submit_to(client: &Client, path: &str, object: &Value) -> Result<Value, String> {
    let uri = format!("/apis/evenkeel.dev/v1alpha1/{path}?dryRun=All&fieldValidation=Strict");
    let request = Request::post(uri)
        .header("Content-Type", "application/json")
        .body(serde_json::to_vec(object).unwrap())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(stored) => Ok(stored),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(other) => panic!("{other}"),
    }
}
