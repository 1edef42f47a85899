//! The conditions of a status: one function per aspect, each of what was seen alone. Pure.
//!
//! Conditions carry the observed generation and keep their transition time unless their status flips.

use super::status::{Problem, Subject};
use crate::api::conditions::{Condition, ConditionStatus, ConditionType, Reason, transition_time};
use crate::plan::guardrails::mode;
use crate::plan::history::TicketOutcome;
use crate::plan::intent::Policy;
use crate::plan::text::joined as joined_names;
use crate::plan::{Action, Decision, FindingCode, Guardrail, Hold};
use crate::topology::survival::Survival;
use crate::topology::{ComponentName, Manager, ResourceStatus};
use jiff::Timestamp;

/// What each condition says, before it is given a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aspects(Vec<(ConditionType, ConditionStatus, Reason, String)>);

type Aspect = (ConditionStatus, Reason, String);

use ConditionStatus::{False, True, Unknown};

impl Aspects {
    pub fn of(subject: &Subject<'_>) -> Self {
        let all = [
            (ConditionType::Ready, ready(subject)),
            (ConditionType::ZoneRedundant, zone_redundant(subject)),
            (ConditionType::Balanced, balanced(subject)),
            (ConditionType::ObjectivesMet, objectives_met(subject)),
            (ConditionType::ActionBlocked, action_blocked(subject)),
            (ConditionType::Reconciling, reconciling(subject)),
            (ConditionType::Stalled, stalled(subject)),
        ];
        Self(
            all.map(|(kind, (status, reason, message))| (kind, status, reason, message))
                .into(),
        )
    }
}

impl Aspects {
    /// Of a stack that isn't judged.
    pub fn refused(problem: &Problem<'_>) -> Self {
        let none = (
            False,
            Reason::NothingBlocked,
            "No wanted action waits for a person.".to_owned(),
        );
        let idle = (False, Reason::Idle, "No action is in flight.".to_owned());
        let stalled = if problem.is_stalled {
            (True, problem.reason, problem.message.to_owned())
        } else {
            not_stalled()
        };
        Self(vec![
            in_place(
                ConditionType::Ready,
                (False, problem.reason, problem.message.to_owned()),
            ),
            in_place(ConditionType::ZoneRedundant, pending()),
            in_place(ConditionType::Balanced, pending()),
            in_place(ConditionType::ObjectivesMet, pending()),
            in_place(ConditionType::ActionBlocked, none),
            in_place(ConditionType::Reconciling, idle),
            in_place(ConditionType::Stalled, stalled),
        ])
    }
}

fn not_stalled() -> Aspect {
    (
        False,
        Reason::NotStalled,
        "Nothing waits for a change of the spec.".to_owned(),
    )
}

fn in_place(
    kind: ConditionType,
    (status, reason, message): Aspect,
) -> (ConditionType, ConditionStatus, Reason, String) {
    (kind, status, reason, message)
}

/// The aspects with their times.
pub fn conditions(
    aspects: &Aspects,
    generation: Option<i64>,
    before: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    aspects
        .0
        .iter()
        .map(|(kind, status, reason, message)| Condition {
            kind: *kind,
            status: *status,
            reason: *reason,
            message: message.clone(),
            observed_generation: generation,
            last_transition_time: before
                .iter()
                .find(|c| c.kind == *kind && c.status == *status)
                .map_or_else(|| transition_time(now), |c| c.last_transition_time),
        })
        .collect()
}

fn pending() -> Aspect {
    (Unknown, Reason::Pending, "Nothing has been read yet.".to_owned())
}

fn ready(subject: &Subject<'_>) -> Aspect {
    if let Some(problem) = subject.spec_problem {
        return (False, Reason::InvalidSpec, problem.to_owned());
    }
    if subject.decision.is_some() {
        let judged = || (True, Reason::Judged, "Accepted, observed and judged.".to_owned());
        return unread(subject).unwrap_or_else(judged);
    }
    match subject.unobserved {
        Some(why) => (False, Reason::NotObserved, why.to_owned()),
        None => pending(),
    }
}

/// Where AWS has told nothing about any component since the start there are verdicts, but only of ignorance. That
/// AWS doesn't answer is its own state, which never makes Ready False; that it refuses is for people to mend.
fn unread(subject: &Subject<'_>) -> Option<Aspect> {
    let components = || subject.topology.into_iter().flat_map(|t| t.components.values());
    let first = components().next()?;
    let all = |status: ResourceStatus| components().all(|c| c.status == status && c.shards.is_empty());
    if all(ResourceStatus::Denied) {
        let why = first_message(subject, FindingCode::AccessDenied);
        return Some((False, Reason::NotObserved, why));
    }
    if !all(ResourceStatus::Unknown) {
        return None;
    }
    let (status, reason, mut message) = pending();
    if let Some(gap) = first.gaps.first() {
        message = format!("{} In {}: {}.", message, first.resource.region, gap.sentence());
    }
    Some((status, reason, message))
}

