//! `stop`: the fleet's stop switch or breaker is set, or somebody else leads. Nothing is done anywhere.

use super::context::{Context, Refusal};

pub(super) fn refuse_all(ctx: &Context<'_>) -> Option<Refusal> {
    let fleet = ctx.input.fleet;
    let mut why = Vec::new();
    if let Some(reason) = &fleet.stop {
        why.push(Refusal::new(format!(
            "All acting is stopped: {}.",
            reason.trim_end_matches('.')
        )));
    }
    // A follower has nothing to say while there is nothing to do.
    if let Some(reason) = fleet.not_leader.as_ref().filter(|_| !ctx.actions.is_empty()) {
        why.push(Refusal::new(format!(
            "This process only observes: {}.",
            reason.trim_end_matches('.')
        )));
    }
    Refusal::join(why)
}
