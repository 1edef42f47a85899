//! The controller as the Helm chart starts it: its arguments, environment, ServiceAccount and rights, through an outage.
//! What a kubelet would do with the Deployment is done here, since nothing runs Pods.

use super::rights::{full_life, full_life_world, granted, used};
use super::{Controller, KubeRig, Rig, simulator};
use crate::controller::{Container, Place};
use crate::rig::LoopUnderTest as _;
use evenkeel_testkit::{Helm, take_port};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/evenkeel");
const OWN: &str = "evenkeel-system";

/// What only this machine needs: the simulator in place of AWS and of the clock, credentials, a port of loopback.
fn values(endpoint: &str, port: u16) -> Value {
    let env = [
        ("AWS_ACCESS_KEY_ID", "AKIASCENARIO00000000"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    json!({
        "installation": "demo",
        "aws": {"region": "ap-northeast-2", "endpointUrl": endpoint},
        "extraArgs": [format!("--clock-url={endpoint}")],
        "extraEnv": env.map(|(name, value)| json!({"name": name, "value": value})),
        "listen": {"address": "127.0.0.1", "port": port},
    })
}

/// The container as the kubelet starts it: fields of the Pod and references to variables replaced.
fn container(pod: &Value) -> Container {
    let spec = &pod["containers"][0];
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut env = Vec::new();
    for variable in spec["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap().to_owned();
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("metadata.name") => "keeper-evenkeel-5d4f8-x7zkq".to_owned(),
            Some("metadata.uid") => "0a1b2c3d-0000-4000-8000-000000000001".to_owned(),
            Some(other) => panic!("{other}: what is it?"),
            None => known.iter().fold(
                variable["value"].as_str().unwrap().to_owned(),
                |value, (name, known)| value.replace(&format!("$({name})"), known),
            ),
        };
        known.insert(name.clone(), value.clone());
        env.push((name, value));
    }
    let args = spec["args"].as_array().unwrap();
    let args = args.iter().map(|arg| arg.as_str().unwrap().to_owned()).collect();
    Container { args, env }
}

/// Status code of a page, as a probe sees it.
async fn probe(port: u16, path: &str) -> u16 {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Every page that the release asks for: the probes of the Pod, the command of `helm test`.
fn pages(pod: &Value, hooks: &str, port: u16) -> Vec<String> {
    let probes = ["livenessProbe", "readinessProbe"].map(|probe| &pod["containers"][0][probe]["httpGet"]);
    let named = &pod["containers"][0]["ports"][0];
    assert_eq!(named["containerPort"], port);
    let mut pages: Vec<String> = probes
        .iter()
        .map(|get| {
            assert_eq!(get["port"], named["name"]);
            get["path"].as_str().unwrap().to_owned()
        })
        .collect();
    let service = format!("http://keeper-evenkeel.{OWN}:{port}");
    let (_, path) = hooks.split_once(&service).unwrap();
    pages.push(path.split('"').next().unwrap().to_owned());
    assert_eq!(pages, ["/healthz", "/readyz", "/readyz"]);
    pages
}

async fn it_works_as_the_chart_starts_it(more_values: Value) {
    let kube = KubeRig::start().await.unwrap();
    let admin = kube.admin();
    for namespace in ["evenkeel-system", "shop"] {
        let create = admin.kubectl(&["create", "namespace", namespace]).await;
        create.unwrap().ok().unwrap();
    }
    let sim = simulator(&full_life_world()).await;
    let port = take_port().unwrap();
    let mut values = values(&sim.endpoint_url(), port.number);
    let more_values = more_values.as_object().unwrap().clone();
    values.as_object_mut().unwrap().extend(more_values);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.json");
    std::fs::write(&file, values.to_string()).unwrap();
    let helm = async |args: &[&str]| {
        let args = [args, &["--namespace", OWN]].concat();
        admin.helm(Helm::V4, &args).await.unwrap().ok().unwrap()
    };
    helm(&["install", "keeper", CHART, "--values", file.to_str().unwrap()]).await;
    let manifest = helm(&["get", "manifest", "keeper"]).await;
    let hooks = helm(&["get", "hooks", "keeper"]).await;
    let get = ["-n", OWN, "get", "deployment", "keeper-evenkeel", "-o", "json"];
    let deployment = admin.kubectl(&get).await.unwrap().ok().unwrap();
    let deployment: Value = serde_json::from_str(&deployment).unwrap();
    let pod = &deployment["spec"]["template"]["spec"];

    let name = pod["serviceAccountName"].as_str().unwrap();
    let account = kube.service_account(OWN, name).await.unwrap();
    let place = Place {
        namespace: "shop".to_owned(),
        own_namespace: OWN.to_owned(),
        account: account.clone(),
        admin: admin.clone(),
    };
    let lut = Controller::deployed(&sim, place, container(pod));
    let mut rig = Rig::over(sim, lut);
    full_life(&mut rig, async |rig| {
        for page in pages(pod, &hooks, port.number) {
            assert_eq!(probe(port.number, &page).await, 200, "{page}");
        }
        rig.lut.stop_all_acting(true).await;
        rig.lut.stop_all_acting(false).await;
    })
    .await;
    assert_eq!(used(&kube, account.user()), granted(&manifest, name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_all_namespaces_no_right_of_the_chart_is_missing_and_none_is_unused() {
    it_works_as_the_chart_starts_it(json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_namespace_no_right_of_the_chart_is_missing_and_none_is_unused() {
    it_works_as_the_chart_starts_it(json!({"watchNamespaces": ["shop"]})).await;
}
