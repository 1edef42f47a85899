//! Where every node of a stack stands, and in what role: the facts that judging and planning rest on.
//!
//! A [`Topology`] is a value. `observe` makes it from AWS, a snapshot file makes it offline, tests write it by
//! hand. All collections are ordered by id, so the order in which AWS lists things changes nothing.
//! Nothing here knows AWS, Kubernetes, clocks or clients.

pub mod ids;
pub mod shorthand;
pub mod small_map;
pub mod survival;

pub use ids::{AccountId, ComponentName, NodeId, Region, ShardId, StackName, ZoneId, ZoneName};
pub use small_map::SmallMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One stack as observed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub stack: StackName,
    /// The moment of the oldest read that this view rests on.
    pub observed_at: Timestamp,
    /// The zones of the spec, and any other zone in which a node was seen.
    pub zones: SmallMap<ZoneName, Zone>,
    pub components: SmallMap<ComponentName, Component>,
}

/// A zone as evidence shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub state: ZoneState,
    /// When this state began; `None` is "longer ago than anybody remembers".
    pub since: Option<Timestamp>,
    /// The evidence, one sentence each.
    pub reasons: Vec<String>,
}

/// What evidence says of a zone. `Unknown` forbids disruption; it is not `Impaired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ZoneState {
    Healthy,
    Impaired,
    /// A person is moving everything off this zone.
    Evacuating,
    Unknown,
}

/// One AWS resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub resource: ResourceKey,
    pub status: ResourceStatus,
    /// When the description behind this view was read.
    pub observed_at: Timestamp,
    /// What the observation lacks; any gap forbids planning on it (guardrail `freshness`).
    pub gaps: Vec<Gap>,
    pub settings: CacheSettings,
    /// Name (`configuration`, `primary`, `reader`) → `host:port`.
    pub endpoints: SmallMap<String, String>,
    pub shards: SmallMap<ShardId, Shard>,
    /// False when AWS's list of members and the nodes listed in the shards disagree: a change is half done.
    pub members_match: bool,
    pub owner: Owner,
    /// Why this resource is report-only, in whole or for settings: who else decides about it, or what it stands on.
    pub managed_elsewhere: Vec<Manager>,
    /// The weekly windows in which AWS may patch the resource, in UTC.
    pub maintenance_windows: Vec<WeeklyWindow>,
}

/// A component's identity: two stacks that name one key name one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// `None` offline, and until the first answer told who we are.
    pub account: Option<AccountId>,
    pub region: Region,
    pub kind: ResourceKind,
    /// AWS's identifier, lower case (ElastiCache ids are case-insensitive).
    pub identifier: String,
}

/// One life of a resource: after a deletion its identifier, and its ARN with it, may be given again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incarnation {
    pub arn: String,
    pub created: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceKind {
    /// An ElastiCache replication group (Redis OSS or Valkey), any cluster mode.
    Cache,
}

/// The resource's own status word, or why it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceStatus {
    Available,
    Creating,
    Modifying,
    Deleting,
    Snapshotting,
    CreateFailed,
    /// A complete listing does not have it.
    Missing,
    /// AWS refused to tell.
    Denied,
    /// Not read yet, or a word that this version does not know.
    Unknown,
}

/// Something the observation lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Gap {
    /// The description is older than the poll interval allows, or never came.
    Description(String),
    /// Metrics are missing in two zones at once: the monitor is blind, nothing can be said of health.
    Metrics(String),
    /// Events were not polled without a break, so role proofs may be void.
    Events(String),
}

impl Gap {
    /// What is lacking, as observed.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Description(s) | Self::Metrics(s) | Self::Events(s) => s.trim_end_matches('.'),
        }
    }
}

/// Settings of a replication group that decide what survives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    pub cluster_mode: ClusterMode,
    pub multi_az: Switch,
    pub automatic_failover: Switch,
    /// Zones its subnet group reaches: new nodes can stand only there.
    pub subnet_zones: BTreeSet<ZoneName>,
    pub durability: Durability,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClusterMode {
    Enabled,
    Disabled,
    Compatible,
}

/// A setting that AWS turns on and off over minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Switch {
    Enabled,
    Enabling,
    Disabled,
    Disabling,
}

/// ElastiCache's effective durability (API shape `EffectiveDurability`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// Asynchronous replication only: a failover loses the lag.
    Disabled,
    /// A Multi-AZ log at most 10 s behind.
    Async,
    /// A Multi-AZ log before the answer: no acknowledged write is lost.
    Sync,
}

/// The unit that needs one writable copy (an ElastiCache node group).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    pub nodes: SmallMap<NodeId, Node>,
    /// Nodes whose claims to be the primary contradict each other: one of them is it, and the others are dead or cut
    /// off, whatever is heard of them. Empty, or at least two. Their roles are `Unknown`, and none of them is `Healthy`.
    pub disputed: BTreeSet<NodeId>,
}

