//! Both Dockerfiles, and what is sent to be built.

use super::support::{Image, ROOT, hack, ok, text};
use std::fs;

const DOCKERFILES: [&str; 2] = ["Dockerfile", "deploy/kind/Dockerfile.sim"];

/// The instructions, continued lines joined, without comments.
fn instructions(dockerfile: &str) -> Vec<(String, String)> {
    let text = text(dockerfile).replace("\\\n", " ");
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect()
}

#[test]
fn images_are_of_a_numbered_user_and_start_without_a_shell() {
    for dockerfile in DOCKERFILES {
        let all = instructions(dockerfile);
        let last = |word: &str| &all.iter().rfind(|(w, _)| w == word).unwrap().1;
        assert_eq!(last("USER"), "65532:65532", "{dockerfile}");
        let entrypoint: Vec<String> = serde_json::from_str(last("ENTRYPOINT")).unwrap();
        assert!(
            entrypoint[0].starts_with("/usr/local/bin/evenkeel"),
            "{dockerfile}"
        );
        assert!(!all.iter().any(|(word, _)| word == "CMD"), "{dockerfile}");
    }
}

#[test]
fn both_are_built_from_the_same_images_which_can_be_replaced() {
    let channel = text("rust-toolchain.toml");
    let channel = channel
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .unwrap();
    let builder = format!("docker.io/library/rust:{}-bookworm", channel.trim_matches('"'));
    for dockerfile in DOCKERFILES {
        let all = instructions(dockerfile);
        let before: Vec<&str> = all
            .iter()
            .take_while(|(word, _)| word == "ARG")
            .map(|(_, rest)| rest.as_str())
            .collect();
        let wanted = [
            format!("BUILDER={builder}"),
            "BASE=gcr.io/distroless/cc-debian12:nonroot".to_owned(),
        ];
        assert_eq!(before, wanted, "{dockerfile}");
        let stages = all
            .iter()
            .filter(|(word, _)| word == "FROM")
            .map(|(_, from)| from.split(' ').next().unwrap());
        let named: Vec<&str> = stages.filter(|from| *from != "dependencies").collect();
        assert_eq!(named, ["${BUILDER}", "${BASE}"], "{dockerfile}");
    }
}

/// By the tool that builds, for nobody reads .dockerignore quite like another.
#[test]
fn what_is_built_from_is_sent_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let dockerfile = folder.path().join("Dockerfile");
    fs::write(&dockerfile, "FROM scratch\nCOPY . /\n").unwrap();
    let tag = format!("localhost/evenkeel-context:{}", std::process::id());
    let archive = folder.path().join("context.tar");
    let mut bud = hack("buildah");
    bud.args(["bud", "--quiet", "--tag", &tag, "--file"])
        .arg(&dockerfile)
        .arg(ROOT);
    ok(bud.output().unwrap());
    let mut push = hack("buildah");
    push.args(["push", "--quiet", "--disable-compression", &tag]);
    ok(push
        .arg(format!("oci-archive:{}", archive.display()))
        .output()
        .unwrap());
    ok(hack("buildah").args(["rmi", &tag]).output().unwrap());
    let sent = Image::of(&archive, &folder.path().join("image")).layers.concat();
    for needed in [
        "Cargo.lock",
        "Cargo.toml",
        "benches/scale/main.rs",
        "core/Cargo.toml",
        "core/src/lib.rs",
        "examples/demo/Cargo.toml",
        "sim/src/main.rs",
        "src/main.rs",
        "testkit/Cargo.toml",
        "tests/support/Cargo.toml",
    ] {
        assert!(sent.iter().any(|name| name == needed), "{needed}");
    }
    let known = [
        "benches/",
        "core/",
        "examples/demo/",
        "sim/",
        "src/",
        "testkit/",
        "tests/support/",
        "Cargo.toml",
        "Cargo.lock",
    ];
    for name in &sent {
        assert!(known.iter().any(|begin| name.starts_with(begin)), "{name}");
        assert!(!name.contains("__pycache__"), "{name}");
    }
}
