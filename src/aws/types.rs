//! What AWS told us, in our words, before it is judged: the input of the pure parts of `observe`.

use crate::topology::{
    CacheSettings, Incarnation, Manager, NodeId, ResourceStatus, Role, ShardId, SmallMap, WeeklyWindow,
    ZoneName,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// One replication group as DescribeReplicationGroups, DescribeCacheClusters and DescribeCacheSubnetGroups tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheGroup {
    /// Lower case.
    pub identifier: String,
    pub arn: String,
    /// `ReplicationGroupCreateTime`.
    pub created: Option<Timestamp>,
    pub status: ResourceStatus,
    pub settings: CacheSettings,
    pub endpoints: SmallMap<String, String>,
    pub shards: SmallMap<ShardId, CacheShard>,
    /// AWS's flat list of members; during a change it differs from the shards' own lists.
    pub member_clusters: BTreeSet<NodeId>,
    pub managed_elsewhere: Vec<Manager>,
    pub node_type: Option<String>,
    /// Of its members, distinct.
    pub maintenance_windows: BTreeSet<WeeklyWindow>,
    /// `PendingModifiedValues` is not empty.
    pub pending_changes: bool,
    /// DescribeCacheClusters listed every member (false: member statuses are unknown).
    pub members_listed: bool,
}

impl CacheGroup {
    /// Which life of this id it is; `None` where AWS doesn't say when it was made.
    pub fn incarnation(&self) -> Option<Incarnation> {
        Some(Incarnation {
            arn: self.arn.clone(),
            created: self.created?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheShard {
    pub status: ResourceStatus,
    pub members: SmallMap<NodeId, CacheMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMember {
    pub zone: ZoneName,
    /// `CurrentRole`; only where cluster mode is disabled.
    pub role: Option<Role>,
    pub status: MemberStatus,
    /// When it was made; not told while it is being made.
    pub created: Option<Timestamp>,
}

/// CacheClusterStatus and CacheNodeStatus together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberStatus {
    Available,
    Creating,
    Modifying,
    Rebooting,
    Deleting,
    Snapshotting,
    /// `incompatible-network`, `restore-failed`.
    Failed,
    /// Not listed, or a word that this version does not know.
    Unknown,
}

/// One event of DescribeEvents. AWS gives it no id: source, time and text identify it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheEvent {
    pub at: Timestamp,
    pub source: EventSource,
    pub kind: CacheEventKind,
    /// As AWS wrote it.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventSource {
    ReplicationGroup(String),
    CacheCluster(NodeId),
    Other(String),
}

/// What an event's text means (texts differ: with and without the old node, "primary" or "master").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheEventKind {
    TestFailoverCalled { shard: ShardId },
    FailoverCompleted { from: Option<NodeId>, to: NodeId },
    Recovering,
    FinishedRecovery,
    NodeAdded { zone: Option<ZoneName> },
    Created,
    Deleted,
    Other,
}

/// A CloudWatch metric of one node that this product asks for (namespace `AWS/ElastiCache`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Published by every node each minute, in every cluster mode: role and sign of life.
    IsMaster,
    /// Published by replicas only.
    ReplicationLag,
}

/// What a failed call means, whatever its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    NotFound,
    Throttled,
    Denied,
    /// The resource is in a state that forbids this now.
    Conflict,
    Capacity,
    Quota,
    Invalid,
    Transient,
    /// Forbids action.
    Unknown,
}

/// A failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{service} {operation}: {code}: {message}")]
pub struct AwsError {
    pub class: ErrorClass,
    pub service: &'static str,
    pub operation: &'static str,
    /// AWS's code as on the wire, or `DispatchFailure`, `Timeout`… where none came.
    pub code: String,
    pub message: String,
    /// False only when the request certainly never left: then a mutating call certainly had no effect.
    pub maybe_sent: bool,
}
