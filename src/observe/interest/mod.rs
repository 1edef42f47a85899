//! What to buy from CloudWatch now. Descriptions are free, metrics cost money (GetMetricData is billed by metric
//! requested, whatever the window), so this policy asks for few: sentinels each minute, everything once at start,
//! a shard when something about it changed or is in doubt, and a slow audit.
//!
//! The poller calls [`Interest::buy`] once a minute, after descriptions and events were polled, and asks exactly for
//! what comes out: each [`Ask`] is one metric of some nodes over one window that ends now. Answers go into the view
//! through `PointLog::absorb`. What is read freshly before acting is asked for by the executor, not here.

mod sentinels;

use super::events::EventsByGroup;
use super::health::{SILENCE, Survey, Vote, survey};
use super::roles::{Ground, Primary, primaries};
use super::view::{Asked, PointLog, RegionView};
use crate::aws::types::{CacheGroup, CacheShard, Metric};
use crate::topology::{ClusterMode, NodeId, ShardId, ZoneName};
use jiff::{SignedDuration, Timestamp};
use sentinels::Sentinels;
use std::collections::{BTreeMap, BTreeSet};

/// What the policy looks at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub view: &'a RegionView,
    /// Identifiers of the groups that stacks name; nothing else is ever asked about.
    pub wanted: &'a BTreeSet<String>,
    /// Groups whose description differs from the one before, or about which (or about whose nodes) new events
    /// came, since the last call.
    pub changed: &'a BTreeSet<String>,
    /// Groups with an open ticket.
    pub hurried: &'a BTreeSet<String>,
    pub now: Timestamp,
}

/// What to ask for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buy {
    pub asks: Vec<Ask>,
}

/// One metric of some nodes, over the `window` that ends now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub metric: Metric,
    /// Never empty.
    pub nodes: BTreeSet<NodeId>,
    pub window: SignedDuration,
}

impl Buy {
    /// What CloudWatch bills: metrics requested.
    pub fn metrics(&self) -> usize {
        self.asks.iter().map(|ask| ask.nodes.len()).sum()
    }
}

/// What was asked before, as far as it decides what to ask next. A value of one (account, region); losing it costs
/// one round of asking for everything.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    sentinels: Sentinels,
    /// Zones that a sentinel or several nodes make look dead.
    suspicious: BTreeSet<ZoneName>,
    pursuits: BTreeMap<(String, ShardId), Pursuit>,
    /// When a group that nothing happens to is to be looked at again: its next audit. Looking at every shard each
    /// minute would find nothing new, since what was not asked about does not change.
    audits: BTreeMap<String, Timestamp>,
    /// Where the events that role proofs rest on began, when last looked.
    unbroken: Option<Timestamp>,
}

/// A shard that is asked about again and again, ever more slowly.
#[derive(Clone, Copy, Debug)]
struct Pursuit {
    next: Timestamp,
    wait: SignedDuration,
    /// Asked about until then, even when nothing is in doubt any more.
    until: Timestamp,
    /// Its lag, too: it began with a change.
    lag: bool,
}

/// Why a shard is asked about, beyond the sentinels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cause {
    /// Something happened: begin again.
    news: bool,
    /// How slow the asking may become while something is in doubt; `None` when nothing is.
    slowest: Option<SignedDuration>,
    /// Ask for lag, too.
    lag: bool,
    /// Some member was never asked about.
    first: bool,
}

/// At start, far enough back to see since when a node has been silent.
const START_WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// Afterwards: bridges the gaps that a slow CloudWatch leaves.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// After something happened: long enough for points from after it, whose ingestion takes up to three minutes.
const NEWS_LASTS: SignedDuration = SignedDuration::from_mins(7);
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// While a node's life is in doubt.
const HEALTH_EVERY: SignedDuration = SignedDuration::from_mins(15);
/// While a role is unknown.
const ROLE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// `IsMaster` of every node whose role only metrics tell.
pub const AUDIT_EVERY: SignedDuration = SignedDuration::from_hours(6);
/// `ReplicationLag` of every replica.
pub const LAG_AUDIT_EVERY: SignedDuration = SignedDuration::from_hours(12);
/// A lag that is worth following.
const LAG_IS_HIGH: f64 = 1.0;

impl Interest {
    /// Decides and remembers what is asked for now.
    pub fn buy(&mut self, scene: &Scene<'_>) -> Buy {
        let mut touched = self.touched(scene);
        let mut seen = survey(scene.view, &touched, scene.now);
        let flipped = self.suspect(scene, &seen);
        if !flipped.is_empty() {
            touched.clone_from(scene.wanted);
            seen = survey(scene.view, &touched, scene.now);
        }
        let events = EventsByGroup::new(scene.view, &touched);
        let mut basket = Basket::default();
        for id in &touched {
            if let Some(group) = scene.view.groups.get(id) {
                self.look(scene, &events, &seen, &group.value, &flipped, &mut basket);
            }
        }
        self.sentinels.choose(scene, &seen, &self.suspicious);
        basket.masters.extend(self.sentinels.nodes().cloned());
        basket.into_buy()
    }

