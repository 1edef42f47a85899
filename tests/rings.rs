//! Who may import whom. The rings are drawn in `src/lib.rs` and explained in `ARCHITECTURE.md`.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// (module, what of this crate it may use, which of the watched crates it may use)
const RINGS: &[(&str, &[&str], &[&str])] = &[
    ("topology", &["topology"], &["litemap"]),
    ("plan", &["topology", "plan"], &["sha2", "schemars"]),
    ("api", &["api"], &["kube", "k8s_openapi", "schemars"]),
    ("document", &["document"], &["serde_saphyr"]),
    ("intake", &["intake", "document", "api", "topology", "plan"], &[]),
    ("clock", &["clock"], &["tokio", "tracing"]),
    (
        "aws",
        &["aws", "topology", "clock"],
        &[
            "aws_config",
            "aws_sdk_",
            "aws_smithy_",
            "aws_types",
            "sha2",
            "tokio",
            "tracing",
        ],
    ),
    (
        "observe",
        &["observe", "aws", "topology", "plan", "clock"],
        &["tokio", "tracing"],
    ),
    (
        "execute",
        &["execute", "observe", "aws", "topology", "plan", "clock"],
        &["tokio", "tracing", "rustix"],
    ),
    (
        "report",
        &["report", "document", "api", "topology", "plan", "execute"],
        &["schemars", "prometheus", "serde_saphyr"],
    ),
    (
        "engine",
        &[
            "engine", "report", "execute", "observe", "aws", "plan", "topology", "clock", "api",
        ],
        &["tokio", "tracing"],
    ),
    (
        "shell",
        &["shell", "engine", "report", "aws", "plan", "topology", "clock"],
        &[
            "tokio",
            "tracing",
            "axum",
            "hyper",
            "hyper_util",
            "sha2",
            "aws_config",
        ],
    ),
    (
        "standalone",
        &[
            "standalone",
            "shell",
            "engine",
            "intake",
            "report",
            "execute",
            "observe",
            "aws",
            "plan",
            "topology",
            "clock",
            "api",
        ],
        &["tokio", "tracing", "rustix", "prometheus", "serde_saphyr"],
    ),
    (
        "controller",
        &[
            "controller",
            "shell",
            "engine",
            "intake",
            "report",
            "execute",
            "observe",
            "aws",
            "plan",
            "topology",
            "clock",
            "api",
        ],
        &[
            "tokio",
            "tracing",
            "rustix",
            "prometheus",
            "kube",
            "k8s_openapi",
            "sha2",
        ],
    ),
];

/// External crates whose use is a decision; all others (serde, jiff, thiserror…) are free.
const WATCHED: &[&str] = &[
    "aws_config",
    "aws_sdk_",
    "aws_smithy_",
    "aws_types",
    "axum",
    "clap",
    "comfy_table",
    "hyper",
    "hyper_util",
    "k8s_openapi",
    "kube",
    "prometheus",
    "rand",
    "rustix",
    "schemars",
    "serde_saphyr",
    "sha2",
    "tokio",
    "tracing",
    "anyhow",
];

/// `core/` holds the purest rings, `src/` the others.
fn root_of(module: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match module {
        "topology" | "plan" => root.join("core/src"),
        _ => root.join("src"),
    }
}

fn rust_files(root: &Path, module: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let file = root.join(format!("{module}.rs"));
    if file.is_file() {
        found.push(file);
    }
    let mut folders = vec![root.join(module)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The code without comments and without what follows `#[cfg(test)]` (tests may reach further).
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .map(|l| l.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The words that follow `crate::`, also in `use crate::{a, b::c}`.
fn own_modules(code: &str) -> BTreeSet<String> {
    let word = |s: &str| {
        s.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(word(&item));
                        item.clear();
                        continue;
                    }
                    _ => {}
                }
                item.push(c);
            }
            found.insert(word(&item));
        } else {
            found.insert(word(rest));
        }
    }
    found.remove("");
    found
}