fn zone_redundant(subject: &Subject<'_>) -> Aspect {
    let Some(decision) = subject.decision else {
        return pending();
    };
    let sentences = |verdict: Survival| {
        let zones = decision.zones.iter().filter(|(_, z)| z.verdict == verdict);
        let texts: Vec<String> = zones
            .map(|(name, z)| format!("{name}: {}", z.reasons.join(" ")))
            .collect();
        texts.join(" ")
    };
    match decision.zones.values().map(|z| z.verdict).max() {
        Some(Survival::Lost) => {
            let waits = first_message(subject, FindingCode::NoEligibleZone);
            let lost = decision.zones.iter().filter(|(_, z)| z.verdict == Survival::Lost);
            let accepted = lost
                .map(|(name, _)| name)
                .filter(|name| decision.accepts_loss_of(name));
            let accepted: Vec<_> = accepted.collect();
            let accepted = if accepted.is_empty() {
                String::new()
            } else {
                format!(
                    "spec.accepted accepts the loss of {} for now.",
                    joined_names(&accepted)
                )
            };
            let message = joined([sentences(Survival::Lost), waits, report_only(subject), accepted]);
            (False, Reason::ZoneLossNotSurvivable, message)
        }
        Some(Survival::Unknown) | None => (Unknown, Reason::VerdictUnknown, sentences(Survival::Unknown)),
        Some(Survival::Survives | Survival::Degraded) => (
            True,
            Reason::SurvivesAnyZone,
            "The stack survives the loss of any one of its zones.".to_owned(),
        ),
    }
}

fn balanced(subject: &Subject<'_>) -> Aspect {
    let Some(decision) = subject.decision else {
        return pending();
    };
    match decision.balanced {
        Some(true) => (
            True,
            Reason::WithinMaxSkew,
            "Nodes and primaries are spread within maxSkew.".to_owned(),
        ),
        Some(false) => {
            let codes = [
                FindingCode::NodeSkew,
                FindingCode::PrimarySkew,
                FindingCode::PrimaryOutOfPreferredZone,
            ];
            let texts = messages(subject, &codes);
            let message = if texts.is_empty() {
                "Nodes or primaries are not spread within maxSkew.".to_owned()
            } else {
                texts
            };
            let accepted = if decision.accepts_imbalance() {
                "spec.accepted accepts that for now.".to_owned()
            } else {
                String::new()
            };
            (
                False,
                Reason::Skewed,
                joined([message, report_only(subject), accepted]),
            )
        }
        None => (
            Unknown,
            Reason::PlacementUnknown,
            "Roles or placement are not known well enough to say.".to_owned(),
        ),
    }
}

fn objectives_met(subject: &Subject<'_>) -> Aspect {
    let objectives = &subject.intent.objectives;
    if objectives.recovery_time.is_none() && objectives.recovery_point.is_none() {
        return (
            True,
            Reason::NoObjectives,
            "The spec states no objectives.".to_owned(),
        );
    }
    let Some(decision) = subject.decision else {
        return pending();
    };
    let missed = messages(subject, &[FindingCode::ObjectiveUnmet]);
    if !missed.is_empty() {
        return (False, Reason::Missed, missed);
    }
    if decision.verdicts.is_empty() || decision.verdicts.iter().any(|v| v.verdict >= Survival::Unknown) {
        return (
            Unknown,
            Reason::NotMeasurable,
            "Some zone's loss would not be survived, or nobody knows.".to_owned(),
        );
    }
    (
        True,
        Reason::Met,
        "The recovery objectives would be met.".to_owned(),
    )
}

fn messages(subject: &Subject<'_>, codes: &[FindingCode]) -> String {
    let findings = subject
        .decision
        .map(|d| d.findings.as_slice())
        .unwrap_or_default();
    let texts: Vec<&str> = findings
        .iter()
        .filter(|f| codes.contains(&f.code))
        .map(|f| f.message.as_str())
        .collect();
    texts.join(" ")
}

/// Sentences with one space between them.
fn joined<const N: usize>(sentences: [String; N]) -> String {
    let said = sentences.into_iter().filter(|s| !s.is_empty());
    said.collect::<Vec<_>>().join(" ")
}

/// Why nothing is planned for a component that is report-only in whole, whatever is wrong with it.
fn report_only(subject: &Subject<'_>) -> String {
    let reported_on = |name: &ComponentName| {
        let component = subject.topology.and_then(|t| t.components.get(name));
        let managers = component.into_iter().flat_map(|c| &c.managed_elsewhere);
        managers.into_iter().any(Manager::forbids_all)
    };
    let findings = subject.decision.into_iter().flat_map(|d| &d.findings);
    let texts: Vec<&str> = findings
        .filter(|f| matches!(f.code, FindingCode::ManagedElsewhere | FindingCode::OnOutposts))
        .filter(|f| f.component.as_ref().is_some_and(reported_on))
        .map(|f| f.message.as_str())
        .collect();
    texts.join(" ")
}

