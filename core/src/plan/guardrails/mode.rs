//! `mode`: what the stack's mode, and the policy of the action's type, let happen without a person.
//!
//! | mode | additive | disruptive |
//! |---|---|---|
//! | Observe | Report | Report |
//! | Approve | Auto | Approve |
//! | Enforce | Auto | Auto |
//!
//! An entry in `policy` overrides the table for its type, in every mode. Nothing overrides the mode of the stack's
//! AWSAccount: of what the stack says and what the table says of that mode, the more careful holds.

use super::context::{Context, Refusal};
use crate::plan::intent::{Intent, Mode, ModeLimit, Policy};
use crate::plan::text::moment;
use crate::plan::{Action, ActionClass, ActionType, approvals};
use jiff::Timestamp;

/// What `policy`, or else the mode, says of actions of this type, within what the stack's AWSAccount allows.
pub fn effective_policy(intent: &Intent, action_type: ActionType) -> Policy {
    let own = own_policy(intent, action_type);
    account_policy(intent, action_type).map_or(own, |limit| own.min(limit))
}

fn own_policy(intent: &Intent, action_type: ActionType) -> Policy {
    let by_type = intent.policy.get(&action_type).copied();
    by_type.unwrap_or_else(|| policy_of(intent.mode, action_type))
}

fn account_policy(intent: &Intent, action_type: ActionType) -> Option<Policy> {
    let limit = intent.mode_limit.as_ref()?;
    Some(policy_of(limit.mode, action_type))
}

/// The AWSAccount is more careful than the stack about actions of this type.
pub fn is_limited(intent: &Intent, action_type: ActionType) -> bool {
    account_policy(intent, action_type).is_some_and(|limit| limit < own_policy(intent, action_type))
}

fn policy_of(mode: Mode, action_type: ActionType) -> Policy {
    match (mode, action_type.class()) {
        (Mode::Observe, _) => Policy::Report,
        (Mode::Approve, ActionClass::Disruptive) => Policy::Approve,
        (Mode::Approve, ActionClass::Additive) | (Mode::Enforce, _) => Policy::Auto,
    }
}

/// `not_before`: what other guardrails hold the action for until then; whoever approves it should know.
pub(super) fn refuse(ctx: &Context<'_>, action: &Action, not_before: Option<Timestamp>) -> Option<Refusal> {
    let intent = ctx.input.intent;
    let action_type = action.kind.action_type();
    let by_policy = intent.policy.contains_key(&action_type);
    let limit = intent
        .mode_limit
        .as_ref()
        .filter(|_| is_limited(intent, action_type));
    match (effective_policy(intent, action_type), limit) {
        (Policy::Auto, _) => None,
        (Policy::Report, Some(limit)) => Some(Refusal::new(format!(
            "AWSAccount {} allows at most the mode {:?}: {action_type} is only reported. Whoever manages it can raise \
             its spec.mode.",
            limit.account, limit.mode
        ))),
        (Policy::Report, None) if by_policy => Some(Refusal::new(format!(
            "spec.policy.{action_type} is Report: it is only reported."
        ))),
        (Policy::Report, None) => Some(Refusal::new(
            "spec.mode is Observe: actions are only reported. Set it to Approve or Enforce to let them happen.",
        )),
        (Policy::Approve, limit) => approval(ctx, action_type, limit, not_before),
    }
}

fn approval(
    ctx: &Context<'_>,
    action_type: ActionType,
    limit: Option<&ModeLimit>,
    not_before: Option<Timestamp>,
) -> Option<Refusal> {
    let plan = &ctx.plan.0;
    match approvals::standing(ctx.input, &ctx.plan, &ctx.steps) {
        approvals::Standing::Approved => None,
        approvals::Standing::Used => Some(Refusal::new(format!(
            "The approval of plan {plan} is used up or older than 24 h, and an approval is used once. A change of \
             the spec makes a new plan to approve."
        ))),
        approvals::Standing::Unrecorded => Some(Refusal::new(format!(
            "The approval of plan {plan} has not been recorded yet."
        ))),
        approvals::Standing::Wanted => {
            let by = limit.map_or(String::new(), |limit| {
                format!(
                    "AWSAccount {} allows at most the mode {:?}: ",
                    limit.account, limit.mode
                )
            });
            let rests = not_before.map_or(String::new(), |at| {
                format!(" Approved or not, it is not done before {}.", moment(at))
            });
            Some(Refusal::new(format!(
                "{by}{action_type} waits for approval.{rests} Approve this plan with the annotation evenkeel.dev/approve: {plan}"
            )))
        }
    }
}
