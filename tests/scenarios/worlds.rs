//! The worlds and manifests that scenarios start from.

/// Cluster mode, as the world file spells it. Where both make sense, a scenario runs in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enabled,
    Disabled,
}

/// For the list of scenarios.
pub fn enabled() -> Mode {
    Mode::Enabled
}

/// For the list of scenarios.
pub fn disabled() -> Mode {
    Mode::Disabled
}

/// One group `sessions` owned by this installation. Shards as drawn: `"a:P c:r"`.
pub fn world(mode: Mode, zones: &[&str], shards: &[&str], more: &str) -> String {
    let mode = match mode {
        Mode::Enabled => "enabled",
        Mode::Disabled => "disabled",
    };
    let ids: String = zones
        .iter()
        .enumerate()
        .map(|(i, z)| format!("  ap-northeast-2{z}: apne2-az{}\n", i + 1))
        .collect();
    let names: Vec<String> = zones.iter().map(|z| format!("ap-northeast-2{z}")).collect();
    let shards: String = shards.iter().map(|s| format!("      - \"{s}\"\n")).collect();
    format!(
        "region: ap-northeast-2\naccount: \"111122223333\"\nzones:\n{ids}\
         subnetGroups:\n  - name: shop-cache\n    zones: [{}]\n\
         replicationGroups:\n  - id: sessions\n    clusterMode: {mode}\n    subnetGroup: shop-cache\n    \
         maintenanceWindow: \"sun:03:00-sun:04:00\"\n    tags:\n      evenkeel.dev/owner: demo\n    shards:\n{shards}{more}",
        names.join(", ")
    )
}

/// A HAStack `shop` over these zones for the group `sessions`. `spec` lines are indented by two spaces.
pub fn manifest(zones: &[&str], min_replicas: u32, spec: &str) -> String {
    manifest_with("", zones, min_replicas, spec)
}

/// As [`manifest`], with lines under `metadata.annotations` (indented by four spaces).
pub fn manifest_with(annotations: &str, zones: &[&str], min_replicas: u32, spec: &str) -> String {
    let zones: String = zones
        .iter()
        .map(|z| format!("    - name: ap-northeast-2{z}\n"))
        .collect();
    let annotations = if annotations.is_empty() {
        String::new()
    } else {
        format!("  annotations:\n{annotations}")
    };
    let mode = if spec.contains("  mode:") {
        ""
    } else {
        "  mode: Enforce\n"
    };
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: HAStack\nmetadata:\n  name: shop\n  namespace: default\n{annotations}\
         spec:\n{mode}  aws:\n    region: ap-northeast-2\n  zones:\n{zones}  caches:\n    - name: sessions\n      \
         replicationGroup: sessions\n      minReplicasPerShard: {min_replicas}\n{spec}"
    )
}
