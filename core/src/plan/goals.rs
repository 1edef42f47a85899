//! What each goal counts. A plan minimises these numbers, the first goal first.
//!
//! | goal | violations |
//! |---|---|
//! | 1 | shards whose copies stand in fewer than two zones, Local Zones not counted (a single copy is accepted where the minimum is 0), plus 1 each for automatic failover and Multi-AZ off where every shard could have them |
//! | 2 | copies short of the target count, over all shards |
//! | 3 | copies outside the spec's zones, primaries there (once more), and copies of a shard beyond the first in a zone |
//! | 4 | nodes that would have to stand elsewhere for their skew to be within the limit ([`super::place::spread`]) |
//! | 5 | primaries that would have to stand elsewhere, likewise; those outside the spec's zones among them |
//! | 6 | healthy copies above the target count |
//!
//! Goals 1 and 2 count a copy that AWS is rebuilding as if it were back: it is waited for, not raced. A copy that is
//! *missing* (lost with its zone for longer than `replaceAfter`) doesn't count. Roles that aren't known count nothing.

use super::place::ground::{Ground, Member};
use crate::topology::{Health, Role};

/// Violations that are left, one number per goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violations {
    pub survivable: i64,
    pub complete: i64,
    pub apart: i64,
    pub nodes_spread: i64,
    pub primaries_spread: i64,
    pub tidy: i64,
}

/// The goals that concern one shard alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardViolations {
    pub survivable: i64,
    pub complete: i64,
    pub apart: i64,
    pub tidy: i64,
}

impl ShardViolations {
    /// Goals 1 to 3: those that placing looks at before the spread over zones.
    pub fn placed(&self) -> [i64; 3] {
        [self.survivable, self.complete, self.apart]
    }
}

/// How many copies the shard should end with: the greater of the minimum and its members less open additions.
pub fn target(members: &[Member], min_count: usize) -> usize {
    min_count.max(members.len() - members.iter().filter(|m| m.replaces.is_some()).count())
}

/// Copies that are there or that AWS brings back.
pub fn standing(members: &[Member]) -> usize {
    members.iter().filter(|m| !m.missing).count()
}

pub fn healthy(members: &[Member]) -> usize {
    members.iter().filter(|m| m.health == Health::Healthy).count()
}

/// The primary, when exactly one is known and no role is unknown.
pub fn primary(members: &[Member]) -> Option<&Member> {
    let mut primaries = members.iter().filter(|m| m.role == Role::Primary);
    let known = members
        .iter()
        .all(|m| matches!(m.role, Role::Primary | Role::Replica));
    match (primaries.next(), primaries.next()) {
        (Some(one), None) if known => Some(one),
        _ => None,
    }
}

/// In how many zones the copies that pass the filter stand.
pub fn zones_of(members: &[Member], counts: impl Fn(&Member) -> bool) -> usize {
    let mut zones: Vec<u8> = members.iter().filter(|m| counts(m)).map(|m| m.zone).collect();
    zones.sort_unstable();
    zones.dedup();
    zones.len()
}

/// A single copy, where the minimum asks for no replica.
pub fn accepted_alone(members: &[Member], min_count: usize) -> bool {
    min_count == 1 && members.len() <= 1
}

pub fn of_shard(ground: &Ground<'_>, members: &[Member]) -> ShardViolations {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let target = count(target(members, ground.min_count));
    let inside = |m: &Member| ground.place(m.zone).in_spec;
    let outside = members.iter().filter(|m| !inside(m)).count();
    let together = members.len() - outside - zones_of(members, inside);
    let primary_outside = primary(members).is_some_and(|p| !inside(p));
    let counts = |m: &Member| !m.missing && ground.place(m.zone).fails_alone;
    let alone = zones_of(members, counts) < 2 && !accepted_alone(members, ground.min_count);
    ShardViolations {
        survivable: i64::from(alone),
        complete: (target - count(standing(members))).max(0),
        apart: count(outside + together) + i64::from(primary_outside),
        tidy: (count(healthy(members)) - target).max(0),
    }
}