fn watched_crates(code: &str) -> BTreeSet<&'static str> {
    let words: BTreeSet<&str> = code
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter_map(|w| w.split_once("::").map(|(first, _)| first))
        .collect();
    WATCHED
        .iter()
        .copied()
        .filter(|krate| {
            words
                .iter()
                .any(|w| w == krate || (krate.ends_with('_') && w.starts_with(krate)))
        })
        .collect()
}

#[test]
fn modules_import_only_what_their_ring_allows() {
    let mut broken = Vec::new();
    for (module, own, external) in RINGS {
        let src = root_of(module);
        let files = rust_files(&src, module);
        assert!(
            !files.is_empty(),
            "ring {module} has no files: is the table out of date?"
        );
        for file in files {
            let code = code(&file);
            let shown = file.strip_prefix(&src).unwrap().display();
            for used in own_modules(&code) {
                if !own.contains(&used.as_str()) {
                    broken.push(format!("{shown} uses crate::{used}"));
                }
            }
            for used in watched_crates(&code) {
                if !external.contains(&used) {
                    broken.push(format!("{shown} uses the crate {used}"));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "the rings are broken:\n  {}",
        broken.join("\n  ")
    );
}

#[test]
fn every_module_has_a_ring() {
    let known: BTreeSet<&str> = RINGS.iter().map(|r| r.0).chain(["cli", "lib", "main"]).collect();
    let folders = ["plan", "cli"].map(|module| fs::read_dir(root_of(module)).unwrap());
    for entry in folders.into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        assert!(
            known.contains(name),
            "src/{name} has no ring: add it to the table in tests/rings.rs"
        );
    }
}

#[test]
fn planning_uses_ordered_maps_only() {
    for module in ["topology", "plan"] {
        for file in rust_files(&root_of(module), module) {
            let text = fs::read_to_string(&file).unwrap();
            for word in ["HashMap", "HashSet"] {
                assert!(
                    !text.contains(word),
                    "{} uses {word}: same input must give the same bytes",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_simulator_and_the_testkit_never_import_the_product() {
    for member in ["sim", "testkit"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(member);
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let depends = manifest.lines().any(|l| {
            let name = l
                .split(['=', '.', ' '])
                .next()
                .unwrap_or_default()
                .trim_matches('"');
            name == "evenkeel" || l.contains("package = \"evenkeel\"")
        });
        assert!(!depends, "{member}/Cargo.toml depends on evenkeel");
    }
}

#[test]
fn the_product_is_built_without_its_simulator_and_testkit() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let names_one = ["evenkeel-sim", "evenkeel-testkit"]
            .iter()
            .any(|name| line.starts_with(name));
        assert!(
            !names_one || section == "[dev-dependencies]",
            "{line} stands under {section}: it would be part of the product"
        );
    }
}

/// Where the bans of `clippy.toml` (the machine's time, the environment) may be lifted.
const LIFTED: &[&str] = &["sim/src/clock.rs", "src/cli/settings.rs", "src/clock.rs"];

#[test]
fn only_the_clocks_and_the_settings_read_the_machines_time_and_environment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "core/src", "sim/src", "testkit/src"]
        .map(|f| root.join(f))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).unwrap().contains("disallowed_methods") {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    assert_eq!(found, LIFTED);
}

#[test]
fn main_only_calls_the_command_line() {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs");
    let lines = fs::read_to_string(main).unwrap().lines().count();
    assert!(lines <= 30, "src/main.rs has {lines} lines");
}

#[test]
fn the_scanner_sees_what_it_must_see() {
    let code = "use crate::{a, b::{c, d}};\nlet x = crate::e::f(); tokio::spawn(x); use aws_sdk_rds::Client;";
    assert_eq!(own_modules(code), ["a", "b", "e"].map(String::from).into());
    assert_eq!(watched_crates(code), ["aws_sdk_", "tokio"].into());
}
