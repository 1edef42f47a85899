//! What Evenkeel reports of a stack. Written by one writer, and only when something changed.
//!
//! Lists but the conditions, and the settings in force, are atomic to server-side apply: one writer needs no owner for
//! each field of each zone, and the API server is spared keeping them.

use crate::api::conditions::Condition;
use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What Evenkeel sees, judges, plans and does.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HAStackStatus {
    /// Generation of the spec that this status was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, ZoneRedundant, Balanced, ObjectivesMet, ActionBlocked, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// The last evenkeel.dev/reconcile-at that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile_at: Option<String>,
    /// Zones whose loss the stack survives, of all its zones, such as 2/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_summary: Option<String>,
    /// The largest skew of any component, such as "nodes 0, primaries 2".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<String>,
    /// When a primary last moved, whoever moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failover: Option<Timestamp>,
    /// The settings in force, defaults included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub effective: Option<EffectiveSettings>,
    /// Each zone of the spec, and others in which nodes stand: its state, and whether the stack would survive its loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneStatus>,
    /// Each component: what AWS says of it and where its nodes stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ComponentStatus>,
    /// What spec.accepted says, and whether it still counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<AcceptedStatus>,
    /// What Evenkeel would do next, and what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Actions in flight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<TicketStatus>,
    /// Nodes that Evenkeel added and that still stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added_nodes: Vec<AddedNodeStatus>,
    /// The last failovers, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failovers: Vec<FailoverStatus>,
    /// Evenkeel's memory of this stack: tickets, approvals used, nodes added, failovers. For Evenkeel alone; removing it
    /// makes it begin anew and wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// The settings in force, defaults included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSettings {
    /// Mode of the stack.
    pub mode: String,
    /// Tolerated skew of nodes and of primaries.
    pub max_skew: u32,
    /// Calm that must precede a disruption.
    pub quiet_period: String,
    /// Lag that forbids moving a primary.
    pub max_replication_lag: String,
    /// Patience before a copy lost with its zone is replaced elsewhere.
    pub replace_after: String,
    /// Most nodes of ours that may stand at once.
    pub max_added_nodes: u32,
    /// Most disruptive actions in flight at once.
    pub max_concurrent_disruptions: u32,
    /// Fewest replicas of a shard, by cache.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub min_replicas_per_shard: BTreeMap<String, u32>,
}

/// A zone of the spec, or one in which nodes stand all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZoneStatus {
    /// Name of the zone.
    pub name: String,
    /// Healthy, Impaired, Evacuating or Unknown, as evidence shows.
    pub state: String,
    /// Would the stack survive its loss now? Survives, Degraded, Lost or Unknown.
    pub verdict: String,
    /// Why state and verdict are as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Nodes that stand in it.
    pub nodes: u32,
    /// Primaries among them.
    pub primaries: u32,
}

/// A component of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Name of the component in the spec.
    pub name: String,
    /// Kind of resource: Cache.
    pub kind: String,
    /// Identifier in AWS.
    pub identifier: String,
    /// The resource's own status word, or why it has none.
    pub status: String,
    /// One line per shard: its nodes by zone, such as "0001  a:P  c:r".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement: Vec<String>,
}

/// A risk that the spec accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedStatus {
    /// The finding's code.
    pub finding: String,
    /// Name of the component; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// When it ends.
    pub until: Timestamp,
    /// InForce: there are such findings, and they raise no alert. Unused: there are none now. Expired: it counts no more.
    pub state: String,
}

/// The current plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// What the annotation evenkeel.dev/approve names.
    pub id: String,
    /// The steps that would bring the stack to its goal, in order, held ones included; the first of very many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionStatus>,
    /// Steps beyond those listed; `evenkeel plan` shows them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub more_actions: Option<u32>,
    /// Why steps wait, and until when; the first of very many, each guardrail at least once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldStatus>,
    /// Holds beyond those listed; `evenkeel plan` shows them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub more_holds: Option<u32>,
}

/// A planned step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionStatus {
    /// Id of the step, which holds and tickets name.
    pub id: String,
    /// Type of the step, as spec.policy names it.
    #[serde(rename = "type")]
    pub action_type: String,
    /// Additive or Disruptive.
    pub class: String,
    /// Component that it belongs to.
    pub component: String,
    /// Shard, node or identifier that it is about.
    pub subject: String,
    /// Zone that loses a node or the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_zone: Option<String>,
    /// Zone that gains it; of a primary: where the expected winner stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_zone: Option<String>,
    /// Which promise it serves, what it costs and interrupts.
    pub why: String,
}

/// A step that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// Id of the hold.
    pub id: String,
    /// The guardrail that holds it.
    pub guardrail: String,
    /// The action held; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why it holds, as a sentence.
    pub reason: String,
    /// When to look again; absent: when a person acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// An action in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketStatus {
    /// Id of the ticket.
    pub id: String,
    /// Ids of the actions that share its one call.
    pub actions: Vec<String>,
    /// Prepared, MaybeCalled or Settling.
    pub phase: String,
    /// When it was decided.
    pub prepared_at: Timestamp,
    /// When the call was sent; absent: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_at: Option<Timestamp>,
    /// Until when the result may take to show.
    pub deadline: Timestamp,
}

/// A node that Evenkeel added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedNodeStatus {
    /// Id of the node in AWS.
    pub id: String,
    /// Component that it belongs to.
    pub component: String,
    /// Shard that it is a copy of.
    pub shard: String,
    /// When it was added.
    pub at: Timestamp,
    /// The node whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A failover that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverStatus {
    /// What the annotation evenkeel.dev/acknowledge names.
    pub id: String,
    /// When the new primary was promoted.
    pub at: Timestamp,
    /// Component that it happened to.
    pub component: String,
    /// Shard whose primary moved.
    pub shard: String,
    /// Node that was the primary, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Node that became the primary, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Own, Person, Provider or Unknown.
    pub class: String,
    /// From the loss of the primary to the promotion, when both were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
}
