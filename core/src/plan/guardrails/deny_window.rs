//! `deny_window`: no disruption inside any of the stack's denied windows.

use super::context::{Context, Refusal, disruptive};
use crate::plan::text::moment;
use crate::plan::{Action, windows};

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let settings = &ctx.input.intent.guardrails;
    if !disruptive(action) || windows::open(&[], &settings.deny_windows, ctx.input.now) {
        return None;
    }
    Some(match ctx.next_open() {
        Some(at) => Refusal::until(
            format!(
                "Inside a window in which disruption is denied; it is allowed again at {}.",
                moment(at)
            ),
            at,
        ),
        None => Refusal::new(
            "Inside a window in which disruption is denied, and guardrails.windows and guardrails.denyWindows \
             leave no other time.",
        ),
    })
}
