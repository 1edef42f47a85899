//! A ticket's life: `Prepared → MaybeCalled → Settling → Done | GaveUp`. Pure.
//!
//! `MaybeCalled` is stored *before* the call leaves. So whoever reads a `Prepared` ticket knows that nothing was
//! sent, and whoever reads a `MaybeCalled` one knows that it may have been, and never sends it again.
//! A refused transition is an error, never a guess.

use crate::aws::types::{AwsError, ErrorClass};
use crate::plan::history::{Phase, ShardBefore, Ticket, TicketOutcome};
use crate::plan::{Action, ActionType};
use crate::topology::{Component, ShardId, SmallMap};
use jiff::{SignedDuration, Timestamp};

/// A transition that the phase does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ticket {ticket} is {phase:?}: it can't {wanted}")]
pub struct WrongPhase {
    pub ticket: String,
    pub phase: Phase,
    pub wanted: &'static str,
}

/// How long the topology may take to show the result. `MovePrimary` includes the old primary's rebuild, which was
/// seen to take 12 min (ElastiCache, "Finished recovery for cache nodes").
pub fn time_to_settle(action: ActionType) -> SignedDuration {
    SignedDuration::from_mins(match action {
        ActionType::AddReplica => 30,
        ActionType::RemoveReplica => 20,
        ActionType::MovePrimary => 25,
        ActionType::EnableAutomaticFailover | ActionType::EnableMultiAz => 15,
    })
}

/// A new ticket for one step. `component` is the step's, as the deciding view shows it.
pub fn prepare(actions: Vec<Action>, component: &Component, holder: &str, now: Timestamp) -> Ticket {
    let first = actions.first().map_or("none", |a| a.id.0.as_str());
    Ticket {
        id: format!("{}-{first}", now.strftime("%Y%m%dT%H%M%SZ")),
        before: before(&actions, component),
        deadline: now + longest(&actions),
        actions,
        phase: Phase::Prepared,
        prepared_at: now,
        called_at: None,
        finished_at: None,
        outcome: None,
        incarnation: None,
        holder: holder.to_owned(),
    }
}

/// `Prepared → MaybeCalled`: to be stored before anything is sent. `component` is the fresh read's.
pub fn call(ticket: &Ticket, component: &Component, now: Timestamp) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::Prepared], "be called")?;
    Ok(Ticket {
        phase: Phase::MaybeCalled,
        called_at: Some(now),
        deadline: now + longest(&ticket.actions),
        before: before(&ticket.actions, component),
        ..ticket.clone()
    })
}

/// AWS answered, or the answer was lost.
pub fn answered(
    ticket: &Ticket,
    answer: &Result<(), AwsError>,
    now: Timestamp,
) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::MaybeCalled], "be answered")?;
    Ok(match answer {
        Ok(()) => Ticket {
            phase: Phase::Settling,
            ..ticket.clone()
        },
        Err(error) => match verdict(error) {
            Answer::Refused { counts } => give_up(
                ticket,
                TicketOutcome::Refused {
                    code: error.code.clone(),
                    message: error.message.clone(),
                    counts,
                },
                now,
            ),
            Answer::NobodyKnows => ticket.clone(),
        },
    })
}

/// Nothing was sent and nothing will be: the fresh look gave another plan, or something stopped us just before the
/// call. Allowed from `Prepared`, and from `MaybeCalled` only by the process that knows that it did not send.
pub fn withdraw(ticket: &Ticket, now: Timestamp) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::Prepared, Phase::MaybeCalled], "be withdrawn")?;
    Ok(give_up(ticket, TicketOutcome::Overtaken, now))
}

/// AWS has shown that the call arrived (an event names it): from now on it settles like an accepted one.
pub fn arrived(ticket: &Ticket) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::MaybeCalled], "arrive")?;
    Ok(Ticket {
        phase: Phase::Settling,
        ..ticket.clone()
    })
}

/// The topology shows the result.
pub fn succeed(ticket: &Ticket, now: Timestamp) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::MaybeCalled, Phase::Settling], "succeed")?;
    Ok(Ticket {
        phase: Phase::Done,
        outcome: Some(TicketOutcome::Succeeded),
        finished_at: Some(now),
        ..ticket.clone()
    })
}

/// The deadline passed and the topology doesn't show the result. A call that AWS is known to have taken has failed;
/// of one that nobody knows to have arrived, nothing can be said: it counts as neither a try nor a failure.
pub fn expire(ticket: &Ticket, now: Timestamp) -> Result<Ticket, WrongPhase> {
    expect_phase(ticket, &[Phase::MaybeCalled, Phase::Settling], "expire")?;
    let outcome = match ticket.phase {
        Phase::Settling => TicketOutcome::NoEffect,
        _ => TicketOutcome::NeverArrived,
    };
    Ok(give_up(ticket, outcome, now))
}

