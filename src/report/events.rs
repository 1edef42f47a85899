//! What changed between two statuses of one stack, as sentences: for the terminal now, for Kubernetes Events later.
//! Pure.

use crate::api::conditions::{ConditionStatus, ConditionType, Reason};
use crate::api::v1alpha1::{
    AcceptedStatus, FailoverStatus, HAStackStatus, HoldStatus, TicketStatus, ZoneStatus,
};
use crate::plan::history::{Ticket, TicketOutcome};
use crate::plan::text::moment;

/// What kind of thing happened. Closed: each has its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    Judged,
    SpecInvalid,
    AccountRefused,
    NotObserved,
    ZoneChanged,
    VerdictChanged,
    Moved,
    FailedOver,
    ActionBegan,
    ActionDone,
    ActionFailed,
    Held,
    Balanced,
    AcceptanceExpired,
}

impl EventReason {
    /// Every reason, in the order in which they are documented.
    pub const ALL: [Self; 14] = [
        Self::Judged,
        Self::SpecInvalid,
        Self::AccountRefused,
        Self::NotObserved,
        Self::ZoneChanged,
        Self::VerdictChanged,
        Self::Moved,
        Self::FailedOver,
        Self::ActionBegan,
        Self::ActionDone,
        Self::ActionFailed,
        Self::Held,
        Self::Balanced,
        Self::AcceptanceExpired,
    ];

    /// What was being done when it came up, as Kubernetes Events want to know.
    pub fn action(self) -> &'static str {
        match self {
            Self::Judged
            | Self::SpecInvalid
            | Self::AccountRefused
            | Self::VerdictChanged
            | Self::Balanced
            | Self::AcceptanceExpired => "Judge",
            Self::NotObserved | Self::ZoneChanged | Self::Moved | Self::FailedOver => "Observe",
            Self::ActionBegan | Self::ActionDone | Self::ActionFailed => "Act",
            Self::Held => "Wait",
        }
    }
}

/// One sentence about one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub reason: EventReason,
    /// It should not be so.
    pub warning: bool,
    pub message: String,
}

fn event(reason: EventReason, warning: bool, message: impl Into<String>) -> Event {
    Event {
        reason,
        warning,
        message: message.into(),
    }
}

/// From the status before (`None`: nothing was known) to the status now, in the order in which a person wants to
/// read it.
pub fn events(before: Option<&HAStackStatus>, now: &HAStackStatus) -> Vec<Event> {
    let nothing = HAStackStatus::default();
    let before = before.unwrap_or(&nothing);
    let mut events = Vec::new();
    events.extend(ready(before, now));
    events.extend(now.zones.iter().flat_map(|zone| zone_events(before, zone)));
    let new = |f: &&FailoverStatus| before.failovers.iter().all(|b| b.id != f.id);
    // A status that knew nothing tells history, not news.
    let news = now.failovers.iter().rev().filter(|_| !before.zones.is_empty());
    events.extend(news.filter(new).map(failover));
    events.extend(placement(before, now));
    let opened = |t: &&TicketStatus| before.tickets.iter().all(|b| b.id != t.id);
    events.extend(now.tickets.iter().filter(opened).map(began));
    events.extend(held(before, now));
    events.extend(balanced(before, now));
    events.extend(expired(before, now));
    events
}

fn expired(before: &HAStackStatus, now: &HAStackStatus) -> Vec<Event> {
    let ended = |a: &&AcceptedStatus| a.state == "Expired" && !before.accepted.contains(a);
    let sentence = |a: &AcceptedStatus| {
        let of = a.component.as_ref().map_or(String::new(), |c| format!(" of {c}"));
        let text = format!(
            "{}{of} is no longer accepted, since {}",
            a.finding,
            moment(a.until)
        );
        event(EventReason::AcceptanceExpired, true, text)
    };
    now.accepted.iter().filter(ended).map(sentence).collect()
}

/// The sentence for a ticket that ended.
pub fn finished(ticket: &Ticket) -> Event {
    let actions: Vec<&str> = ticket.action_ids().map(|id| id.0.as_str()).collect();
    let actions = actions.join(" + ");
    match &ticket.outcome {
        Some(TicketOutcome::Succeeded) => event(EventReason::ActionDone, false, format!("done: {actions}")),
        Some(TicketOutcome::Overtaken) => event(
            EventReason::ActionFailed,
            false,
            format!("not sent: {actions}: a fresh look gave another plan"),
        ),
        Some(TicketOutcome::Refused { code, message, .. }) => event(
            EventReason::ActionFailed,
            true,
            format!("refused by AWS: {actions}: {code}: {message}"),
        ),
        Some(TicketOutcome::NoEffect) => event(
            EventReason::ActionFailed,
            true,
            format!("no effect: {actions}: AWS accepted it, and nothing came of it"),
        ),
        Some(TicketOutcome::NeverArrived) => event(
            EventReason::ActionFailed,
            true,
            format!("never arrived: {actions}: AWS gave no answer, and nothing came of it"),
        ),
        Some(TicketOutcome::Undone { by }) => event(
            EventReason::ActionFailed,
            true,
            format!("undone by {by}: {actions}"),
        ),
        None => event(EventReason::ActionBegan, false, format!("in flight: {actions}")),
    }
}

