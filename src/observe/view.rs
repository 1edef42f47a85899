//! What one (account, region) last told us, unjudged: the store that pollers fill and evidence reads.
//!
//! A view is a value. Judging it (health, roles, zone states, failovers) happens in the pure modules beside it.

use super::series::Series;
use crate::aws::types::{AwsError, CacheEvent, CacheGroup, EventSource, Metric};
use crate::topology::{AccountId, NodeId, Region};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Everything read of one service in one region of one account.
#[derive(Clone, Debug)]
pub struct RegionView {
    pub account: Option<AccountId>,
    pub region: Region,
    /// By identifier, lower case.
    pub groups: BTreeMap<String, Seen<CacheGroup>>,
    /// Of the last whole listing (all pages); a group absent from `groups` is `Missing` only after one.
    pub listed: Poll,
    pub events: EventLog,
    /// Asked-for points by node. A node that is not here was never asked about.
    pub points: BTreeMap<NodeId, PointLog>,
    /// Tags by identifier, where they were read.
    pub tags: BTreeMap<String, Seen<Tags>>,
    /// How asking for metrics fares: `complete_at` moves with each round whose questions were all answered.
    pub metrics: Poll,
}

/// A resource's tags, or why they could not be read.
pub type Tags = Result<BTreeMap<String, String>, AwsError>;

/// A value and when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    pub value: T,
    pub read_at: Timestamp,
}

/// How a kind of poll fares.
#[derive(Clone, Debug, Default)]
pub struct Poll {
    /// The last complete success.
    pub complete_at: Option<Timestamp>,
    /// The failure since then, if any.
    pub error: Option<AwsError>,
}

/// Events as polled: overlapping windows, deduplicated.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    all: BTreeSet<CacheEvent>,
    /// The same events: a stack looks only at those of its own groups.
    by_source: BTreeMap<EventSource, BTreeSet<CacheEvent>>,
    /// Events have been polled without a break since this moment (reaching back by the first poll's window).
    pub complete_since: Option<Timestamp>,
    pub poll: Poll,
}

impl EventLog {
    /// Oldest first.
    pub fn all(&self) -> &BTreeSet<CacheEvent> {
        &self.all
    }

    /// True for an event not seen before.
    pub fn insert(&mut self, event: CacheEvent) -> bool {
        let of_source = self.by_source.entry(event.source.clone()).or_default();
        of_source.insert(event.clone()) && self.all.insert(event)
    }

    pub fn retain(&mut self, keep: impl Fn(&CacheEvent) -> bool) {
        self.all.retain(|event| keep(event));
        for events in self.by_source.values_mut() {
            events.retain(|event| keep(event));
        }
        self.by_source.retain(|_, events| !events.is_empty());
    }

    /// Oldest first.
    pub fn of(&self, source: &EventSource) -> impl Iterator<Item = &CacheEvent> {
        self.by_source.get(source).into_iter().flatten()
    }

    /// Nodes of which events tell and whose names begin like this.
    pub fn nodes_named<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a NodeId> {
        self.by_source
            .range(EventSource::CacheCluster(NodeId::new(beginning))..)
            .map_while(move |(source, _)| match source {
                EventSource::CacheCluster(node) if node.as_str().starts_with(beginning) => Some(node),
                _ => None,
            })
    }
}

/// The metric points of one node.
#[derive(Clone, Debug, Default)]
pub struct PointLog {
    /// `IsMaster`: 1 = primary.
    pub is_master: Series,
    /// The newest `ReplicationLag`, in seconds.
    pub replication_lag: Option<(Timestamp, f64)>,
    /// When CloudWatch last answered about this node's `IsMaster` (with or without points). `from` reaches back
    /// over earlier answers as long as they join without a hole.
    pub asked: Option<Asked>,
    /// The same for `ReplicationLag`.
    pub lag_asked: Option<Asked>,
}

/// One answered question about a node's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub at: Timestamp,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// How long points of `IsMaster` are kept, besides a node's last one, which is kept for ever: it says since when a node is silent.
pub const POINTS_KEPT: SignedDuration = SignedDuration::from_hours(3);

impl PointLog {
    /// Takes in CloudWatch's complete answer to one question. An answer that is partial or failed is no answer.
    pub fn absorb(&mut self, metric: Metric, asked: Asked, answer: &[(Timestamp, f64)]) {
        let oldest = asked.at - POINTS_KEPT;
        let last = match metric {
            Metric::IsMaster => {
                self.is_master.absorb(answer, oldest);
                &mut self.asked
            }
            Metric::ReplicationLag => {
                let known = self.replication_lag.into_iter().chain(answer.iter().copied());
                // Of two values for one minute the later answer's is the last of the greatest.
                self.replication_lag = known.max_by_key(|(at, _)| *at);
                &mut self.lag_asked
            }
        };
        let joined = last.filter(|old| old.to >= asked.from && old.from < asked.from);
        *last = Some(Asked {
            from: joined
                .map_or(asked.from, |old| old.from.max(oldest))
                .min(asked.from),
            ..asked
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(m: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(10_000 + m)
    }

    fn asked(at: i64, from: i64) -> Asked {
        Asked {
            at: minute(at),
            from: minute(from),
            to: minute(at),
        }
    }

    #[test]
    fn a_later_answer_adds_points_and_corrects_the_same_minute() {
        let mut log = PointLog::default();
        log.absorb(
            Metric::IsMaster,
            asked(10, 0),
            &[(minute(7), 0.0), (minute(8), 0.0)],
        );
        log.absorb(
            Metric::IsMaster,
            asked(11, 5),
            &[(minute(9), 1.0), (minute(8), 1.0)],
        );
        assert_eq!(
            log.is_master.iter().collect::<Vec<_>>(),
            [(minute(7), 0.0), (minute(8), 1.0), (minute(9), 1.0)]
        );
        assert_eq!(log.replication_lag, None);
        assert_eq!(
            log.asked,
            Some(Asked {
                from: minute(0),
                ..asked(11, 5)
            })
        );
        assert_eq!(log.lag_asked, None);
    }

    #[test]
    fn the_newest_lag_stands_and_a_later_answer_corrects_it() {
        let mut log = PointLog::default();
        let lag = Metric::ReplicationLag;
        log.absorb(lag, asked(10, 0), &[(minute(8), 0.2), (minute(7), 0.9)]);
        assert_eq!(log.replication_lag, Some((minute(8), 0.2)));
        log.absorb(lag, asked(11, 0), &[(minute(7), 0.4), (minute(8), 0.3)]);
        assert_eq!(log.replication_lag, Some((minute(8), 0.3)));
        log.absorb(lag, asked(12, 0), &[(minute(6), 0.7)]);
        assert_eq!(log.replication_lag, Some((minute(8), 0.3)));
        assert_eq!(log.asked, None);
    }

    #[test]
    fn the_last_point_of_a_silent_node_is_never_forgotten() {
        let mut log = PointLog::default();
        log.absorb(
            Metric::IsMaster,
            asked(10, 0),
            &[(minute(7), 0.0), (minute(8), 1.0)],
        );
        log.absorb(Metric::IsMaster, asked(2_000, 1_985), &[]);
        assert_eq!(log.is_master.iter().collect::<Vec<_>>(), [(minute(8), 1.0)]);
        // A hole of unasked hours does not count as asked.
        assert_eq!(log.asked, Some(asked(2_000, 1_985)));
    }
}
