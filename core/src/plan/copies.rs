//! What counts as a copy, as lost, as a free place: the small definitions that judging and placing share.
//!
//! - *Stranded*: not healthy, in a zone that is Impaired. AWS rebuilds it only there, when the zone is back.
//! - *Missing*: Down in a continuously Impaired zone for `replaceAfter`. A lone dead node in a healthy zone is AWS's
//!   to rebuild and never missing.
//! - *Eligible zone* for a new copy of a shard: an Availability Zone in the spec and in the subnet group, Healthy, and
//!   holding no member of that shard, not even a Down or Creating one.
//! - *Open addition*: a node that we added while the member that it replaces still stands.
//! - *Target count*: the greater of 1 + `minReplicasPerShard` and the members now less open additions.

use super::{History, Intent};
use crate::topology::{Component, ComponentName, Health, Node, NodeId, Shard, Topology, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How long AWS's "insufficient capacity" in a zone is remembered.
pub const CAPACITY_MEMORY: SignedDuration = SignedDuration::from_mins(10);

/// Not healthy, and its zone is Impaired.
pub fn stranded(topology: &Topology, node: &Node) -> bool {
    node.health != Health::Healthy && topology.zone_state(&node.zone) == ZoneState::Impaired
}

/// Down in a zone that has been Impaired without a break for `replace_after`, and itself down that long.
pub fn missing(topology: &Topology, node: &Node, replace_after: SignedDuration, now: Timestamp) -> bool {
    let old = |since: Option<Timestamp>| since.is_none_or(|t| now.duration_since(t) >= replace_after);
    node.health == Health::Down
        && topology
            .zones
            .get(&node.zone)
            .is_some_and(|z| z.state == ZoneState::Impaired && old(z.since))
        && old(node.health_since)
}

/// Zones that can take a new copy of this shard now, whatever AWS's capacity.
pub fn eligible_zones(
    intent: &Intent,
    topology: &Topology,
    component: &Component,
    shard: &Shard,
) -> BTreeSet<ZoneName> {
    intent
        .zones
        .keys()
        .filter(|z| z.is_availability_zone())
        .filter(|z| component.settings.subnet_zones.contains(*z))
        .filter(|z| topology.zone_state(z) == ZoneState::Healthy)
        .filter(|z| shard.nodes.values().all(|n| n.zone != **z))
        .cloned()
        .collect()
}

/// AWS recently had no capacity for this component in this zone.
pub fn capacity_missed(
    history: &History,
    component: &ComponentName,
    zone: &ZoneName,
    now: Timestamp,
) -> bool {
    history
        .capacity_misses
        .get(component)
        .and_then(|zones| zones.get(zone))
        .is_some_and(|at| now.duration_since(*at) < CAPACITY_MEMORY)
}

/// The member that this node of ours was added to replace, while that member still stands.
pub fn replaces<'h>(history: &'h History, shard: &Shard, node: &NodeId) -> Option<&'h NodeId> {
    let added = history.added_nodes.get(node)?;
    added
        .replaces
        .as_ref()
        .filter(|old| shard.nodes.contains_key(*old))
}

/// Our additions whose replaced member still stands.
pub fn open_additions(history: &History, shard: &Shard) -> usize {
    shard
        .nodes
        .keys()
        .filter(|id| replaces(history, shard, id).is_some())
        .count()
}

/// How many copies the shard should end with.
pub fn target_count(history: &History, shard: &Shard, min_replicas: u32) -> usize {
    let minimum = 1 + min_replicas as usize;
    minimum.max(shard.nodes.len() - open_additions(history, shard))
}