fn condition(status: &HAStackStatus, kind: ConditionType) -> Option<(ConditionStatus, &str)> {
    let found = status.conditions.iter().find(|c| c.kind == kind)?;
    Some((found.status, found.message.as_str()))
}

fn ready(before: &HAStackStatus, now: &HAStackStatus) -> Option<Event> {
    let (was, is) = (
        condition(before, ConditionType::Ready),
        condition(now, ConditionType::Ready),
    );
    if was == is {
        return None;
    }
    let (status, message) = is?;
    match status {
        ConditionStatus::True => Some(event(
            EventReason::Judged,
            false,
            format!(
                "judged: survives the loss of {} zones",
                now.zone_summary.as_deref().unwrap_or("unknown")
            ),
        )),
        ConditionStatus::False => {
            let found = now.conditions.iter().find(|c| c.kind == ConditionType::Ready);
            let reason = match found.map(|c| c.reason) {
                Some(Reason::InvalidSpec) => EventReason::SpecInvalid,
                Some(Reason::AccountNotFound | Reason::NamespaceNotAllowed | Reason::RegionNotAllowed) => {
                    EventReason::AccountRefused
                }
                _ => EventReason::NotObserved,
            };
            Some(event(reason, true, message))
        }
        ConditionStatus::Unknown => None,
    }
}

fn zone_events(before: &HAStackStatus, zone: &ZoneStatus) -> Vec<Event> {
    let was = before.zones.iter().find(|z| z.name == zone.name);
    let mut events = Vec::new();
    if was.map_or("Healthy", |z| z.state.as_str()) != zone.state {
        events.push(event(
            EventReason::ZoneChanged,
            zone.state != "Healthy",
            format!("zone {} is {}", zone.name, zone.state),
        ));
    }
    let expected = was.map_or("Survives", |z| z.verdict.as_str());
    if expected != zone.verdict {
        let good = matches!(zone.verdict.as_str(), "Survives" | "Degraded");
        let reasons = zone.reasons.join(" ");
        events.push(event(
            EventReason::VerdictChanged,
            !good,
            format!("loss of {}: {}. {reasons}", zone.name, zone.verdict)
                .trim_end()
                .to_owned(),
        ));
    }
    events
}

fn failover(failover: &FailoverStatus) -> Event {
    let to = failover.to.as_deref().unwrap_or("another node");
    let took = failover
        .duration_seconds
        .map_or(String::new(), |s| format!(" after {s} s"));
    event(
        EventReason::FailedOver,
        failover.class != "Own",
        format!(
            "failover of {} shard {} to {to}{took} ({})",
            failover.component, failover.shard, failover.class
        ),
    )
}

fn placement(before: &HAStackStatus, now: &HAStackStatus) -> Vec<Event> {
    let mut events = Vec::new();
    for component in &now.components {
        let was = before.components.iter().find(|c| c.name == component.name);
        let old = was.map(|c| c.placement.as_slice()).unwrap_or_default();
        let moved: Vec<String> = component
            .placement
            .iter()
            .filter(|line| !old.contains(*line))
            .map(|line| format!("[{line}]"))
            .collect();
        match moved.len() {
            0 => {}
            n if n > 8 => events.push(event(
                EventReason::Moved,
                false,
                format!("{}: placement of {n} shards", component.name),
            )),
            _ => events.push(event(
                EventReason::Moved,
                false,
                format!("{} {}", component.name, moved.join(" ")),
            )),
        }
    }
    events
}

fn began(ticket: &TicketStatus) -> Event {
    event(
        EventReason::ActionBegan,
        false,
        format!("in flight: {}", ticket.actions.join(" + ")),
    )
}

