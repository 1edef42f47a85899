//! `back_off`: a kind of step that was refused or came to nothing waits before it is tried again.
//!
//! Worked example: a TestFailover that AWS throttles at 12:00:00 is tried again at 12:00:30, then 12:01:30, 12:03:30,
//! … until 30 min lie between two tries. A success begins anew. AWS's own daily quotas, and a TestFailover that AWS
//! blocks (it does so during large events), are asked again each hour.
//! A zone without capacity needs no wait of its own: the `capacity` guardrail remembers it.

use super::context::{Context, Refusal};
use crate::plan::history::{Ticket, TicketOutcome};
use crate::plan::text::moment;
use crate::plan::{Action, ActionType};
use crate::topology::ComponentName;
use jiff::{SignedDuration, Timestamp};

const FIRST: SignedDuration = SignedDuration::from_secs(30);
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
const HOURLY: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    wait(&ctx.input.history.tickets, action, ctx.input.now)
}

/// Whether this action must wait after the last tries of its type on its component.
fn wait(tickets: &[Ticket], action: &Action, now: Timestamp) -> Option<Refusal> {
    let action_type = action.kind.action_type();
    let mut tries: Vec<&Ticket> = tickets
        .iter()
        .filter(|t| concerns(t, &action.component, action_type) && t.finished_at.is_some())
        .collect();
    tries.sort_by_key(|t| t.finished_at);
    let fruitless = |t: &&&Ticket| !matches!(t.outcome, None | Some(TicketOutcome::Succeeded));
    let in_a_row = tries.iter().rev().take_while(fruitless).count();
    let last = tries.last().filter(|_| in_a_row > 0)?;
    let outcome = last.outcome.as_ref()?;
    let until = last.finished_at? + pause(outcome, in_a_row)?;
    if now >= until {
        return None;
    }
    let times = match in_a_row {
        1 => String::new(),
        n => format!(" ({n} times in a row)"),
    };
    Some(Refusal::until(
        format!(
            "{}{times}; the next try is at {}.",
            sentence(outcome),
            moment(until)
        ),
        until,
    ))
}

fn concerns(ticket: &Ticket, component: &ComponentName, action_type: ActionType) -> bool {
    ticket
        .actions
        .first()
        .is_some_and(|a| a.component == *component && a.kind.action_type() == action_type)
}

fn pause(outcome: &TicketOutcome, in_a_row: usize) -> Option<SignedDuration> {
    match outcome {
        // The latter has waited its whole deadline already.
        TicketOutcome::Succeeded | TicketOutcome::NeverArrived => None,
        TicketOutcome::Refused { code, .. } if is_capacity(code) => None,
        TicketOutcome::Refused { code, .. } if is_lasting(code) => Some(HOURLY),
        TicketOutcome::Refused { .. }
        | TicketOutcome::Overtaken
        | TicketOutcome::NoEffect
        | TicketOutcome::Undone { .. } => {
            let doublings = u32::try_from(in_a_row.saturating_sub(1))
                .unwrap_or(u32::MAX)
                .min(10);
            Some((FIRST * 2_i32.pow(doublings)).min(LONGEST))
        }
    }
}

fn is_capacity(code: &str) -> bool {
    code == "InsufficientCacheClusterCapacity"
}

/// Refusals that a minute won't change.
fn is_lasting(code: &str) -> bool {
    ["APICallRateForCustomerExceeded", "TestFailoverNotAvailableFault"].contains(&code)
        || code.contains("QuotaFor")
        || code.contains("QuotaExceeded")
}

