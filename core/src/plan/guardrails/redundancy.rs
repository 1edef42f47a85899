//! `redundancy`: nothing disruptive while any shard of the component is degraded, and no step that would leave its
//! shard worse off once settled.
//!
//! A replica is removed only when the primary is known, healthy and another node, and when what is left are enough
//! members, enough healthy copies, and as many zones as before (at least two where more than one copy is wanted). A
//! primary is moved only while every copy of its shard is healthy: TestFailover replaces the old primary, so the
//! shard has one copy less for minutes.

use super::context::{Context, Refusal, State, disruptive};
use crate::plan::copies::target_count;
use crate::plan::text::{joined, listed, plural};
use crate::plan::{Action, ActionKind};
use crate::topology::{Health, Node, NodeId, Role, Shard, ShardId, ZoneName};
use std::collections::BTreeSet;

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    if !disruptive(action) {
        return None;
    }
    let state = ctx.state(action)?;
    let mut why = Vec::new();
    if !state.degraded.is_empty() {
        why.push(Refusal::new(format!(
            "Nothing disruptive is done while a shard is degraded: {} {} fewer healthy copies than wanted.",
            listed("shard", &state.degraded),
            plural(state.degraded.len(), "has", "have")
        )));
    }
    if let Some((id, shard)) = action
        .kind
        .shard()
        .and_then(|id| state.component.shards.get_key_value(id))
    {
        let reason = match &action.kind {
            ActionKind::RemoveReplica { node, .. } => removal(ctx, state, id, shard, node),
            ActionKind::MovePrimary { .. } => failover(id, shard),
            _ => None,
        };
        why.extend(reason.map(Refusal::new));
    }
    Refusal::join(why)
}

fn removal(
    ctx: &Context<'_>,
    state: &State<'_>,
    id: &ShardId,
    shard: &Shard,
    node: &NodeId,
) -> Option<String> {
    let Some(leaving) = shard.nodes.get(node) else {
        return Some(format!("Node {node} is not a member of shard {id}."));
    };
    let Some((primary, keeper)) = shard.primary() else {
        return Some(format!("Which node of shard {id} is the primary is not known."));
    };
    if primary == node || leaving.role != Role::Replica {
        return Some(format!(
            "Node {node} is the primary of shard {id}: a primary is never removed."
        ));
    }
    if keeper.health != Health::Healthy {
        return Some(format!("The primary {primary} of shard {id} is not healthy."));
    }
    let wanted = target_count(ctx.input.history, shard, state.wanted.min_replicas_per_shard);
    let left: Vec<&Node> = shard
        .healthy()
        .filter(|(n, _)| *n != node)
        .map(|(_, n)| n)
        .collect();
    if left.len() < wanted {
        return Some(format!(
            "Without node {node}, shard {id} would have {} healthy {} of {wanted}.",
            left.len(),
            plural(left.len(), "copy", "copies")
        ));
    }
    too_few_zones(shard, &left, wanted)
        .then(|| format!("Without node {node}, the copies of shard {id} would stand in too few zones."))
}

fn too_few_zones(shard: &Shard, left: &[&Node], wanted: usize) -> bool {
    let before: BTreeSet<&ZoneName> = shard.healthy().map(|(_, n)| &n.zone).collect();
    let after: BTreeSet<&ZoneName> = left.iter().map(|n| &n.zone).collect();
    after.len() < wanted.min(before.len().max(2))
}

fn failover(id: &ShardId, shard: &Shard) -> Option<String> {
    let unwell: Vec<&NodeId> = shard
        .nodes
        .iter()
        .filter(|(_, n)| n.health != Health::Healthy)
        .map(|(id, _)| id)
        .collect();
    if !unwell.is_empty() {
        return Some(format!(
            "A primary is moved only while every copy of its shard is healthy; {} of shard {id} {} not.",
            joined(&unwell),
            plural(unwell.len(), "is", "are")
        ));
    }
    (shard.nodes.len() < 2).then(|| format!("Shard {id} has no replica that could take over."))
}
