//! Is a node alive? From its own status, from recovery events, and from the silence of its metric.
//!
//! Silence counts only against a voice: a node is Down when its `IsMaster` has been missing for five minutes while a
//! sibling in another zone reported all that time. Silence in two zones at once is a blind CloudWatch and proves
//! nothing. What was never asked about is judged by status and events alone. A node that AWS shows as rebooting is
//! Down, but speaks against its zone only when it has been missed for longer than any reboot takes. Nothing here reads a
//! clock: the questions that CloudWatch answered (`Asked`) say how far the evidence reaches.
//!
//! Example, asked at 12:10: node A's last point is 12:03. Its sibling in another zone has points up to 12:08, the
//! first after that at 12:04: A has been missed since 12:04, six minutes, and is Down since then. Had the sibling's
//! points begun again at 12:07 (CloudWatch was blind before), A would be missed since 12:07, three minutes: Unknown.

use super::events::{EventsByGroup, Life, lives, test_failover_before};
use super::view::{Asked, PointLog, RegionView};
use crate::aws::types::{CacheEvent, CacheGroup, CacheShard, MemberStatus};
use crate::topology::{Health, NodeId, ShardId, ZoneName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// One point each minute.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// A metric missing for this long, counted from the minute after its last point. CloudWatch may show a point three
/// minutes late, so a live node is never silent for more than four.
pub const SILENCE: SignedDuration = SignedDuration::from_mins(5);
/// Points further apart than this do not join to one run.
const HOLE: SignedDuration = SignedDuration::from_mins(3);
/// An answer older than this says nothing of a zone now.
pub const RECENT: SignedDuration = SignedDuration::from_mins(20);
/// TestFailover rebuilds the old primary: its recovery begins within minutes of the promotion.
const REPLACED_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// A reboot takes minutes, and even a rebuild with its full synchronisation was seen to take ten ("Recovering cache
/// nodes" to "Finished recovery"). Whoever is silent for longer was not just rebooted by somebody.
const REBOOTED_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// CloudWatch has failed to answer for this long: blind.
const UNANSWERED: SignedDuration = SignedDuration::from_mins(5);

/// A node's health and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeHealth {
    pub health: Health,
    /// As far as the evidence tells; `None` where it has no beginning.
    pub since: Option<Timestamp>,
    pub vote: Vote,
}

/// What a node says about its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vote {
    /// Nothing: not asked, or down for a reason of its own (deleted, just rebooted, replaced after a TestFailover).
    None,
    Up,
    Down,
    /// Asked, and the answer proves neither.
    Doubt,
}

/// The health of the nodes of some groups, and how far CloudWatch can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub nodes: BTreeMap<NodeId, (ZoneName, NodeHealth)>,
    /// Why CloudWatch is blind, if it is.
    pub blind: Option<String>,
    /// Groups in which one shard is silent in two zones at once.
    pub blind_groups: BTreeMap<String, String>,
}

/// What the metric says of one node, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pulse {
    NotAsked,
    /// Heard without a hole since.
    Beats {
        run: Timestamp,
    },
    /// Missing since; without any point before when `never`.
    Silent {
        since: Timestamp,
        never: bool,
    },
}

/// The health of all nodes of the wanted groups: all groups of the account and region that stacks name, since only
/// all of them together show whether CloudWatch is blind.
pub fn survey(view: &RegionView, wanted: &BTreeSet<String>, now: Timestamp) -> Survey {
    let events = EventsByGroup::new(view, wanted);
    let beats = beats(view, wanted, &events);
    let blind = unanswered(view, &beats, now).or_else(|| silent_zones(&beats, now));
    judge(&beats, blind, now)
}

/// The health of the nodes of some groups, when it is known whether CloudWatch is blind.
pub fn survey_of(
    view: &RegionView,
    groups: &BTreeSet<String>,
    events: &EventsByGroup<'_>,
    blind: Option<&str>,
    now: Timestamp,
) -> Survey {
    judge(&beats(view, groups, events), blind.map(str::to_owned), now)
}

fn beats<'a>(
    view: &'a RegionView,
    groups: &'a BTreeSet<String>,
    events: &EventsByGroup<'a>,
) -> Vec<(&'a String, Beats<'a>)> {
    let of = |id: &'a String| {
        let seen = view.groups.get(id)?;
        Some((id, Beats::of(view, &seen.value, events.of(id))))
    };
    groups.iter().filter_map(of).collect()
}

