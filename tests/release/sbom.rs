//! The list of what the program is made of.

use super::support::{ROOT, VERSION, file, image, ok};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

fn bom() -> Value {
    serde_json::from_str(&fs::read_to_string(file(".cdx.json")).unwrap()).unwrap()
}

/// Name and version of every component, in one word as folders of the registry have it.
fn crates(bom: &Value) -> BTreeSet<String> {
    let components = bom["components"].as_array().unwrap().iter();
    components
        .map(|c| {
            format!(
                "{}-{}",
                c["name"].as_str().unwrap(),
                c["version"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn it_lists_what_cargo_compiles_into_the_program() {
    let bom = bom();
    assert_eq!(
        (&bom["bomFormat"], &bom["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    let tree = Command::new("cargo")
        .args(["tree", "--locked", "--package", "evenkeel", "--edges", "normal"])
        .args(["--prefix", "none", "--no-dedupe"])
        .current_dir(ROOT)
        .output();
    let tree = ok(tree.unwrap());
    let own = format!("evenkeel-{VERSION}");
    let tree: BTreeSet<String> = tree
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once(" v").unwrap();
            format!("{name}-{}", rest.split(' ').next().unwrap())
        })
        .filter(|name| *name != own)
        .collect();
    assert!(tree.contains(&format!("evenkeel-core-{VERSION}")), "{tree:?}");
    let listed = crates(&bom);
    assert_eq!(&tree - &listed, BTreeSet::new(), "not listed");
    assert_eq!(&listed - &tree, BTreeSet::new(), "not compiled in");
}

#[test]
fn what_the_program_itself_names_is_in_it() {
    let crates = crates(&bom());
    let bytes = fs::read(image().rootfs.join("usr/local/bin/evenkeel")).unwrap();
    // Where a panic would say that it happened.
    let text = String::from_utf8_lossy(&bytes);
    let named: BTreeSet<&str> = text
        .split("/registry/src/")
        .skip(1)
        .filter_map(|rest| rest.split('/').nth(1))
        .collect();
    assert!(named.len() >= 40, "{named:?}");
    for name in named {
        assert!(crates.contains(name), "{name}");
    }
}

#[test]
fn it_names_the_sdk_and_nothing_that_only_tests_need() {
    let bom = bom();
    let components = bom["components"].as_array().unwrap();
    let has = |name: &str| components.iter().any(|c| c["name"] == name);
    for shipped in [
        "aws-sdk-cloudwatch",
        "aws-sdk-elasticache",
        "aws-sdk-sts",
        "aws-lc-sys",
        "kube",
        "rustls",
        "tokio",
    ] {
        assert!(has(shipped), "{shipped}");
    }
    for other in [
        "evenkeel-sim",
        "evenkeel-testkit",
        "cc",
        "jsonschema",
        "proptest",
        "ring",
        "tempfile",
    ] {
        assert!(!has(other), "{other}");
    }
}

#[test]
fn it_is_whole_and_the_same_on_every_machine() {
    let bom = bom();
    let own = &bom["metadata"]["component"];
    assert_eq!(
        (&own["name"], &own["version"]),
        (&"evenkeel".into(), &VERSION.into())
    );
    let components = bom["components"].as_array().unwrap();
    let refs: BTreeSet<&str> = components
        .iter()
        .chain([own])
        .map(|c| c["bom-ref"].as_str().unwrap())
        .collect();
    for component in components.iter().filter(|c| c["name"] != "evenkeel-core") {
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{component}");
        assert!(
            component["purl"].as_str().unwrap().starts_with("pkg:cargo/"),
            "{component}"
        );
        assert!(component["licenses"].is_array(), "{component}");
    }
    for dependency in bom["dependencies"].as_array().unwrap() {
        let on = dependency["dependsOn"].as_array().cloned().unwrap_or_default();
        for name in on.iter().chain([&dependency["ref"]]) {
            assert!(refs.contains(name.as_str().unwrap()), "{name}");
        }
    }
    let text = bom.to_string();
    let home = std::env::home_dir().unwrap();
    for place in [ROOT, "/tmp/", home.to_str().unwrap()] {
        assert!(!text.contains(place), "{place}");
    }
}
