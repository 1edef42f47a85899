//! A few nodes per zone that are asked about each minute: the first to tell that a zone died.
//!
//! They are spread over groups, so that one group's trouble isn't taken for the zone's, and stand in shards that
//! have a sentinel in another zone where possible, so that one's silence is heard against the other's voice. A
//! choice is kept as long as it can be: comparing a node with itself an hour ago is what shows a change.

use super::Scene;
use crate::aws::types::MemberStatus;
use crate::observe::health::{Survey, Vote};
use crate::topology::{NodeId, ShardId, ZoneName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Two, so that one dead sentinel is not a dead zone.
const PER_ZONE: usize = 2;

#[derive(Clone, Debug, Default)]
pub(super) struct Sentinels {
    zones: BTreeMap<ZoneName, BTreeMap<NodeId, Post>>,
    /// Wanted groups that stood when they were last chosen.
    known_groups: usize,
}

/// Where a sentinel stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Post {
    group: String,
    shard: ShardId,
}

/// A node that could be a sentinel.
struct Candidate<'a> {
    id: &'a NodeId,
    zone: &'a ZoneName,
    group: &'a str,
    shard: &'a ShardId,
    shard_zones: usize,
    /// Neither down nor in doubt.
    sound: bool,
}

impl Sentinels {
    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.zones.values().flat_map(BTreeMap::keys)
    }

    pub(super) fn of(&self, zone: &ZoneName) -> impl Iterator<Item = &NodeId> {
        self.zones.get(zone).into_iter().flat_map(BTreeMap::keys)
    }

    /// The groups in which they stand.
    pub(super) fn groups(&self) -> impl Iterator<Item = &String> {
        self.zones.values().flat_map(BTreeMap::values).map(|p| &p.group)
    }

    /// Keeps the present choice where it stands and is sound (or its zone looks dead, or nothing sound can replace
    /// it), and fills up.
    pub(super) fn choose(&mut self, scene: &Scene<'_>, survey: &Survey, suspicious: &BTreeSet<ZoneName>) {
        let groups = scene
            .wanted
            .iter()
            .filter(|id| scene.view.groups.contains_key(*id))
            .count();
        let settled = groups == self.known_groups && scene.changed.is_empty();
        if settled && self.nodes().all(|id| is_sound(survey, id)) {
            return;
        }
        self.known_groups = groups;
        let candidates = candidates(scene, survey);
        let standing: BTreeMap<&NodeId, &Candidate<'_>> = candidates.iter().map(|c| (c.id, c)).collect();
        let mut spare: BTreeMap<&ZoneName, usize> = BTreeMap::new();
        for c in candidates.iter().filter(|c| c.sound) {
            *spare.entry(c.zone).or_default() += 1;
        }
        for (zone, nodes) in &mut self.zones {
            let enough = spare.get(zone).is_some_and(|n| *n >= PER_ZONE) && !suspicious.contains(zone);
            nodes.retain(|id, _| {
                standing
                    .get(id)
                    .is_some_and(|c| c.zone == zone && (c.sound || !enough))
            });
        }
        self.zones.retain(|_, nodes| !nodes.is_empty());
        let zones: BTreeSet<&ZoneName> = candidates.iter().map(|c| c.zone).collect();
        for zone in zones {
            while self.zones.get(zone).map_or(0, BTreeMap::len) < PER_ZONE {
                let Some(next) = self.next(zone, &candidates) else {
                    break;
                };
                let post = Post {
                    group: next.group.to_owned(),
                    shard: next.shard.clone(),
                };
                let nodes = self.zones.entry(zone.clone()).or_default();
                nodes.insert(next.id.clone(), post);
            }
        }
    }

    fn next<'c, 'a>(&self, zone: &ZoneName, candidates: &'c [Candidate<'a>]) -> Option<&'c Candidate<'a>> {
        let here = self.zones.get(zone);
        let stands_here = |id: &NodeId| here.is_some_and(|nodes| nodes.contains_key(id));
        let group_here = |group: &str| here.is_some_and(|nodes| nodes.values().any(|p| p.group == group));
        let heard_elsewhere = |c: &Candidate<'_>| {
            let posts = || self.zones.values().flat_map(BTreeMap::values);
            posts().any(|p| p.group == c.group && p.shard == *c.shard)
        };
        candidates
            .iter()
            .filter(|c| c.zone == zone && !stands_here(c.id))
            .min_by_key(|c| {
                (
                    !c.sound,
                    group_here(c.group),
                    !heard_elsewhere(c),
                    Reverse(c.shard_zones),
                    c.id,
                )
            })
    }
}

fn is_sound(survey: &Survey, id: &NodeId) -> bool {
    let vote = survey.nodes.get(id).map_or(Vote::None, |(_, h)| h.vote);
    !matches!(vote, Vote::Down | Vote::Doubt)
}

fn candidates<'a>(scene: &'a Scene<'_>, survey: &Survey) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for group in scene.wanted {
        let Some(seen) = scene.view.groups.get(group) else {
            continue;
        };
        for (shard_id, shard) in &seen.value.shards {
            let zones: BTreeSet<&ZoneName> = shard.members.values().map(|m| &m.zone).collect();
            for (id, member) in &shard.members {
                if matches!(member.status, MemberStatus::Creating | MemberStatus::Deleting) {
                    continue;
                }
                candidates.push(Candidate {
                    id,
                    zone: &member.zone,
                    group,
                    shard: shard_id,
                    shard_zones: zones.len(),
                    sound: is_sound(survey, id),
                });
            }
        }
    }
    candidates
}
