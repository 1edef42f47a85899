//! One component in small numbers: zones and members as indices, with the few facts that placing looks at.
//!
//! Indices keep the order of names, so that comparing indices compares names. Made once per plan from the
//! observed topology; nothing here decides anything.

use crate::plan::guardrails::quota;
use crate::plan::intent::CacheIntent;
use crate::plan::{Input, copies};
use crate::topology::{
    Component, ComponentName, Health, NodeId, Role, Shard, ShardId, Switch, ZoneName, ZoneState,
};

/// A zone: of the spec, or one in which a member stands.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: ZoneName,
    pub in_spec: bool,
    /// An Availability Zone, no Local Zone that goes with one.
    pub fails_alone: bool,
    pub state: ZoneState,
    /// The subnet group reaches it.
    pub reached: bool,
    /// AWS recently had no capacity here for this component.
    pub capacity_missed: bool,
    /// Its index among the zones over which skew is measured: zones of the spec that aren't Impaired and that the
    /// component can use (its subnet group reaches them or isn't known, or a member stands there).
    pub measured: Option<usize>,
    pub preferred: bool,
}

/// One member of a shard, observed or to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its index among the shard's observed members in the order of their ids; additions count on from there.
    pub id: u8,
    pub zone: u8,
    pub role: Role,
    pub health: Health,
    /// Lost with its zone for longer than `replaceAfter`.
    pub missing: bool,
    pub ours: bool,
    /// Its replication lag was measured lately. One that was just added has none yet.
    pub lag_known: bool,
    /// Ours, and open: the member that it replaces, which still stands.
    pub replaces: Option<u8>,
    /// Who wins a failover: the lowest. Least known lag first, then unknown lag, then the lowest id.
    pub rank: u8,
}

/// One shard: its members by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub members: Vec<Member>,
    /// The guardrail `quota` doesn't let its primary be moved yet.
    pub move_barred: bool,
}

/// A component as placing sees it.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    pub name: &'a ComponentName,
    pub places: Vec<Place>,
    /// How many places are measured.
    pub measured: usize,
    pub min_count: usize,
    pub max_skew: i64,
    /// Primaries can be moved: automatic failover is on, or this plan turns it on.
    pub can_move: bool,
    pub shards: Vec<(&'a ShardId, &'a Shard)>,
    pub cells: Vec<Cell>,
}

impl<'a> Ground<'a> {
    pub fn new(
        input: &Input<'a>,
        name: &'a ComponentName,
        cache: &CacheIntent,
        component: &'a Component,
    ) -> Self {
        let places = places(input, name, cache, component);
        let shards: Vec<_> = component.shards.iter().collect();
        let cells = shards
            .iter()
            .map(|(id, shard)| Cell {
                members: members(input, &places, shard),
                move_barred: quota::bars_move(input, name, id),
            })
            .collect();
        Self {
            name,
            measured: places.iter().filter(|p| p.measured.is_some()).count(),
            places,
            min_count: 1 + cache.min_replicas_per_shard as usize,
            max_skew: i64::from(cache.max_skew.unwrap_or(input.intent.max_skew).max(1)),
            can_move: matches!(
                component.settings.automatic_failover,
                Switch::Enabled | Switch::Enabling
            ),
            shards,
            cells,
        }
    }

    pub fn place(&self, zone: u8) -> &Place {
        &self.places[usize::from(zone)]
    }

    pub fn zone_name(&self, zone: u8) -> &ZoneName {
        &self.place(zone).name
    }

    /// Zones that can take a new copy of a shard with these members: of the spec, reached, Healthy, and none of them
    /// stands there, not even Down or being created. One without capacity only while there is no other.
    pub fn eligible(&self, members: &[Member]) -> Vec<u8> {
        let free = self.free(members);
        let missed = |z: &u8| self.place(*z).capacity_missed;
        let all_missed = free.iter().all(missed);
        free.into_iter().filter(|z| all_missed || !missed(z)).collect()
    }

    /// [`Self::eligible`], those without capacity included.
    pub fn free(&self, members: &[Member]) -> Vec<u8> {
        (0_u8..)
            .zip(&self.places)
            .filter(|(_, place)| {
                place.in_spec && place.fails_alone && place.reached && place.state == ZoneState::Healthy
            })
            .map(|(z, _)| z)
            .filter(|z| members.iter().all(|m| m.zone != *z))
            .collect()
    }

    /// The id of an observed member; `None` for one that this plan adds.
    pub fn node_id(&self, shard: usize, member: u8) -> Option<&'a NodeId> {
        self.shards[shard].1.nodes.keys().nth(usize::from(member))
    }
}

fn places(input: &Input<'_>, name: &ComponentName, cache: &CacheIntent, component: &Component) -> Vec<Place> {
    let mut names: Vec<&ZoneName> = input.intent.zones.keys().collect();
    let standing: Vec<&ZoneName> = component
        .shards
        .values()
        .flat_map(|s| s.nodes.values().map(|n| &n.zone))
        .collect();
    for zone in &standing {
        if let Err(at) = names.binary_search(zone) {
            names.insert(at, zone);
        }
    }
    let mut measured = 0..;
    names
        .into_iter()
        .map(|zone| {
            let in_spec = input.intent.zones.contains_key(zone);
            let state = input.topology.zone_state(zone);
            let reached = component.settings.subnet_zones.contains(zone);
            let usable = reached || component.settings.subnet_zones.is_empty() || standing.contains(&zone);
            let counts = in_spec && state != ZoneState::Impaired && usable;
            Place {
                name: zone.clone(),
                in_spec,
                fails_alone: zone.is_availability_zone(),
                state,
                reached,
                capacity_missed: copies::capacity_missed(input.history, name, zone, input.now),
                measured: counts.then(|| measured.next()).flatten(),
                preferred: cache.preferred_primary_zones.contains(zone),
            }
        })
        .collect()
}

fn members(input: &Input<'_>, places: &[Place], shard: &Shard) -> Vec<Member> {
    let index = |zone: &ZoneName| places.binary_search_by(|p| p.name.cmp(zone)).unwrap_or_default();
    let small = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let mut by_lag: Vec<(bool, Option<jiff::SignedDuration>, &NodeId)> = shard
        .nodes
        .iter()
        .map(|(id, n)| (n.lag.is_none(), n.lag, id))
        .collect();
    by_lag.sort();
    shard
        .nodes
        .iter()
        .enumerate()
        .map(|(i, (id, node))| Member {
            id: small(i),
            zone: small(index(&node.zone)),
            role: node.role,
            health: node.health,
            missing: copies::missing(
                input.topology,
                node,
                input.intent.guardrails.replace_after,
                input.now,
            ),
            ours: node.added_by_us,
            lag_known: node.lag.is_some(),
            replaces: copies::replaces(input.history, shard, id)
                .and_then(|old| shard.nodes.keys().position(|k| k == old))
                .map(small),
            rank: small(by_lag.iter().position(|(.., n)| *n == id).unwrap_or_default()),
        })
        .collect()
}
