//! `provider_maintenance`: no disruption during, or an hour before, the resource's own maintenance window, nor while
//! somebody else is at work on it.

use super::context::{Context, Refusal, disruptive};
use crate::plan::text::{joined, moment};
use crate::plan::{Action, windows};
use crate::topology::ResourceStatus;
use jiff::SignedDuration;

const LEAD: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    if !disruptive(action) {
        return None;
    }
    let state = ctx.state(action)?;
    let id = &state.component.resource.identifier;
    let mut why = Vec::new();
    if let Some(end) = windows::weekly_until(&state.component.maintenance_windows, LEAD, ctx.input.now) {
        why.push(Refusal::until(
            format!(
                "AWS may maintain replication group {id} in its weekly window, which is open or less than an hour \
                 away; it ends at {}.",
                moment(end)
            ),
            end,
        ));
    }
    if !ctx.ours_in_flight(&action.component) {
        if state.component.status != ResourceStatus::Available {
            why.push(Refusal::new(format!(
                "Replication group {id} is not available, and no action of ours explains it."
            )));
        }
        if !state.unavailable.is_empty() {
            why.push(Refusal::new(format!(
                "{} of replication group {id} not available, and no action of ours explains it.",
                joined(&state.unavailable)
            )));
        }
    }
    Refusal::join(why)
}
