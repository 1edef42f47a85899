//! What the loss of one zone would do to one component, and the part of that question that needs nothing but a
//! shard: who would be left, and would AWS promote it?
//!
//! ElastiCache promotes the least-lagging replica by itself when automatic failover is on (ElastiCache User Guide,
//! "Minimizing downtime with Multi-AZ"). With it off, a lost primary is built anew in its own zone, which is the zone
//! that is gone. So a shard survives a zone when its healthy primary stands elsewhere, or when a healthy copy stands
//! elsewhere and automatic failover is on.
//!
//! A copy in a Local Zone stands in no zone's way: it hangs on one of the region's zones, nobody tells on which, so each of
//! them may take it along.
//!
//! Where roles are unknown, every node that may be the primary is tried: if all answers agree, the answer is known.
//! Where claims contradict each other, each claimant is tried as the primary *with all others dead*: a metric that goes
//! on after its node's death, or a primary that was cut off, looks just like a second primary. Examples, with automatic
//! failover on:
//!
//! | shard | the loss of a |
//! |---|---|
//! | `a:? c:?`, both healthy, roles not known | survives: whichever stays is the primary or is promoted |
//! | `a` and `c` both claim to be the primary | unknown: if the claim of `c` is the stale one, nothing is left |
//! | `b` and `c` both claim, nothing stands in `a` | survives: the true primary is one of them |
//! | `a` and `b` both claim, a healthy replica in `c` | survives: `b` is the primary, or the copy in `c` is promoted |

use super::{ComponentName, Health, Node, NodeId, Role, Shard, Switch, ZoneName};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Would this component survive the loss of this zone now?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub zone: ZoneName,
    pub component: ComponentName,
    pub verdict: Survival,
    /// One sentence that names the shards or nodes that decide.
    pub reason: String,
    /// From the loss to writes being accepted again; `None` when unknown or never.
    pub expected_recovery: Option<SignedDuration>,
    /// The span of acknowledged writes that would be lost; `None` when unknown or everything.
    pub expected_loss: Option<SignedDuration>,
}

/// Ordered from best to worst, so that a stack's verdict is the maximum of its components'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Survival {
    Survives,
    /// The service goes on but a promise is missed.
    Degraded,
    /// Nothing proves that it would survive.
    Unknown,
    Lost,
}

/// What becomes of one shard when a zone goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Its primary is healthy and stands elsewhere.
    Keeps,
    /// A healthy copy elsewhere is promoted.
    Promotes,
    /// Some possible primaries lead to survival and some to loss.
    RoleDecides,
    /// Only copies of unknown health are left.
    HealthDecides,
    /// Automatic failover is being turned on or off.
    FailoverChanging,
    /// It has no nodes (yet).
    Empty,
    /// No healthy copy is left.
    NoCopy,
    /// A healthy copy is left, and nothing would promote it.
    FailoverOff,
}

impl Fate {
    /// `Degraded` is a matter of promises, which a shard doesn't know.
    pub fn survival(self) -> Survival {
        match self {
            Self::Keeps | Self::Promotes => Survival::Survives,
            Self::RoleDecides | Self::HealthDecides | Self::FailoverChanging | Self::Empty => {
                Survival::Unknown
            }
            Self::NoCopy | Self::FailoverOff => Survival::Lost,
        }
    }
}

/// What becomes of this shard when `zone` goes, given the setting of automatic failover.
///
/// Worked example, `a:P c:r`: without `c` the shard keeps its primary; without `a` the copy in `c` is promoted, or,
/// with automatic failover off, is left as a replica that nothing promotes.
pub fn fate(shard: &Shard, zone: &ZoneName, failover: Switch) -> Fate {
    if shard.disputed.is_empty() {
        let possible = possible_primaries(shard);
        return agreed(possible.map(|(id, node)| fate_if_primary(shard, zone, failover, id, node)));
    }
    agreed(contenders(shard).map(|id| {
        let world = if_true(shard, id);
        world.nodes.get(id).map_or(Fate::Empty, |node| {
            fate_if_primary(&world, zone, failover, id, node)
        })
    }))
}