fn judge(beats: &[(&String, Beats<'_>)], blind: Option<String>, now: Timestamp) -> Survey {
    let mut survey = Survey {
        blind,
        ..Survey::default()
    };
    for (id, group) in beats {
        group.judge(survey.blind.is_some(), now, &mut survey.nodes);
        if let Some(why) = group.blind_shard() {
            survey.blind_groups.insert((*id).clone(), why);
        }
    }
    survey
}

/// Asking fails, and no answer about any of these nodes is young. A failure among answers is not blindness.
fn unanswered(view: &RegionView, groups: &[(&String, Beats<'_>)], now: Timestamp) -> Option<String> {
    let error = view.metrics.error.as_ref()?;
    let asked = groups.iter().flat_map(|(_, g)| g.nodes()).filter_map(Beat::asked);
    let at = asked.map(|a| a.at).max()?;
    (now.duration_since(at) >= UNANSWERED).then(|| format!("CloudWatch has not answered since {at}: {error}"))
}

/// Zones in which a quarter or more of the nodes asked about fell silent, when there are two or more.
fn silent_zones(groups: &[(&String, Beats<'_>)], now: Timestamp) -> Option<String> {
    let mut zones: BTreeMap<&ZoneName, (usize, usize)> = BTreeMap::new();
    for beat in groups.iter().flat_map(|(_, g)| g.nodes()) {
        if beat.recently_asked(now) && !beat.explained {
            let (silent, asked) = zones.entry(beat.zone).or_default();
            *asked += 1;
            *silent += usize::from(matches!(beat.pulse, Pulse::Silent { .. }));
        }
    }
    let silent: Vec<&str> = zones
        .iter()
        .filter(|(_, (silent, asked))| *silent > 0 && silent * 4 >= *asked)
        .map(|(zone, _)| zone.as_str())
        .collect();
    (silent.len() >= 2).then(|| {
        format!(
            "metrics are missing in {} at once: CloudWatch is blind",
            silent.join(" and ")
        )
    })
}

/// One group with the pulse of each node.
struct Beats<'a> {
    group: &'a CacheGroup,
    shards: BTreeMap<&'a ShardId, BTreeMap<&'a NodeId, Beat<'a>>>,
}

struct Beat<'a> {
    zone: &'a ZoneName,
    status: MemberStatus,
    life: Life,
    pulse: Pulse,
    log: Option<&'a PointLog>,
    /// Replaced after a TestFailover: its absence says nothing of its zone.
    replaced: bool,
    /// Status or events say why it would be silent.
    explained: bool,
}

impl<'a> Beats<'a> {
    fn of(view: &'a RegionView, group: &'a CacheGroup, events: &[&'a CacheEvent]) -> Self {
        let lives = lives(events);
        let unbroken = view.events.complete_since;
        let mut shards = BTreeMap::new();
        for (shard_id, CacheShard { members, .. }) in &group.shards {
            let mut beats = BTreeMap::new();
            for (id, member) in members {
                let life = lives.get(id).copied().unwrap_or_default();
                let log = view.points.get(id);
                let replaced = life
                    .recovering_since
                    .is_some_and(|at| test_failover_before(events, shard_id, at, REPLACED_WITHIN).is_some());
                let status = if group.members_listed {
                    member.status
                } else {
                    MemberStatus::Unknown
                };
                beats.insert(
                    id,
                    Beat {
                        zone: &member.zone,
                        status,
                        life,
                        pulse: pulse(log, life, unbroken),
                        log,
                        replaced,
                        explained: life.recovering_since.is_some() || excused(status),
                    },
                );
            }
            shards.insert(shard_id, beats);
        }
        Self { group, shards }
    }

    fn nodes(&self) -> impl Iterator<Item = &Beat<'a>> {
        self.shards.values().flat_map(BTreeMap::values)
    }

    fn judge(&self, blind: bool, now: Timestamp, into: &mut BTreeMap<NodeId, (ZoneName, NodeHealth)>) {
        for beats in self.shards.values() {
            let blind = blind || silent_in_two_zones(beats).is_some();
            for (id, beat) in beats {
                let health = beat.health(beats, blind, now);
                into.insert((*id).clone(), (beat.zone.clone(), health));
            }
        }
    }

    fn blind_shard(&self) -> Option<String> {
        self.shards.iter().find_map(|(shard, beats)| {
            let (one, other) = silent_in_two_zones(beats)?;
            Some(format!(
                "metrics of {} shard {shard} are missing in {one} and {other} at once: CloudWatch is blind",
                self.group.identifier
            ))
        })
    }
}

/// Silence that nothing explains, in two zones of one shard.
fn silent_in_two_zones<'a>(beats: &BTreeMap<&NodeId, Beat<'a>>) -> Option<(&'a ZoneName, &'a ZoneName)> {
    let zones: BTreeSet<&ZoneName> = beats
        .values()
        .filter(|b| !b.explained && matches!(b.pulse, Pulse::Silent { .. }))
        .map(|b| b.zone)
        .collect();
    let mut zones = zones.into_iter();
    Some((zones.next()?, zones.next()?))
}

/// Statuses of a node that publishes nothing for a reason of its own.
fn excused(status: MemberStatus) -> bool {
    match status {
        MemberStatus::Creating | MemberStatus::Rebooting | MemberStatus::Deleting | MemberStatus::Failed => {
            true
        }
        MemberStatus::Available
        | MemberStatus::Modifying
        | MemberStatus::Snapshotting
        | MemberStatus::Unknown => false,
    }
}

/// What the answered questions say of one node. A node that is new, or may be (events do not reach back that far),
/// is not yet missed.
fn pulse(log: Option<&PointLog>, life: Life, unbroken: Option<Timestamp>) -> Pulse {
    let Some((log, asked)) = log.and_then(|l| Some((l, l.asked?))) else {
        return Pulse::NotAsked;
    };
    let born = life.new_since;
    let mut points = log
        .is_master
        .iter()
        .map(|(at, _)| at)
        .filter(|at| born.is_none_or(|b| *at + MINUTE > b))
        .rev();
    let newest = points.next();
    let missing_since = newest.map_or(asked.from, |at| at + MINUTE);
    let since = born.map_or(missing_since, |b| missing_since.max(b));
    if asked.to.duration_since(since) >= SILENCE {
        let never = newest.is_none();
        if never && unbroken.is_none_or(|u| u > since) {
            return Pulse::NotAsked;
        }
        return Pulse::Silent { since, never };
    }
    let Some(newest) = newest else {
        return Pulse::NotAsked;
    };
    let mut run = newest;
    for at in points {
        if run.duration_since(at) > HOLE {
            break;
        }
        run = at;
    }
    Pulse::Beats { run }
}

impl Beat<'_> {
    fn asked(&self) -> Option<Asked> {
        self.log.and_then(|l| l.asked)
    }

    fn recently_asked(&self, now: Timestamp) -> bool {
        self.pulse != Pulse::NotAsked && self.asked().is_some_and(|a| now.duration_since(a.at) <= RECENT)
    }

    fn health(&self, siblings: &BTreeMap<&NodeId, Beat<'_>>, blind: bool, now: Timestamp) -> NodeHealth {
        let told = |health, since, vote| NodeHealth { health, since, vote };
        if let Some(at) = self.life.recovering_since {
            let since = self.missed_since(siblings).map_or(at, |missed| missed.min(at));
            let vote = if self.replaced { Vote::None } else { Vote::Down };
            return told(Health::Down, Some(since), vote);
        }
        match self.status {
            MemberStatus::Failed => return told(Health::Down, None, Vote::Down),
            MemberStatus::Rebooting => return self.rebooting(siblings, blind, now),
            MemberStatus::Deleting => return told(Health::Down, None, Vote::None),
            MemberStatus::Creating
            | MemberStatus::Available
            | MemberStatus::Modifying
            | MemberStatus::Snapshotting
            | MemberStatus::Unknown => {}
        }
        if let Pulse::Silent { never, .. } = self.pulse {
            // A node that never spoke and is being created is simply not there yet.
            if !(never && self.status == MemberStatus::Creating) {
                return self.silent(siblings, blind, now);
            }
        }
        match self.status {
            MemberStatus::Creating => told(Health::Creating, None, Vote::None),
            MemberStatus::Unknown => told(Health::Unknown, None, Vote::None),
            _ if self.recently_asked(now) => told(Health::Healthy, self.life.recovered_at, Vote::Up),
            _ => told(Health::Healthy, self.life.recovered_at, Vote::None),
        }
    }

    /// Down by its own status, whatever the reason. Its zone is to blame only for what no reboot explains.
    fn rebooting(&self, siblings: &BTreeMap<&NodeId, Beat<'_>>, blind: bool, now: Timestamp) -> NodeHealth {
        let since = self.missed_since(siblings).filter(|_| !blind);
        let overdue = since.is_some_and(|since| self.missed_for(since, REBOOTED_WITHIN));
        NodeHealth {
            health: Health::Down,
            since,
            vote: if overdue && self.recently_asked(now) {
                Vote::Down
            } else {
                Vote::None
            },
        }
    }

    /// Missed since then, for so long as far as CloudWatch was asked.
    fn missed_for(&self, since: Timestamp, long: SignedDuration) -> bool {
        self.asked().is_some_and(|a| a.to.duration_since(since) >= long)
    }

    fn silent(&self, siblings: &BTreeMap<&NodeId, Beat<'_>>, blind: bool, now: Timestamp) -> NodeHealth {
        let down = self
            .missed_since(siblings)
            .filter(|since| !blind && self.missed_for(*since, SILENCE));
        if let Some(since) = down {
            let vote = if self.recently_asked(now) {
                Vote::Down
            } else {
                Vote::None
            };
            return NodeHealth {
                health: Health::Down,
                since: Some(since),
                vote,
            };
        }
        NodeHealth {
            health: Health::Unknown,
            since: None,
            vote: if self.recently_asked(now) {
                Vote::Doubt
            } else {
                Vote::None
            },
        }
    }

    /// The first minute in which this node was missed: it has no point, a sibling in another zone has, and that
    /// sibling has been heard without a hole since. Whatever CloudWatch loses for both of them is no such minute.
    fn missed_since(&self, siblings: &BTreeMap<&NodeId, Beat<'_>>) -> Option<Timestamp> {
        let Pulse::Silent { since, .. } = self.pulse else {
            return None;
        };
        siblings
            .values()
            .filter(|s| s.zone != self.zone)
            .filter_map(|s| {
                let Pulse::Beats { run } = s.pulse else {
                    return None;
                };
                s.log?.is_master.first_since(since.max(run)).map(|(at, _)| at)
            })
            .min()
    }
}
