//! What the chart renders, for each values file of the matrix, by both Helms.

use super::support::{CHART, ROOT, cluster, objects, only, render, values_files, yaml};
use evenkeel_testkit::Helm;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Takes manifests on standard input and stores nothing; an unknown field is an error.
const DRY_RUN: [&str; 6] = [
    "apply",
    "--server-side",
    "--dry-run=server",
    "--validate=strict",
    "-f",
    "-",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_finds_nothing_to_complain_about() {
    for helm in Helm::BOTH {
        for (name, path) in values_files() {
            let lint = ["lint", "--strict", CHART, "--values", path.to_str().unwrap()];
            let ran = helm.run(&lint).await.unwrap();
            assert_eq!(ran.status, 0, "{name}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_api_server_accepts_every_object_to_the_last_field() {
    let admin = cluster().await.admin();
    for (name, path) in values_files() {
        let by_four = render(Helm::V4, &["--values", path.to_str().unwrap()]).await;
        let by_three = render(Helm::V3, &["--values", path.to_str().unwrap()]).await;
        let parsed = objects(&by_four);
        assert_eq!(
            sorted(&parsed),
            sorted(&objects(&by_three)),
            "{name}: by Helm 4 and 3"
        );
        let ran = admin.kubectl_with(&DRY_RUN, &by_four).await.unwrap();
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr);
        assert_eq!(ran.stdout.lines().count(), parsed.len(), "{name}: {}", ran.stdout);
    }
}

fn sorted(objects: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = objects.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// Paths of everything that is said in a file of values, such as `image.tag`.
fn said(values: &Value, defaults: &Value, at: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in values.as_object().unwrap() {
        let path = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        match (value, &defaults[key]) {
            // A map whose keys are the user's own is one value.
            (Value::Object(_), Value::Object(known)) if is_section(&path, known) => {
                paths.extend(said(value, &defaults[key], &path));
            }
            _ => paths.push(path),
        }
    }
    paths
}

fn is_section(path: &str, known: &serde_json::Map<String, Value>) -> bool {
    let of_kubernetes = [
        "resources",
        "podSecurityContext",
        "securityContext",
        "nodeSelector",
        "dashboard.labels",
    ];
    !known.is_empty() && !of_kubernetes.contains(&path)
}

fn without(values: &Value, path: &str) -> Value {
    let mut values = values.clone();
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = &mut values;
    for part in parent.split('.').filter(|p| !p.is_empty()) {
        at = &mut at[part];
    }
    at.as_object_mut().unwrap().remove(key).unwrap();
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_has_an_effect_in_some_file_of_the_matrix() {
    let defaults = yaml(format!("{CHART}/values.yaml"));
    let all: BTreeSet<String> = said(&defaults, &defaults, "").into_iter().collect();
    assert!(all.len() > 50, "{all:?}");
    let mut effective = BTreeSet::new();
    for (name, path) in values_files() {
        let values = yaml(&path);
        let whole = render(Helm::V4, &["--values", path.to_str().unwrap()]).await;
        for value in said(&values, &defaults, "") {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("values.json");
            fs::write(&file, without(&values, &value).to_string()).unwrap();
            let rest = render(Helm::V4, &["--values", file.to_str().unwrap()]).await;
            assert!(rest != whole, "{name}: {value} changes nothing");
            effective.insert(value);
        }
    }
    assert_eq!(effective, all);
}

#[tokio::test]
async fn the_charts_defaults_are_the_programs() {
    use evenkeel::engine::fleet::Limits;
    let values = yaml(format!("{CHART}/values.yaml"));
    let limits = Limits::default();
    assert_eq!(
        values["limits"]["maxConcurrentDisruptions"],
        limits.max_concurrent_disruptions
    );
    assert_eq!(values["limits"]["maxAddedNodes"], limits.max_added_nodes);
    assert_eq!(values["limits"]["maxTestFailovers"], limits.test_failovers);
    let guardrails = &evenkeel::api::crd::schema()["properties"]["spec"]["properties"]["guardrails"];
    assert_eq!(values["guardrailDefaults"], guardrails["default"]);
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["controller", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for value in [
        &values["leaderElection"]["leaseName"],
        &values["leaderElection"]["leaseSeconds"],
        &values["log"]["filter"],
        &values["poll"]["descriptionsSeconds"],
    ] {
        let text = value.as_str().map_or_else(|| value.to_string(), String::from);
        assert!(help.contains(&format!("[default: {text}]")), "{text}");
    }
}

/// Flags of the controller that people may set, but for those of a machine outside of the cluster.
#[test]
fn there_is_a_value_for_every_flag_and_no_flag_is_forgotten() {
    use clap::CommandFactory as _;
    let helpers = fs::read_to_string(format!("{CHART}/templates/_helpers.tpl")).unwrap();
    let (_, list) = helpers.split_once("define \"evenkeel.flags\" -}}\n").unwrap();
    let list = list.split("{{-").next().unwrap();
    let listed: BTreeSet<&str> = list.lines().map(|line| line.split(':').next().unwrap()).collect();
    let command = evenkeel::cli::args::Cli::command();
    let controller = command.find_subcommand("controller").unwrap();
    let flags: BTreeSet<String> = controller
        .get_arguments()
        .filter(|a| !a.is_hide_set())
        .filter_map(|a| a.get_long())
        .filter(|flag| !["kubeconfig", "context", "identity"].contains(flag))
        .map(|flag| format!("--{flag}"))
        .collect();
    assert_eq!(listed, flags.iter().map(String::as_str).collect());
}

#[tokio::test]
async fn two_pods_by_default_that_can_do_nothing_but_their_work() {
    let all = objects(&render(Helm::V4, &[]).await);
    let deployment = only(&all, "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
    // Room for the 25 s that a step in hand may take.
    assert_eq!(pod["terminationGracePeriodSeconds"], 40);
    let spread: Vec<&str> = pod["topologySpreadConstraints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["topologyKey"].as_str().unwrap())
        .collect();
    assert_eq!(spread, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
}

/// Kubernetes' own profile for Pods of whom nothing bad may come, enforced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_pods_are_admitted_under_the_restricted_profile() {
    let admin = cluster().await.admin();
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted"}});
    namespace["metadata"]["labels"] = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let create = admin
        .kubectl_with(&["create", "-f", "-"], &namespace.to_string())
        .await;
    create.unwrap().ok().unwrap();
    let admit = async |mut pod: Value| {
        pod["metadata"]["name"] = json!("evenkeel");
        pod["metadata"]["namespace"] = json!("restricted");
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
        admin.kubectl_with(&create, &pod.to_string()).await.unwrap()
    };
    let all = objects(&render(Helm::V4, &[]).await);
    let mut controller = only(&all, "Deployment")["spec"]["template"].clone();
    for pod in [&controller, only(&all, "Pod")] {
        let ran = admit(pod.clone()).await;
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
    controller["spec"]["containers"][0]["securityContext"] = json!({});
    let refused = admit(controller).await;
    assert!(
        refused.stderr.contains("violates PodSecurity"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn with_namespaces_named_there_is_a_role_in_each_and_no_cluster_role() {
    let path = format!("{ROOT}/tests/chart/values/namespaces.yaml");
    let all = objects(&render(Helm::V4, &["--values", &path]).await);
    assert!(
        all.iter()
            .all(|o| o["kind"] != "ClusterRole" && o["kind"] != "ClusterRoleBinding")
    );
    let roles: Vec<String> = all
        .iter()
        .filter(|o| o["kind"] == "Role")
        .map(|o| format!("{}/{}", o["metadata"]["namespace"], o["metadata"]["name"]).replace('"', ""))
        .collect();
    assert_eq!(
        roles,
        [
            "team-a/evenkeel-stacks",
            "team-b/evenkeel-stacks",
            "evenkeel-system/evenkeel"
        ]
    );
}

#[tokio::test]
async fn with_namespaces_named_the_only_cluster_role_is_that_of_accounts() {
    let more = "watchNamespaces={team-a},rbac.aggregate=false";
    let all = objects(&render(Helm::V4, &["--set", more]).await);
    let roles: Vec<&Value> = all.iter().filter(|o| o["kind"] == "ClusterRole").collect();
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0]["metadata"]["name"], "evenkeel-accounts");
    let rules = roles[0]["rules"].as_array().unwrap();
    let resources: Vec<&Value> = rules.iter().map(|rule| &rule["resources"][0]).collect();
    assert_eq!(resources, ["awsaccounts", "awsaccounts/status", "namespaces"]);
}

/// YAML would read them as numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_and_namespaces_may_be_called_by_numbers() {
    let admin = cluster().await.admin();
    for namespace in ["1e3", "42"] {
        let create = admin.kubectl(&["create", "namespace", namespace]).await;
        create.unwrap().ok().unwrap();
    }
    let mut args = vec![
        "template",
        "7",
        CHART,
        "--namespace",
        "42",
        "--set-string",
        "watchNamespaces={1e3}",
    ];
    args.extend([
        "--set",
        "fullnameOverride=keel,crds.enabled=false,log.filter=info #1",
    ]);
    let manifest = Helm::V4.run(&args).await.unwrap().ok().unwrap();
    let ran = admin.kubectl_with(&DRY_RUN, &manifest).await.unwrap();
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let deployment = only(&objects(&manifest), "Deployment").clone();
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(
        args.as_array().unwrap().contains(&json!("--log=info #1")),
        "{args}"
    );
}

#[tokio::test]
async fn neither_the_service_nor_the_budget_takes_the_test_pod_for_a_controller() {
    let all = objects(&render(Helm::V4, &[]).await);
    let pod = &only(&all, "Pod")["metadata"]["labels"];
    for selector in [
        &only(&all, "Service")["spec"]["selector"],
        &only(&all, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &only(&all, "Deployment")["spec"]["selector"]["matchLabels"],
    ] {
        let labels = selector.as_object().unwrap();
        assert!(labels.iter().any(|(key, value)| pod[key] != *value), "{labels:?}");
    }
}

#[test]
fn chart_program_and_image_have_one_version() {
    let chart = yaml(format!("{CHART}/Chart.yaml"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(chart["version"], version);
    assert_eq!(chart["appVersion"], version);
    let images = chart["annotations"]["artifacthub.io/images"].as_str().unwrap();
    let values = yaml(format!("{CHART}/values.yaml"));
    let image = format!("{}:{version}\n", values["image"]["repository"].as_str().unwrap());
    assert!(images.ends_with(&image), "{images}");
}

/// What `.helmignore` leaves out is not missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_renders_what_the_folder_renders() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().to_str().unwrap();
    let package = format!("{destination}/evenkeel-{}.tgz", env!("CARGO_PKG_VERSION"));
    let more = ["--set", "prometheusRule.enabled=true,dashboard.enabled=true"];
    let from_folder = render(Helm::V4, &more).await;
    for helm in Helm::BOTH {
        let pack = ["package", CHART, "--destination", destination];
        helm.run(&pack).await.unwrap().ok().unwrap();
        let args = ["template", "evenkeel", &package, "--namespace", "evenkeel-system"];
        let ran = Helm::V4.run(&[&args[..], &more].concat()).await.unwrap();
        assert!(ran.ok().unwrap() == from_folder, "packed by {}", helm.name());
    }
}
