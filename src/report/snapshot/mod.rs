//! `evenkeel.snapshot/v1`: one observation as JSON or YAML, documented in `docs/snapshot-format.md`.
//!
//! `evenkeel snapshot` prints it, `evenkeel plan --from` reads it offline, and a person can write one by hand: nearly
//! everything is optional and has a default that a healthy stack would have. [`read()`] checks a text, [`onto()`] joins
//! it with an intent.

pub mod onto;
pub mod read;
mod write;

pub use onto::{Observed, onto};
pub use read::{ReadError, read, schema};
pub use write::snapshot;

use super::words::{self, Seconds, StackRef};
use crate::topology::{
    ClusterMode, Durability, FailoverClass, Health, ResourceKind, ResourceStatus, Role, Switch, ZoneState,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The value of `schema`.
pub const SCHEMA: &str = "evenkeel.snapshot/v1";

/// One stack as observed at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// `evenkeel.snapshot/v1`. Default: that.
    #[serde(default = "schema_name")]
    #[schemars(schema_with = "schema_word")]
    pub schema: String,
    /// The moment of the observation: `plan --from` takes it for now. Needed unless `--at` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// Whose observation it is. Default: the one stack of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackRef>,
    /// What evidence says of zones. Default: a zone that isn't listed is Healthy.
    #[serde(default)]
    pub zones: Vec<SnapshotZone>,
    /// The resources of the stack.
    #[serde(default)]
    pub components: Vec<SnapshotComponent>,
    /// Failovers that happened, whoever caused them. Default: none.
    #[serde(default)]
    pub failovers: Vec<SnapshotFailover>,
}

/// A zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotZone {
    /// Name of the zone.
    #[schemars(regex(pattern = r"\S"))]
    pub name: String,
    /// Default: Healthy.
    #[serde(default = "zone_healthy")]
    #[schemars(schema_with = "words::zone_state")]
    pub state: ZoneState,
    /// When the state began. Default: long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Sentences of evidence. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// A resource of the stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotComponent {
    /// Name of the component in the manifest.
    #[schemars(regex(pattern = r"\S"))]
    pub name: String,
    /// Default: Cache, the only kind there is.
    #[serde(default = "cache")]
    #[schemars(schema_with = "words::kind")]
    pub kind: ResourceKind,
    /// AWS's identifier. Default: the manifest's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The resource's own status, or why it has none. Default: Available.
    #[serde(default = "available")]
    #[schemars(schema_with = "words::status")]
    pub status: ResourceStatus,
    /// Default: Multi-AZ and automatic failover on, all zones of the stack in the subnet group.
    #[serde(default)]
    pub settings: SnapshotSettings,
    /// Name (`configuration`, `primary`, `reader`) to `host:port`. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, String>,
    /// The shards (ElastiCache node groups).
    #[serde(default)]
    pub shards: Vec<SnapshotShard>,
    /// AWS's list of members agrees with the shards; false in the midst of a change. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub members_match: bool,
    /// Who else decides about the resource. Default: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_elsewhere: Vec<SnapshotManager>,
    /// Weekly maintenance windows in UTC, as AWS writes them: `sun:23:00-mon:01:30`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance_windows: Vec<String>,
    /// What the observation lacks; any gap forbids acting on it. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<SnapshotGap>,
}

/// Settings of a replication group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// Default: enabled when there are several shards, otherwise disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "words::cluster_mode")]
    pub cluster_mode: Option<ClusterMode>,
    /// enabled, enabling, disabled or disabling; true and false are understood. Default: enabled.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "switch")]
    #[schemars(schema_with = "words::switch")]
    pub multi_az: Option<Switch>,
    /// enabled, enabling, disabled or disabling; true and false are understood. Default: enabled.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "switch")]
    #[schemars(schema_with = "words::switch")]
    pub automatic_failover: Option<Switch>,
    /// Zones that the subnet group reaches: new nodes can stand only there. Default: all zones of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_zones: Option<Vec<String>>,
    /// ElastiCache's effective durability. Default: disabled (asynchronous replication only).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "words::durability")]
    pub durability: Option<Durability>,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotShard {
    /// Default: its place in the list, as four digits from 0001 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its members.
    #[serde(default)]
    pub nodes: Vec<SnapshotNode>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotNode {
    /// Default: identifier, shard and place, as ElastiCache names nodes: sessions-0001-001.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The zone in which it stands.
    #[schemars(regex(pattern = r"\S"))]
    pub zone: String,
    /// Default: Replica when another node of the shard is given as Primary, otherwise Unknown. Several primaries in one
    /// shard contradict each other: one of them is it, and the others are dead or cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "words::role")]
    pub role: Option<Role>,
    /// Default: Healthy.
    #[serde(default = "node_healthy")]
    #[schemars(schema_with = "words::health")]
    pub health: Health,
    /// When the health began. Default: long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_since: Option<Timestamp>,
    /// Replication lag of a replica. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<Seconds>,
    /// A recorded action of Evenkeel added it. Default: false.
    #[serde(default)]
    pub added_by_us: bool,
    /// Of a node that Evenkeel added: the member whose place it takes. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A failover that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotFailover {
    /// What `evenkeel.dev/acknowledge` names. Default: made from component, shard and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub at: Timestamp,
    /// Name of the component.
    pub component: String,
    /// Id of the shard.
    pub shard: String,
    /// Node that was primary. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Node that became primary. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who caused it: Own (Evenkeel), Person, Provider (AWS), Unknown. Default: Unknown.
    #[serde(default = "class_unknown")]
    #[schemars(schema_with = "words::failover_class")]
    pub class: FailoverClass,
    /// From the loss of the primary to the promotion. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
}

/// Who else decides about a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotManager {
    /// GlobalDatastore, Outpost: everything is report-only. CloudFormation: settings are report-only.
    #[schemars(schema_with = "words::manager_kind")]
    pub kind: ManagerKind,
    /// Id of the Global Datastore, name of the CloudFormation stack, or ARN of the Outpost.
    pub name: String,
    /// Role in the Global Datastore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagerKind {
    GlobalDatastore,
    CloudFormation,
    Outpost,
}

/// Something that the observation lacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotGap {
    #[schemars(schema_with = "words::gap_kind")]
    pub kind: GapKind,
    /// One sentence.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GapKind {
    Description,
    Metrics,
    Events,
}

fn schema_name() -> String {
    SCHEMA.to_owned()
}
fn schema_word(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": [SCHEMA]})
}
fn zone_healthy() -> ZoneState {
    ZoneState::Healthy
}
fn node_healthy() -> Health {
    Health::Healthy
}
fn cache() -> ResourceKind {
    ResourceKind::Cache
}
fn available() -> ResourceStatus {
    ResourceStatus::Available
}
fn class_unknown() -> FailoverClass {
    FailoverClass::Unknown
}
fn yes() -> bool {
    true
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_true(value: &bool) -> bool {
    *value
}

/// `true` is enabled, `false` is disabled, a word is itself.
fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Switch>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(Switch),
        Flag(bool),
    }
    Ok(
        Option::<Written>::deserialize(deserializer)?.map(|written| match written {
            Written::Word(switch) => switch,
            Written::Flag(true) => Switch::Enabled,
            Written::Flag(false) => Switch::Disabled,
        }),
    )
}
