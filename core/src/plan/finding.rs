//! The closed catalogue of findings: what is wrong, how badly, where.

use crate::topology::ComponentName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    pub code: FindingCode,
    pub severity: Severity,
    /// `None` for findings on a zone or the whole stack.
    pub component: Option<ComponentName>,
    /// The shard, node, zone or identifier that it is about.
    pub subject: String,
    /// A sentence that says what is wrong and what would mend it.
    pub message: String,
    /// Until when `spec.accepted` accepts it; `None` where it doesn't, or no longer does.
    pub accepted_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    Critical,
    Warning,
    Info,
}

/// Extend freely, keep closed: every code is documented and tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FindingCode {
    /// All nodes of a component stand in one zone.
    SingleZone,
    /// The subnet group doesn't reach a zone of the spec.
    ZoneMissing,
    MultiAzDisabled,
    AutomaticFailoverDisabled,
    /// The primary and every replica of a shard stand in one zone.
    ShardColocated,
    /// A shard has fewer healthy copies than 1 + its replicas.
    ReplicaShortfall,
    /// A copy is being rebuilt in a zone that is down.
    ReplicaStranded,
    /// Half or more of a cluster-mode-enabled group's primaries stand in one zone.
    FailoverMayBeSlow,
    ManagedElsewhere,
    /// Nodes stand on an AWS Outpost.
    OnOutposts,
    /// A copy stands in a zone that the spec does not list.
    NodeOutsideZones,
    /// A copy stands in a Local Zone or Wavelength Zone.
    NodeInLocalZone,
    NodeSkew,
    PrimarySkew,
    PrimaryOutOfPreferredZone,
    RoleUnknown,
    ZoneImpaired,
    ReplicationLagHigh,
    ObjectiveUnmet,
    /// `minReplicasPerShard` is 0 and a shard has no replica: its loss is accepted.
    NoReplicaWanted,
    /// A copy is lost and no zone can take a replacement.
    NoEligibleZone,
    /// More copies than wanted, and not ours to remove.
    SurplusReplica,
    ResourceNotFound,
    ResourceBusy,
    AccessDenied,
    /// Two stacks name this resource and the other one is the elder.
    ClaimedByElder,
    /// `spec.accepted` accepted this until a moment that has passed, and it is still there.
    AcceptanceExpired,
}

impl FindingCode {
    /// Every code, in order.
    pub const ALL: [Self; 27] = [
        Self::SingleZone,
        Self::ZoneMissing,
        Self::MultiAzDisabled,
        Self::AutomaticFailoverDisabled,
        Self::ShardColocated,
        Self::ReplicaShortfall,
        Self::ReplicaStranded,
        Self::FailoverMayBeSlow,
        Self::ManagedElsewhere,
        Self::OnOutposts,
        Self::NodeOutsideZones,
        Self::NodeInLocalZone,
        Self::NodeSkew,
        Self::PrimarySkew,
        Self::PrimaryOutOfPreferredZone,
        Self::RoleUnknown,
        Self::ZoneImpaired,
        Self::ReplicationLagHigh,
        Self::ObjectiveUnmet,
        Self::NoReplicaWanted,
        Self::NoEligibleZone,
        Self::SurplusReplica,
        Self::ResourceNotFound,
        Self::ResourceBusy,
        Self::AccessDenied,
        Self::ClaimedByElder,
        Self::AcceptanceExpired,
    ];
}