    /// Groups about which something may have to be asked now, besides the sentinels.
    fn touched(&mut self, scene: &Scene<'_>) -> BTreeSet<String> {
        self.audits.retain(|id, _| scene.wanted.contains(id));
        self.pursuits.retain(|(id, _), _| scene.wanted.contains(id));
        let since = scene.view.events.complete_since;
        if since != self.unbroken || !self.suspicious.is_empty() {
            // Proofs may have become void, or a zone is in doubt.
            self.unbroken = since;
            return scene.wanted.clone();
        }
        let due = |id: &&String| self.audits.get(*id).is_none_or(|at| scene.now >= *at);
        let mut touched: BTreeSet<String> = scene.wanted.iter().filter(due).cloned().collect();
        let told = scene.changed.iter().chain(scene.hurried);
        touched.extend(told.filter(|id| scene.wanted.contains(*id)).cloned());
        touched.extend(self.pursuits.keys().map(|(id, _)| id.clone()));
        touched.extend(self.sentinels.groups().cloned());
        touched
    }

    fn look(
        &mut self,
        scene: &Scene<'_>,
        events: &EventsByGroup<'_>,
        survey: &Survey,
        group: &CacheGroup,
        flipped: &BTreeSet<ZoneName>,
        basket: &mut Basket,
    ) {
        let ground = Ground {
            view: scene.view,
            events,
            impaired: &BTreeSet::new(),
            now: scene.now,
        };
        let primaries = primaries(&ground, group);
        // Everything about a group never looked at is new, and asked for as such.
        let known = self.audits.contains_key(&group.identifier);
        let mut audit = scene.now + AUDIT_EVERY;
        for (shard_id, shard) in &group.shards {
            let doubts = Doubts {
                scene,
                survey,
                group,
                shard,
                primary: primaries.get(shard_id),
                changed: known && scene.changed.contains(&group.identifier),
            };
            let cause = doubts.cause(flipped, &self.suspicious);
            let key = (group.identifier.clone(), shard_id.clone());
            let (pursuit, ask) = step(self.pursuits.remove(&key), cause, scene.now);
            if ask || scene.hurried.contains(&group.identifier) {
                let lag = cause.lag || pursuit.is_some_and(|p| p.lag && scene.now <= p.until);
                basket.put(&doubts, Cause { lag, ..cause });
            }
            if let Some(pursuit) = pursuit {
                self.pursuits.insert(key, pursuit);
            }
            audit = audit.min(doubts.next_audit());
        }
        self.audits.insert(group.identifier.clone(), audit);
    }

    /// Finds the zones that look dead; returns those that began or ceased to. When CloudWatch is blind, asking more
    /// would cost and show nothing.
    fn suspect(&mut self, scene: &Scene<'_>, survey: &Survey) -> BTreeSet<ZoneName> {
        let mut votes: BTreeMap<&ZoneName, (usize, usize)> = BTreeMap::new();
        for (zone, node) in survey.nodes.values() {
            let (up, down) = votes.entry(zone).or_default();
            *up += usize::from(node.vote == Vote::Up);
            *down += usize::from(node.vote == Vote::Down);
        }
        let mut suspicious = BTreeSet::new();
        for (zone, (up, down)) in votes {
            let (mut changed, mut late) = (0, 0);
            for id in self.sentinels.of(zone) {
                let vote = survey.nodes.get(id).map_or(Vote::None, |(_, h)| h.vote);
                // A late sentinel still votes Up.
                let is_late = vote == Vote::Up && late_by_now(scene.view, id);
                late += usize::from(is_late);
                changed += usize::from(is_late || matches!(vote, Vote::Down | Vote::Doubt));
            }
            let alive = up.saturating_sub(late);
            let dead = down.max(changed);
            if (changed > 0 || down >= 2) && alive <= dead {
                suspicious.insert(zone.clone());
            }
        }
        // Two zones at once is what a CloudWatch that goes blind looks like.
        let new = suspicious.difference(&self.suspicious).count();
        if survey.blind.is_some() || new >= 2 {
            suspicious.clone_from(&self.suspicious);
        }
        let flipped = suspicious
            .symmetric_difference(&self.suspicious)
            .cloned()
            .collect();
        self.suspicious = suspicious;
        flipped
    }
}

/// Silent for longer than ingestion explains.
fn late_by_now(view: &RegionView, id: &NodeId) -> bool {
    view.points.get(id).is_some_and(|log| {
        let last = log.is_master.last().map(|(at, _)| at);
        log.asked
            .zip(last)
            .is_some_and(|(asked, last)| asked.to.duration_since(last) >= SILENCE)
    })
}

