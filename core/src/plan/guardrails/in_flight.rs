//! `in_flight`: one ticket of a stack at a time.

use super::context::{Context, Refusal};
use crate::plan::text::{joined, moment};

pub(super) fn refuse_all(ctx: &Context<'_>) -> Option<Refusal> {
    if ctx.actions.is_empty() {
        return None;
    }
    let open: Vec<_> = ctx.open_tickets().collect();
    let deadline = open.iter().map(|t| t.deadline).max()?;
    let actions: Vec<_> = open.iter().flat_map(|t| t.action_ids()).collect();
    Some(Refusal::until(
        format!(
            "{} in flight; it is given up at {} at the latest.",
            joined(&actions),
            moment(deadline)
        ),
        deadline,
    ))
}
