//! The life of a release on a real API server: what Helm does to it, and what must outlive it.

use super::refusals::copy;
use super::support::{CHART, ROOT, yaml};
use evenkeel_testkit::{Access, Helm, KubeRig, Ran, until};
use serde_json::Value;
use std::fs;
use std::path::Path;

const NAMESPACE: &str = "evenkeel-system";

/// A release and the API server that it is on.
struct Release {
    kube: KubeRig,
    helm: Helm,
}

impl Release {
    async fn new(helm: Helm) -> Self {
        let kube = KubeRig::start().await.unwrap();
        Self { kube, helm }
    }

    fn admin(&self) -> &Access {
        self.kube.admin()
    }

    /// Runs Helm, which must succeed.
    async fn helm(&self, args: &[&str]) -> String {
        let args = [args, &["--namespace", NAMESPACE]].concat();
        self.admin().helm(self.helm, &args).await.unwrap().ok().unwrap()
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        self.admin().kubectl(args).await.unwrap().ok().unwrap()
    }

    async fn exists(&self, what: &[&str]) -> bool {
        let args = [&["get", "--ignore-not-found", "-o", "name"], what].concat();
        !self.kubectl(&args).await.is_empty()
    }

    /// Names of the definition's columns.
    async fn columns(&self) -> String {
        let path = "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}";
        self.kubectl(&["get", "crd", "hastacks.evenkeel.dev", "-o", path])
            .await
    }

    async fn create_stack(&self) {
        self.kubectl(&[
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "crd/hastacks.evenkeel.dev",
        ])
        .await;
        let example = format!("{ROOT}/examples/nextgen-commerce.yaml");
        self.kubectl(&["apply", "--validate=strict", "-f", &example])
            .await;
        // What Artifact Hub shows as examples.
        let chart = yaml(format!("{CHART}/Chart.yaml"));
        let examples = chart["annotations"]["artifacthub.io/crdsExamples"]
            .as_str()
            .unwrap();
        let examples: Vec<Value> = serde_saphyr::from_str(examples).unwrap();
        for example in examples {
            let apply = [
                "-n",
                "shop",
                "apply",
                "--validate=strict",
                "--dry-run=server",
                "-f",
                "-",
            ];
            let ran = self.admin().kubectl_with(&apply, &example.to_string()).await;
            ran.unwrap().ok().unwrap();
        }
    }

    async fn has_stack(&self) -> bool {
        self.exists(&["hastacks", "--namespace", "shop", "nextgen-commerce"])
            .await
    }
}

/// The chart as it was before a column was added to the definition.
fn older(folder: &Path) {
    copy(Path::new(CHART), folder);
    let chart = folder.join("Chart.yaml");
    let text = fs::read_to_string(&chart).unwrap();
    fs::write(&chart, text.replace("ersion: 0.1.0", "ersion: 0.0.9")).unwrap();
    let crd = folder.join("files/crds/hastacks.evenkeel.dev.yaml");
    let text = fs::read_to_string(&crd).unwrap();
    let (before, column) = text
        .split_once("    - description: Id of the current plan")
        .unwrap();
    let (_, after) = column.split_once("    name: v1alpha1\n").unwrap();
    fs::write(&crd, format!("{before}    name: v1alpha1\n{after}")).unwrap();
}

/// Seconds in which an API server serves a definition that was changed, on a machine that has other things to do.
const SERVED_WITHIN: u64 = 120;

/// What a HAStack means that says nothing, as kubectl explain tells, too.
async fn the_new_guardrail_defaults_are_served(release: &Release) {
    let bare = r#"{"apiVersion": "evenkeel.dev/v1alpha1", "kind": "HAStack", "metadata": {"name": "bare", "namespace": "shop"},
        "spec": {"aws": {"region": "ap-northeast-2"}, "zones": [{"name": "ap-northeast-2a"}, {"name": "ap-northeast-2c"}],
        "caches": [{"name": "carts", "replicationGroup": "carts"}]}}"#;
    let path = "jsonpath={.spec.guardrails.quietPeriod} {.spec.guardrails.maxAddedNodes} {.spec.guardrails.replaceAfter}";
    until("the new defaults to be served", SERVED_WITHIN, async || {
        let create = ["create", "--dry-run=server", "-f", "-", "-o", path];
        let ran = release.admin().kubectl_with(&create, bare).await.unwrap();
        ran.ok().unwrap() == "45m 7 15m"
    })
    .await
    .unwrap();
    until("kubectl explain to tell them", SERVED_WITHIN, async || {
        let text = release
            .kubectl(&["explain", "has.spec.guardrails.quietPeriod"])
            .await;
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("Default 45m.")
    })
    .await
    .unwrap();
}

