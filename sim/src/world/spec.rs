//! The world as people write it: YAML (or JSON) in, one strict structure out.
//!
//! Unknown fields are refused. `build.rs` turns a [`WorldSpec`] into a [`World`](super::World); the README of the crate
//! documents every field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actors::ActorSpec;
use crate::faults::FaultSpec;
use crate::iam::PolicySpecs;
use crate::units::Span;

use super::settings::{Quotas, Switches, Timings};

/// A whole world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WorldSpec {
    /// Region of everything that names none.
    pub region: Option<String>,
    /// Account of everything that names none, and of unknown access keys.
    pub account: Option<String>,
    /// Access key → account.
    pub accounts: BTreeMap<String, String>,
    /// Roles that may be assumed; empty: every role of any account.
    pub roles: BTreeMap<String, RoleSpec>,
    /// Whose (`default`, account, access key, role's ARN) → IAM policies; without any everything is allowed.
    pub policies: PolicySpecs,
    /// Zone name → zone id. The region is the name up to its first number.
    pub zones: BTreeMap<String, String>,
    /// Cache subnet groups.
    pub subnet_groups: Vec<SubnetGroupSpec>,
    /// Replication groups.
    pub replication_groups: Vec<GroupSpec>,
    /// Many equal replication groups, for tests of scale.
    pub generate: Option<GenerateSpec>,
    /// How long things take.
    pub timings: Timings,
    /// Answers to what nobody could verify.
    pub switches: Switches,
    /// Service quotas.
    pub quotas: Quotas,
    /// Who else acts in this world.
    pub actors: Vec<ActorSpec>,
    /// What goes wrong from the start.
    pub faults: Vec<FaultSpec>,
}

/// A role that `AssumeRole` may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RoleSpec {
    /// The external id that the trust policy demands.
    pub external_id: Option<String>,
    /// Does the trust policy allow `sts:TagSession`?
    pub tag_session: bool,
    /// Keys of session tags that the trust policy demands (`aws:RequestTag/…`).
    pub required_tags: Vec<String>,
}

impl Default for RoleSpec {
    fn default() -> Self {
        Self {
            external_id: None,
            tag_session: true,
            required_tags: Vec::new(),
        }
    }
}

/// A cache subnet group: one subnet in each zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetGroupSpec {
    /// Its name.
    pub name: String,
    /// Zone names.
    pub zones: Vec<String>,
    /// ARN of the Outpost that holds the subnets, and so the nodes of their groups.
    #[serde(default)]
    pub outpost: Option<String>,
    /// Region, if not the world's.
    #[serde(default)]
    pub region: Option<String>,
    /// Account, if not the world's.
    #[serde(default)]
    pub account: Option<String>,
}

/// Cluster mode of a replication group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterMode {
    /// One shard, roles are shown.
    Disabled,
    /// On the way from disabled to enabled.
    Compatible,
    /// Up to 500 shards, roles are not shown.
    #[default]
    Enabled,
}

impl ClusterMode {
    /// As the API spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Compatible => "compatible",
            Self::Enabled => "enabled",
        }
    }
}

/// A replication group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GroupSpec {
    /// Its id.
    pub id: String,
    /// Region, if not the world's.
    pub region: Option<String>,
    /// Account, if not the world's.
    pub account: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Cluster mode; enabled when absent.
    pub cluster_mode: ClusterMode,
    /// Multi-AZ; on when absent.
    pub multi_az: Option<bool>,
    /// Automatic failover; on when absent.
    pub automatic_failover: Option<bool>,
    /// Its cache subnet group; the only one of the place when absent.
    pub subnet_group: Option<String>,
    /// Shards, in order 0001, 0002…
    pub shards: Vec<ShardSpec>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Weekly window in UTC, `ddd:hh:mm-ddd:hh:mm`.
    pub maintenance_window: Option<String>,
    /// Replication lag of replicas that name none.
    pub lag_seconds: Option<f64>,
    /// `available`, `creating` (no shards are shown until they are created) or `create-failed` (there are none).
    pub status: Option<String>,
    /// Membership of a global datastore.
    pub global: Option<GlobalSpec>,
    /// valkey or redis.
    pub engine: Option<String>,
    /// Engine version.
    pub engine_version: Option<String>,
    /// Node type.
    pub node_type: Option<String>,
    /// TLS; off when absent.
    pub transit_encryption: bool,
    /// Durability; not shown when absent, as for groups from before there was any.
    pub durability: Option<DurabilitySpec>,
}

/// How writes outlive nodes (API reference, ReplicationGroup: Durability and EffectiveDurability).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DurabilitySpec {
    /// What the engine version makes of it: disabled.
    Default,
    /// A log over zones, written after the answer.
    Async,
    /// A log over zones, written before the answer.
    Sync,
    /// Replication only.
    Disabled,
}

