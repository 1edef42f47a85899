//! The plan's id: what an approval names, and what makes an approval void when it changes.
//!
//! The id is a hash of namespace/name, the canonical spec, the latest foreign failover and the ordered steps that a
//! person may have to approve. Everything that moves by itself (lag, holds, the expected winner, additive steps that
//! need no approval) stays outside, so that an id lasts as long as what it stands for.

use super::guardrails::mode::effective_policy;
use super::intent::{Intent, Policy};
use super::{Action, ActionClass, ActionType, History, Input, PlanId};
use crate::topology::{ComponentName, Failover, FailoverClass};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// One step as approvals know it: type, component, subject.
pub type Step = (ActionType, ComponentName, String);

/// The steps that count: disruptive ones, and additive ones whose policy is `Approve`; in order.
pub fn steps(intent: &Intent, actions: &[Action]) -> Vec<Step> {
    actions
        .iter()
        .filter(|a| {
            let kind = a.kind.action_type();
            kind.class() == ActionClass::Disruptive || effective_policy(intent, kind) == Policy::Approve
        })
        .map(step)
        .collect()
}

/// This action as approvals know it.
pub fn step(action: &Action) -> Step {
    (
        action.kind.action_type(),
        action.component.clone(),
        action.kind.subject().to_owned(),
    )
}

/// The id of the plan with these actions.
pub fn plan_id(input: &Input<'_>, actions: &[Action]) -> PlanId {
    of_steps(input.intent, input.history, &steps(input.intent, actions))
}

/// The id of a plan of this stack with these steps: the first 12 hex digits of a SHA-256.
pub fn of_steps(intent: &Intent, history: &History, steps: &[Step]) -> PlanId {
    let mut hash = Sha256::new();
    // Each part is preceded by its length, so that no two different lists of parts run together.
    let mut add = |part: &str| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    };
    add(&intent.stack.namespace);
    add(&intent.stack.name);
    add(&intent.canonical_spec);
    add(latest_foreign_failover(history).map_or("", |f| f.id.as_str()));
    for (kind, component, subject) in steps {
        add(kind.as_str());
        add(component.as_str());
        add(subject);
    }
    let mut id = String::with_capacity(12);
    for byte in hash.finalize().iter().take(6) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    PlanId(id)
}

/// The latest failover that was not our own doing.
pub fn latest_foreign_failover(history: &History) -> Option<&Failover> {
    history
        .failovers
        .iter()
        .filter(|f| f.class != FailoverClass::Own)
        .max_by_key(|f| (f.at, &f.id))
}