/// One placed member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub zone: ZoneName,
    pub role: Role,
    /// What the role rests on; `None` for `Role::Unknown`.
    pub role_proof: Option<RoleProof>,
    pub health: Health,
    /// When `health` began; `None` is long ago.
    pub health_since: Option<Timestamp>,
    /// Replication lag of a replica; `None` is unknown, never zero.
    pub lag: Option<SignedDuration>,
    /// Our own recorded action added it. A lost record means: not ours.
    pub added_by_us: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    Primary,
    Replica,
    Standby,
    /// Forbids role-dependent actions.
    Unknown,
}

/// When and by what a role was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleProof {
    pub source: RoleSource,
    /// The moment that the evidence speaks of (a metric point's minute, an event's time, a description's read).
    pub at: Timestamp,
    /// When we read it.
    pub read_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoleSource {
    /// `CurrentRole` of DescribeReplicationGroups (cluster mode disabled only).
    Description,
    /// CloudWatch `IsMaster`.
    Metric,
    /// A failover event that names the node.
    Event,
    /// A snapshot file, taken at its word.
    Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    Healthy,
    /// Being built or rebuilt: blocks another addition, does not count for survival.
    Creating,
    Down,
    Unknown,
}

/// Whose the resource is, by its tag `evenkeel.dev/owner`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Owner {
    /// The tag names this installation (and, if it goes on, this stack).
    Ours,
    /// There is no such tag.
    Nobody,
    /// The tag names somebody else.
    Other(String),
    /// Not read (tags are read only where something is planned).
    NotRead,
    /// Reading the tags was refused or failed.
    Unreadable(String),
}

/// Why a resource is report-only, in whole or for its settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Manager {
    /// A member of a Global Datastore: everything is report-only.
    GlobalDatastore { id: String, role: String },
    /// Owned by a CloudFormation stack: its settings are report-only.
    CloudFormation { stack: String },
    /// Its nodes stand on an AWS Outpost: everything is report-only. ElastiCache has neither Multi-AZ there nor zones to
    /// choose from (ElastiCache User Guide, "Using Outposts").
    Outpost { arn: String },
}

impl Manager {
    /// Not the settings alone: everything is report-only.
    pub fn forbids_all(&self) -> bool {
        match self {
            Self::GlobalDatastore { .. } | Self::Outpost { .. } => true,
            Self::CloudFormation { .. } => false,
        }
    }
}

/// A weekly window in UTC, as AWS writes `sun:23:00-mon:01:30`; minutes since Monday 00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WeeklyWindow {
    /// 0 ..= 10,079.
    pub start_minute: u16,
    /// 0 ..= 10,079; smaller than `start_minute` when the window crosses the week's end.
    pub end_minute: u16,
}

impl Shard {
    /// A shard of these nodes. Where several are `Primary`, their claims contradict each other: see
    /// [`Shard::disputed`].
    pub fn new(mut nodes: SmallMap<NodeId, Node>) -> Self {
        let claims = nodes.iter().filter(|(_, n)| n.role == Role::Primary);
        let mut disputed: BTreeSet<NodeId> = claims.map(|(id, _)| id.clone()).collect();
        if disputed.len() < 2 {
            disputed.clear();
        }
        for (id, node) in &mut nodes {
            if disputed.contains(id) {
                node.doubt();
            }
        }
        Self { nodes, disputed }
    }

    /// The primary, when exactly one node is known to be it and no other node's role is unknown.
    pub fn primary(&self) -> Option<(&NodeId, &Node)> {
        if self.nodes.values().any(|n| n.role == Role::Unknown) {
            return None;
        }
        let mut primaries = self.nodes.iter().filter(|(_, n)| n.role == Role::Primary);
        match (primaries.next(), primaries.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// Nodes whose health is `Healthy`.
    pub fn healthy(&self) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter().filter(|(_, n)| n.health == Health::Healthy)
    }
}

impl Node {
    /// What it says of itself proves nothing.
    fn doubt(&mut self) {
        self.role = Role::Unknown;
        self.role_proof = None;
        self.lag = None;
        if self.health == Health::Healthy {
            self.health = Health::Unknown;
            self.health_since = None;
        }
    }
}

impl Topology {
    /// The zone's state; a zone that nobody observes is `Healthy` unless evidence contradicts it.
    pub fn zone_state(&self, zone: &ZoneName) -> ZoneState {
        self.zones.get(zone).map_or(ZoneState::Healthy, |z| z.state)
    }
}

/// A failover that happened, whoever caused it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// Stable: derived from component, shard and time. What `evenkeel.dev/acknowledge` names.
    pub id: String,
    pub at: Timestamp,
    pub component: ComponentName,
    pub shard: ShardId,
    #[serde(default)]
    pub from: Option<NodeId>,
    #[serde(default)]
    pub to: Option<NodeId>,
    pub class: FailoverClass,
    /// From the loss of the primary to the promotion, when both were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailoverClass {
    /// Our own ticket.
    Own,
    /// A TestFailover or a modification that is not ours.
    Person,
    /// AWS reacted to a failure or did maintenance.
    Provider,
    Unknown,
}
