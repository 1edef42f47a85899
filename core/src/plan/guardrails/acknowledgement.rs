//! `acknowledgement`: after a failover by a person, or by nobody knows whom, no primary of that component is moved
//! until a person has acknowledged it. Evenkeel doesn't undo people.
//!
//! Acknowledging a failover covers it and every earlier one of the component; a later one needs its own.

use super::context::{Context, Refusal};
use crate::plan::text::moment;
use crate::plan::{Action, ActionType};
use crate::topology::FailoverClass;

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    if action.kind.action_type() != ActionType::MovePrimary {
        return None;
    }
    let newest = ctx
        .input
        .history
        .failovers
        .iter()
        .filter(|f| f.component == action.component)
        .filter(|f| matches!(f.class, FailoverClass::Person | FailoverClass::Unknown))
        .max_by_key(|f| (f.at, &f.id))?;
    if acknowledged(ctx, &newest.id) {
        return None;
    }
    let by = match newest.class {
        FailoverClass::Person => "by a person",
        _ => "for a reason that is not known",
    };
    Some(Refusal::new(format!(
        "Shard {} failed over {by} at {}. Primaries of {} stay where they are until that is acknowledged with the \
         annotation evenkeel.dev/acknowledge: {}",
        newest.shard,
        moment(newest.at),
        action.component,
        newest.id
    )))
}

/// By the record, or by the annotation as it stands.
pub(super) fn acknowledged(ctx: &Context<'_>, id: &str) -> bool {
    ctx.input.history.acknowledged.contains(id) || ctx.input.intent.annotations.acknowledge.contains(id)
}
