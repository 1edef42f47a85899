//! `evenkeel run`, the real binary with the real SDK, against the simulated AWS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crashes;
mod housekeeping;
mod rehearsal;

/// Two shards in two zones, primaries apart, owned by `demo`.
pub const TWO_ZONES: &str = r#"
region: ap-northeast-2
account: "111122223333"
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
replicationGroups:
  - id: sessions
    clusterMode: enabled
    multiAz: true
    automaticFailover: true
    subnetGroup: shop-cache
    shards: ["a:P c:r", "c:P a:r"]
    tags: {evenkeel.dev/owner: demo}
    maintenanceWindow: sun:03:00-sun:04:00
"#;

/// A HAStack `web` on the group `sessions` over these zones.
pub fn manifest(mode: &str, zones: &[&str]) -> String {
    let zones: Vec<String> = zones
        .iter()
        .map(|z| format!("{{name: ap-northeast-2{z}}}"))
        .collect();
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\n\
         kind: HAStack\n\
         metadata: {{name: web}}\n\
         spec:\n  mode: {mode}\n  aws: {{region: ap-northeast-2}}\n  zones: [{}]\n  caches: [{{name: cache, replicationGroup: sessions}}]\n",
        zones.join(", ")
    )
}
