//! `deploy/kind/`: kind itself can't run here, so a real API server takes what its commands would send.

use super::support::{ROOT, cluster, objects, only, render, yaml};
use evenkeel_testkit::{Helm, KubeRig};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kind");

fn texts<'a>(values: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    values.map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn nodes_world_and_stack_have_the_same_zones() {
    let config = yaml(format!("{FOLDER}/kind-config.yaml"));
    assert_eq!(
        (&config["kind"], &config["apiVersion"]),
        (&"Cluster".into(), &"kind.x-k8s.io/v1alpha4".into())
    );
    let nodes = config["nodes"].as_array().unwrap();
    let of_nodes = texts(
        nodes
            .iter()
            .map(|node| &node["labels"]["topology.kubernetes.io/zone"]),
    );
    assert_eq!((nodes.len(), of_nodes.len()), (3, 3));
    let world = yaml(format!("{FOLDER}/world.yaml"));
    let of_world: BTreeSet<String> = world["zones"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(of_world, of_nodes);
    let stack = yaml(format!("{FOLDER}/hastack.yaml"));
    let of_stack = texts(
        stack["spec"]["zones"]
            .as_array()
            .unwrap()
            .iter()
            .map(|zone| &zone["name"]),
    );
    assert_eq!(of_stack, of_nodes);
    // And the group is the one that the installation of the values has claimed.
    let values = yaml(format!("{FOLDER}/values.yaml"));
    let group = &world["replicationGroups"][0];
    assert_eq!(group["tags"]["evenkeel.dev/owner"], values["installation"]);
    assert_eq!(group["id"], stack["spec"]["caches"][0]["replicationGroup"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_takes_every_object() {
    // One of its own: the CRD stays, so that the HAStack is checked.
    let kube = KubeRig::start().await.unwrap();
    let admin = kube.admin();
    let apply = ["apply", "--server-side", "--validate=strict"];
    // Really, for a dry run makes no namespace for what is in it. Nothing here starts a Pod.
    let made = admin.kubectl(&[&apply[..], &["-k", FOLDER]].concat()).await;
    assert_eq!(made.unwrap().ok().unwrap().lines().count(), 4);
    let values = format!("{FOLDER}/values.yaml");
    admin
        .kubectl(&["create", "namespace", "evenkeel-system"])
        .await
        .unwrap()
        .ok()
        .unwrap();
    let release = render(Helm::V4, &["--values", &values]).await;
    let dry = [&apply[..], &["--dry-run=server", "-f", "-"]].concat();
    let ran = admin.kubectl_with(&dry, &release).await.unwrap();
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    admin
        .kubectl(&["apply", "--server-side", "-f", &format!("{ROOT}/crds")])
        .await
        .unwrap()
        .ok()
        .unwrap();
    super::plain::established(admin).await;
    let stack = format!("{FOLDER}/hastack.yaml");
    let dry = [&apply[..], &["--dry-run=server", "-f", &stack]].concat();
    let taken = admin.kubectl(&dry).await.unwrap().ok().unwrap();
    assert!(
        taken.starts_with("hastack.evenkeel.dev/sessions serverside-applied"),
        "{taken}"
    );
    let rendered = objects(&release);
    let container = &only(&rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "localhost/evenkeel:dev");
    let args = texts(container["args"].as_array().unwrap().iter());
    let service = format!("{FOLDER}/sim.yaml");
    let service = objects(&fs::read_to_string(service).unwrap());
    let service = only(&service, "Service");
    let url = format!(
        "http://{}.{}.svc:{}",
        service["metadata"]["name"].as_str().unwrap(),
        service["metadata"]["namespace"].as_str().unwrap(),
        service["spec"]["ports"][0]["port"]
    );
    for flag in ["aws-endpoint-url", "clock-url"] {
        assert!(args.contains(&format!("--{flag}={url}")), "{args:?}");
    }
}

/// A Pod that the namespace's own rule would refuse never starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulators_pod_is_admitted_where_only_restricted_ones_are() {
    let admin = cluster().await.admin();
    let all = objects(&fs::read_to_string(format!("{FOLDER}/sim.yaml")).unwrap());
    let mut namespace = only(&all, "Namespace").clone();
    namespace["metadata"]["name"] = "as-in-kind".into();
    let create = admin
        .kubectl_with(&["create", "-f", "-"], &namespace.to_string())
        .await;
    create.unwrap().ok().unwrap();
    let mut pod = only(&all, "Deployment")["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "sim".into();
    pod["metadata"]["namespace"] = "as-in-kind".into();
    let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let ran = admin.kubectl_with(&create, &pod.to_string()).await.unwrap();
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
fn every_file_that_the_page_names_exists() {
    let page = fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    let words = page.split(|c: char| c.is_whitespace() || c == '`');
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("deploy/kind/")).collect();
    assert!(named.len() >= 4, "{named:?}");
    for path in named {
        assert!(std::path::Path::new(ROOT).join(path).exists(), "{path}");
    }
}