/// New holds, each guardrail once with its first reason.
fn held(before: &HAStackStatus, now: &HAStackStatus) -> Vec<Event> {
    let holds = |s: &HAStackStatus| -> Vec<HoldStatus> {
        s.plan.iter().flat_map(|p| p.holds.iter().cloned()).collect()
    };
    let old = holds(before);
    let mut told: Vec<String> = Vec::new();
    let mut events = Vec::new();
    for hold in holds(now) {
        let known = old.iter().any(|h| h.guardrail == hold.guardrail);
        if known || told.contains(&hold.guardrail) {
            continue;
        }
        let until = hold
            .retry_at
            .map_or(String::new(), |at| format!(" (again at {at:.0})"));
        events.push(event(
            EventReason::Held,
            false,
            format!("held by {}: {}{until}", hold.guardrail, hold.reason),
        ));
        told.push(hold.guardrail);
    }
    events
}

fn balanced(before: &HAStackStatus, now: &HAStackStatus) -> Option<Event> {
    let status = |s| condition(s, ConditionType::Balanced).map(|(status, _)| status);
    let (was, is) = (status(before), status(now)?);
    if was == Some(is) {
        return None;
    }
    match is {
        ConditionStatus::True => Some(event(EventReason::Balanced, false, "balanced")),
        ConditionStatus::False => {
            let message = condition(now, ConditionType::Balanced).map_or("", |(_, m)| m);
            Some(event(
                EventReason::Balanced,
                true,
                format!("not balanced: {message}"),
            ))
        }
        ConditionStatus::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::Condition;
    use crate::api::v1alpha1::{ComponentStatus, PlanStatus};
    use jiff::Timestamp;

    fn status(zone: (&str, &str), placement: &[&str], hold: Option<&str>) -> HAStackStatus {
        let condition = |kind, reason| Condition {
            kind,
            status: ConditionStatus::True,
            reason,
            message: "so it is".to_owned(),
            observed_generation: None,
            last_transition_time: Timestamp::UNIX_EPOCH,
        };
        HAStackStatus {
            conditions: vec![
                condition(ConditionType::Ready, Reason::Judged),
                condition(ConditionType::Balanced, Reason::WithinMaxSkew),
            ],
            zone_summary: Some("2/2".to_owned()),
            zones: vec![ZoneStatus {
                name: "a".to_owned(),
                state: zone.0.to_owned(),
                verdict: zone.1.to_owned(),
                reasons: vec!["It is so.".to_owned()],
                nodes: 1,
                primaries: 1,
            }],
            components: vec![ComponentStatus {
                name: "cache".to_owned(),
                kind: "Cache".to_owned(),
                identifier: "cache".to_owned(),
                status: "Available".to_owned(),
                placement: placement.iter().map(ToString::to_string).collect(),
            }],
            plan: Some(PlanStatus {
                id: "p".to_owned(),
                actions: Vec::new(),
                more_actions: None,
                more_holds: None,
                holds: hold
                    .map(|g| HoldStatus {
                        id: g.to_owned(),
                        guardrail: g.to_owned(),
                        action: None,
                        reason: "It is quiet.".to_owned(),
                        retry_at: Some("2026-03-02T00:30:00Z".parse().unwrap()),
                    })
                    .into_iter()
                    .collect(),
            }),
            ..HAStackStatus::default()
        }
    }

    fn lines(before: Option<&HAStackStatus>, now: &HAStackStatus) -> Vec<String> {
        events(before, now).into_iter().map(|e| e.message).collect()
    }

    #[test]
    fn the_first_status_says_what_was_found() {
        let now = status(("Healthy", "Survives"), &["0001  a:P  c:r"], None);
        assert_eq!(
            lines(None, &now),
            [
                "judged: survives the loss of 2/2 zones",
                "cache [0001  a:P  c:r]",
                "balanced"
            ]
        );
    }

    #[test]
    fn an_unchanged_status_says_nothing() {
        let now = status(("Healthy", "Survives"), &["0001  a:P  c:r"], Some("quiet_period"));
        assert_eq!(lines(Some(&now), &now), Vec::<String>::new());
    }

    #[test]
    fn a_lost_zone_tells_state_verdict_placement_and_what_waits() {
        let before = status(
            ("Healthy", "Survives"),
            &["0001  a:P  c:r", "0002  c:P  a:r"],
            None,
        );
        let now = status(
            ("Impaired", "Lost"),
            &["0001  a:r!  c:P", "0002  c:P  a:r"],
            Some("zone_health"),
        );
        assert_eq!(
            lines(Some(&before), &now),
            [
                "zone a is Impaired",
                "loss of a: Lost. It is so.",
                "cache [0001  a:r!  c:P]",
                "held by zone_health: It is quiet. (again at 2026-03-02T00:30:00Z)"
            ]
        );
        assert!(events(Some(&before), &now)[0].warning);
    }
}
