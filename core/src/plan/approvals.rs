//! Approvals: what a person's `evenkeel.dev/approve: <plan id>` covers, and for how long.
//!
//! An approval is used once: it covers the steps of the plan it names, and what remains of them as they complete, for
//! 24 h from when it was first seen. It is void as soon as the spec changes or a foreign failover happens (the id
//! that its steps would have now is another), and rests while the plan holds steps that it doesn't name. Taking the
//! annotation away withdraws it. A used or expired approval covers nothing, ever again: its record is kept for 31
//! days, and for as long as the annotation still names it.
//!
//! The loop calls [`absorb`] with each decision, and stores the result before anything rests on it; and [`complete`] with
//! each step that has succeeded. A step that came to nothing remains to be done, within the 24 h and as the other
//! guardrails let it.

use super::history::{Approval, History};
use super::intent::Intent;
use super::{Action, Input, PlanId, id};
use jiff::{SignedDuration, Timestamp};

/// How long an approval holds.
pub const HOLDS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How long a used or expired one is remembered, at least.
pub const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How a plan stands with the people who must approve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Approved,
    /// Nobody approved it.
    Wanted,
    /// Approved once, and that is used up or expired.
    Used,
    /// Approved, and not recorded: using it now could not be remembered. Only just before acting.
    Unrecorded,
}

/// How the plan with this id and these steps stands.
pub fn standing(input: &Input<'_>, plan: &PlanId, steps: &[id::Step]) -> Standing {
    let Some(named) = &input.intent.annotations.approve else {
        return Standing::Wanted;
    };
    match input.history.approvals.iter().find(|a| a.plan.0 == *named) {
        Some(approval) if in_force(input, approval) && covers(approval, steps) => Standing::Approved,
        Some(_) if *named == plan.0 => Standing::Used,
        Some(_) => Standing::Wanted,
        None if *named != plan.0 => Standing::Wanted,
        None if matches!(input.purpose, super::Purpose::Act { .. }) => Standing::Unrecorded,
        None => Standing::Approved,
    }
}

/// Neither used up, nor expired, nor overtaken by a change of spec or a foreign failover.
fn in_force(input: &Input<'_>, approval: &Approval) -> bool {
    !approval.spent
        && input.now.duration_since(approval.first_seen) < HOLDS_FOR
        && id::of_steps(input.intent, input.history, &approval.covers) == approval.plan
}

/// These steps, in this order, are among those that remain.
fn covers(approval: &Approval, steps: &[id::Step]) -> bool {
    let mut remaining = approval.covers.iter().skip(approval.done);
    steps.iter().all(|step| remaining.any(|covered| covered == step))
}

/// Records an approval of this plan when it is first seen, and forgets those that nothing can revive any more.
#[must_use]
pub fn absorb(
    mut history: History,
    intent: &Intent,
    plan: &PlanId,
    steps: &[id::Step],
    now: Timestamp,
) -> History {
    let named = intent.annotations.approve.as_deref();
    history
        .approvals
        .retain(|a| Some(a.plan.0.as_str()) == named || now.duration_since(a.first_seen) < REMEMBERED_FOR);
    let known = history.approvals.iter().any(|a| a.plan == *plan);
    if named == Some(plan.0.as_str()) && !known && !steps.is_empty() {
        history.approvals.push(Approval {
            plan: plan.clone(),
            first_seen: now,
            covers: steps.to_vec(),
            done: 0,
            spent: false,
        });
    }
    history
}

/// Counts this step off every approval that still covers it. Steps before it that were passed over are no longer
/// covered either.
#[must_use]
pub fn complete(mut history: History, action: &Action) -> History {
    let step = id::step(action);
    for approval in history.approvals.iter_mut().filter(|a| !a.spent) {
        let remaining = approval.covers.iter().skip(approval.done);
        if let Some(at) = remaining.into_iter().position(|covered| *covered == step) {
            approval.done += at + 1;
            approval.spent = approval.done == approval.covers.len();
        }
    }
    history
}