/// One message for all findings of this kind: they differ by their shard alone, of which there may be hundreds.
fn first_message(subject: &Subject<'_>, code: FindingCode) -> String {
    let decision = subject.decision.into_iter();
    let mut found = decision.flat_map(|d| &d.findings).filter(|f| f.code == code);
    match (found.next(), found.count()) {
        (None, _) => String::new(),
        (Some(first), 0) => first.message.clone(),
        (Some(first), more) => format!("{} ({more} more likewise)", first.message),
    }
}

fn action_blocked(subject: &Subject<'_>) -> Aspect {
    let none = || {
        (
            False,
            Reason::NothingBlocked,
            "No wanted action waits for a person.".to_owned(),
        )
    };
    let Some(decision) = subject.decision else {
        return none();
    };
    let order = [
        (Guardrail::Flapping, Reason::Flapping),
        (Guardrail::Acknowledgement, Reason::AwaitsAcknowledgement),
        (Guardrail::Ownership, Reason::NotOwned),
        (Guardrail::Mode, Reason::AwaitsApproval),
        (Guardrail::Quota, Reason::RefusedByAws),
        (Guardrail::BackOff, Reason::RefusedByAws),
        (Guardrail::Capacity, Reason::RefusedByAws),
    ];
    for (guardrail, reason) in order {
        let holds: Vec<&str> = decision
            .holds
            .iter()
            .filter(|h| h.guardrail == guardrail && blocks(subject, h, &decision.actions))
            .map(|h| h.reason.as_str())
            .collect();
        if let Some(first) = holds.first() {
            let reason = if reason == Reason::AwaitsApproval && only_reported(subject, decision) {
                Reason::LimitedByAccount
            } else {
                reason
            };
            let message = match holds.len() {
                1 => (*first).to_owned(),
                n => format!("{first} ({} more actions are held likewise)", n - 1),
            };
            return (True, reason, message);
        }
    }
    none()
}

/// Nothing waits for an approval: the account lets wanted actions be reported only.
fn only_reported(subject: &Subject<'_>, decision: &Decision) -> bool {
    let policies = decision
        .actions
        .iter()
        .map(|a| mode::effective_policy(subject.intent, a.kind.action_type()));
    policies.into_iter().all(|policy| policy != Policy::Approve)
}

/// A hold that says "blocked" to a person: not one that only repeats the mode that the person chose, nor a pause
/// after a plan that merely changed.
fn blocks(subject: &Subject<'_>, hold: &Hold, actions: &[Action]) -> bool {
    let action = hold
        .action
        .as_ref()
        .and_then(|id| actions.iter().find(|a| a.id == *id));
    match (hold.guardrail, action) {
        (Guardrail::Mode, Some(action)) => {
            let action_type = action.kind.action_type();
            let waits = mode::effective_policy(subject.intent, action_type) == Policy::Approve;
            waits || mode::is_limited(subject.intent, action_type)
        }
        (Guardrail::Mode, None) => false,
        (Guardrail::BackOff, Some(action)) => {
            let last = subject.history.tickets.iter().rfind(|t| {
                let first = t.actions.first();
                first.is_some_and(|a| {
                    a.component == action.component && a.kind.action_type() == action.kind.action_type()
                })
            });
            last.is_some_and(|t| !matches!(t.outcome, Some(TicketOutcome::Overtaken)))
        }
        _ => true,
    }
}

fn reconciling(subject: &Subject<'_>) -> Aspect {
    let open: Vec<String> = subject
        .history
        .tickets
        .iter()
        .filter(|t| t.phase.is_open())
        .map(|t| {
            let actions: Vec<&str> = t.action_ids().map(|id| id.0.as_str()).collect();
            format!(
                "{} is {:?}, until {} at the latest",
                actions.join(" + "),
                t.phase,
                t.deadline
            )
        })
        .collect();
    if open.is_empty() {
        return (False, Reason::Idle, "No action is in flight.".to_owned());
    }
    (True, Reason::ActionInFlight, open.join("; "))
}

fn stalled(subject: &Subject<'_>) -> Aspect {
    if let Some(problem) = subject.spec_problem {
        return (True, Reason::InvalidSpec, problem.to_owned());
    }
    let claimed = messages(subject, &[FindingCode::ClaimedByElder]);
    if !claimed.is_empty() {
        return (True, Reason::ClaimedByElder, claimed);
    }
    not_stalled()
}
