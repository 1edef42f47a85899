//! `flapping`: an action that was undone or failed three times in 24 h stops, until a person has acknowledged it.
//!
//! Whoever undoes it (Terraform, replica autoscaling, AWS itself) means it, or something is broken: trying on is a
//! fight. The executor calls [`absorb`] after each finished ticket; the block stops that action type on that
//! component. An acknowledged block stays on record for a day, because the failures before it don't count again.

use super::acknowledgement::acknowledged;
use super::context::{Context, Refusal};
use crate::plan::history::{Block, History, Ticket, TicketOutcome};
use crate::plan::{Action, ActionType};
use crate::topology::ComponentName;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// So many times undone or failed stop an action.
pub const LIMIT: usize = 3;
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let why = ctx
        .input
        .history
        .blocks
        .iter()
        .filter(|b| b.component == action.component && b.action_type == action.kind.action_type())
        .filter(|b| !acknowledged(ctx, &b.id))
        .map(|b| {
            Refusal::new(format!(
                "{} It is stopped until that is acknowledged with the annotation evenkeel.dev/acknowledge: {}",
                b.reason, b.id
            ))
        })
        .collect();
    Refusal::join(why)
}

/// The same step, whatever node or zone it chose: what is undone in one zone is as unwanted in the next.
type Step = (ComponentName, ActionType, String);

/// Adds a block for each action type and component whose same action was undone or failed three times within 24 h
/// since the last acknowledged block, and drops acknowledged blocks older than that.
#[must_use]
pub fn absorb(mut history: History, now: Timestamp) -> History {
    let recent = |at: Timestamp| now.duration_since(at) < DAY;
    let History {
        blocks, acknowledged, ..
    } = &mut history;
    blocks.retain(|b| recent(b.since) || !acknowledged.contains(&b.id));
    let mut failures: BTreeMap<Step, Vec<(Timestamp, String)>> = BTreeMap::new();
    for ticket in &history.tickets {
        if let (Some(at), Some(what)) = (ticket.finished_at.filter(|at| recent(*at)), failure(ticket)) {
            for action in &ticket.actions {
                failures.entry(step(action)).or_default().push((at, what.clone()));
            }
        }
    }
    for ((component, action_type, subject), mut times) in failures {
        times.sort();
        let known = history
            .blocks
            .iter()
            .filter(|b| b.component == component && b.action_type == action_type);
        let counted_from = known.clone().map(|b| b.since).max();
        let standing = known.clone().any(|b| !history.acknowledged.contains(&b.id));
        times.retain(|(at, _)| counted_from.is_none_or(|from| *at > from));
        if standing || times.len() < LIMIT {
            continue;
        }
        let (since, last) = times[times.len() - 1].clone();
        history.blocks.push(Block {
            id: format!(
                "block-{component}-{action_type}-{}",
                since.strftime("%Y%m%dT%H%M%SZ")
            ),
            reason: format!(
                "{action_type} of {subject} failed or was undone {} times in 24 h, the last time: {last}.",
                times.len()
            ),
            component,
            action_type,
            since,
        });
    }
    history
}

fn step(action: &Action) -> Step {
    let subject = action
        .kind
        .shard()
        .map_or_else(|| action.kind.subject().to_owned(), |s| format!("shard {s}"));
    (action.component.clone(), action.kind.action_type(), subject)
}

/// What went wrong, if it counts.
fn failure(ticket: &Ticket) -> Option<String> {
    match ticket.outcome.as_ref()? {
        TicketOutcome::NoEffect => Some("AWS accepted it and nothing came of it".to_owned()),
        TicketOutcome::Undone { by } => Some(format!("undone by {by}")),
        TicketOutcome::Refused {
            code,
            message,
            counts: true,
        } => Some(format!("{code}: {}", message.trim_end_matches('.'))),
        TicketOutcome::Succeeded
        | TicketOutcome::Overtaken
        | TicketOutcome::NeverArrived
        | TicketOutcome::Refused { counts: false, .. } => None,
    }
}
