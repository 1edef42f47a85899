//! What one (account, region) last told us, unjudged: the store that pollers fill and evidence reads.
//!
//! A view is a value. Judging it (health, roles, zone states, failovers) happens in the pure modules beside it.

use crate::aws::types::{AwsError, CacheEvent, CacheGroup, Metric, NodePoints};
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
    pub events: BTreeSet<CacheEvent>,
    /// Events have been polled without a break since this moment (reaching back by the first poll's window).
    pub complete_since: Option<Timestamp>,
    pub poll: Poll,
}

/// The metric points of one node.
#[derive(Clone, Debug, Default)]
pub struct PointLog {
    pub points: NodePoints,
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

/// How long points are kept, besides a node's last one, which is kept for ever: it says since when a node is silent.
pub const POINTS_KEPT: SignedDuration = SignedDuration::from_hours(3);

impl PointLog {
    /// Takes in CloudWatch's complete answer to one question. An answer that is partial or failed is no answer.
    pub fn absorb(&mut self, metric: Metric, asked: Asked, answer: &[(Timestamp, f64)]) {
        let (points, last) = match metric {
            Metric::IsMaster => (&mut self.points.is_master, &mut self.asked),
            Metric::ReplicationLag => (&mut self.points.replication_lag, &mut self.lag_asked),
        };
        points.extend_from_slice(answer);
        // Stable: of two values for one minute the later answer's stands last and is kept.
        points.sort_by_key(|(at, _)| *at);
        points.reverse();
        points.dedup_by_key(|(at, _)| *at);
        points.reverse();
        let oldest = asked.at - POINTS_KEPT;
        let newest = points.last().copied();
        points.retain(|point| point.0 >= oldest || Some(*point) == newest);
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
            log.points.is_master,
            vec![(minute(7), 0.0), (minute(8), 1.0), (minute(9), 1.0)]
        );
        assert_eq!(log.points.replication_lag, vec![]);
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
    fn the_last_point_of_a_silent_node_is_never_forgotten() {
        let mut log = PointLog::default();
        log.absorb(
            Metric::IsMaster,
            asked(10, 0),
            &[(minute(7), 0.0), (minute(8), 1.0)],
        );
        log.absorb(Metric::IsMaster, asked(2_000, 1_985), &[]);
        assert_eq!(log.points.is_master, vec![(minute(8), 1.0)]);
        // A hole of unasked hours does not count as asked.
        assert_eq!(log.asked, Some(asked(2_000, 1_985)));
    }
}
