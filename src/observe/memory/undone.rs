//! Actions of ours that succeeded and that somebody, or AWS, has undone since; nodes of ours that are gone for good.
//!
//! Only a settled component proves absence: while AWS changes the group, or when it could not be read, nothing is
//! concluded. A node that our own RemoveReplica took away was not undone.

use super::settled;
use crate::plan::history::{AddedNode, History, Ticket, TicketOutcome};
use crate::plan::{ActionKind, ActionType};
use crate::topology::{Component, ComponentName, NodeId, Switch, Topology};

pub(super) fn absorb(history: &mut History, topology: &Topology) {
    let gone: Vec<NodeId> = history
        .added_nodes
        .iter()
        .filter(|(node, added)| is_gone(topology, node, added))
        .map(|(node, _)| node.clone())
        .collect();
    for node in gone {
        if let Some(added) = history.added_nodes.remove(&node)
            && !removed_by_us(history, &added.component, &node)
        {
            undo_addition(history, &node, &added);
        }
    }
    for (name, component) in topology.components.iter().filter(|(_, c)| settled(c)) {
        undo_settings(history, name, component);
    }
}

fn is_gone(topology: &Topology, node: &NodeId, added: &AddedNode) -> bool {
    topology.components.get(&added.component).is_some_and(|c| {
        settled(c) && c.observed_at > added.at && c.shards.values().all(|s| !s.nodes.contains_key(node))
    })
}

/// A removal that AWS refused, or that never reached it, removed nothing.
fn removed_by_us(history: &History, component: &ComponentName, node: &NodeId) -> bool {
    history.tickets.iter().any(|t| {
        t.called_at.is_some()
            && !matches!(
                t.outcome,
                Some(TicketOutcome::Refused { .. } | TicketOutcome::Overtaken | TicketOutcome::NeverArrived)
            )
            && t.actions.iter().any(|a| {
                a.component == *component
                    && matches!(&a.kind, ActionKind::RemoveReplica { node: n, .. } if n == node)
            })
    })
}

fn undo_addition(history: &mut History, node: &NodeId, added: &AddedNode) {
    let ticket = history
        .tickets
        .iter_mut()
        .filter(|t| t.outcome == Some(TicketOutcome::Succeeded) && t.called_at == Some(added.at))
        .find(|t| {
            t.actions.iter().any(|a| {
                a.component == added.component
                    && matches!(&a.kind, ActionKind::AddReplica { shard, .. } if *shard == added.shard)
            })
        });
    if let Some(ticket) = ticket {
        ticket.outcome = Some(TicketOutcome::Undone {
            by: format!("somebody else: {node} was removed, and not by us"),
        });
    }
}

fn undo_settings(history: &mut History, name: &ComponentName, component: &Component) {
    let off = |switch: Switch| matches!(switch, Switch::Disabled | Switch::Disabling);
    let settings = &component.settings;
    for (kind, undone, what) in [
        (ActionType::EnableMultiAz, off(settings.multi_az), "Multi-AZ"),
        (
            ActionType::EnableAutomaticFailover,
            off(settings.automatic_failover),
            "automatic failover",
        ),
    ] {
        let enabled = |t: &&mut Ticket| {
            t.outcome == Some(TicketOutcome::Succeeded)
                && t.finished_at.is_some_and(|at| at < component.observed_at)
                && t.actions
                    .iter()
                    .any(|a| a.component == *name && a.kind.action_type() == kind)
        };
        if undone {
            for ticket in history.tickets.iter_mut().filter(enabled) {
                ticket.outcome = Some(TicketOutcome::Undone {
                    by: format!("somebody else: {what} was turned off again"),
                });
            }
        }
    }
}
