//! `evenkeel controller` as a child process: the real binary, a real API server, the rights of `deploy/rbac.yaml`.
//!
//! All scenarios share one API server; each has a namespace of its own, which the controller watches and keeps its lease
//! in. Manifests are applied, status is read, as kubectl would.

use super::child::Child;
use super::rig::{Damage, LoopUnderTest};
use evenkeel::clock::Stopwatch;
use evenkeel_sim::Sim;
use evenkeel_testkit::{Access, KubeRig, shared};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::OnceCell;

pub struct Controller {
    child: Child,
    place: OnceCell<Place>,
    client: OnceCell<Client>,
    _dir: tempfile::TempDir,
    how: How,
}

/// How it is started.
enum How {
    /// With arguments of the scenario's own.
    ByHand {
        identity: String,
        more_args: Vec<String>,
    },
    /// As the container of a Pod.
    Deployed(Container),
}

/// Arguments and environment of a container.
pub struct Container {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// A namespace with the controller's account in it.
#[derive(Clone)]
pub struct Place {
    pub namespace: String,
    /// Where the lease, the stop switch and the notes are.
    pub own_namespace: String,
    pub account: Access,
    pub admin: Access,
}

/// The CRD and the account's rights, for a namespace of its own on this API server.
pub async fn prepare(rig: &KubeRig) -> Place {
    static SEQUENCE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let admin = rig.admin().clone();
    let namespace = rig.namespace("scenario").await.unwrap();
    let account = rig.service_account(&namespace, "evenkeel").await.unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let number = SEQUENCE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // The file as people apply it, but for this scenario's own names.
    let rbac = std::fs::read_to_string(format!("{root}/deploy/rbac.yaml"))
        .unwrap()
        .replace("evenkeel-system", &namespace)
        .replace(
            "kind: ClusterRoleBinding\nmetadata:\n  name: evenkeel",
            &format!("kind: ClusterRoleBinding\nmetadata:\n  name: evenkeel-{number}"),
        );
    let apply = ["apply", "--server-side", "--force-conflicts", "-f"];
    let rights = admin.kubectl_with(&[&apply[..], &["-"]].concat(), &rbac).await;
    rights.unwrap().ok().unwrap();
    Place {
        own_namespace: namespace.clone(),
        namespace,
        account,
        admin,
    }
}

pub async fn install_crd(admin: &Access) {
    let root = env!("CARGO_MANIFEST_DIR");
    let crds = format!("{root}/crds");
    let applied = admin.kubectl(&["apply", "--server-side", "-f", &crds]).await;
    applied.unwrap().ok().unwrap();
    let wait = [
        "wait",
        "--for=condition=Established",
        "crd/hastacks.evenkeel.dev",
        "crd/awsaccounts.evenkeel.dev",
        "--timeout=30s",
    ];
    // A definition without any condition yet is an error to `kubectl wait`, not something to wait for.
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(30));
    while let Err(error) = admin.kubectl(&wait).await.unwrap().ok() {
        assert!(waited.elapsed() < limit, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn shared_with_crd() -> &'static KubeRig {
    static CRD: OnceCell<()> = OnceCell::const_new();
    let rig = shared().await.unwrap();
    CRD.get_or_init(|| install_crd(rig.admin())).await;
    rig
}

impl Controller {
    /// One on an API server of its own, already prepared.
    pub fn at(sim: &Sim, place: Place, identity: &str, more_args: &[&str]) -> Self {
        Self {
            place: OnceCell::new_with(Some(place)),
            how: How::ByHand {
                identity: identity.to_owned(),
                more_args: more_args.iter().map(ToString::to_string).collect(),
            },
            ..<Self as LoopUnderTest>::new(sim)
        }
    }

    /// One as a container tells it. In place of the Pod's own account it gets a kubeconfig.
    pub fn deployed(sim: &Sim, place: Place, container: Container) -> Self {
        Self {
            place: OnceCell::new_with(Some(place)),
            how: How::Deployed(container),
            ..<Self as LoopUnderTest>::new(sim)
        }
    }

    pub async fn place(&self) -> &Place {
        self.place
            .get_or_init(|| async { prepare(shared_with_crd().await).await })
            .await
    }

    /// One for all that a scenario asks: each would shake hands again.
    async fn client(&self) -> Client {
        let made = self
            .client
            .get_or_init(|| async { self.place().await.admin.client().await.unwrap() });
        made.await.clone()
    }

    pub async fn stacks(&self) -> Api<DynamicObject> {
        let gvk = kube::core::GroupVersionKind::gvk("evenkeel.dev", "v1alpha1", "HAStack");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "hastacks");
        let namespace = &self.place().await.namespace;
        Api::namespaced_with(self.client().await, namespace, &resource)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        self.child.signal(signal);
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.ended()
    }

    /// Waits in real time until the log says so.
    pub async fn wait_for_log(&self, what: &str, seconds: u64) {
        let (waited, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
        while !self.log().contains(what) {
            assert!(
                waited.elapsed() < limit,
                "the log does not say {what:?} within {seconds} s\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `host:port` of `--listen`.
    pub async fn listens_at(&self) -> String {
        self.wait_for_log("Listening", 20).await;
        let log = self.log();
        let rest = log.split("url=http://").last();
        let authority = rest.and_then(|rest| rest.split_whitespace().next()).unwrap();
        authority.trim_end_matches("\u{1b}[0m").to_owned()
    }

    fn count_in_log(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }
}

impl LoopUnderTest for Controller {
    fn new(sim: &Sim) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            child: Child::new(sim, dir.path().join("log")),
            place: OnceCell::new(),
            client: OnceCell::new(),
            _dir: dir,
            how: How::ByHand {
                identity: "scenario".to_owned(),
                more_args: Vec::new(),
            },
        }
    }

    async fn start(&mut self) {
        let Place {
            namespace, account, ..
        } = self.place().await.clone();
        let kubeconfig = account.kubeconfig();
        match &self.how {
            How::ByHand { identity, more_args } => self.child.start(|command| {
                command
                    .args(["controller", "--log-format", "text"])
                    .args(["--namespace", &namespace, "--lease-namespace", &namespace])
                    .args(["--identity", identity, "--kubeconfig"])
                    .arg(kubeconfig)
                    .args(more_args)
            }),
            How::Deployed(Container { args, env }) => self.child.start_bare(|command| {
                let env = env.iter().map(|(name, value)| (name, value));
                command.args(args).envs(env).env("KUBECONFIG", kubeconfig)
            }),
        }
    }

    async fn kill(&mut self) {
        self.child.kill();
    }

    async fn stop(&mut self) {
        self.child.stop().await;
    }

    fn is_running(&self) -> bool {
        self.child.is_running()
    }

    async fn namespace(&self) -> String {
        self.place().await.namespace.clone()
    }

    async fn apply(&self, name: &str, manifest: &str) {
        let mut object: Value = serde_saphyr::from_str(manifest).unwrap();
        object["metadata"]["namespace"] = json!(self.place().await.namespace);
        let stacks = self.stacks().await;
        let params = PatchParams::apply("scenario").force();
        stacks.patch(name, &params, &Patch::Apply(&object)).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        let stacks = self.stacks().await;
        stacks
            .delete(name, &kube::api::DeleteParams::default())
            .await
            .unwrap();
        // Nothing holds it up: there is no finalizer.
        assert!(
            stacks.get_opt(name).await.unwrap().is_none(),
            "{name} is still there"
        );
    }

    async fn status(&self, name: &str) -> Value {
        let object = self.stacks().await.get_opt(name).await.unwrap();
        object.map_or(Value::Null, |o| o.data["status"].clone())
    }

    async fn stop_all_acting(&self, on: bool) {
        let place = self.place().await;
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(self.client().await, &place.own_namespace);
        let line = if on {
            "The stop switch is set"
        } else {
            "The stop switch is lifted"
        };
        let before = self.count_in_log(line);
        if on {
            let map = serde_json::from_value(json!({
                "metadata": {"name": "evenkeel-stop"},
                "data": {"reason": "scenario"},
            }));
            maps.create(&PostParams::default(), &map.unwrap()).await.unwrap();
        } else {
            maps.delete("evenkeel-stop", &kube::api::DeleteParams::default())
                .await
                .unwrap();
        }
        // The promise is made in real time, and the scenario's clock is another one.
        let (waited, limit) = (Stopwatch::start(), Duration::from_secs(5));
        while self.is_running() && self.count_in_log(line) == before {
            assert!(waited.elapsed() < limit, "not noticed within 5 s\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn damage_record(&self, name: &str, how: Damage) {
        assert!(
            !self.child.is_running(),
            "damage the record of a loop that isn't running"
        );
        let stacks = self.stacks().await;
        let object = stacks.get(name).await.unwrap();
        let record = object.data.pointer("/status/record").and_then(Value::as_str);
        let record = record.unwrap_or_else(|| panic!("{} has no record", object.name_any()));
        let left = match how {
            Damage::Gone => Value::Null,
            Damage::Truncated => json!(record[..record.len() / 2]),
        };
        let patch = Patch::Merge(json!({"status": {"record": left}}));
        stacks
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    fn log(&self) -> String {
        self.child.log()
    }
}
