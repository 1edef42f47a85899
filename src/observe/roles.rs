//! Who is primary? ElastiCache tells it only where cluster mode is disabled (`CurrentRole`). Elsewhere it follows
//! from `IsMaster` points and failover events, newest evidence first; what contradicts itself is Unknown.
//!
//! | evidence | does not count when |
//! |---|---|
//! | a point of `IsMaster` | it is from before or within the minute of a failover, or its node's zone is impaired |
//! | a failover event | its node has spoken since, or was asked since and was silent while another said 1 |
//! | any proof older than six minutes | events were not polled without a break since |
//!
//! Where several nodes claim to be primary, one of them is and the others are dead or cut off: the contenders are told,
//! because none of them may then be taken for a healthy copy.
//!
//! Example: 12:03 point `a = 1, b = 0`; 12:04:10 event "Failover to replica node b completed". Points up to 12:04
//! are void, so b is primary, proven by the event at 12:04:10. The point 12:05 `a = 0, b = 1` proves it anew.
//! A point `a = 1` at 12:05 would contradict it: Unknown.

use super::events::{EventsByGroup, Promotion, promotions};
use super::view::RegionView;
use crate::aws::types::{CacheGroup, CacheShard};
use crate::topology::{ClusterMode, NodeId, Role, RoleProof, RoleSource, ShardId, ZoneName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Metric points this close to one another speak of the same moment.
const SAME_MOMENT: SignedDuration = SignedDuration::from_mins(3);
/// For this long after a failover, evidence against it makes the role Unknown; later the newer evidence wins.
const UNSETTLED: SignedDuration = SignedDuration::from_mins(5);
/// A proof this young needs no unbroken events.
pub const POINT_IS_FRESH: SignedDuration = SignedDuration::from_mins(6);
/// Event polling that failed for this long is broken.
pub const EVENTS_BROKEN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What roles rest on.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    pub view: &'a RegionView,
    pub events: &'a EventsByGroup<'a>,
    pub impaired: &'a BTreeSet<ZoneName>,
    pub now: Timestamp,
}

/// The primary of one shard and its proof, or why it is unknown.
pub type Primary = Result<(NodeId, RoleProof), Unproven>;

/// Why the primary of a shard is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unproven {
    pub why: String,
    /// Where several nodes claim to be it: those that may be. Empty, or at least two.
    pub contenders: BTreeSet<NodeId>,
}

impl Unproven {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            contenders: BTreeSet::new(),
        }
    }
}

/// The primary of each shard.
pub fn primaries(ground: &Ground<'_>, group: &CacheGroup) -> BTreeMap<ShardId, Primary> {
    let promotions = promotions(group, ground.events.of(&group.identifier));
    let read_at = ground
        .view
        .groups
        .get(&group.identifier)
        .map_or(ground.now, |seen| seen.read_at);
    group
        .shards
        .iter()
        .map(|(id, shard)| {
            let concerning = |p: &&Promotion| p.shard.as_ref().is_none_or(|s| s == id);
            let last = promotions.iter().rfind(concerning);
            let primary = if told_by_description(group, shard) {
                described(shard, read_at, last)
            } else {
                measured(ground, shard, last)
            };
            let primary = primary.and_then(|(node, proof)| {
                if shard.members.contains_key(&node) {
                    still_holds(ground, proof, last).map(|()| (node, proof))
                } else {
                    Err(Unproven::because(format!(
                        "{node} was the last known primary and is no member any more"
                    )))
                }
            });
            (id.clone(), primary)
        })
        .collect()
}

fn told_by_description(group: &CacheGroup, shard: &CacheShard) -> bool {
    group.settings.cluster_mode == ClusterMode::Disabled || shard.members.values().any(|m| m.role.is_some())
}

/// From `CurrentRole`, unless a failover event is newer or has just contradicted it.
fn described(shard: &CacheShard, read_at: Timestamp, last: Option<&Promotion>) -> Primary {
    let named: BTreeSet<&NodeId> = shard
        .members
        .iter()
        .filter(|(_, m)| m.role == Some(Role::Primary))
        .map(|(id, _)| id)
        .collect();
    let (Some(primary), 1) = (named.first().copied(), named.len()) else {
        return Err(Unproven {
            why: "the description does not name exactly one primary".to_owned(),
            contenders: named.into_iter().cloned().collect(),
        });
    };
    let complete = shard
        .members
        .values()
        .all(|m| m.role.is_some_and(|r| r != Role::Unknown));
    if !complete {
        return Err(Unproven::because(
            "the description does not tell every member's role",
        ));
    }
    let proof = RoleProof {
        source: RoleSource::Description,
        at: read_at,
        read_at,
    };
    match last {
        Some(p) if p.to != *primary && p.last_at >= read_at => Ok((p.to.clone(), by_event(p, p.last_at))),
        Some(p) if p.to != *primary && read_at.duration_since(p.last_at) < UNSETTLED => Err(Unproven {
            why: format!(
                "the failover event of {} names {}, the description {primary}",
                p.at, p.to
            ),
            contenders: [p.to.clone(), primary.clone()].into(),
        }),
        _ => Ok((primary.clone(), proof)),
    }
}

fn by_event(promotion: &Promotion, read_at: Timestamp) -> RoleProof {
    RoleProof {
        source: RoleSource::Event,
        at: promotion.at,
        read_at,
    }
}

