//! `window`: disruption only inside one of the stack's windows, when it has any.

use super::context::{Context, Refusal, disruptive};
use crate::plan::text::moment;
use crate::plan::{Action, windows};

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let settings = &ctx.input.intent.guardrails;
    if !disruptive(action) || windows::open(&settings.windows, &[], ctx.input.now) {
        return None;
    }
    Some(match ctx.next_open() {
        Some(at) => Refusal::until(
            format!(
                "Outside every window for disruption; the next opens at {}.",
                moment(at)
            ),
            at,
        ),
        None => Refusal::new(
            "Outside every window for disruption, and none will open: guardrails.windows and \
                              guardrails.denyWindows leave no time.",
        ),
    })
}
