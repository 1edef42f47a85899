//! From intent and topology to a [`Decision`]: findings, verdicts, ordered actions, holds. Pure.
//!
//! Same input, same bytes: no clock, no client, ordered maps only.

pub mod acceptance;
pub mod action;
pub mod approvals;
pub mod copies;
pub mod estimate;
pub mod finding;
pub mod findings;
pub mod goals;
pub mod guardrails;
pub mod history;
pub mod id;
pub mod intent;
pub mod judge;
pub mod order;
pub mod place;
pub mod propose;
pub mod step;
pub mod text;
pub mod verify;
mod why;
pub mod windows;

pub use acceptance::Acceptance;
pub use action::{Action, ActionClass, ActionId, ActionKind, ActionType};
pub use finding::{Finding, FindingCode, Severity};
pub use guardrails::{Guardrail, Hold};
pub use history::{Fleet, History};
pub use intent::Intent;
pub use propose::{Proposal, propose};
pub use step::next_step;

use crate::topology::{SmallMap, StackName, Topology, Zone, ZoneName, survival::Survival, survival::Verdict};
use jiff::Timestamp;

/// Everything that follows from one look at one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub id: PlanId,
    pub stack: StackName,
    pub mode: intent::Mode,
    pub observed_at: Timestamp,
    /// Each zone of the spec, and each in which nodes stand all the same, with its state, the worst verdict over the
    /// components, and the reasons for it.
    pub zones: SmallMap<ZoneName, ZoneReport>,
    pub verdicts: Vec<Verdict>,
    pub findings: Vec<Finding>,
    /// The whole sequence that would bring the stack to its goal if each step succeeded, held ones included.
    pub actions: Vec<Action>,
    pub holds: Vec<Hold>,
    /// Goals 4 and 5 are met: nodes and primaries are spread within `maxSkew` (`None` where unknown).
    pub balanced: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneReport {
    /// Is it one of the spec's?
    pub in_spec: bool,
    pub zone: Zone,
    pub verdict: Survival,
    pub reasons: Vec<String>,
}

/// A hash of namespace/name, the canonical spec, the latest foreign failover and the ordered disruptive steps
/// (type, component, subject). Lag, holds and the expected winner do not change it. Where the policy of an additive
/// type is `Approve`, its steps count too: an approval must name what it covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

/// Why the plan is made: to show it, or to take its first step right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// From the poller's view. A role is held proven as long as events were polled without a break.
    Propose,
    /// From a fresh read, just before acting: roles must be newly proven, and the `Prepared` ticket with this id
    /// (our own) is ignored.
    Act { ticket: String },
}

/// Everything `plan` looks at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub intent: &'a Intent,
    pub topology: &'a Topology,
    pub history: &'a History,
    pub fleet: &'a Fleet,
    pub purpose: &'a Purpose,
    pub now: Timestamp,
}

/// Everything that follows from what is seen: verdicts, findings, the whole sequence of actions, and every hold.
pub fn plan(input: &Input<'_>) -> Decision {
    let verdicts = judge::verdicts(input);
    let Proposal {
        actions, balanced, ..
    } = propose(input);
    let decision = Decision {
        id: id::plan_id(input, &actions),
        stack: input.intent.stack.clone(),
        mode: input.intent.mode,
        observed_at: input.topology.observed_at,
        zones: judge::zone_reports(input, &verdicts),
        findings: findings::given(input, &verdicts),
        verdicts,
        holds: guardrails::evaluate(input, &actions),
        actions,
        balanced,
    };
    verify::held(input, decision)
}