/// The worst of these fates when all mean the same for survival.
fn agreed(fates: impl Iterator<Item = Fate>) -> Fate {
    let mut range: Option<(Fate, Fate)> = None;
    for fate in fates {
        range = range.map_or(Some((fate, fate)), |(best, worst)| {
            Some((best.min(fate), worst.max(fate)))
        });
    }
    match range {
        None => Fate::Empty,
        Some((best, worst)) if best.survival() == worst.survival() => worst,
        Some(_) => Fate::RoleDecides,
    }
}

/// Those of the disputed nodes that may be the living primary; all of them, when none looks alive.
fn contenders(shard: &Shard) -> impl Iterator<Item = &NodeId> {
    let alive = |id: &NodeId| shard.nodes.get(id).is_some_and(|n| n.health == Health::Unknown);
    let nobody = !shard.disputed.iter().any(alive);
    shard.disputed.iter().filter(move |id| nobody || alive(id))
}

/// The shard as it stands if this claim is the true one.
fn if_true(shard: &Shard, claimant: &NodeId) -> Shard {
    let mut world = shard.clone();
    for id in &shard.disputed {
        let Some(node) = world.nodes.get_mut(id) else {
            continue;
        };
        node.health = match node.health {
            Health::Unknown if id == claimant => Health::Healthy,
            Health::Unknown => Health::Down,
            known => known,
        };
    }
    world
}

/// Every node that the evidence allows to be the primary: those known to be it and those of unknown role; all, when
/// every node is known to be a replica (a contradiction, or a promotion not yet seen).
fn possible_primaries(shard: &Shard) -> impl Iterator<Item = (&NodeId, &Node)> {
    let possible = |n: &Node| matches!(n.role, Role::Primary | Role::Unknown);
    let nobody = !shard.nodes.values().any(possible);
    shard.nodes.iter().filter(move |(_, n)| nobody || possible(n))
}

fn fate_if_primary(shard: &Shard, zone: &ZoneName, failover: Switch, id: &NodeId, primary: &Node) -> Fate {
    if outlives(primary, zone) && primary.health == Health::Healthy {
        return Fate::Keeps;
    }
    let promotion = promotion(shard, zone, failover, id);
    if outlives(primary, zone) && primary.health == Health::Unknown && promotion != Fate::Promotes {
        return Fate::HealthDecides;
    }
    promotion
}

/// What AWS does when `primary` is lost together with `zone`.
fn promotion(shard: &Shard, zone: &ZoneName, failover: Switch, primary: &NodeId) -> Fate {
    let left = |health: Health| {
        shard
            .nodes
            .iter()
            .any(|(id, n)| id != primary && outlives(n, zone) && n.health == health)
    };
    let (certain, perhaps) = (left(Health::Healthy), left(Health::Unknown));
    match failover {
        _ if !certain && !perhaps => Fate::NoCopy,
        Switch::Disabled => Fate::FailoverOff,
        Switch::Enabling | Switch::Disabling => Fate::FailoverChanging,
        Switch::Enabled if certain => Fate::Promotes,
        Switch::Enabled => Fate::HealthDecides,
    }
}

/// The loss of `zone` doesn't reach this node.
fn outlives(node: &Node, zone: &ZoneName) -> bool {
    node.zone != *zone && node.zone.is_availability_zone()
}

/// The lag of the copy that AWS would promote (the least of the known lags of the healthy copies outside `zone`);
/// `None` when no lag is known.
pub fn heir_lag(shard: &Shard, zone: &ZoneName) -> Option<SignedDuration> {
    shard
        .healthy()
        .filter(|(_, n)| outlives(n, zone) && n.role != Role::Primary)
        .filter_map(|(_, n)| n.lag)
        .min()
}
