//! A view written down by hand: groups, events, points, and what was asked.

use crate::aws::types::{
    AwsError, CacheEvent, CacheEventKind, CacheGroup, CacheMember, CacheShard, ErrorClass, EventSource,
    MemberStatus, Metric,
};
use crate::observe::view::{Asked, EventLog, Poll, RegionView, Seen};
use crate::topology::{
    CacheSettings, ClusterMode, Durability, NodeId, ResourceStatus, Role, ShardId, Switch, ZoneName,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// `12:03`, `12:03:30`, or `+1 12:03` for the day after, on Monday 2 March 2026.
pub(super) fn t(text: &str) -> Timestamp {
    let (days, clock) = text
        .strip_prefix('+')
        .and_then(|rest| rest.split_once(' '))
        .map_or((0, text), |(days, clock)| (days.parse().unwrap(), clock));
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let day: Timestamp = format!("2026-03-02T{clock}{seconds}Z").parse().unwrap();
    day + SignedDuration::from_hours(24 * days)
}

pub(super) fn mins(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// A view and the groups that stacks name (all of it).
pub(super) struct World {
    pub view: RegionView,
    pub wanted: BTreeSet<String>,
}

impl World {
    /// Everything was listed at `now`; events have been polled since the day before.
    pub fn new(now: &str) -> Self {
        let now = t(now);
        let fine = Poll {
            complete_at: Some(now),
            error: None,
        };
        let mut events = EventLog::default();
        events.complete_since = Some(now - SignedDuration::from_hours(24));
        events.poll = fine.clone();
        Self {
            view: RegionView {
                account: Some("111122223333".into()),
                region: "test-region-1".into(),
                groups: BTreeMap::new(),
                listed: fine.clone(),
                events,
                points: BTreeMap::new(),
                tags: BTreeMap::new(),
                metrics: fine,
            },
            wanted: BTreeSet::new(),
        }
    }

    /// A cluster-mode-enabled group; one string is one shard, one word the zone of a node:
    /// `("g", &["a c", "c a"])` has nodes `g-0001-001` in a, `g-0001-002` in c, `g-0002-001` in c, `g-0002-002` in a.
    pub fn group(mut self, id: &str, shards: &[&str]) -> Self {
        let read_at = self.view.listed.complete_at.unwrap();
        let mut group = empty_group(id);
        for (i, zones) in shards.iter().enumerate() {
            let shard_id = format!("{:04}", i + 1);
            let mut shard = CacheShard {
                status: ResourceStatus::Available,
                members: [].into(),
            };
            for (j, zone) in zones.split_whitespace().enumerate() {
                let node = NodeId::new(format!("{id}-{shard_id}-{:03}", j + 1));
                group.member_clusters.insert(node.clone());
                shard.members.insert(node, member(zone));
            }
            group.shards.insert(ShardId::new(shard_id), shard);
        }
        self.wanted.insert(id.to_owned());
        self.view.groups.insert(
            id.to_owned(),
            Seen {
                value: group,
                read_at,
            },
        );
        self
    }

    /// A cluster-mode-disabled group, its nodes as `zone:P` or `zone:r`: `g-001`, `g-002`…
    pub fn classic(mut self, id: &str, nodes: &str) -> Self {
        let read_at = self.view.listed.complete_at.unwrap();
        let mut group = empty_group(id);
        group.settings.cluster_mode = ClusterMode::Disabled;
        let mut shard = CacheShard {
            status: ResourceStatus::Available,
            members: [].into(),
        };
        for (i, word) in nodes.split_whitespace().enumerate() {
            let (zone, role) = word.split_once(':').unwrap();
            let node = NodeId::new(format!("{id}-{:03}", i + 1));
            group.member_clusters.insert(node.clone());
            let role = if role == "P" { Role::Primary } else { Role::Replica };
            shard.members.insert(
                node,
                CacheMember {
                    role: Some(role),
                    ..member(zone)
                },
            );
        }
        group.shards.insert(ShardId::from("0001"), shard);
        self.wanted.insert(id.to_owned());
        self.view.groups.insert(
            id.to_owned(),
            Seen {
                value: group,
                read_at,
            },
        );
        self
    }

    pub fn edit(mut self, id: &str, change: impl FnOnce(&mut CacheGroup)) -> Self {
        change(&mut self.view.groups.get_mut(id).unwrap().value);
        self
    }

    pub fn status(mut self, node: &str, status: MemberStatus) -> Self {
        for seen in self.view.groups.values_mut() {
            for shard in seen.value.shards.values_mut() {
                if let Some(member) = shard.members.get_mut(&NodeId::from(node)) {
                    member.status = status;
                }
            }
        }
        self
    }

    /// A point of `IsMaster` each minute from `from` to `to`, both included, as an answer to a question asked at
    /// `asked` about everything since 9:00.
    pub fn beats(mut self, node: &str, value: f64, from: &str, to: &str, asked: &str) -> Self {
        let mut points = Vec::new();
        let mut at = t(from);
        while at <= t(to) {
            points.push((at, value));
            at += mins(1);
        }
        self.answer(Metric::IsMaster, node, &points, asked);
        self
    }

    /// Asked about everything since 9:00, and no point came.
    pub fn no_points(mut self, node: &str, asked: &str) -> Self {
        self.answer(Metric::IsMaster, node, &[], asked);
        self
    }

    pub fn lag(mut self, node: &str, seconds: f64, at: &str, asked: &str) -> Self {
        self.answer(Metric::ReplicationLag, node, &[(t(at), seconds)], asked);
        self
    }

    pub fn answer(&mut self, metric: Metric, node: &str, points: &[(Timestamp, f64)], asked: &str) {
        let at = t(asked);
        let asked = Asked {
            at,
            from: t("09:00"),
            to: at,
        };
        let log = self.view.points.entry(NodeId::from(node)).or_default();
        log.absorb(metric, asked, points);
    }

    pub fn event(mut self, at: &str, source: EventSource, kind: CacheEventKind) -> Self {
        self.view.events.insert(CacheEvent {
            at: t(at),
            source,
            kind,
            message: String::new(),
        });
        self
    }

    pub fn recovering(self, at: &str, node: &str) -> Self {
        self.event(at, about(node), CacheEventKind::Recovering)
    }

    pub fn recovered(self, at: &str, node: &str) -> Self {
        self.event(at, about(node), CacheEventKind::FinishedRecovery)
    }

    pub fn called(self, at: &str, group: &str, shard: &str) -> Self {
        let kind = CacheEventKind::TestFailoverCalled { shard: shard.into() };
        self.event(at, EventSource::ReplicationGroup(group.to_owned()), kind)
    }

    /// The short text, from the group.
    pub fn promoted(self, at: &str, group: &str, to: &str) -> Self {
        let kind = CacheEventKind::FailoverCompleted {
            from: None,
            to: to.into(),
        };
        self.event(at, EventSource::ReplicationGroup(group.to_owned()), kind)
    }

    /// The long text, from the node.
    pub fn promoted_from(self, at: &str, from: &str, to: &str) -> Self {
        let kind = CacheEventKind::FailoverCompleted {
            from: Some(from.into()),
            to: to.into(),
        };
        self.event(at, about(from), kind)
    }
}

fn about(node: &str) -> EventSource {
    EventSource::CacheCluster(node.into())
}

fn member(zone: &str) -> CacheMember {
    CacheMember {
        zone: ZoneName::from(zone),
        role: None,
        status: MemberStatus::Available,
        created: None,
    }
}

fn empty_group(id: &str) -> CacheGroup {
    CacheGroup {
        identifier: id.to_owned(),
        arn: format!("arn:aws:elasticache:test-region-1:111122223333:replicationgroup:{id}"),
        created: None,
        status: ResourceStatus::Available,
        settings: CacheSettings {
            cluster_mode: ClusterMode::Enabled,
            multi_az: Switch::Enabled,
            automatic_failover: Switch::Enabled,
            subnet_zones: ["a", "b", "c"].map(ZoneName::from).into(),
            durability: Durability::Disabled,
        },
        endpoints: [].into(),
        shards: [].into(),
        member_clusters: BTreeSet::new(),
        managed_elsewhere: Vec::new(),
        node_type: None,
        maintenance_windows: BTreeSet::new(),
        pending_changes: false,
        members_listed: true,
    }
}

pub(super) fn failed(class: ErrorClass) -> AwsError {
    AwsError {
        class,
        service: "cloudwatch",
        operation: "GetMetricData",
        code: "ServiceUnavailable".to_owned(),
        message: "try later".to_owned(),
        maybe_sent: true,
    }
}
