//! Which failovers happened, and whose they were.
//!
//! | class | when |
//! |---|---|
//! | Own | the TestFailover before it is the one that our ticket called |
//! | Person | a TestFailover was called before it, and not by us |
//! | Provider | none was called, and the old primary was lost or rebuilt, its zone failed, or it was maintenance |
//! | Unknown | none of these |
//!
//! A lost record of tickets makes our own earlier failovers look like a person's: then further failback waits for
//! an acknowledgement, which is meant. Pure; classes may be refined as later evidence comes (`memory`).

use super::events::{EventsByGroup, Promotion, promotions, test_failover_before};
use super::view::RegionView;
use super::zones::ZoneWatch;
use crate::aws::types::{CacheEvent, CacheEventKind, CacheGroup, EventSource};
use crate::plan::ActionKind;
use crate::plan::history::{Phase, Ticket, TicketOutcome};
use crate::topology::{ComponentName, Failover, FailoverClass, Health, NodeId, ShardId, WeeklyWindow};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::collections::BTreeSet;

/// From a TestFailover call to its promotion: observed one to two minutes.
const CALL_TO_PROMOTION: SignedDuration = SignedDuration::from_mins(20);
/// AWS's clock against ours, when its event seems to precede our call.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(30);
/// From our storing `MaybeCalled` to AWS's event about the call.
const CALL_ARRIVES: SignedDuration = SignedDuration::from_mins(5);
/// The rolling period of AWS's TestFailover quota.
const QUOTA_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// A silence of this length after its last point: the old primary was lost.
const LOST: SignedDuration = SignedDuration::from_mins(4);

/// The failovers of one component that events tell of, oldest first.
pub fn derive(
    view: &RegionView,
    watch: &ZoneWatch,
    component: &ComponentName,
    identifier: &str,
    tickets: &[Ticket],
) -> Vec<Failover> {
    let Some(group) = view.groups.get(identifier).map(|seen| &seen.value) else {
        return Vec::new();
    };
    let wanted = BTreeSet::from([identifier.to_owned()]);
    let events = EventsByGroup::new(view, &wanted);
    let events = since_creation(events.of(identifier));
    let scene = Scene {
        view,
        watch,
        component,
        group,
        events,
        tickets,
    };
    let promotions = promotions(group, events);
    let mut found = Vec::new();
    for (i, promotion) in promotions.iter().enumerate() {
        if let Some(shard) = &promotion.shard {
            let before = promotions[..i].iter().rfind(|p| p.shard.as_ref() == Some(shard));
            found.push(scene.failover(shard, promotion, before));
        }
    }
    found
}

/// When TestFailover was called in the last 24 h, by anybody, on any group of this account and region, oldest first:
/// what AWS's quota counts.
pub fn ledger(view: &RegionView, now: Timestamp) -> Vec<Timestamp> {
    let mut calls = BTreeSet::new();
    for event in view.events.all() {
        if let CacheEventKind::TestFailoverCalled { shard } = &event.kind
            && now.duration_since(event.at) < QUOTA_PERIOD
        {
            calls.insert((event.at, &event.source, shard));
        }
    }
    calls.into_iter().map(|(at, _, _)| at).collect()
}

/// What `evenkeel.dev/acknowledge` names.
pub fn failover_id(component: &ComponentName, shard: &ShardId, at: Timestamp) -> String {
    format!("fo-{component}-{shard}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// AWS's event about a call belongs to the call that we made at `at`.
fn is_call_of(at: Timestamp, called: Timestamp) -> bool {
    at.duration_since(called) <= CLOCKS_DIFFER && called.duration_since(at) <= CALL_ARRIVES
}

/// Events of an earlier group with the same name are not about this one.
fn since_creation<'e, 'a>(events: &'e [&'a CacheEvent]) -> &'e [&'a CacheEvent] {
    let born = events.iter().rposition(|e| {
        matches!(e.source, EventSource::ReplicationGroup(_))
            && matches!(e.kind, CacheEventKind::Created | CacheEventKind::Deleted)
    });
    &events[born.unwrap_or(0)..]
}

struct Scene<'a> {
    view: &'a RegionView,
    watch: &'a ZoneWatch,
    component: &'a ComponentName,
    group: &'a CacheGroup,
    events: &'a [&'a CacheEvent],
    tickets: &'a [Ticket],
}