/// The newest thing that counts about one member: a point of `IsMaster`, or a failover event that names it.
struct Claim<'a> {
    node: &'a NodeId,
    at: Timestamp,
    primary: bool,
    source: RoleSource,
    read_at: Timestamp,
    /// Up to when its points were asked for.
    asked_to: Option<Timestamp>,
}

/// From `IsMaster` points and the last failover event.
fn measured(ground: &Ground<'_>, shard: &CacheShard, last: Option<&Promotion>) -> Primary {
    let claims = claims(ground, shard, last);
    if let Some(event) = last {
        let against = claims
            .iter()
            .find(|c| c.primary != (*c.node == event.to) && c.at.duration_since(event.last_at) < UNSETTLED);
        if let Some(claim) = against {
            return Err(Unproven {
                why: format!(
                    "the failover event of {} names {}, IsMaster of {} says otherwise at {}",
                    event.at, event.to, claim.node, claim.at
                ),
                contenders: contenders(shard, &claims),
            });
        }
    }
    let Some(claim) = lone_primary(&claims) else {
        return Err(Unproven {
            why: unproven(&claims),
            contenders: contenders(shard, &claims),
        });
    };
    let proof = RoleProof {
        source: claim.source,
        at: claim.at,
        read_at: claim.read_at,
    };
    Ok((claim.node.clone(), proof))
}

/// Points in a failover's minute, or before it, speak of what was; those from an impaired zone may be frozen. A value
/// between 0 and 1 is a minute in which the role changed.
fn claims<'a>(ground: &Ground<'a>, shard: &'a CacheShard, last: Option<&Promotion>) -> Vec<Claim<'a>> {
    let mut claims = Vec::new();
    for (node, member) in &shard.members {
        let log = ground.view.points.get(node);
        let asked = log.and_then(|l| l.asked);
        let asked_to = asked.map(|a| a.to);
        let point = log
            .filter(|_| !ground.impaired.contains(&member.zone))
            .and_then(|l| l.is_master.iter().rev().find(|p| counts(*p, last)));
        if let (Some((at, value)), Some(asked)) = (point, asked) {
            claims.push(Claim {
                node,
                at,
                primary: is_one(value),
                source: RoleSource::Metric,
                read_at: asked.at,
                asked_to,
            });
        } else if let Some(event) = last.filter(|e| e.to == *node) {
            claims.push(Claim {
                node,
                at: event.last_at,
                primary: true,
                source: RoleSource::Event,
                read_at: ground.view.events.poll.complete_at.unwrap_or(event.last_at),
                asked_to,
            });
        }
    }
    claims
}

fn counts((at, value): (Timestamp, f64), last: Option<&Promotion>) -> bool {
    (is_one(value) || value.abs() < f64::EPSILON) && last.is_none_or(|p| at > p.last_at)
}

fn is_one(value: f64) -> bool {
    (value - 1.0).abs() < f64::EPSILON
}

/// Exactly one member claims it now. An older claim of another member is superseded only if that member was asked
/// since and said nothing: not having been asked is no answer.
fn lone_primary<'p, 'a>(claims: &'p [Claim<'a>]) -> Option<&'p Claim<'a>> {
    let newest = claims
        .iter()
        .filter(|c| c.primary)
        .max_by_key(|c| (c.at, c.node))?;
    let superseded = |old: &Claim<'_>| {
        newest.at.duration_since(old.at) > SAME_MOMENT && old.asked_to.is_some_and(|to| to > newest.at)
    };
    claims
        .iter()
        .filter(|c| c.primary && c.node != newest.node)
        .all(superseded)
        .then_some(newest)
}

/// Where several members claim to be primary: all but those that say that they are not.
fn contenders(shard: &CacheShard, claims: &[Claim<'_>]) -> BTreeSet<NodeId> {
    if claims.iter().filter(|c| c.primary).count() < 2 {
        return BTreeSet::new();
    }
    let denies = |id: &NodeId| claims.iter().any(|c| c.node == id && !c.primary);
    shard.members.keys().filter(|id| !denies(id)).cloned().collect()
}

fn unproven(claims: &[Claim<'_>]) -> String {
    let ones: Vec<String> = claims
        .iter()
        .filter(|p| p.primary)
        .map(|p| format!("{} at {}", p.node, p.at))
        .collect();
    if ones.is_empty() {
        "no IsMaster point and no failover event proves a primary".to_owned()
    } else {
        format!("several nodes claim to be primary: {}", ones.join(", "))
    }
}

/// A proof holds while it is young, or while events have been polled without a break since it.
fn still_holds(ground: &Ground<'_>, proof: RoleProof, last: Option<&Promotion>) -> Result<(), Unproven> {
    let log = &ground.view.events;
    if ground.now.duration_since(proof.at) <= POINT_IS_FRESH {
        return Ok(());
    }
    let polled = log
        .poll
        .complete_at
        .is_some_and(|at| ground.now.duration_since(at) < EVENTS_BROKEN_AFTER);
    let unbroken = log.complete_since.is_some_and(|since| since <= proof.at);
    if polled && unbroken && last.is_none_or(|p| p.at <= proof.at) {
        Ok(())
    } else {
        Err(Unproven::because(format!(
            "the primary was last proven at {} and events since then are incomplete",
            proof.at
        )))
    }
}
