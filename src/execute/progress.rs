//! What settling and answers leave in the record. Pure: history in, history out.

use super::settle::{self, Progress, Sight};
use super::ticket::{self, WrongPhase};
use crate::aws::types::{AwsError, CacheEvent, ErrorClass};
use crate::plan::history::{History, Ticket};
use crate::plan::{ActionKind, ActionType};
use crate::topology::{ComponentName, Topology, ZoneName};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The record with this ticket in place of the one with its id, or added.
pub fn with_ticket(history: &History, ticket: Ticket) -> History {
    let mut history = history.clone();
    match history.tickets.iter_mut().find(|t| t.id == ticket.id) {
        Some(old) => *old = ticket,
        None => history.tickets.push(ticket),
    }
    history
}

/// Takes over what another process (or this one, before a crash) left.
pub fn inherit(history: &History, holder: &str, now: Timestamp) -> History {
    let mut history = history.clone();
    for open in history.tickets.iter_mut().filter(|t| t.phase.is_open()) {
        *open = ticket::inherit(open, holder, now);
    }
    history
}

/// Moves every open ticket as far as the topology shows, and records the nodes that are ours by it. Also returns
/// the tickets that finished.
pub fn settle(
    history: &History,
    topology: &Topology,
    events: &BTreeSet<CacheEvent>,
    now: Timestamp,
) -> Result<(History, Vec<Ticket>), WrongPhase> {
    let mut after = history.clone();
    let mut finished = Vec::new();
    for open in after.tickets.iter_mut().filter(|t| t.phase.is_open()) {
        let name = open.actions.first().map(|a| &a.component);
        // Under the same name there may be another resource, or another life of it: that shows nothing of this call.
        let same = open.incarnation.is_none()
            || open.incarnation.as_ref() == name.and_then(|n| history.incarnations.get(n));
        let component = if same {
            name.and_then(|n| topology.components.get(n))
        } else {
            None
        };
        if let Some(component) = component {
            for (node, added) in settle::additions(open, component) {
                after.added_nodes.entry(node).or_insert(added);
            }
        }
        *open = match settle::look(open, Sight { component, events }, now) {
            Progress::Waiting => continue,
            Progress::Arrived => ticket::arrived(open)?,
            Progress::Succeeded => ticket::succeed(open, now)?,
            Progress::Expired => ticket::expire(open, now)?,
        };
        if !open.phase.is_open() {
            finished.push(open.clone());
        }
    }
    Ok((after, finished))
}

/// Remembers where AWS had no capacity for this ticket's nodes: the zones that its answer names, or else all that
/// were asked for.
pub fn note_capacity(history: &History, ticket: &Ticket, error: &AwsError, now: Timestamp) -> History {
    let mut history = history.clone();
    if error.class != ErrorClass::Capacity {
        return history;
    }
    let asked: BTreeSet<(&ComponentName, &ZoneName)> = ticket
        .actions
        .iter()
        .filter_map(|a| match &a.kind {
            ActionKind::AddReplica { zone, .. } => Some((&a.component, zone)),
            _ => None,
        })
        .collect();
    let named: BTreeSet<_> = asked
        .iter()
        .filter(|(_, zone)| error.message.contains(zone.as_str()))
        .copied()
        .collect();
    for (component, zone) in if named.is_empty() { asked } else { named } {
        let zones = history.capacity_misses.entry(component.clone()).or_default();
        zones.insert(zone.clone(), now);
    }
    history
}

/// The type of a ticket's actions.
pub fn action_type(ticket: &Ticket) -> Option<ActionType> {
    ticket.actions.first().map(|a| a.kind.action_type())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::support::{action, at, cache, failed};
    use crate::plan::history::{Phase, TicketOutcome};
    use crate::topology::{StackName, shorthand};

    fn add(zone: &str) -> crate::plan::Action {
        let kind = ActionKind::AddReplica {
            shard: "0001".into(),
            zone: zone.into(),
            replaces: None,
        };
        action("add", kind)
    }

    fn settling() -> Ticket {
        let before = cache("a b c", &["a:P b:r"]);
        let t = ticket::prepare(vec![add("c")], &before, "me", at(0));
        let t = ticket::call(&t, &before, at(10)).unwrap();
        ticket::answered(&t, &Ok(()), at(10)).unwrap()
    }

    fn history(ticket: Ticket) -> History {
        with_ticket(&History::default(), ticket)
    }

    #[test]
    fn an_added_node_is_recorded_as_soon_as_it_is_seen_and_the_ticket_ends_when_it_is_healthy() {
        let events = BTreeSet::new();
        let building = shorthand::topology(at(60), "a b c", &["a:P b:r c:r+"]);
        let (during, finished) = settle(&history(settling()), &building, &events, at(60)).unwrap();
        assert!(finished.is_empty());
        assert!(during.added_nodes.contains_key(&"cache-0001-003".into()));
        let built = shorthand::topology(at(500), "a b c", &["a:P b:r c:r"]);
        let (after, finished) = settle(&during, &built, &events, at(500)).unwrap();
        assert_eq!(finished.len(), 1);
        assert_eq!(after.tickets[0].phase, Phase::Done);
        assert_eq!(after.tickets[0].outcome, Some(TicketOutcome::Succeeded));
        assert_eq!(after.added_nodes, during.added_nodes);
    }

    #[test]
    fn settling_twice_changes_nothing() {
        let events = BTreeSet::new();
        let built = shorthand::topology(at(500), "a b c", &["a:P b:r c:r"]);
        let (once, _) = settle(&history(settling()), &built, &events, at(500)).unwrap();
        let (twice, finished) = settle(&once, &built, &events, at(560)).unwrap();
        assert_eq!(once, twice);
        assert!(finished.is_empty());
    }

    #[test]
    fn a_stack_that_no_longer_names_the_component_keeps_its_ticket_until_the_deadline() {
        let mut empty = shorthand::topology(at(60), "a b", &[]);
        empty.stack = StackName::new("shop", "web");
        empty.components.clear();
        let (after, _) = settle(&history(settling()), &empty, &BTreeSet::new(), at(60)).unwrap();
        assert_eq!(after.tickets[0].phase, Phase::Settling);
    }

    #[test]
    fn a_capacity_miss_is_remembered_for_the_zones_that_aws_names_or_else_for_all() {
        let before = cache("a b c", &["a:P"]);
        let ticket = ticket::prepare(vec![add("b"), add("c")], &before, "me", at(0));
        let zones = |message: &str| {
            let error = AwsError {
                message: message.to_owned(),
                ..failed(ErrorClass::Capacity, true)
            };
            let after = note_capacity(&History::default(), &ticket, &error, at(5));
            let misses = &after.capacity_misses[&"cache".into()];
            misses
                .keys()
                .map(|z| z.as_str().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(zones("none left"), "b c");
        assert_eq!(zones("capacity gone: c"), "c");
        let other = note_capacity(
            &History::default(),
            &ticket,
            &failed(ErrorClass::Conflict, true),
            at(5),
        );
        assert!(other.capacity_misses.is_empty());
    }
}
