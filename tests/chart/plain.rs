//! `deploy/`, without Helm.

use super::support::ROOT;
use evenkeel_testkit::{Access, KubeRig};
use std::fs;

pub async fn established(admin: &Access) {
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd/hastacks.evenkeel.dev",
        "crd/awsaccounts.evenkeel.dev",
    ];
    admin.kubectl(&wait).await.unwrap().ok().unwrap();
}

/// Whether somebody may, by RBAC.
async fn may(admin: &Access, account: &str, what: &[&str]) -> bool {
    let account = format!("system:serviceaccount:{account}");
    let args = [&["auth", "can-i", "--as", &account][..], what].concat();
    admin.kubectl(&args).await.unwrap().stdout.trim() == "yes"
}

/// (account, what, whether it may)
const RIGHTS: &[(&str, &str, bool)] = &[
    ("evenkeel-system:evenkeel", "watch hastacks -A", true),
    (
        "evenkeel-system:evenkeel",
        "patch hastacks --subresource=status -n shop",
        true,
    ),
    ("evenkeel-system:evenkeel", "update hastacks -n shop", false),
    (
        "evenkeel-system:evenkeel",
        "update leases/evenkeel -n evenkeel-system",
        true,
    ),
    (
        "evenkeel-system:evenkeel",
        "update leases/evenkeel -n shop",
        false,
    ),
    (
        "evenkeel-system:evenkeel",
        "get secrets -n evenkeel-system",
        false,
    ),
    ("evenkeel-system:evenkeel", "watch awsaccounts", true),
    (
        "evenkeel-system:evenkeel",
        "patch awsaccounts --subresource=status",
        true,
    ),
    ("evenkeel-system:evenkeel", "update awsaccounts", false),
    ("evenkeel-system:evenkeel", "list namespaces", true),
    ("shop:editor", "create awsaccounts", false),
    ("shop:viewer", "list awsaccounts", false),
    ("shop:editor", "create hastacks -n shop", true),
    (
        "shop:editor",
        "patch hastacks --subresource=status -n shop",
        false,
    ),
    ("shop:viewer", "list hastacks -n shop", true),
    ("shop:viewer", "delete hastacks -n shop", false),
    ("shop:anybody", "list hastacks -n shop", false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_applies_the_folder_and_a_second_time_changes_nothing() {
    let kube = KubeRig::start().await.unwrap();
    let admin = kube.admin();
    let deploy = format!("{ROOT}/deploy");
    let first = admin
        .kubectl(&["apply", "--validate=strict", "-k", &deploy])
        .await
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        first.lines().count() >= 10 && first.lines().all(|l| l.ends_with(" created")),
        "{first}"
    );
    // (`apply` calls every PodDisruptionBudget configured, also when nothing changes.)
    let second = admin.kubectl(&["diff", "-k", &deploy]).await.unwrap();
    assert_eq!(
        (second.status, second.stdout.as_str()),
        (0, ""),
        "{}",
        second.stderr
    );
    established(admin).await;

    // The controller's account, somebody who may edit, somebody who may view, and anybody.
    admin
        .kubectl(&["create", "namespace", "shop"])
        .await
        .unwrap()
        .ok()
        .unwrap();
    for (name, role) in [("editor", "evenkeel-edit"), ("viewer", "evenkeel-view")] {
        let account = format!("--serviceaccount=shop:{name}");
        let bind = [
            "-n",
            "shop",
            "create",
            "rolebinding",
            name,
            "--clusterrole",
            role,
            &account,
        ];
        admin.kubectl(&bind).await.unwrap().ok().unwrap();
    }
    for (account, what, allowed) in RIGHTS {
        let what: Vec<&str> = what.split(' ').collect();
        assert_eq!(may(admin, account, &what).await, *allowed, "{account} {what:?}");
    }
}

/// The overlay of docs/kubernetes.md, on this checkout.
#[tokio::test]
async fn the_overlay_of_the_document_names_image_and_installation() {
    let text = fs::read_to_string(format!("{ROOT}/docs/kubernetes.md")).unwrap();
    let (_, block) = text.split_once("# kustomization.yaml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let relative = "../deploy";
    assert!(
        block.contains("https://github.com/evenkeel-dev/evenkeel//deploy"),
        "{block}"
    );
    let block = block.replace(
        "https://github.com/evenkeel-dev/evenkeel//deploy?ref=main",
        relative,
    );
    let overlay = folder.path().join("overlay");
    fs::create_dir(&overlay).unwrap();
    fs::write(overlay.join("kustomization.yaml"), block).unwrap();
    super::refusals::copy(format!("{ROOT}/deploy").as_ref(), &folder.path().join("deploy"));
    let kubectl = evenkeel_testkit::assets().unwrap().join("kubectl");
    let built = std::process::Command::new(kubectl)
        .arg("kustomize")
        .arg(&overlay)
        .output()
        .unwrap();
    let manifest = String::from_utf8(built.stdout).unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    assert!(
        manifest.contains("image: registry.example.com/platform/evenkeel:0.1.0"),
        "{manifest}"
    );
    assert!(manifest.contains("- --installation=prod"), "{manifest}");
}

/// As its comment says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_check_is_added_to_what_argo_cd_is_configured_with() {
    let admin = super::support::cluster().await.admin();
    let patch = fs::read_to_string(format!("{ROOT}/deploy/argocd/argocd-cm.yaml")).unwrap();
    let command = patch
        .lines()
        .find_map(|line| line.strip_prefix("#   kubectl "))
        .unwrap();
    let command = command.replace("deploy/", &format!("{ROOT}/deploy/"));
    let command: Vec<&str> = command.split(' ').collect();
    for make in [
        "create namespace argocd",
        "-n argocd create configmap argocd-cm --from-literal=url=https://argo",
    ] {
        let make: Vec<&str> = make.split(' ').collect();
        admin.kubectl(&make).await.unwrap().ok().unwrap();
    }
    admin.kubectl(&command).await.unwrap().ok().unwrap();
    let get = [
        "-n",
        "argocd",
        "get",
        "configmap",
        "argocd-cm",
        "-o",
        "jsonpath={.data}",
    ];
    let data = admin.kubectl(&get).await.unwrap().ok().unwrap();
    assert!(data.contains("\"url\":\"https://argo\""), "{data}");
    assert!(
        data.contains("\"resource.customizations.health.evenkeel.dev_HAStack\":\"local status"),
        "{data}"
    );
}
