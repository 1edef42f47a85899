//! The things a world is made of: zones, subnet groups, replication groups, shards, nodes, events.
//!
//! Plain data with the few questions that can be answered by looking at one thing. What happens to them over time is in
//! `life.rs` (loss, promotion, recovery) and `change.rs` (what the API set in motion).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::settings::{GroupStatusShown, Switches};
pub use super::spec::{ClusterMode, GlobalSpec};

/// An account in a region: where resources live.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// As in the credential scope.
    pub region: String,
}

/// A replication group's full name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct GroupKey {
    /// Where.
    pub place: Place,
    /// Its id.
    pub id: String,
}

/// An Availability Zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// `apne2-az1`.
    pub id: String,
    /// The name without its last letter.
    pub region: String,
    /// Dead since then.
    pub failed_since: Option<Timestamp>,
    /// Counts failures, so that a planned return of an earlier one does nothing.
    pub epoch: u64,
}

/// A cache subnet group.
#[derive(Clone, Debug)]
pub struct SubnetGroup {
    /// Free text.
    pub description: String,
    /// Subnet id → zone name.
    pub subnets: BTreeMap<String, String>,
    /// ARN of the Outpost that holds them.
    pub outpost: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl SubnetGroup {
    /// The zones it reaches.
    pub fn zones(&self) -> BTreeSet<String> {
        self.subnets.values().cloned().collect()
    }
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceType {
    /// A node, under its cache cluster id.
    CacheCluster,
    /// A group.
    ReplicationGroup,
    /// A subnet group.
    CacheSubnetGroup,
}

impl SourceType {
    /// As the API spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::CacheCluster => "cache-cluster",
            Self::ReplicationGroup => "replication-group",
            Self::CacheSubnetGroup => "cache-subnet-group",
        }
    }
}

/// One line of DescribeEvents.
#[derive(Clone, Debug)]
pub struct Event {
    /// Rising number, for paging.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// About what.
    pub source: SourceType,
    /// Its id.
    pub id: String,
    /// The text.
    pub message: String,
}

/// Does a node serve?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Being created.
    Starting,
    /// Serving.
    Up,
    /// Dead.
    Lost {
        /// Since when.
        since: Timestamp,
    },
    /// Being rebuilt.
    Recovering {
        /// Dead since when.
        since: Timestamp,
    },
    /// Being deleted.
    Leaving,
}

impl Life {
    /// Dead or being rebuilt?
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Recovering { .. })
    }

    /// The word in `GET /_sim/state`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "creating",
            Self::Up => "healthy",
            Self::Lost { .. } => "lost",
            Self::Recovering { .. } => "recovering",
            Self::Leaving => "deleting",
        }
    }
}

/// A cache node, which is a cache cluster of one node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its cache cluster id.
    pub id: String,
    /// Zone name.
    pub zone: String,
    /// Does it serve?
    pub life: Life,
    /// Replication lag in seconds, while a replica.
    pub lag: f64,
    /// Creation time.
    pub created: Timestamp,
    /// What AWS says of that, once it rebuilt the node: by a switch another time.
    pub told_created: Option<Timestamp>,
    /// Counts losses, so that a planned recovery from an earlier one does nothing.
    pub epoch: u64,
}

/// A time without a primary.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outage {
    /// Loss of the primary.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub from: Timestamp,
    /// Promotion or recovery.
    #[serde(serialize_with = "crate::state::as_opt_stamp")]
    pub to: Option<Timestamp>,
    /// The difference.
    pub seconds: Option<f64>,
    /// Why: zone, node, testFailover, maintenance.
    pub cause: &'static str,
}

/// A failover on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingFailover {
    /// Its number.
    pub id: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a node was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Its zone died.
    Zone,
    /// It died alone.
    Node,
    /// TestFailover took it.
    TestFailover,
    /// AWS patches it.
    Maintenance,
}

impl Cause {
    /// The word in `GET /_sim/state`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Node => "node",
            Self::TestFailover => "testFailover",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A shard (node group).
#[derive(Clone, Debug)]
pub struct Shard {
    /// `0-8191`.
    pub slots: String,
    /// By cache cluster id.
    pub nodes: BTreeMap<String, Node>,
    /// The primary's id; it may be dead.
    pub primary: String,
    /// A failover on its way.
    pub failover: Option<PendingFailover>,
    /// A test failover whose old primary isn't back.
    pub test_recovering: Option<String>,
    /// Fewest healthy copies ever.
    pub min_healthy: usize,
    /// Every copy was lost at least once.
    pub data_lost: bool,
    /// Times without a primary.
    pub outages: Vec<Outage>,
}

impl Shard {
    /// Nodes that serve.
    pub fn healthy(&self) -> usize {
        self.nodes.values().filter(|node| node.life == Life::Up).count()
    }

    /// Does the primary serve?
    pub fn primary_up(&self) -> bool {
        self.nodes
            .get(&self.primary)
            .is_some_and(|node| node.life == Life::Up)
    }

    /// Members that count as replicas: all but the primary and those being deleted.
    pub fn replicas(&self) -> impl Iterator<Item = &Node> {
        self.nodes
            .values()
            .filter(|node| node.id != self.primary && node.life != Life::Leaving)
    }

