//! `budget`: how many disruptions may be under way, and how many nodes we may have added, for the stack and for the
//! whole controller; and one extra copy per shard.

use super::context::{Context, Refusal, State, disruptive};
use crate::plan::copies::target_count;
use crate::plan::{Action, ActionClass, ActionKind};
use crate::topology::ShardId;

/// `clear` are the earlier actions that nothing refuses: they will use the budget first.
pub(super) fn refuse(ctx: &Context<'_>, action: &Action, clear: &[&Action]) -> Option<Refusal> {
    let why = if disruptive(action) {
        disruptions(ctx)
    } else if let ActionKind::AddReplica { shard, .. } = &action.kind {
        let mut why = additions(ctx, clear);
        why.extend(
            ctx.state(action)
                .and_then(|s| extra_copy(ctx, s, action, shard, clear)),
        );
        why
    } else {
        Vec::new()
    };
    Refusal::join(why)
}

fn disruptions(ctx: &Context<'_>) -> Vec<Refusal> {
    let ours = ctx
        .open_tickets()
        .filter(|t| {
            t.actions
                .iter()
                .any(|a| a.kind.class() == ActionClass::Disruptive)
        })
        .count();
    let fleet = ctx.input.fleet;
    let of_stack = ctx.input.intent.guardrails.max_concurrent_disruptions as usize;
    let mut why = Vec::new();
    if ours >= of_stack {
        why.push(Refusal::new(format!(
            "{ours} disruptive actions of this stack are under way, and guardrails.maxConcurrentDisruptions is \
             {of_stack}."
        )));
    }
    let all = fleet.disruptions_in_flight as usize + ours;
    if all >= fleet.max_concurrent_disruptions as usize {
        why.push(Refusal::new(format!(
            "{all} disruptive actions are under way over all stacks, and the controller allows {}.",
            fleet.max_concurrent_disruptions
        )));
    }
    why
}

fn additions(ctx: &Context<'_>, clear: &[&Action]) -> Vec<Refusal> {
    let is_add = |a: &Action| matches!(a.kind, ActionKind::AddReplica { .. });
    let before = clear.iter().filter(|a| is_add(a)).count();
    let standing = ctx.input.history.added_nodes.len();
    let of_stack = ctx.input.intent.guardrails.max_added_nodes as usize;
    let fleet = ctx.input.fleet;
    let mut why = Vec::new();
    if standing + before >= of_stack {
        why.push(Refusal::new(format!(
            "{standing} nodes that were added here still stand and guardrails.maxAddedNodes is {of_stack}: there is \
             no room for this one."
        )));
    }
    if fleet.added_nodes as usize + before >= fleet.max_added_nodes as usize {
        why.push(Refusal::new(format!(
            "{} added nodes still stand over all stacks and the controller allows {}: there is no room for this one.",
            fleet.added_nodes, fleet.max_added_nodes
        )));
    }
    why
}

/// At most one copy more than wanted, and that only while a relocation lasts.
fn extra_copy(
    ctx: &Context<'_>,
    state: &State<'_>,
    action: &Action,
    id: &ShardId,
    clear: &[&Action],
) -> Option<Refusal> {
    let shard = state.component.shards.get(id)?;
    let wanted = target_count(ctx.input.history, shard, state.wanted.min_replicas_per_shard);
    let before = clear
        .iter()
        .filter(|a| a.component == action.component && a.kind.shard() == Some(id))
        .filter(|a| matches!(a.kind, ActionKind::AddReplica { .. }))
        .count();
    (shard.nodes.len() + before > wanted).then(|| {
        Refusal::new(format!(
            "Shard {id} has an extra copy already, and more than one at a time is never made."
        ))
    })
}