fn sentence(outcome: &TicketOutcome) -> String {
    match outcome {
        TicketOutcome::Succeeded => "The last try succeeded".to_owned(),
        TicketOutcome::Overtaken => "A fresh look just before the call gave another plan".to_owned(),
        TicketOutcome::Refused { code, message, .. } => {
            format!("AWS refused it with {code}: {}", message.trim_end_matches('.'))
        }
        TicketOutcome::NoEffect => "AWS accepted the last try, and it had no effect".to_owned(),
        TicketOutcome::NeverArrived => "The last try never arrived at AWS".to_owned(),
        TicketOutcome::Undone { by } => format!("The last one was undone by {by}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::history::Phase;
    use crate::plan::{ActionId, ActionKind};
    use crate::topology::SmallMap;

    fn at(seconds: i64) -> Timestamp {
        "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
    }

    fn action(kind: ActionKind) -> Action {
        Action {
            id: ActionId("x".to_owned()),
            component: "cache".into(),
            kind,
            from_zone: None,
            to_zone: None,
            why: "a test wants it".to_owned(),
        }
    }

    fn move_first() -> Action {
        action(ActionKind::MovePrimary { shard: "0001".into() })
    }

    fn add_first() -> Action {
        action(ActionKind::AddReplica {
            shard: "0001".into(),
            zone: "b".into(),
            replaces: None,
        })
    }

    fn finished(action: Action, seconds: i64, outcome: TicketOutcome) -> Ticket {
        Ticket {
            id: format!("t{seconds}"),
            actions: vec![action],
            phase: Phase::GaveUp,
            prepared_at: at(seconds),
            called_at: None,
            deadline: at(seconds + 1500),
            before: SmallMap::new(),
            finished_at: Some(at(seconds)),
            outcome: Some(outcome),
            holder: "me".to_owned(),
            incarnation: None,
        }
    }

    fn refused(code: &str) -> TicketOutcome {
        TicketOutcome::Refused {
            code: code.to_owned(),
            message: "Rate exceeded".to_owned(),
            counts: false,
        }
    }

    /// Seconds until the next try, asked right after the last one.
    fn pause_after(tickets: &[Ticket], action: &Action) -> Option<i64> {
        let last = tickets.last().unwrap().finished_at.unwrap();
        wait(tickets, action, last).map(|w| w.retry_at.unwrap().duration_since(last).as_secs())
    }

    #[test]
    fn refusals_in_a_row_wait_ever_longer_up_to_half_an_hour() {
        let mut tickets = Vec::new();
        let mut pauses = Vec::new();
        for i in 0..8 {
            tickets.push(finished(move_first(), i * 3600, refused("Throttling")));
            pauses.push(pause_after(&tickets, &move_first()).unwrap());
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1800, 1800]);
    }

    #[test]
    fn a_success_begins_anew() {
        let tickets = [
            finished(move_first(), 0, refused("Throttling")),
            finished(move_first(), 100, TicketOutcome::Succeeded),
            finished(move_first(), 200, refused("Throttling")),
        ];
        assert_eq!(pause_after(&tickets, &move_first()), Some(30));
        assert_eq!(pause_after(&tickets[..2], &move_first()), None);
    }

    #[test]
    fn one_action_type_does_not_wait_for_another() {
        let tickets = [finished(move_first(), 0, refused("Throttling"))];
        assert_eq!(pause_after(&tickets, &add_first()), None);
    }

    #[test]
    fn a_daily_quota_is_asked_again_each_hour_and_capacity_has_its_own_guardrail() {
        let quota = [finished(
            move_first(),
            0,
            refused("APICallRateForCustomerExceeded"),
        )];
        assert_eq!(pause_after(&quota, &move_first()), Some(3600));
        let blocked = [finished(
            move_first(),
            0,
            refused("TestFailoverNotAvailableFault"),
        )];
        assert_eq!(pause_after(&blocked, &move_first()), Some(3600));
        let capacity = [finished(
            add_first(),
            0,
            refused("InsufficientCacheClusterCapacity"),
        )];
        assert_eq!(pause_after(&capacity, &add_first()), None);
    }

    #[test]
    fn a_call_that_never_arrived_has_waited_long_enough() {
        let tickets = [finished(move_first(), 0, TicketOutcome::NeverArrived)];
        assert_eq!(pause_after(&tickets, &move_first()), None);
    }

    #[test]
    fn the_reason_tells_what_aws_said_and_when_it_goes_on() {
        let tickets = [finished(move_first(), 0, refused("Throttling"))];
        assert_eq!(
            wait(&tickets, &move_first(), at(10)),
            Some(Refusal::until(
                "AWS refused it with Throttling: Rate exceeded; the next try is at 2026-03-02T00:00:30Z.",
                at(30)
            ))
        );
        assert_eq!(wait(&tickets, &move_first(), at(30)), None);
    }
}