    /// Whom AWS would promote: the serving replica with the least lag, the lowest id among equals.
    pub fn successor(&self) -> Option<&Node> {
        self.replicas()
            .filter(|node| node.life == Life::Up)
            .min_by(|a, b| a.lag.total_cmp(&b.lag).then_with(|| a.id.cmp(&b.id)))
    }
}

/// Where a group is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not yet there.
    Creating,
    /// There.
    Running,
    /// Going.
    Deleting,
    /// It could not be created; all that can be done with it is to delete it.
    Failed,
}

/// Settings on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// AutomaticFailoverEnabled.
    pub automatic_failover: Option<bool>,
    /// MultiAZEnabled.
    pub multi_az: Option<bool>,
    /// PrimaryClusterId.
    pub primary: Option<String>,
    /// ClusterMode.
    pub cluster_mode: Option<ClusterMode>,
}

impl SettingsChange {
    /// Nothing changes?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What keeps a group `modifying`.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its number.
    pub id: u64,
    /// What it does.
    pub kind: OperationKind,
    /// Shards shown as `modifying`.
    pub shards: BTreeSet<String>,
    /// Nodes it waits for.
    pub waiting: BTreeSet<String>,
    /// It was accepted and will be undone.
    pub rollback: bool,
}

/// Kinds of operations.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// Nodes are being created.
    Increase,
    /// Nodes are being deleted.
    Decrease,
    /// A decrease that named a primary: it ends in an error event.
    ImpossibleDecrease,
    /// Settings change.
    Settings(SettingsChange),
    /// Shards are being added.
    AddShards,
    /// These shards go.
    RemoveShards(BTreeSet<String>),
    /// AWS patches nodes.
    Patch,
    /// A snapshot is taken, of one node in each shard.
    Backup,
}

/// A replication group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its full name.
    pub key: GroupKey,
    /// Free text.
    pub description: String,
    /// Cluster mode.
    pub mode: ClusterMode,
    /// Member ids carry the shard (`rg-0001-001`); decided at creation.
    pub sharded_names: bool,
    /// Where it is in its life.
    pub phase: Phase,
    /// What keeps it modifying.
    pub operation: Option<Operation>,
    /// Settings that wait for the maintenance window.
    pub deferred: SettingsChange,
    /// Automatic failover on?
    pub automatic_failover: bool,
    /// Multi-AZ on?
    pub multi_az: bool,
    /// Cache subnet group.
    pub subnet_group: String,
    /// Shards by id.
    pub shards: BTreeMap<String, Shard>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Weekly window.
    pub window: String,
    /// Global datastore.
    pub global: Option<GlobalSpec>,
    /// Creation time.
    pub created: Timestamp,
    /// What the API merely stores and repeats.
    pub echo: Echo,
}

/// Attributes that have no effect here, only an echo.
#[expect(clippy::struct_excessive_bools, reason = "they mirror the API's flags")]
#[derive(Clone, Debug)]
pub struct Echo {
    /// valkey or redis.
    pub engine: String,
    /// Engine version.
    pub engine_version: String,
    /// Node type.
    pub node_type: String,
    /// Port.
    pub port: i64,
    /// TLS.
    pub transit_encryption: bool,
    /// preferred or required.
    pub transit_encryption_mode: Option<String>,
    /// Encryption at rest.
    pub at_rest_encryption: bool,
    /// Key id.
    pub kms_key_id: Option<String>,
    /// Password.
    pub auth_token: bool,
    /// Days.
    pub snapshot_retention: i64,
    /// `05:00-06:00`.
    pub snapshot_window: String,
    /// Parameter group.
    pub parameter_group: String,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// Minor upgrades.
    pub auto_minor_version_upgrade: bool,
    /// SNS topic.
    pub notification_topic: Option<String>,
    /// ipv4, ipv6 or dual_stack.
    pub network_type: String,
    /// ipv4 or ipv6.
    pub ip_discovery: String,
    /// Durability, if it is shown.
    pub durability: Option<super::spec::DurabilitySpec>,
    /// ARN of the Outpost on which its nodes stand.
    pub outpost: Option<String>,
}

impl Group {
    /// Does the API hide roles?
    pub fn hides_roles(&self, switches: &Switches) -> bool {
        match self.mode {
            ClusterMode::Enabled => true,
            ClusterMode::Compatible => !switches.compatible_shows_roles,
            ClusterMode::Disabled => false,
        }
    }

    /// Any member dead?
    pub fn has_lost_member(&self) -> bool {
        self.shards
            .values()
            .flat_map(|shard| shard.nodes.values())
            .any(|node| node.life.is_lost())
    }

