//! Which shards lack a healthy copy, and whether our own action explains it.
//!
//! When a shard that something else degraded is whole again, the quiet period starts anew. A copy that is being
//! created is no loss; a copy of which nothing is known neither degrades a shard nor mends it.

use crate::plan::ActionKind;
use crate::plan::history::{DegradedBy, History, Ticket};
use crate::topology::{
    Component, ComponentName, Gap, Health, NodeId, ResourceStatus, Shard, ShardId, SmallMap, Topology,
};
use jiff::Timestamp;

pub(super) fn absorb(history: &mut History, topology: &Topology, now: Timestamp) {
    for (name, component) in &topology.components {
        if !readable(component) {
            continue;
        }
        let before = history.degraded.remove(name).unwrap_or_default();
        let mut degraded = SmallMap::new();
        let mut recovered = false;
        for (id, shard) in &component.shards {
            match step(history, name, id, shard, before.get(id).copied()) {
                Some(by) => {
                    degraded.insert(id.clone(), by);
                }
                None => recovered |= before.get(id) == Some(&DegradedBy::SomethingElse),
            }
        }
        if recovered {
            history.last_foreign_recovery = Some(now);
        }
        if !degraded.is_empty() {
            history.degraded.insert(name.clone(), degraded);
        }
    }
}

fn readable(component: &Component) -> bool {
    let told = match component.status {
        ResourceStatus::Available | ResourceStatus::Modifying | ResourceStatus::Snapshotting => true,
        ResourceStatus::Creating
        | ResourceStatus::Deleting
        | ResourceStatus::CreateFailed
        | ResourceStatus::Missing
        | ResourceStatus::Denied
        | ResourceStatus::Unknown => false,
    };
    told && !component.gaps.iter().any(|g| matches!(g, Gap::Description(_)))
}

fn step(
    history: &History,
    name: &ComponentName,
    id: &ShardId,
    shard: &Shard,
    before: Option<DegradedBy>,
) -> Option<DegradedBy> {
    let down: Vec<&NodeId> = shard
        .nodes
        .iter()
        .filter(|(_, n)| n.health == Health::Down)
        .map(|(node, _)| node)
        .collect();
    if down.is_empty() {
        let whole = shard.nodes.values().all(|n| n.health == Health::Healthy);
        return before.filter(|_| !whole);
    }
    let was_ours = before == Some(DegradedBy::OurAction);
    let explains = |node: &&NodeId| {
        history
            .tickets
            .iter()
            .filter(|t| t.called_at.is_some() && (t.phase.is_open() || was_ours))
            .any(|t| takes_down(t, name, id, node))
    };
    if before != Some(DegradedBy::SomethingElse) && down.iter().all(explains) {
        Some(DegradedBy::OurAction)
    } else {
        Some(DegradedBy::SomethingElse)
    }
}

/// TestFailover replaces the old primary; a removed replica is deleting for a while.
fn takes_down(ticket: &Ticket, name: &ComponentName, id: &ShardId, node: &NodeId) -> bool {
    ticket
        .actions
        .iter()
        .filter(|a| a.component == *name)
        .any(|a| match &a.kind {
            ActionKind::MovePrimary { shard } => {
                let old = ticket.before.get(id).and_then(|b| b.primary.as_ref());
                shard == id && old == Some(node)
            }
            ActionKind::RemoveReplica { node: removed, .. } => removed == node,
            ActionKind::AddReplica { .. }
            | ActionKind::EnableAutomaticFailover { .. }
            | ActionKind::EnableMultiAz { .. } => false,
        })
}