/// What a successor makes of a ticket that it finds: nothing was sent for a `Prepared` one; all others go on.
pub fn inherit(ticket: &Ticket, holder: &str, now: Timestamp) -> Ticket {
    match ticket.phase {
        Phase::Prepared => give_up(ticket, TicketOutcome::Overtaken, now),
        Phase::MaybeCalled | Phase::Settling => Ticket {
            holder: holder.to_owned(),
            ..ticket.clone()
        },
        Phase::Done | Phase::GaveUp => ticket.clone(),
    }
}

enum Answer {
    Refused { counts: bool },
    NobodyKnows,
}

/// What a failed call says about the change.
fn verdict(error: &AwsError) -> Answer {
    // Credentials that ended on the way say nothing against the action.
    if !error.maybe_sent || error.is_expired() {
        return Answer::Refused { counts: false };
    }
    match error.class {
        ErrorClass::Throttled | ErrorClass::Conflict | ErrorClass::Capacity | ErrorClass::Quota => {
            Answer::Refused { counts: false }
        }
        ErrorClass::Invalid | ErrorClass::Denied | ErrorClass::NotFound => Answer::Refused { counts: true },
        ErrorClass::Transient | ErrorClass::Unknown => Answer::NobodyKnows,
    }
}

fn give_up(ticket: &Ticket, outcome: TicketOutcome, now: Timestamp) -> Ticket {
    Ticket {
        phase: Phase::GaveUp,
        outcome: Some(outcome),
        finished_at: Some(now),
        ..ticket.clone()
    }
}

fn expect_phase(ticket: &Ticket, allowed: &[Phase], wanted: &'static str) -> Result<(), WrongPhase> {
    if allowed.contains(&ticket.phase) {
        return Ok(());
    }
    Err(WrongPhase {
        ticket: ticket.id.clone(),
        phase: ticket.phase,
        wanted,
    })
}

fn longest(actions: &[Action]) -> SignedDuration {
    actions
        .iter()
        .map(|a| time_to_settle(a.kind.action_type()))
        .max()
        .unwrap_or(SignedDuration::ZERO)
}