    /// Status as the API shows it.
    pub fn status(&self, switches: &Switches) -> &'static str {
        match self.phase {
            Phase::Creating => "creating",
            Phase::Deleting => "deleting",
            Phase::Failed => "create-failed",
            Phase::Running if self.is_backed_up() => "snapshotting",
            Phase::Running if self.operation.is_some() => "modifying",
            Phase::Running
                if switches.status_during_outage == GroupStatusShown::Modifying && self.has_lost_member() =>
            {
                "modifying"
            }
            Phase::Running => "available",
        }
    }

    /// A snapshot is being taken.
    pub fn is_backed_up(&self) -> bool {
        self.operation
            .as_ref()
            .is_some_and(|op| matches!(op.kind, OperationKind::Backup))
    }

    /// The node of which a snapshot is taken: the last replica of its shard, where there is one.
    pub fn is_snapshotted(&self, node: &str) -> bool {
        let source = |shard: &Shard| {
            let replicas = shard.nodes.keys().filter(|id| **id != shard.primary);
            replicas.max().unwrap_or(&shard.primary) == node
        };
        self.is_backed_up() && self.shards.values().any(source)
    }

    /// Status of one shard as the API shows it.
    pub fn shard_status(&self, shard: &str) -> &'static str {
        match (self.phase, &self.operation) {
            (Phase::Creating, _) => "creating",
            (Phase::Deleting, _) => "deleting",
            (Phase::Failed, _) => "creating",
            (Phase::Running, Some(op)) if op.shards.contains(shard) => "modifying",
            (Phase::Running, _) => "available",
        }
    }

    /// Automatic failover as the API shows it.
    pub fn automatic_failover_word(&self) -> &'static str {
        let pending = match &self.operation {
            Some(Operation {
                kind: OperationKind::Settings(change),
                ..
            }) => change.automatic_failover,
            _ => None,
        };
        match (self.automatic_failover, pending) {
            (false, Some(true)) => "enabling",
            (true, Some(false)) => "disabling",
            (true, _) => "enabled",
            (false, _) => "disabled",
        }
    }

    /// All nodes, shard by shard.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.shards
            .iter()
            .flat_map(|(id, shard)| shard.nodes.values().map(move |node| (id.as_str(), node)))
    }

    /// The shard of a node.
    pub fn shard_of(&self, node: &str) -> Option<(&str, &Shard)> {
        self.shards
            .iter()
            .find(|(_, shard)| shard.nodes.contains_key(node))
            .map(|(id, shard)| (id.as_str(), shard))
    }

    /// The shard of a node, to change it.
    pub fn shard_of_mut(&mut self, node: &str) -> Option<(String, &mut Shard)> {
        self.shards
            .iter_mut()
            .find(|(_, shard)| shard.nodes.contains_key(node))
            .map(|(id, shard)| (id.clone(), shard))
    }

    /// A node by id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.shards.values().find_map(|shard| shard.nodes.get(id))
    }

    /// A node by id, to change it.
    pub fn node_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.shards.values_mut().find_map(|shard| shard.nodes.get_mut(id))
    }

    /// The lowest free member id of a shard.
    pub fn free_node_id(&self, shard: &str, taken: &BTreeSet<String>) -> String {
        let prefix = if self.sharded_names {
            format!("{}-{shard}", self.key.id)
        } else {
            self.key.id.clone()
        };
        (1..10_000)
            .map(|n: u32| format!("{prefix}-{n:03}"))
            .find(|id| self.node(id).is_none() && !taken.contains(id))
            .unwrap_or_default()
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        let Place { account, region } = &self.key.place;
        format!(
            "arn:aws:elasticache:{region}:{account}:replicationgroup:{}",
            self.key.id
        )
    }
}

/// A group and how it looked before.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Now; `None`: deleted.
    pub current: Option<Arc<Group>>,
    /// Since when it has looked like this.
    pub since: Timestamp,
    /// Earlier looks, each with the instant at which it ended.
    pub past: VecDeque<(Timestamp, Option<Arc<Group>>)>,
}

/// Earlier looks that a cell keeps.
const PAST_LOOKS: usize = 64;
/// How long it keeps them; stale reads go back no further.
const PAST_KEPT: SignedDuration = SignedDuration::from_hours(1);

impl Cell {
    /// A cell whose group doesn't exist before `since`.
    pub fn new(group: Group, since: Timestamp) -> Self {
        Self {
            current: Some(Arc::new(group)),
            since,
            past: VecDeque::from([(since, None)]),
        }
    }

    /// How it looked then.
    pub fn at(&self, then: Timestamp) -> Option<&Arc<Group>> {
        self.past
            .iter()
            .find(|(until, _)| then < *until)
            .map_or(self.current.as_ref(), |(_, group)| group.as_ref())
    }

    /// Keeps the present look before a change at `now`.
    pub fn keep(&mut self, now: Timestamp) {
        if self.since < now {
            self.past.push_back((now, self.current.clone()));
            self.since = now;
            let horizon = now - PAST_KEPT;
            while self.past.len() > PAST_LOOKS || self.past.front().is_some_and(|(until, _)| *until < horizon)
            {
                self.past.pop_front();
            }
        }
    }
}

/// What an account owns in a region.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Cache subnet groups by name.
    pub subnet_groups: BTreeMap<String, SubnetGroup>,
    /// Replication groups by id.
    pub cells: BTreeMap<String, Cell>,
    /// Events, oldest first.
    pub events: VecDeque<Event>,
}