impl Scene<'_> {
    fn failover(&self, shard: &ShardId, promotion: &Promotion, before: Option<&Promotion>) -> Failover {
        let from = promotion
            .from
            .clone()
            .or_else(|| self.old_primary(shard, promotion, before));
        let call = test_failover_before(self.events, shard, promotion.at, CALL_TO_PROMOTION)
            .filter(|called| before.is_none_or(|b| b.at < *called));
        let lost_at = from.as_ref().and_then(|node| self.lost_at(node, promotion.at));
        let class = match call {
            Some(called) if self.ours(shard, called) => FailoverClass::Own,
            Some(_) => FailoverClass::Person,
            None if self.ours_unseen(shard, promotion.at) => FailoverClass::Own,
            None if self.provider(from.as_ref(), lost_at, promotion) => FailoverClass::Provider,
            None => FailoverClass::Unknown,
        };
        let began = call.or(lost_at);
        Failover {
            id: failover_id(self.component, shard, promotion.at),
            at: promotion.at,
            component: self.component.clone(),
            shard: shard.clone(),
            from,
            to: Some(promotion.to.clone()),
            class,
            duration_seconds: began.map(|at| promotion.at.duration_since(at).as_secs().max(0)),
        }
    }

    /// The text without "from": the last one promoted before, or who said so last, or the only other member.
    fn old_primary(&self, shard: &ShardId, now: &Promotion, before: Option<&Promotion>) -> Option<NodeId> {
        if let Some(before) = before {
            return Some(before.to.clone());
        }
        let members = &self.group.shards.get(shard)?.members;
        let mut others = members.keys().filter(|id| **id != now.to);
        let said = others
            .clone()
            .filter_map(|id| {
                let (at, value) = self.view.points.get(id)?.is_master.last_until(now.at)?;
                (value > 0.5).then_some((at, id))
            })
            .max();
        if let Some((_, id)) = said {
            return Some(id.clone());
        }
        match (others.next(), others.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }

    /// The call was made while our ticket was making it.
    fn ours(&self, shard: &ShardId, called: Timestamp) -> bool {
        self.moves(shard).any(|(at, _)| is_call_of(at, called))
    }

    /// No call was seen. One of ours whose event is missing explains it if AWS accepted it, or if events don't reach
    /// back to it.
    fn ours_unseen(&self, shard: &ShardId, promoted: Timestamp) -> bool {
        self.moves(shard).any(|(at, ticket)| {
            let accepted = matches!(ticket.phase, Phase::Settling | Phase::Done);
            let unseen = self.view.events.complete_since.is_none_or(|since| since > at);
            let end = ticket.finished_at.unwrap_or(ticket.deadline);
            at <= promoted && promoted <= end && (accepted || unseen) && !self.call_was_seen(shard, at)
        })
    }

    fn call_was_seen(&self, shard: &ShardId, at: Timestamp) -> bool {
        self.events.iter().any(|e| {
            matches!(&e.kind, CacheEventKind::TestFailoverCalled { shard: s } if s == shard)
                && is_call_of(at, e.at)
        })
    }

    /// Our calls of TestFailover on this shard that AWS did not certainly refuse.
    fn moves(&self, shard: &ShardId) -> impl Iterator<Item = (Timestamp, &Ticket)> {
        self.tickets
            .iter()
            .filter(|t| {
                !matches!(
                    t.outcome,
                    Some(
                        TicketOutcome::Refused { .. }
                            | TicketOutcome::Overtaken
                            | TicketOutcome::NeverArrived
                    )
                )
            })
            .filter(move |t| {
                t.actions.iter().any(|a| {
                    a.component == *self.component
                        && matches!(&a.kind, ActionKind::MovePrimary { shard: s } if s == shard)
                })
            })
            .filter_map(|t| Some((t.called_at?, t)))
    }

    /// The node's last sign of life before the promotion, if silence followed: it was lost then or within a minute.
    fn lost_at(&self, node: &NodeId, promoted: Timestamp) -> Option<Timestamp> {
        let log = self.view.points.get(node)?;
        let (last, _) = log.is_master.last_until(promoted)?;
        let heard = log.is_master.first_after(promoted).map(|(at, _)| at);
        let silent_until = heard.or(log.asked.map(|a| a.to))?;
        (silent_until.duration_since(last) > LOST).then_some(last)
    }

    fn provider(&self, from: Option<&NodeId>, lost_at: Option<Timestamp>, promotion: &Promotion) -> bool {
        let rebuilt = self.events.iter().any(|e| {
            let about = match (&e.source, from) {
                (EventSource::CacheCluster(node), Some(from)) => node == from,
                (EventSource::CacheCluster(node), None) => *node != promotion.to,
                _ => false,
            };
            about
                && e.kind == CacheEventKind::Recovering
                && promotion.at.duration_since(e.at) <= SignedDuration::from_mins(10)
                && e.at.duration_since(promotion.at) <= SignedDuration::from_hours(24)
        });
        let near = |since: Timestamp| {
            let after = promotion.at.duration_since(since);
            after >= SignedDuration::from_mins(-5) && after <= SignedDuration::from_mins(30)
        };
        let down = from.is_some_and(|id| self.watch.since(id, Health::Down).is_some_and(near));
        let maintenance = self
            .group
            .maintenance_windows
            .iter()
            .any(|window| within(*window, promotion.at));
        rebuilt || lost_at.is_some_and(near) || down || maintenance
    }
}

/// Is this moment in AWS's weekly window (UTC)?
fn within(window: WeeklyWindow, at: Timestamp) -> bool {
    let utc = at.to_zoned(TimeZone::UTC);
    let day = i32::from(utc.weekday().to_monday_zero_offset());
    let minute = day * 1440 + i32::from(utc.hour()) * 60 + i32::from(utc.minute());
    let (start, end) = (i32::from(window.start_minute), i32::from(window.end_minute));
    if start <= end {
        (start..end).contains(&minute)
    } else {
        minute >= start || minute < end
    }
}
