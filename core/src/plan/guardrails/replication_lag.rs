//! `replication_lag`: a failover loses the winner's lag, so a primary is moved only when every replica of its shard is
//! known to be within the limit; and a replica is not removed while another one is known to lag.
//!
//! Lag is bought only in the fresh read before acting: while merely proposing, an unknown lag holds nothing.

use super::context::{Context, Refusal};
use crate::plan::text::{joined, span};
use crate::plan::{Action, ActionKind};
use crate::topology::{Node, NodeId, Role, Shard};

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let shard = ctx.state(action)?.component.shards.get(action.kind.shard()?)?;
    let (must_know, leaving) = match &action.kind {
        ActionKind::MovePrimary { .. } => (ctx.acting(), None),
        ActionKind::RemoveReplica { node, .. } => (false, Some(node)),
        _ => return None,
    };
    let limit = ctx.input.intent.guardrails.max_replication_lag;
    let mut why = Vec::new();
    for (id, node) in replicas(shard).filter(|(id, _)| Some(*id) != leaving) {
        if let Some(lag) = node.lag.filter(|lag| *lag > limit) {
            why.push(Refusal::new(format!(
                "Replica {id} is {} behind, more than {}.",
                span(lag),
                span(limit)
            )));
        }
    }
    let unknown: Vec<&NodeId> = replicas(shard)
        .filter(|(_, n)| must_know && n.lag.is_none())
        .map(|(id, _)| id)
        .collect();
    if !unknown.is_empty() {
        why.push(Refusal::new(format!(
            "The replication lag of {} is not known.",
            joined(&unknown)
        )));
    }
    Refusal::join(why)
}

fn replicas(shard: &Shard) -> impl Iterator<Item = (&NodeId, &Node)> {
    shard.nodes.iter().filter(|(_, n)| n.role != Role::Primary)
}
