//! `paused`: a person paused the stack.

use super::context::{Context, Refusal};

pub(super) fn refuse_all(ctx: &Context<'_>) -> Option<Refusal> {
    ctx.input.intent.annotations.paused.then(|| {
        Refusal::new(
            "The stack is paused by the annotation evenkeel.dev/paused. Remove it to let actions go on.",
        )
    })
}
