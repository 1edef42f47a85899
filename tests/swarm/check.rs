//! What must hold of everything that the loop does, judged against the simulator's truth and written apart from the
//! planner: it knows calls and nodes, and nothing of plans.

use evenkeel_sim::{Call, GroupState, NodeState, ShardState, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What is dead or being built must have been seen by then: points come minutes late, and silence counts after five.
const SEEN_AFTER: SignedDuration = SignedDuration::from_mins(12);
/// A shard's primary is moved once a day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A shard of one life of a group: its id may be given again.
type Shard = (String, Timestamp, String);
/// One node, however often its id is given: id and creation.
type Which = (String, Timestamp);

fn of(group: &GroupState, shard: &str) -> Shard {
    (group.id.clone(), group.created, shard.to_owned())
}

fn which(node: &NodeState) -> Which {
    (node.id.clone(), node.created)
}

/// Keeps account over a whole life.
pub struct Checker {
    death_shows: bool,
    /// Nodes of ours that stand, each with its shard.
    ours: BTreeMap<Which, Shard>,
    /// By shard: the nodes that we removed because one of ours took their place; each of ours takes one.
    replaced: BTreeMap<Shard, BTreeSet<Which>>,
    /// Since when a node doesn't serve, a zone is dead.
    ill_since: BTreeMap<String, Timestamp>,
    dead_since: BTreeMap<String, Timestamp>,
    moved: BTreeMap<Shard, Timestamp>,
    pub steps: usize,
    pub violations: Vec<String>,
}

impl Checker {
    pub fn new(death_shows: bool) -> Self {
        Self {
            death_shows,
            ours: BTreeMap::new(),
            replaced: BTreeMap::new(),
            ill_since: BTreeMap::new(),
            dead_since: BTreeMap::new(),
            moved: BTreeMap::new(),
            steps: 0,
            violations: Vec::new(),
        }
    }

    fn violated(&mut self, call: &Call, what: &str) {
        self.violations.push(format!(
            "{} {} {:?}: {what}",
            call.at, call.operation, call.params
        ));
    }

    /// Remembers what there is, between steps.
    pub fn look(&mut self, state: &State) {
        let nodes = || state.groups.iter().flat_map(|g| &g.shards).flat_map(|s| &s.nodes);
        let standing: BTreeSet<Which> = nodes().map(which).collect();
        self.ours.retain(|node, _| standing.contains(node));
        let ids: BTreeSet<&String> = nodes().map(|n| &n.id).collect();
        self.ill_since.retain(|node, _| ids.contains(node));
        for node in nodes() {
            if node.health == "healthy" {
                self.ill_since.remove(&node.id);
            } else {
                self.ill_since.entry(node.id.clone()).or_insert(state.now);
            }
        }
        self.dead_since = state
            .zones
            .iter()
            .filter_map(|(name, zone)| Some((name.clone(), zone.failed_since?)))
            .collect();
    }

    /// Judges one call that changed something, by how things were before and are after it.
    pub fn step(&mut self, call: &Call, before: &State, after: &State) {
        self.steps += 1;
        let Some(id) = call.params.get("ReplicationGroupId").cloned() else {
            return self.violated(call, "it names no group");
        };
        let (Some(group), Some(now)) = (group(before, &id), group(after, &id)) else {
            return self.violated(call, "the group is gone");
        };
        if group.tags.get("evenkeel.dev/owner").map(String::as_str) != Some("demo") {
            self.violated(call, "the group isn't tagged as ours");
        }
        match call.operation.as_str() {
            "IncreaseReplicaCount" => self.added(call, group, now),
            "DecreaseReplicaCount" => {
                self.calm(call, before, group);
                self.removed(call, group);
            }
            "TestFailover" => {
                self.calm(call, before, group);
                self.failed_over(call, group);
            }
            "ModifyReplicationGroup" => {}
            other => self.violated(call, &format!("{other} is no step of ours")),
        }
    }

    fn added(&mut self, call: &Call, before: &GroupState, after: &GroupState) {
        for shard in &after.shards {
            let Some(was) = before.shards.iter().find(|s| s.id == shard.id) else {
                continue;
            };
            let old: BTreeSet<Which> = was.nodes.iter().map(which).collect();
            let new: Vec<&NodeState> = shard.nodes.iter().filter(|n| !old.contains(&which(n))).collect();
            for node in &new {
                self.ours.insert(which(node), of(before, &shard.id));
                if self.dead_for(&node.zone, call.at, SEEN_AFTER) {
                    self.violated(call, &format!("a copy is added in the dead zone {}", node.zone));
                }
            }
            let healthy = was.nodes.iter().filter(|n| n.health == "healthy").count();
            if new.len() > 1 && healthy >= 2 {
                self.violated(call, &format!("shard {} gets two copies at once", shard.id));
            }
            // Enough for every zone, and one to relocate: nothing was added twice.
            if shard.nodes.len() > was.nodes.len() && shard.nodes.len() > 6 {
                self.violated(
                    call,
                    &format!("shard {} has {} members", shard.id, shard.nodes.len()),
                );
            }
        }
    }

    fn removed(&mut self, call: &Call, group: &GroupState) {
        let named: Vec<String> = call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("ReplicasToRemove"))
            .map(|(_, node)| node.clone())
            .collect();
        let [node] = &named[..] else {
            return self.violated(call, "it doesn't remove exactly one node");
        };
        let with = |s: &&ShardState| s.nodes.iter().any(|n| n.id == *node);
        let Some(shard) = group.shards.iter().find(with) else {
            return self.violated(call, "no such node");
        };
        let key = of(group, &shard.id);
        if shard.primary == *node {
            self.violated(call, "the primary is removed");
        }
        let Some(leaving) = shard.nodes.iter().find(|n| n.id == *node).map(which) else {
            return;
        };
        if !self.ours.contains_key(&leaving) {
            // Each node of ours takes the place of one. (Whatever AWS took back is removed again.)
            let standing = self.ours.values().filter(|of| **of == key).count();
            let replaced = self.replaced.entry(key.clone()).or_default();
            replaced.insert(leaving);
            if standing < replaced.len() {
                self.violated(call, "it is no node of ours, and none of ours takes its place");
            }
        }
        let left = |with: bool| -> BTreeSet<&String> {
            let healthy = shard.nodes.iter().filter(|n| n.health == "healthy");
            healthy
                .filter(|n| with || n.id != *node)
                .map(|n| &n.zone)
                .collect()
        };
        let was_spread = left(true).len() >= 2;
        let old = self.changed_lately(shard, call.at);
        if was_spread && left(false).len() < 2 && !old && self.death_shows {
            self.violated(call, "the copies that are left stand in one zone");
        }
    }

    fn failed_over(&mut self, call: &Call, group: &GroupState) {
        let Some(shard) = call.params.get("NodeGroupId").cloned() else {
            return self.violated(call, "it names no shard");
        };
        let key = of(group, &shard);
        if let Some(last) = self.moved.insert(key, call.at)
            && call.at.duration_since(last) < DAY
        {
            self.violated(call, &format!("its primary was moved at {last} already"));
        }
    }

    /// Nothing is disrupted while anything of the group is known to be ill, or a zone to be dead.
    fn calm(&mut self, call: &Call, state: &State, group: &GroupState) {
        if !self.death_shows {
            return;
        }
        for node in group.shards.iter().flat_map(|s| &s.nodes) {
            let ill = self.ill_since.get(&node.id);
            if let Some(since) = ill.filter(|since| call.at.duration_since(**since) > SEEN_AFTER) {
                self.violations.push(format!(
                    "{} {}: {} has been {} since {since}",
                    call.at, call.operation, node.id, node.health
                ));
            }
        }
        for zone in state.zones.keys() {
            if self.dead_for(zone, call.at, SEEN_AFTER) {
                self.violated(call, &format!("{zone} is dead"));
            }
        }
    }

    fn dead_for(&self, zone: &str, now: Timestamp, long: SignedDuration) -> bool {
        let since = self.dead_since.get(zone);
        since.is_some_and(|since| now.duration_since(*since) > long)
    }

    fn changed_lately(&self, shard: &ShardState, now: Timestamp) -> bool {
        shard.nodes.iter().any(|n| {
            let since = self.ill_since.get(&n.id);
            since.is_some_and(|since| now.duration_since(*since) <= SEEN_AFTER)
        })
    }
}

fn group<'a>(state: &'a State, id: &str) -> Option<&'a GroupState> {
    state.groups.iter().find(|g| g.id == id)
}

/// Would every shard keep a copy that serves, and be given a primary, were this zone lost now?
pub fn survives(state: &State, zone: &str) -> bool {
    state.groups.iter().all(|group| {
        let switched = group.automatic_failover == "enabled";
        group.shards.iter().all(|shard| {
            let elsewhere = |n: &&NodeState| n.health == "healthy" && n.zone != zone;
            let primary_stays = shard.nodes.iter().any(|n| n.id == shard.primary && elsewhere(&n));
            primary_stays || (switched && shard.nodes.iter().any(|n| elsewhere(&n)))
        })
    })
}
