//! One version, everywhere. (That file names and labels have it is in the other modules.)

use super::support::{VERSION, text};
use serde_json::Value;

#[test]
fn program_chart_manifests_and_changelog_agree() {
    for manifest in [
        "Cargo.toml",
        "core/Cargo.toml",
        "sim/Cargo.toml",
        "testkit/Cargo.toml",
    ] {
        let text = text(manifest);
        let (_, package) = text.split_once("[package]").unwrap();
        assert!(package.contains("\nversion.workspace = true\n"), "{manifest}");
    }
    let chart: Value = serde_saphyr::from_str(&text("charts/evenkeel/Chart.yaml")).unwrap();
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&VERSION.into(), &VERSION.into())
    );
    let image = format!("ghcr.io/evenkeel-dev/evenkeel:{VERSION}");
    let images = chart["annotations"]["artifacthub.io/images"].as_str().unwrap();
    assert!(images.contains(&format!("image: {image}\n")), "{images}");
    assert!(text("deploy/evenkeel.yaml").contains(&format!("image: \"{image}\"\n")));
    // Above it only what isn't released yet.
    let changelog = text("CHANGELOG.md");
    let mut headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let first = headings.next().unwrap();
    let released = if first == "Unreleased" {
        headings.next()
    } else {
        Some(first)
    };
    if let Some(released) = released {
        let version = released.split(' ').next().unwrap().trim_matches(['[', ']']);
        assert_eq!(version, VERSION);
    }
}
