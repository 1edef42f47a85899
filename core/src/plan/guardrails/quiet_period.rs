//! `quiet_period`: no disruption until the stack has been quiet for long enough.
//!
//! Counted from the latest of: a failover that wasn't ours, any zone of the stack leaving Impaired or Unknown, the
//! recovery of the last shard degraded by anything but our action. Our own failovers and a start-up don't restart it.

use super::context::{Context, Refusal, disruptive};
use crate::plan::text::{moment, span};
use crate::plan::{Action, id};
use crate::topology::ZoneState;
use jiff::Timestamp;

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    if !disruptive(action) {
        return None;
    }
    let (since, what) = last_unrest(ctx)?;
    let period = ctx.input.intent.guardrails.quiet_period;
    let until = since.checked_add(period).ok()?;
    (ctx.input.now < until).then(|| {
        Refusal::until(
            format!(
                "The stack must be quiet for {} after {what} at {}, which is until {}.",
                span(period),
                moment(since),
                moment(until)
            ),
            until,
        )
    })
}

fn last_unrest(ctx: &Context<'_>) -> Option<(Timestamp, String)> {
    let (history, topology) = (ctx.input.history, ctx.input.topology);
    let failover = id::latest_foreign_failover(history).map(|f| {
        (
            f.at,
            format!("the failover of shard {} of {}", f.shard, f.component),
        )
    });
    let remembered = history
        .zones
        .iter()
        .filter_map(|(zone, memory)| Some((memory.left_trouble?, format!("the return of {zone}"))));
    let seen = topology
        .zones
        .iter()
        .filter(|(_, zone)| zone.state == ZoneState::Healthy)
        .filter_map(|(name, zone)| Some((zone.since?, format!("the return of {name}"))));
    let recovery = history
        .last_foreign_recovery
        .map(|at| (at, "the recovery of the last degraded shard".to_owned()));
    failover
        .into_iter()
        .chain(remembered)
        .chain(seen)
        .chain(recovery)
        .max()
}