impl DurabilitySpec {
    /// As asked for, and as it is.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Default => ("default", "disabled"),
            Self::Async => ("async", "async"),
            Self::Sync => ("sync", "sync"),
            Self::Disabled => ("disabled", "disabled"),
        }
    }
}

/// Membership of a global datastore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GlobalSpec {
    /// The datastore's id.
    pub id: String,
    /// PRIMARY or SECONDARY.
    pub role: String,
}

/// A shard: in short, `"a:P c:r"`, or field by field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShardSpec {
    /// Words `zone:role`: `"a:P c:r=0.4 b:r!"`.
    Short(String),
    /// Field by field.
    Full(FullShardSpec),
}

/// A shard, field by field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FullShardSpec {
    /// Its id, `0001`; by position when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Key slots; even shares when absent.
    #[serde(default)]
    pub slots: Option<String>,
    /// Its nodes.
    pub nodes: Vec<NodeSpec>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// Its cache cluster id; by position when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Zone name, or its suffix (`a`).
    pub zone: String,
    /// Is it the primary?
    #[serde(default)]
    pub primary: bool,
    /// Replication lag.
    #[serde(default)]
    pub lag_seconds: Option<f64>,
    /// Dead from the start.
    #[serde(default)]
    pub lost: bool,
}

/// Many equal groups.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateSpec {
    /// How many.
    pub groups: u32,
    /// Shards of each.
    #[serde(default = "one")]
    pub shards: u32,
    /// Replicas of each shard.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Prefix of ids: `cache` makes `cache-0001`.
    #[serde(default = "cache")]
    pub prefix: String,
    /// Everything else, `id` and `shards` aside.
    #[serde(default)]
    pub template: GroupSpec,
    /// Zones to spread over, in order; all of the region when absent.
    #[serde(default)]
    pub zones: Vec<String>,
}

fn one() -> u32 {
    1
}

fn cache() -> String {
    "cache".into()
}

/// How long a person's `recoverAfter` is, in control requests.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FailNodeBody {
    /// Total time until the node serves again; the world's timing when absent.
    pub recover_after: Option<Span>,
}

/// Reads the short form of a shard: words `zone:role`, role `P` or `r`, then optionally `=lag` in seconds and `!` for a
/// dead node. `"a:P c:r=0.4 c:r!"` is a primary in the zone ending in a, a replica in c that lags 0.4 s, and a dead one.
pub fn parse_shard(text: &str) -> Result<Vec<NodeSpec>, String> {
    text.split_whitespace().map(parse_node).collect()
}

fn parse_node(word: &str) -> Result<NodeSpec, String> {
    let problem = || format!("`{word}` is not ZONE:ROLE; write a:P, c:r, c:r=0.4 or c:r!");
    let (zone, rest) = word.rsplit_once(':').ok_or_else(problem)?;
    let (rest, lost) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
    let (role, lag) = rest
        .split_once('=')
        .map_or((rest, None), |(role, lag)| (role, Some(lag)));
    let lag_seconds = lag
        .map(|lag| lag.parse::<f64>().map_err(|_| problem()))
        .transpose()?;
    let primary = match role {
        "P" => true,
        "r" => false,
        _ => return Err(problem()),
    };
    Ok(NodeSpec {
        id: None,
        zone: zone.to_owned(),
        primary,
        lag_seconds,
        lost,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_drawn_in_words() {
        let nodes = parse_shard("a:P c:r=0.4 ap-northeast-2b:r!").unwrap();
        assert_eq!(nodes.len(), 3);
        assert!(nodes[0].primary && nodes[0].zone == "a" && !nodes[0].lost);
        assert_eq!(nodes[1].lag_seconds, Some(0.4));
        assert!(nodes[2].lost && nodes[2].zone == "ap-northeast-2b");
        assert!(parse_shard("a:primary").unwrap_err().contains("a:primary"));
    }

    #[test]
    fn unknown_fields_of_a_world_are_refused() {
        let error = serde_saphyr::from_str::<WorldSpec>("region: r\nzonez: {}\n").unwrap_err();
        assert!(error.to_string().contains("zonez"), "{error}");
    }

    #[test]
    fn shards_are_short_or_full() {
        let spec: GroupSpec = serde_saphyr::from_str(
            "id: x\nshards:\n  - \"a:P c:r\"\n  - {id: \"0007\", nodes: [{zone: a, primary: true}]}\n",
        )
        .unwrap();
        assert!(matches!(&spec.shards[0], ShardSpec::Short(text) if text == "a:P c:r"));
        assert!(matches!(&spec.shards[1], ShardSpec::Full(full) if full.id.as_deref() == Some("0007")));
    }
}
