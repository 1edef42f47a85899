//! `capacity`: AWS had no capacity in this zone a moment ago; another eligible zone is taken meanwhile.

use super::context::{Context, Refusal};
use crate::plan::copies::{CAPACITY_MEMORY, capacity_missed};
use crate::plan::text::moment;
use crate::plan::{Action, ActionKind};

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let ActionKind::AddReplica { zone, .. } = &action.kind else {
        return None;
    };
    let (input, component) = (ctx.input, &action.component);
    if !capacity_missed(input.history, component, zone, input.now) {
        return None;
    }
    let missed = input.history.capacity_misses.get(component)?.get(zone)?;
    let until = missed.checked_add(CAPACITY_MEMORY).ok()?;
    Some(Refusal::until(
        format!(
            "AWS had no capacity for it in {zone} at {}; it is asked again at {}.",
            moment(*missed),
            moment(until)
        ),
        until,
    ))
}
