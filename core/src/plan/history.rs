//! What happened before: failovers, tickets, nodes we added, approvals used. Durable, one record per stack.
//!
//! The record is a value; `execute` stores it, planning only reads it.

use super::{Action, ActionId, ActionType, PlanId};
use crate::topology::{
    AccountId, ComponentName, Failover, Incarnation, NodeId, Region, ShardId, SmallMap, ZoneName, ZoneState,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One stack's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// When this record began. A record that was lost and begun again makes us wait one ticket deadline and read
    /// 24 h of events before acting.
    pub began: Option<Timestamp>,
    /// The newest last, at most [`History::MAX_FAILOVERS`].
    pub failovers: Vec<Failover>,
    /// Open tickets and those finished in the last 24 h.
    pub tickets: Vec<Ticket>,
    /// Nodes that our own recorded actions added and that still stand, with the member each replaces (if any).
    pub added_nodes: SmallMap<NodeId, AddedNode>,
    /// Plan ids whose approval has been used or begun; kept 31 days so that no approval is used twice.
    pub approvals: Vec<Approval>,
    /// Ids of failovers and blocks that a person has acknowledged.
    pub acknowledged: BTreeSet<String>,
    /// Action types stopped on a component because the same action was undone or failed N times.
    pub blocks: Vec<Block>,
    /// Zone states as last seen, to know when a zone left Impaired or Unknown.
    pub zones: SmallMap<ZoneName, ZoneMemory>,
    /// The recovery of the last shard degraded by anything but our own action.
    pub last_foreign_recovery: Option<Timestamp>,
    /// Each shard's primary as last proven: a change that no event tells of is a failover, too.
    pub primaries: SmallMap<ComponentName, SmallMap<ShardId, SeenPrimary>>,
    /// Shards that were degraded when last seen, and whether our own ticket explains it.
    pub degraded: SmallMap<ComponentName, SmallMap<ShardId, DegradedBy>>,
    /// Of which life of its resource the entries of a component speak.
    pub incarnations: SmallMap<ComponentName, Incarnation>,
    /// Zones in which AWS had no capacity for us, newest time each.
    pub capacity_misses: SmallMap<ComponentName, SmallMap<ZoneName, Timestamp>>,
}

impl History {
    pub const MAX_FAILOVERS: usize = 20;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedNode {
    pub component: ComponentName,
    pub shard: ShardId,
    pub at: Timestamp,
    /// While this member stands the addition is open: the shard's target count doesn't include it.
    pub replaces: Option<NodeId>,
    /// When AWS made the node; `None` until it says so. Another node of this id is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenPrimary {
    pub node: NodeId,
    /// Another node that is now proven to be primary, and since when: events may still explain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<(NodeId, Timestamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DegradedBy {
    OurAction,
    SomethingElse,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneMemory {
    pub state: ZoneState,
    /// When the zone last left Impaired or Unknown.
    pub left_trouble: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    pub plan: PlanId,
    pub first_seen: Timestamp,
    /// The disruptive steps it covers, (type, component, subject), in order, as they stood when first seen.
    pub covers: Vec<(ActionType, ComponentName, String)>,
    /// How many of them are done.
    pub done: usize,
    /// All done, or the plan moved on: it covers nothing any more.
    pub spent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// What `evenkeel.dev/acknowledge` names.
    pub id: String,
    pub component: ComponentName,
    pub action_type: ActionType,
    pub since: Timestamp,
    pub reason: String,
}

/// The durable record of one action (or of adjacent AddReplicas of one component that share one call).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    pub id: String,
    /// Never empty; more than one only for AddReplica.
    pub actions: Vec<Action>,
    pub phase: Phase,
    pub prepared_at: Timestamp,
    /// Stored before sending.
    pub called_at: Option<Timestamp>,
    /// Until when the topology may take to show the result.
    pub deadline: Timestamp,
    /// What the shard looked like before: members and primary, per shard touched.
    pub before: SmallMap<ShardId, ShardBefore>,
    pub finished_at: Option<Timestamp>,
    pub outcome: Option<TicketOutcome>,
    /// The life of the resource that it was prepared for: on another one it settles never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// Who holds it (leader identity or process), so that successors inherit knowingly.
    pub holder: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardBefore {
    pub members: BTreeSet<NodeId>,
    pub primary: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Decided, nothing sent.
    Prepared,
    /// Stored before sending: the call may or may not have reached AWS. Never sent again.
    MaybeCalled,
    /// AWS accepted it; waiting for the topology to show it.
    Settling,
    Done,
    GaveUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum TicketOutcome {
    /// Seen in the topology.
    Succeeded,
    /// The fresh read gave another plan; nothing was sent.
    Overtaken,
    /// AWS refused it; counts as a try only when `counts`.
    Refused {
        code: String,
        message: String,
        counts: bool,
    },
    /// Deadline reached without effect after a call that AWS accepted.
    NoEffect,
    /// MaybeCalled and nothing ever showed: counts neither as a try nor as a failure.
    NeverArrived,
    /// Accepted, then undone by AWS or by somebody else.
    Undone { by: String },
}

impl Phase {
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::GaveUp)
    }
}

impl Ticket {
    /// The ids of its actions.
    pub fn action_ids(&self) -> impl Iterator<Item = &ActionId> {
        self.actions.iter().map(|a| &a.id)
    }
}

/// What the whole controller knows beyond one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// `--installation`; nothing acts without it.
    pub installation: Option<String>,
    /// The stop switch or its breaker, with the reason.
    pub stop: Option<String>,
    /// Disruptive tickets open now in other stacks.
    pub disruptions_in_flight: u32,
    /// The controller's own limit, beside the stack's. Default 5; 0 allows none.
    pub max_concurrent_disruptions: u32,
    /// Nodes that we added and that stand, over all stacks.
    pub added_nodes: u32,
    /// Default 100; 0 allows none.
    pub max_added_nodes: u32,
    /// Node groups failed over by TestFailover in the last 24 h, per account and region, from events (ours and
    /// everybody's): the times, oldest first.
    pub test_failovers: SmallMap<(Option<AccountId>, Region), Vec<Timestamp>>,
    /// AWS allows 15 node groups per rolling 24 h; we stop at this many. Default 10.
    pub test_failover_limit: u32,
    /// Components of this stack that an elder stack claims, with the elder's name.
    pub claimed_by_elder: SmallMap<ComponentName, String>,
    /// Another process holds the lease, or ours is about to end: observe only.
    pub not_leader: Option<String>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            installation: None,
            stop: None,
            disruptions_in_flight: 0,
            max_concurrent_disruptions: 5,
            added_nodes: 0,
            max_added_nodes: 100,
            test_failovers: SmallMap::new(),
            test_failover_limit: 10,
            claimed_by_elder: SmallMap::new(),
            not_leader: None,
        }
    }
}