async fn a_release_lives(helm: Helm) {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("evenkeel");
    older(&before);
    let release = Release::new(helm).await;
    release.kubectl(&["create", "namespace", "shop"]).await;

    let notes = release
        .helm(&[
            "install",
            "evenkeel",
            before.to_str().unwrap(),
            "--create-namespace",
        ])
        .await;
    assert!(
        notes.contains("It reports and changes nothing: no `installation` is set."),
        "{notes}"
    );
    assert!(
        notes.contains("kubectl -n evenkeel-system rollout status deployment/evenkeel"),
        "{notes}"
    );
    assert!(
        notes.contains("evenkeel init --cache GROUP --region REGION > stack.yaml"),
        "{notes}"
    );
    assert_eq!(
        release.columns().await,
        "Ready Redundant Balanced Zones Mode Age Skew LastFailover"
    );
    release.create_stack().await;

    // The definition is upgraded with the release, which Helm doesn't do for a chart's crds/.
    let now = "Ready Redundant Balanced Zones Mode Age Skew LastFailover Plan";
    let notes = release
        .helm(&[
            "upgrade",
            "evenkeel",
            CHART,
            "--set",
            "installation=prod,guardrailDefaults.quietPeriod=45m,guardrailDefaults.maxAddedNodes=7",
        ])
        .await;
    assert!(!notes.contains("changes nothing"), "{notes}");
    assert_eq!(release.columns().await, now);
    let args = "jsonpath={.spec.template.spec.containers[0].args}";
    let get = ["-n", NAMESPACE, "get", "deployment", "evenkeel", "-o", args];
    assert!(release.kubectl(&get).await.contains("--installation=prod"));

    the_new_guardrail_defaults_are_served(&release).await;

    release.helm(&["rollback", "evenkeel", "1"]).await;
    assert!(!release.columns().await.contains("Plan"));
    assert!(!release.kubectl(&get).await.contains("--installation"));
    assert!(release.has_stack().await);

    // Handing the definitions over to somebody else.
    release
        .helm(&["upgrade", "evenkeel", CHART, "--set", "crds.enabled=false"])
        .await;
    assert!(release.has_stack().await);

    release.helm(&["uninstall", "evenkeel"]).await;
    assert!(release.has_stack().await, "a HAStack must outlive the release");
    for gone in [
        &[
            "-n",
            NAMESPACE,
            "deployment,service,poddisruptionbudget,role,rolebinding,serviceaccount",
            "-l",
            "app.kubernetes.io/instance=evenkeel",
        ][..],
        &[
            "clusterrole,clusterrolebinding",
            "-l",
            "app.kubernetes.io/instance=evenkeel",
        ],
    ] {
        assert!(!release.exists(gone).await, "{gone:?}");
    }

    // Back again: the definition that was kept is taken over and upgraded.
    release.helm(&["install", "evenkeel", CHART]).await;
    assert_eq!(release.columns().await, now);
    assert!(release.has_stack().await);

    // Whoever says so loses them.
    release
        .helm(&["upgrade", "evenkeel", CHART, "--set", "crds.keep=false"])
        .await;
    release.helm(&["uninstall", "evenkeel"]).await;
    until("the definition to be gone", 30, async || {
        !release.exists(&["crd", "hastacks.evenkeel.dev"]).await
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_4_installs_upgrades_rolls_back_and_uninstalls_it() {
    a_release_lives(Helm::V4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_3_installs_upgrades_rolls_back_and_uninstalls_it() {
    a_release_lives(Helm::V3).await;
}

/// `helm test`, with this test as the kubelet that ends the Pod.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_test_tells_how_its_pod_ended() {
    let release = Release::new(Helm::V4).await;
    release
        .helm(&["install", "evenkeel", CHART, "--create-namespace"])
        .await;
    for (phase, status) in [("Failed", 1), ("Succeeded", 0)] {
        let kubelet = async {
            // The one of the run before is still there at first.
            let pod = ["-n", NAMESPACE, "pods", "--field-selector=status.phase=Pending"];
            until("the Pod of the test", 30, async || release.exists(&pod).await)
                .await
                .unwrap();
            let patch = format!("{{\"status\": {{\"phase\": \"{phase}\"}}}}");
            let patch = [
                "-n",
                NAMESPACE,
                "patch",
                "pod",
                "evenkeel-test",
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ];
            release.kubectl(&patch).await;
        };
        let test = ["test", "evenkeel", "--namespace", NAMESPACE, "--timeout", "60s"];
        let (ran, ()) = tokio::join!(release.admin().helm(release.helm, &test), kubelet);
        let ran = ran.unwrap();
        assert_eq!(ran.status, status, "{phase}: {}{}", ran.stdout, ran.stderr);
    }
}

/// Commands of a document that begin so, each on one line.
fn commands(document: &str, begin: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{ROOT}/{document}"))
        .unwrap()
        .replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    lines
        .filter(|line| line.starts_with(begin))
        .map(String::from)
        .collect()
}

/// A command of a document, on this checkout's chart.
async fn run(release: &Release, command: &str) -> Ran {
    let command = command.replace("charts/evenkeel", CHART);
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    release.admin().helm(release.helm, &words).await.unwrap()
}

/// What `kubectl apply -k deploy` made becomes a release when asked, and only then.
async fn plain_manifests_are_taken_over(helm: Helm) {
    let release = Release::new(helm).await;
    let page = commands("charts/evenkeel/README.md", "helm ");
    let [install, take_over, uninstall] = page.as_slice() else {
        panic!("{page:?}");
    };
    let deploy = format!("{ROOT}/deploy");
    release.kubectl(&["apply", "-k", &deploy]).await;
    let refused = run(&release, install).await;
    let why = "invalid ownership metadata";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let take_over = match helm {
        Helm::V4 => take_over.clone(),
        Helm::V3 => take_over.replace("--force-conflicts", ""),
    };
    run(&release, &take_over).await.ok().unwrap();
    run(&release, uninstall).await.ok().unwrap();
    assert!(release.exists(&["crd", "hastacks.evenkeel.dev"]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_4_takes_over_what_kubectl_applied() {
    plain_manifests_are_taken_over(Helm::V4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_3_takes_over_what_kubectl_applied() {
    plain_manifests_are_taken_over(Helm::V3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_install_commands_of_the_documents_work_as_they_stand() {
    let release = Release::new(Helm::V4).await;
    let documents = ["README.md", "docs/kubernetes.md", "charts/evenkeel/README.md"];
    for document in documents {
        let install = &commands(document, "helm install")[0];
        run(&release, install).await.ok().unwrap();
        release.helm(&["uninstall", "evenkeel"]).await;
    }
}