/// One minute of pursuing: what goes on, and whether to ask now.
fn step(before: Option<Pursuit>, cause: Cause, now: Timestamp) -> (Option<Pursuit>, bool) {
    let begun = Pursuit {
        next: now,
        wait: FIRST_WAIT,
        until: now,
        lag: false,
    };
    let mut pursuit = match before {
        _ if cause.news => Pursuit {
            until: now + NEWS_LASTS,
            lag: cause.lag,
            ..begun
        },
        Some(going) => going,
        None if cause.slowest.is_some() => begun,
        None => return (None, false),
    };
    if cause.slowest.is_none() && now > pursuit.until {
        return (None, false);
    }
    let ask = now >= pursuit.next;
    if ask {
        pursuit.next = now + pursuit.wait;
        pursuit.wait = (pursuit.wait * 2).min(cause.slowest.unwrap_or(ROLE_EVERY));
    }
    (Some(pursuit), ask)
}

/// One shard, looked at for what is unknown about it.
struct Doubts<'a> {
    scene: &'a Scene<'a>,
    survey: &'a Survey,
    group: &'a CacheGroup,
    shard: &'a CacheShard,
    primary: Option<&'a Primary>,
    changed: bool,
}

impl Doubts<'_> {
    fn cause(&self, flipped: &BTreeSet<ZoneName>, suspicious: &BTreeSet<ZoneName>) -> Cause {
        let zones = || self.shard.members.values().map(|m| &m.zone);
        let first = self
            .shard
            .members
            .keys()
            .any(|id| self.log(id).is_none_or(|l| l.asked.is_none()));
        let in_doubt = self.shard.members.keys().any(|id| {
            let vote = self.survey.nodes.get(id).map(|(_, h)| h.vote);
            matches!(vote, Some(Vote::Down | Vote::Doubt))
        });
        let due = |audit: Option<Timestamp>| audit.is_some_and(|at| self.scene.now >= at);
        let lag = due(self.lag_audit()) || self.lag_is_high();
        let audit = lag || due(self.role_audit());
        let quick = first || in_doubt || audit || zones().any(|z| suspicious.contains(z));
        let slowest = if quick {
            Some(HEALTH_EVERY)
        } else {
            matches!(self.primary, Some(Err(_)) | None).then_some(ROLE_EVERY)
        };
        Cause {
            news: self.changed || zones().any(|z| flipped.contains(z)),
            slowest,
            lag: lag || self.changed || first,
            first,
        }
    }

    fn log(&self, id: &NodeId) -> Option<&PointLog> {
        self.scene.view.points.get(id)
    }

    /// Roles that only metrics tell are looked at again now and then, whatever events say.
    fn role_audit(&self) -> Option<Timestamp> {
        if self.group.settings.cluster_mode == ClusterMode::Disabled {
            return None;
        }
        let asked = |id: &NodeId| self.log(id).and_then(|l| l.asked);
        next_ask(self.shard.members.keys().map(asked), AUDIT_EVERY)
    }

    fn lag_audit(&self) -> Option<Timestamp> {
        let asked = |id: &NodeId| self.log(id).and_then(|l| l.lag_asked);
        next_ask(self.replicas().map(asked), LAG_AUDIT_EVERY)
    }

    fn next_audit(&self) -> Timestamp {
        let audits = [self.role_audit(), self.lag_audit()].into_iter().flatten();
        audits.min().unwrap_or(Timestamp::MAX)
    }

    fn lag_is_high(&self) -> bool {
        self.replicas().any(|id| {
            self.log(id)
                .and_then(|l| l.replication_lag)
                .is_some_and(|(_, seconds)| seconds > LAG_IS_HIGH)
        })
    }

    fn replicas(&self) -> impl Iterator<Item = &NodeId> {
        let primary = self.primary.and_then(|p| p.as_ref().ok()).map(|(id, _)| id);
        self.shard.members.keys().filter(move |id| Some(*id) != primary)
    }
}

/// When the next of these is to be asked again; at once where one never was.
fn next_ask(asked: impl Iterator<Item = Option<Asked>>, every: SignedDuration) -> Option<Timestamp> {
    asked
        .map(|asked| asked.map_or(Timestamp::MIN, |a| a.at + every))
        .min()
}

/// What is put together for one round, each node and metric once.
#[derive(Default)]
struct Basket {
    first: BTreeSet<NodeId>,
    masters: BTreeSet<NodeId>,
    lags: BTreeSet<NodeId>,
}

impl Basket {
    fn put(&mut self, doubts: &Doubts<'_>, cause: Cause) {
        let members = doubts.shard.members.keys().cloned();
        if cause.first {
            self.first.extend(members);
        } else {
            self.masters.extend(members);
        }
        if cause.lag {
            self.lags.extend(doubts.replicas().cloned());
        }
    }

    fn into_buy(mut self) -> Buy {
        self.masters.retain(|id| !self.first.contains(id));
        let asks = [
            (Metric::IsMaster, self.first, START_WINDOW),
            (Metric::IsMaster, self.masters, WINDOW),
            (Metric::ReplicationLag, self.lags, WINDOW),
        ];
        Buy {
            asks: asks
                .into_iter()
                .filter(|(_, nodes, _)| !nodes.is_empty())
                .map(|(metric, nodes, window)| Ask {
                    metric,
                    nodes,
                    window,
                })
                .collect(),
        }
    }
}
