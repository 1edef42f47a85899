//! From the folder of the release, as a person who has nothing else would.

use super::support::{ROOT, VERSION, architecture, file, ok, release, unpacked};
use evenkeel_testkit::{Access, Helm, KubeRig};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn the_folder_holds_what_the_document_lists_and_the_sums_are_right() {
    let names = fs::read_dir(release()).unwrap();
    let names: BTreeSet<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let document = super::support::text("docs/release.md");
    let (_, table) = document.split_once("| file |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<String> = rows
        .map(|row| {
            row.split('`')
                .nth(1)
                .unwrap()
                .replace("VERSION", VERSION)
                .replace("ARCH", architecture())
        })
        .collect();
    assert_eq!(names, listed);
    let sums = fs::read_to_string(release().join("SHA256SUMS")).unwrap();
    let summed: BTreeSet<String> = sums
        .lines()
        .map(|line| line.split("  ").nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(&names - &summed, BTreeSet::from(["SHA256SUMS".to_owned()]));
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(release())
        .output();
    assert_eq!(ok(check.unwrap()), "");
}

#[test]
fn the_program_is_the_one_of_the_image() {
    let folder = unpacked(&format!("-linux-{}.tar.gz", architecture()));
    let inside = folder.path().join(format!("evenkeel-{VERSION}"));
    let names: BTreeSet<_> = fs::read_dir(&inside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, BTreeSet::from(["LICENSE".into(), "evenkeel".into()]));
    let said = Command::new(inside.join("evenkeel")).arg("--version").output();
    assert_eq!(ok(said.unwrap()).trim(), format!("evenkeel {VERSION}"));
    let of_image = super::support::image().rootfs.join("usr/local/bin/evenkeel");
    assert!(fs::read(inside.join("evenkeel")).unwrap() == fs::read(of_image).unwrap());
}

async fn kubectl(admin: &Access, args: &[&str]) -> String {
    admin.kubectl(args).await.unwrap().ok().unwrap()
}

async fn takes_a_stack(admin: &Access) {
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd/hastacks.evenkeel.dev",
    ];
    kubectl(admin, &wait).await;
    kubectl(admin, &["create", "namespace", "shop"]).await;
    let example = format!("{ROOT}/examples/nextgen-commerce.yaml");
    let made = kubectl(admin, &["apply", "--validate=strict", "-f", &example]).await;
    assert_eq!(made, "hastack.evenkeel.dev/nextgen-commerce created\n");
}

/// Image of the Deployment.
async fn image_of(admin: &Access) -> String {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    kubectl(
        admin,
        &[
            "-n",
            "evenkeel-system",
            "get",
            "deployment",
            "evenkeel",
            "-o",
            path,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_installs_the_packaged_chart() {
    let chart = file(&format!("evenkeel-{VERSION}.tgz"));
    let kube = KubeRig::start().await.unwrap();
    let admin = kube.admin();
    let install = [
        "install",
        "evenkeel",
        chart.to_str().unwrap(),
        "--namespace",
        "evenkeel-system",
        "--create-namespace",
    ];
    admin.helm(Helm::V4, &install).await.unwrap().ok().unwrap();
    assert_eq!(
        image_of(admin).await,
        format!("ghcr.io/evenkeel-dev/evenkeel:{VERSION}")
    );
    takes_a_stack(admin).await;
    // And Helm 3 reads it too.
    let show = ["show", "chart", chart.to_str().unwrap()];
    let shown = Helm::V3.run(&show).await.unwrap().ok().unwrap();
    assert!(shown.contains(&format!("\nversion: {VERSION}\n")), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_applies_the_definitions_and_the_manifests() {
    let crds = file("-crds.yaml");
    let deploy = unpacked("-deploy.tar.gz");
    let kube = KubeRig::start().await.unwrap();
    let admin = kube.admin();
    kubectl(admin, &["apply", "--server-side", "-f", crds.to_str().unwrap()]).await;
    takes_a_stack(admin).await;
    let folder = deploy.path().join("deploy");
    let apply = [
        "apply",
        "--server-side",
        "--validate=strict",
        "-k",
        folder.to_str().unwrap(),
    ];
    kubectl(admin, &apply).await;
    assert_eq!(
        image_of(admin).await,
        format!("ghcr.io/evenkeel-dev/evenkeel:{VERSION}")
    );
    for policy in ["controller", "observe", "claim"] {
        let policy = fs::read_to_string(folder.join(format!("iam/{policy}.json"))).unwrap();
        assert!(policy.contains("elasticache:"), "{policy}");
    }
}