fn before(actions: &[Action], component: &Component) -> SmallMap<ShardId, ShardBefore> {
    let touched = actions.iter().filter_map(|a| a.kind.shard());
    touched
        .filter_map(|id| Some((id, component.shards.get(id)?)))
        .map(|(id, shard)| {
            let before = ShardBefore {
                members: shard.nodes.keys().cloned().collect(),
                primary: shard.primary().map(|(node, _)| node.clone()),
            };
            (id.clone(), before)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::support::{action, at, cache, failed};
    use crate::plan::ActionKind;

    fn prepared() -> Ticket {
        let kind = ActionKind::MovePrimary { shard: "0001".into() };
        prepare(vec![action("m", kind)], &cache("a b", &["a:P b:r"]), "me", at(0))
    }

    fn in_phase(phase: Phase) -> Ticket {
        Ticket { phase, ..prepared() }
    }

    const ALL: [Phase; 5] = [
        Phase::Prepared,
        Phase::MaybeCalled,
        Phase::Settling,
        Phase::Done,
        Phase::GaveUp,
    ];

    #[test]
    fn a_new_ticket_remembers_what_the_shard_looked_like() {
        let ticket = prepared();
        assert_eq!(ticket.id, "20260302T000000Z-m");
        assert_eq!(ticket.phase, Phase::Prepared);
        assert_eq!(ticket.called_at, None);
        assert_eq!(
            ticket.before[&"0001".into()].primary,
            Some("cache-0001-001".into())
        );
        assert_eq!(ticket.before[&"0001".into()].members.len(), 2);
    }

    #[test]
    fn a_ticket_is_called_at_most_once_whatever_its_phase() {
        let component = cache("a b", &["a:P b:r"]);
        for phase in ALL {
            let called = call(&in_phase(phase), &component, at(5));
            assert_eq!(called.is_ok(), phase == Phase::Prepared, "{phase:?}");
        }
    }

    #[test]
    fn the_deadline_counts_from_the_call() {
        let called = call(&prepared(), &cache("a b", &["a:P b:r"]), at(60)).unwrap();
        assert_eq!(called.phase, Phase::MaybeCalled);
        assert_eq!(called.called_at, Some(at(60)));
        assert_eq!(called.deadline, at(60 + 25 * 60));
    }

    #[test]
    fn a_step_may_take_as_long_as_its_slowest_action() {
        assert_eq!(
            time_to_settle(ActionType::AddReplica),
            SignedDuration::from_mins(30)
        );
        assert_eq!(
            time_to_settle(ActionType::RemoveReplica),
            SignedDuration::from_mins(20)
        );
        assert_eq!(
            time_to_settle(ActionType::MovePrimary),
            SignedDuration::from_mins(25)
        );
        assert_eq!(
            time_to_settle(ActionType::EnableMultiAz),
            SignedDuration::from_mins(15)
        );
        assert_eq!(
            time_to_settle(ActionType::EnableAutomaticFailover),
            SignedDuration::from_mins(15)
        );
    }

    /// Every class of answer: (class, the request may have left, phase afterwards, counts as a try).
    #[test]
    fn what_an_answer_makes_of_a_ticket() {
        use ErrorClass as C;
        let table = [
            (C::Throttled, true, Phase::GaveUp, Some(false)),
            (C::Conflict, true, Phase::GaveUp, Some(false)),
            (C::Capacity, true, Phase::GaveUp, Some(false)),
            (C::Quota, true, Phase::GaveUp, Some(false)),
            (C::Invalid, true, Phase::GaveUp, Some(true)),
            (C::Denied, true, Phase::GaveUp, Some(true)),
            (C::NotFound, true, Phase::GaveUp, Some(true)),
            (C::Transient, true, Phase::MaybeCalled, None),
            (C::Unknown, true, Phase::MaybeCalled, None),
            (C::Transient, false, Phase::GaveUp, Some(false)),
            (C::Unknown, false, Phase::GaveUp, Some(false)),
            (C::Denied, false, Phase::GaveUp, Some(false)),
        ];
        for (class, maybe_sent, phase, counted) in table {
            let after = answered(
                &in_phase(Phase::MaybeCalled),
                &Err(failed(class, maybe_sent)),
                at(9),
            )
            .unwrap();
            assert_eq!(after.phase, phase, "{class:?} {maybe_sent}");
            let counts = match after.outcome {
                Some(TicketOutcome::Refused { counts, .. }) => Some(counts),
                _ => None,
            };
            assert_eq!(counts, counted, "{class:?} {maybe_sent}");
        }
        let accepted = answered(&in_phase(Phase::MaybeCalled), &Ok(()), at(9)).unwrap();
        assert_eq!((accepted.phase, accepted.outcome), (Phase::Settling, None));
    }

    #[test]
    fn a_successor_knows_that_a_prepared_ticket_was_never_sent_and_keeps_all_others() {
        for (found, left) in [
            (Phase::Prepared, Phase::GaveUp),
            (Phase::MaybeCalled, Phase::MaybeCalled),
            (Phase::Settling, Phase::Settling),
            (Phase::Done, Phase::Done),
            (Phase::GaveUp, Phase::GaveUp),
        ] {
            assert_eq!(inherit(&in_phase(found), "heir", at(9)).phase, left, "{found:?}");
        }
        let stale = inherit(&in_phase(Phase::Prepared), "heir", at(9));
        assert_eq!(stale.outcome, Some(TicketOutcome::Overtaken));
        assert_eq!(inherit(&in_phase(Phase::Settling), "heir", at(9)).holder, "heir");
    }

    #[test]
    fn without_effect_only_what_aws_is_known_to_have_taken_has_failed() {
        let lost = expire(&in_phase(Phase::MaybeCalled), at(9)).unwrap();
        assert_eq!(lost.outcome, Some(TicketOutcome::NeverArrived));
        let failed = expire(&in_phase(Phase::Settling), at(9)).unwrap();
        assert_eq!(failed.outcome, Some(TicketOutcome::NoEffect));
        assert!(expire(&in_phase(Phase::Prepared), at(9)).is_err());
        let seen = arrived(&in_phase(Phase::MaybeCalled)).unwrap();
        assert_eq!(
            expire(&seen, at(9)).unwrap().outcome,
            Some(TicketOutcome::NoEffect)
        );
    }

    #[test]
    fn a_finished_ticket_never_changes_again() {
        for phase in [Phase::Done, Phase::GaveUp] {
            let ticket = in_phase(phase);
            assert!(answered(&ticket, &Ok(()), at(9)).is_err());
            assert!(withdraw(&ticket, at(9)).is_err());
            assert!(succeed(&ticket, at(9)).is_err());
            assert!(expire(&ticket, at(9)).is_err());
            assert!(arrived(&ticket).is_err());
        }
    }

    #[test]
    fn a_settling_ticket_can_not_be_withdrawn() {
        let error = withdraw(&in_phase(Phase::Settling), at(9)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ticket 20260302T000000Z-m is Settling: it can't be withdrawn"
        );
    }
}
