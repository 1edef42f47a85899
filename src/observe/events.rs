//! Events by the group that they concern, and what a run of them means: promotions, recoveries, births.
//!
//! AWS's events have no ids, come from two sources (the group and the node) and in two wordings, with and without
//! the old primary, about a second apart. Here they become one promotion each. Pure.

use super::view::RegionView;
use crate::aws::types::{CacheEvent, CacheEventKind, CacheGroup, EventSource};
use crate::topology::{NodeId, ShardId};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Texts about one promotion come about a second apart; a shard can't fail over to the same node twice in this time.
const ONE_PROMOTION: SignedDuration = SignedDuration::from_secs(90);

/// The events of some groups, oldest first.
#[derive(Clone, Debug, Default)]
pub struct EventsByGroup<'a> {
    by_group: BTreeMap<&'a str, Vec<&'a CacheEvent>>,
}

/// A replica became primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The first text about it.
    pub at: Timestamp,
    /// The last text about it.
    pub last_at: Timestamp,
    /// `None` when the node that the texts name fits no shard of the group: then it may be any.
    pub shard: Option<ShardId>,
    pub from: Option<NodeId>,
    pub to: NodeId,
}

impl<'a> EventsByGroup<'a> {
    /// Of these groups (lower-case identifiers) only.
    pub fn new(view: &'a RegionView, wanted: &'a BTreeSet<String>) -> Self {
        let log = &view.events;
        let mut by_group: BTreeMap<&str, Vec<&CacheEvent>> = BTreeMap::new();
        if log.all().is_empty() {
            return Self { by_group };
        }
        for id in wanted {
            let mut sources = BTreeSet::from([EventSource::ReplicationGroup(id.clone())]);
            if let Some(group) = view.groups.get(id).map(|seen| &seen.value) {
                let standing = group.shards.values().flat_map(|s| s.members.keys());
                let gone = log
                    .nodes_named(id)
                    .filter(|node| stood_in(group, node) && !stands_elsewhere(view, id, node));
                sources.extend(standing.chain(gone).cloned().map(EventSource::CacheCluster));
            }
            let mut events: Vec<&CacheEvent> = sources.iter().flat_map(|s| log.of(s)).collect();
            events.sort();
            if !events.is_empty() {
                by_group.insert(id, events);
            }
        }
        Self { by_group }
    }

    pub fn of(&self, group: &str) -> &[&'a CacheEvent] {
        self.by_group.get(group).map_or(&[], Vec::as_slice)
    }
}

/// By AWS's naming this was a node of the group: `<group>-001` where cluster mode is disabled, else
/// `<group>-0001-001`. A group named `shop` has no part in the nodes of `shop-cart`.
fn stood_in(group: &CacheGroup, node: &NodeId) -> bool {
    let rest = node.as_str().strip_prefix(&group.identifier);
    let Some(rest) = rest.and_then(|r| r.strip_prefix('-')) else {
        return false;
    };
    let number = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    match rest.split_once('-') {
        None => number(rest, 3),
        Some((shard, node)) => number(shard, 4) && number(node, 3),
    }
}

/// `shop-0001-001` is a node of the group `shop-0001` where there is one.
fn stands_elsewhere(view: &RegionView, id: &str, node: &NodeId) -> bool {
    let group = node.as_str().rsplit_once('-').map(|(group, _)| group);
    group.is_some_and(|group| group != id && view.groups.contains_key(group))
}

/// The shard in which the node stands or, by its name, stood.
pub fn shard_of(group: &CacheGroup, node: &NodeId) -> Option<ShardId> {
    let standing = group.shards.iter().find(|(_, s)| s.members.contains_key(node));
    if let Some((shard, _)) = standing {
        return Some(shard.clone());
    }
    if group.shards.len() == 1 {
        return group.shards.keys().next().cloned();
    }
    let rest = node.as_str().strip_prefix(&group.identifier)?.strip_prefix('-')?;
    let (shard, _) = rest.split_once('-')?;
    group.shards.keys().find(|id| id.as_str() == shard).cloned()
}

/// The group's promotions, oldest first, each once.
pub fn promotions(group: &CacheGroup, events: &[&CacheEvent]) -> Vec<Promotion> {
    let mut found: Vec<Promotion> = Vec::new();
    for event in events {
        let CacheEventKind::FailoverCompleted { from, to } = &event.kind else {
            continue;
        };
        let same = found
            .iter_mut()
            .find(|p| p.to == *to && event.at.duration_since(p.at) <= ONE_PROMOTION);
        if let Some(known) = same {
            known.last_at = known.last_at.max(event.at);
            known.from = known.from.take().or_else(|| from.clone());
        } else {
            found.push(Promotion {
                at: event.at,
                last_at: event.at,
                shard: shard_of(group, to).or_else(|| from.as_ref().and_then(|n| shard_of(group, n))),
                from: from.clone(),
                to: to.clone(),
            });
        }
    }
    found
}

/// What events say of one node's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Being recovered since, and not yet finished.
    pub recovering_since: Option<Timestamp>,
    /// The last time that it was finished recovering.
    pub recovered_at: Option<Timestamp>,
    /// Its last creation, deletion or end of recovery: earlier points say nothing of the node that stands now.
    pub new_since: Option<Timestamp>,
}

/// Each node's life as the group's events tell it; nodes without such an event are absent.
pub fn lives<'a>(events: &[&'a CacheEvent]) -> BTreeMap<&'a NodeId, Life> {
    let mut lives: BTreeMap<&NodeId, Life> = BTreeMap::new();
    for event in events {
        if let CacheEventKind::FailoverCompleted { to, .. } = &event.kind {
            // Only a live replica is promoted.
            if let Some(life) = lives.get_mut(to) {
                life.recovering_since = None;
            }
        }
        let EventSource::CacheCluster(node) = &event.source else {
            continue;
        };
        match event.kind {
            CacheEventKind::Recovering => {
                let life = lives.entry(node).or_default();
                life.recovering_since = life.recovering_since.or(Some(event.at));
            }
            CacheEventKind::FinishedRecovery => {
                let life = lives.entry(node).or_default();
                life.recovering_since = None;
                life.recovered_at = Some(event.at);
                life.new_since = Some(event.at);
            }
            CacheEventKind::NodeAdded { .. } | CacheEventKind::Created | CacheEventKind::Deleted => {
                let life = lives.entry(node).or_default();
                life.recovering_since = None;
                life.new_since = Some(event.at);
            }
            CacheEventKind::TestFailoverCalled { .. }
            | CacheEventKind::FailoverCompleted { .. }
            | CacheEventKind::Other => {}
        }
    }
    lives
}

/// The last TestFailover called for this shard at or before `at`, at most `within` earlier.
pub fn test_failover_before(
    events: &[&CacheEvent],
    shard: &ShardId,
    at: Timestamp,
    within: SignedDuration,
) -> Option<Timestamp> {
    events
        .iter()
        .filter(|e| matches!(&e.kind, CacheEventKind::TestFailoverCalled { shard: s } if s == shard))
        .map(|e| e.at)
        .filter(|called| *called <= at && at.duration_since(*called) <= within)
        .max()
}
