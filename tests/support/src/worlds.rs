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

impl Mode {
    /// With cluster mode disabled a group has one shard.
    pub fn pick<T>(self, enabled: T, disabled: T) -> T {
        match self {
            Self::Enabled => enabled,
            Self::Disabled => disabled,
        }
    }

    /// The name of a node of `sessions`, as AWS gives it.
    pub fn node(self, shard: u32, number: u32) -> String {
        match self {
            Self::Enabled => format!("sessions-{shard:04}-{number:03}"),
            Self::Disabled => format!("sessions-{number:03}"),
        }
    }
}

/// One group `sessions` owned by this installation. Shards as drawn: `"a:P c:r"`.
pub fn world(mode: Mode, zones: &[&str], shards: &[&str], more: &str) -> String {
    let mode = mode.pick("enabled", "disabled");
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

/// Zones a and c; one test failover mends it: both primaries stand in c, or (see [`skewed_manifest`]) the only one does,
/// and a is preferred.
pub fn skewed_world(mode: Mode, more: &str) -> String {
    let shards = mode.pick(&["c:P a:r", "c:P a:r"][..], &["c:P a:r"]);
    world(mode, &["a", "c"], shards, more)
}

/// For [`skewed_world`], and for any group over a and c whose only primary should return to a.
pub fn skewed_manifest(mode: Mode, annotations: &str, spec: &str) -> String {
    let manifest = manifest_with(annotations, &["a", "c"], 1, spec);
    mode.pick(manifest.clone(), preferring_a(&manifest))
}

/// The same manifest with primaries preferred in zone a.
pub fn preferring_a(manifest: &str) -> String {
    let minimum = "      minReplicasPerShard: 1\n";
    assert_eq!(manifest.matches(minimum).count(), 1, "{manifest}");
    let preferred = format!("{minimum}      preferredPrimaryZones: [ap-northeast-2a]\n");
    manifest.replace(minimum, &preferred)
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
