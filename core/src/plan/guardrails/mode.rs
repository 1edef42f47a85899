//! `mode`: what the stack's mode, and the policy of the action's type, let happen without a person.
//!
//! | mode | additive | disruptive |
//! |---|---|---|
//! | Observe | Report | Report |
//! | Approve | Auto | Approve |
//! | Enforce | Auto | Auto |
//!
//! An entry in `policy` overrides the table for its type, in every mode.

use super::context::{Context, Refusal};
use crate::plan::intent::{Intent, Mode, Policy};
use crate::plan::{Action, ActionClass, ActionType, approvals};

/// What `policy`, or else the mode, says of actions of this type.
pub fn effective_policy(intent: &Intent, action_type: ActionType) -> Policy {
    if let Some(policy) = intent.policy.get(&action_type) {
        return *policy;
    }
    match (intent.mode, action_type.class()) {
        (Mode::Observe, _) => Policy::Report,
        (Mode::Approve, ActionClass::Disruptive) => Policy::Approve,
        (Mode::Approve, ActionClass::Additive) | (Mode::Enforce, _) => Policy::Auto,
    }
}

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let intent = ctx.input.intent;
    let action_type = action.kind.action_type();
    let by_policy = intent.policy.contains_key(&action_type);
    match effective_policy(intent, action_type) {
        Policy::Auto => None,
        Policy::Report if by_policy => Some(Refusal::new(format!(
            "spec.policy.{action_type} is Report: it is only reported."
        ))),
        Policy::Report => Some(Refusal::new(
            "spec.mode is Observe: actions are only reported. Set it to Approve or Enforce to let them happen.",
        )),
        Policy::Approve => match approvals::standing(ctx.input, &ctx.plan, &ctx.steps) {
            approvals::Standing::Approved => None,
            approvals::Standing::Used => Some(Refusal::new(format!(
                "The approval of plan {} is used up or older than 24 h, and an approval is used once. A change of \
                 the spec makes a new plan to approve.",
                ctx.plan.0
            ))),
            approvals::Standing::Unrecorded => Some(Refusal::new(format!(
                "The approval of plan {} has not been recorded yet.",
                ctx.plan.0
            ))),
            approvals::Standing::Wanted => Some(Refusal::new(format!(
                "{action_type} waits for approval. Approve this plan with the annotation evenkeel.dev/approve: {}",
                ctx.plan.0
            ))),
        },
    }
}
