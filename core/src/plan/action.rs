//! The closed catalogue of actions.

use crate::topology::{ComponentName, NodeId, ShardId, ZoneName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One step. Actions are values: making one does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    pub id: ActionId,
    pub component: ComponentName,
    pub kind: ActionKind,
    pub from_zone: Option<ZoneName>,
    /// Of `MovePrimary`: the expected winner's zone (least lag), `None` when unknown.
    pub to_zone: Option<ZoneName>,
    /// One sentence: which goal it serves and what it costs or interrupts.
    pub why: String,
}

/// What is done, to what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ActionKind {
    /// ModifyReplicationGroup(AutomaticFailoverEnabled, ApplyImmediately).
    EnableAutomaticFailover { identifier: String },
    /// ModifyReplicationGroup(MultiAZEnabled, ApplyImmediately).
    EnableMultiAz { identifier: String },
    /// IncreaseReplicaCount with zones for primary and all replicas.
    AddReplica {
        shard: ShardId,
        zone: ZoneName,
        /// The member whose place it takes (stranded, misplaced or colocated); that member is removed later.
        #[serde(default)]
        replaces: Option<NodeId>,
    },
    /// DecreaseReplicaCount(ReplicasToRemove).
    RemoveReplica { shard: ShardId, node: NodeId },
    /// TestFailover, in both cluster modes.
    MovePrimary { shard: ShardId },
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum ActionType {
    EnableAutomaticFailover,
    EnableMultiAz,
    AddReplica,
    RemoveReplica,
    MovePrimary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ActionClass {
    /// Adds redundancy.
    Additive,
    /// Failover or removal.
    Disruptive,
}

/// Derived from type, component, subject and zone (and an ordinal where these repeat): the same step has the same
/// id in every plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub String);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ActionKind {
    pub fn action_type(&self) -> ActionType {
        match self {
            Self::EnableAutomaticFailover { .. } => ActionType::EnableAutomaticFailover,
            Self::EnableMultiAz { .. } => ActionType::EnableMultiAz,
            Self::AddReplica { .. } => ActionType::AddReplica,
            Self::RemoveReplica { .. } => ActionType::RemoveReplica,
            Self::MovePrimary { .. } => ActionType::MovePrimary,
        }
    }

    pub fn class(&self) -> ActionClass {
        self.action_type().class()
    }

    /// The shard id for `AddReplica` and `MovePrimary`, the node id for `RemoveReplica`, the identifier for settings.
    pub fn subject(&self) -> &str {
        match self {
            Self::EnableAutomaticFailover { identifier } | Self::EnableMultiAz { identifier } => identifier,
            Self::AddReplica { shard, .. } | Self::MovePrimary { shard } => shard.as_str(),
            Self::RemoveReplica { node, .. } => node.as_str(),
        }
    }

    /// The shard it touches; `None` for settings of the whole component.
    pub fn shard(&self) -> Option<&ShardId> {
        match self {
            Self::EnableAutomaticFailover { .. } | Self::EnableMultiAz { .. } => None,
            Self::AddReplica { shard, .. }
            | Self::RemoveReplica { shard, .. }
            | Self::MovePrimary { shard } => Some(shard),
        }
    }
}

impl ActionType {
    /// As spelled in manifests and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnableAutomaticFailover => "EnableAutomaticFailover",
            Self::EnableMultiAz => "EnableMultiAz",
            Self::AddReplica => "AddReplica",
            Self::RemoveReplica => "RemoveReplica",
            Self::MovePrimary => "MovePrimary",
        }
    }

    pub fn class(self) -> ActionClass {
        match self {
            Self::EnableAutomaticFailover | Self::EnableMultiAz | Self::AddReplica => ActionClass::Additive,
            Self::RemoveReplica | Self::MovePrimary => ActionClass::Disruptive,
        }
    }
}
