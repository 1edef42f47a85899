//! `quota`: TestFailover is scarce. AWS allows 15 node groups per account and rolling 24 h (everybody's count), and we
//! try each shard once in 24 h.

use super::context::{Context, Refusal};
use crate::plan::history::{Phase, Ticket, TicketOutcome};
use crate::plan::text::moment;
use crate::plan::{Action, ActionKind, Input};
use crate::topology::{ComponentName, ShardId};
use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let ActionKind::MovePrimary { shard } = &action.kind else {
        return None;
    };
    of_move(ctx.input, &action.component, shard)
}

/// The primary of this shard can't be moved yet. Planning asks, so that it needn't plan what has to wait.
pub(in crate::plan) fn bars_move(input: &Input<'_>, component: &ComponentName, shard: &ShardId) -> bool {
    of_move(input, component, shard).is_some()
}

fn of_move(input: &Input<'_>, component: &ComponentName, shard: &ShardId) -> Option<Refusal> {
    let mut why: Vec<Refusal> = ledger(input, component).into_iter().collect();
    why.extend(tried(input, component, shard));
    Refusal::join(why)
}

fn ledger(input: &Input<'_>, component: &ComponentName) -> Option<Refusal> {
    let resource = &input.topology.components.get(component)?.resource;
    let fleet = input.fleet;
    let limit = fleet.test_failover_limit as usize;
    let key = (resource.account.clone(), resource.region.clone());
    let all = fleet.test_failovers.get(&key).map_or(&[][..], Vec::as_slice);
    let recent = |at: &&Timestamp| input.now.duration_since(**at) < DAY;
    let count = all.iter().filter(recent).count();
    if count < limit {
        return None;
    }
    let mut used: Vec<Timestamp> = all.iter().filter(recent).copied().collect();
    used.sort_unstable();
    let reason = format!(
        "{count} shards were failed over by TestFailover in {} in the last 24 h, and we stop at {limit}.",
        resource.region
    );
    // So many of the oldest must fall out of the 24 h that one less than the limit is left.
    let falls_out = used.get(count - limit).and_then(|at| at.checked_add(DAY).ok());
    Some(Refusal {
        reason,
        retry_at: falls_out,
    })
}

fn tried(input: &Input<'_>, component: &ComponentName, shard: &ShardId) -> Option<Refusal> {
    let moves = |a: &Action| {
        a.component == *component && matches!(&a.kind, ActionKind::MovePrimary { shard: s } if s == shard)
    };
    let tickets = input.history.tickets.iter();
    let last = tickets
        .filter(|t| counts_as_try(t) && t.actions.iter().any(moves))
        .map(|t| t.called_at.unwrap_or(t.prepared_at))
        .max()?;
    let until = last.checked_add(DAY).ok()?;
    (input.now < until).then(|| {
        Refusal::until(
            format!(
                "The primary of shard {shard} was moved, or tried to be, at {}; a shard is tried once in 24 h.",
                moment(last)
            ),
            until,
        )
    })
}

/// A finished ticket whose call AWS took, or refused for good. One that was overtaken, throttled, met a conflict or
/// never arrived is no try.
pub fn counts_as_try(ticket: &Ticket) -> bool {
    if !matches!(ticket.phase, Phase::Done | Phase::GaveUp) {
        return false;
    }
    match &ticket.outcome {
        None | Some(TicketOutcome::Succeeded | TicketOutcome::NoEffect | TicketOutcome::Undone { .. }) => {
            true
        }
        Some(TicketOutcome::Refused { counts, .. }) => *counts,
        Some(TicketOutcome::Overtaken | TicketOutcome::NeverArrived) => false,
    }
}
