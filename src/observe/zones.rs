//! Is a zone alive? From what its monitored nodes say, step by step, with a memory.
//!
//! | a zone becomes | when |
//! |---|---|
//! | Impaired | most (two or more) of its monitored nodes are Down for 3 min; a lone one for 30 min |
//! | Healthy again | for 5 min all but a minority of them are up |
//! | Unknown | CloudWatch is blind, or most nodes prove neither; it then ends with the first clear evidence |
//!
//! A zone without monitored nodes is Healthy. Monitored is a node whose metric was asked about recently or of which
//! status or events tell. `since` is the moment that evidence shows, not the moment of looking: with voters A (down
//! since 12:01), B (since 12:02) and C (up), most were down from 12:02. One [`ZoneWatch`] serves one account and
//! region, is stepped after each poll, and is kept across restarts.

use super::health::{NodeHealth, Survey, Vote, survey};
use super::view::RegionView;
use crate::topology::{Health, NodeId, Zone, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most of a zone's nodes must be down for this long.
const MOST_DOWN_FOR: SignedDuration = SignedDuration::from_mins(3);
/// A zone's only monitored node must be down for this long: it may just be dead by itself.
const LONE_DOWN_FOR: SignedDuration = SignedDuration::from_mins(30);
/// All but a minority must be up for this long before an impaired zone counts as healthy.
const BACK_FOR: SignedDuration = SignedDuration::from_mins(5);
/// An impaired zone of which nobody speaks any more is forgotten after this long.
const UNHEARD_FOR: SignedDuration = SignedDuration::from_mins(30);
/// Steps further apart than this do not join: the evidence must bridge the break.
const STEPS_JOIN: SignedDuration = SignedDuration::from_mins(10);

/// The zones of one account and region as evidence shows them, and the nodes that are not healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ZoneWatch {
    zones: BTreeMap<ZoneName, Watched>,
    /// Nodes that are not healthy, and since when.
    nodes: BTreeMap<NodeId, Trouble>,
    /// Why CloudWatch is blind, if it is.
    blind: Option<String>,
    stepped_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Watched {
    state: ZoneState,
    since: Option<Timestamp>,
    /// While impaired: since when all but a minority have been up.
    #[serde(default)]
    better_since: Option<Timestamp>,
    /// The last time that any node spoke for or against the zone.
    #[serde(default)]
    heard_at: Option<Timestamp>,
    reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trouble {
    health: Health,
    since: Timestamp,
}

/// What the nodes of one zone say together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Evidence {
    Blind(String),
    /// Most prove neither life nor death.
    Doubt(String),
    Dead {
        since: Timestamp,
        reason: String,
    },
    /// Neither clearly dead nor clearly alive.
    Mixed(String),
    Alive,
    Nobody,
}

impl ZoneWatch {
    /// Takes in what the view shows now. `wanted` are the groups that stacks name (lower-case identifiers).
    pub fn step(&mut self, view: &RegionView, wanted: &BTreeSet<String>, now: Timestamp) {
        let survey = survey(view, wanted, now);
        let joined = self
            .stepped_at
            .is_some_and(|at| now.duration_since(at) <= STEPS_JOIN);
        self.step_nodes(&survey, joined, now);
        let mut votes: BTreeMap<ZoneName, Vec<(&NodeId, Vote)>> = BTreeMap::new();
        for (id, (zone, NodeHealth { vote, .. })) in &survey.nodes {
            votes.entry(zone.clone()).or_default().push((id, *vote));
        }
        for zone in self.zones.keys() {
            votes.entry(zone.clone()).or_default();
        }
        for (zone, voters) in votes {
            let evidence = self.evidence(&survey, &voters, now);
            self.step_zone(zone, evidence, joined, now);
        }
        self.blind = survey.blind;
        self.stepped_at = Some(now);
    }

    /// The zone as last seen; one that was never seen is Healthy.
    pub fn zone(&self, zone: &ZoneName) -> Zone {
        self.zones.get(zone).map_or(
            Zone {
                state: ZoneState::Healthy,
                since: None,
                reasons: Vec::new(),
            },
            |w| Zone {
                state: w.state,
                since: w.since,
                reasons: w.reasons.clone(),
            },
        )
    }

    /// Zones that are Impaired now.
    pub fn impaired(&self) -> BTreeSet<ZoneName> {
        self.zones
            .iter()
            .filter(|(_, w)| w.state == ZoneState::Impaired)
            .map(|(zone, _)| zone.clone())
            .collect()
    }

    /// Since when the node has been in this (not healthy) state, as far as remembered.
    pub fn since(&self, node: &NodeId, health: Health) -> Option<Timestamp> {
        self.nodes
            .get(node)
            .filter(|t| t.health == health)
            .map(|t| t.since)
    }

    /// Why CloudWatch is blind for the whole account and region, if it is.
    pub fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    fn step_nodes(&mut self, survey: &Survey, joined: bool, now: Timestamp) {
        let before = std::mem::take(&mut self.nodes);
        for (id, (_, node)) in &survey.nodes {
            if node.health == Health::Healthy {
                continue;
            }
            let known = before
                .get(id)
                .filter(|t| t.health == node.health)
                .map(|t| t.since)
                .filter(|_| self.continues(node.since, joined));
            let since = [known, node.since].into_iter().flatten().min().unwrap_or(now);
            let health = node.health;
            self.nodes.insert(id.clone(), Trouble { health, since });
        }
    }

    /// A remembered state goes on when steps joined, or when the evidence reaches back over the break.
    fn continues(&self, evidence: Option<Timestamp>, joined: bool) -> bool {
        joined || evidence.is_some_and(|since| self.stepped_at.is_some_and(|at| since <= at))
    }

    fn evidence(&self, survey: &Survey, voters: &[(&NodeId, Vote)], now: Timestamp) -> Evidence {
        if let Some(why) = &survey.blind {
            return Evidence::Blind(why.clone());
        }
        let count = |vote: Vote| voters.iter().filter(|(_, v)| *v == vote).count();
        let (up, down, doubt) = (count(Vote::Up), count(Vote::Down), count(Vote::Doubt));
        let total = up + down;
        if doubt > total {
            return Evidence::Doubt(format!(
                "{doubt} of {} monitored nodes prove neither life nor death",
                total + doubt
            ));
        }
        if total == 0 {
            return Evidence::Nobody;
        }
        if down == 0 {
            return Evidence::Alive;
        }
        let mut since: Vec<(Timestamp, &NodeId)> = voters
            .iter()
            .filter(|(_, v)| *v == Vote::Down)
            .map(|(id, _)| (self.nodes.get(*id).map_or(now, |t| t.since), *id))
            .collect();
        since.sort();
        let reason = sentence(&since, total);
        let (most_since, needed) = if total == 1 {
            (Some(since[0].0), LONE_DOWN_FOR)
        } else {
            // Most were down from when the deciding node fell.
            (since.get(total / 2).map(|(at, _)| *at), MOST_DOWN_FOR)
        };
        match most_since {
            Some(at) if now.duration_since(at) >= needed => Evidence::Dead { since: at, reason },
            None if down * 2 < total => Evidence::Alive,
            _ => Evidence::Mixed(reason),
        }
    }

    fn step_zone(&mut self, zone: ZoneName, evidence: Evidence, joined: bool, now: Timestamp) {
        let mut before = self.zones.remove(&zone).unwrap_or(Watched::UNSEEN);
        if !matches!(evidence, Evidence::Nobody | Evidence::Blind(_)) {
            before.heard_at = Some(now);
        }
        let after = match evidence {
            Evidence::Blind(why) | Evidence::Doubt(why) => before.unclear(why, now),
            Evidence::Dead { since, reason } => {
                let goes_on = before.state == ZoneState::Impaired && self.continues(Some(since), joined);
                Watched {
                    state: ZoneState::Impaired,
                    since: before.since.filter(|_| goes_on).or(Some(since)),
                    better_since: None,
                    reasons: vec![reason],
                    ..before
                }
            }
            Evidence::Mixed(reason) => Watched {
                better_since: None,
                reasons: vec![reason],
                ..before
            },
            Evidence::Alive | Evidence::Nobody if before.state == ZoneState::Unknown => before.healthy(now),
            Evidence::Alive if before.state == ZoneState::Impaired => before.returning(now),
            Evidence::Nobody if before.state == ZoneState::Impaired => before.unheard(now),
            Evidence::Alive | Evidence::Nobody => Watched {
                reasons: Vec::new(),
                ..before
            },
        };
        self.zones.insert(zone, after);
    }
}

impl Watched {
    const UNSEEN: Self = Self {
        state: ZoneState::Healthy,
        since: None,
        better_since: None,
        heard_at: None,
        reasons: Vec::new(),
    };

    fn healthy(self, now: Timestamp) -> Self {
        Self {
            state: ZoneState::Healthy,
            since: Some(now),
            better_since: None,
            reasons: Vec::new(),
            ..self
        }
    }

    fn unclear(self, why: String, now: Timestamp) -> Self {
        let goes_on = self.state == ZoneState::Unknown;
        Self {
            state: ZoneState::Unknown,
            since: self.since.filter(|_| goes_on).or(Some(now)),
            better_since: None,
            reasons: vec![why],
            ..self
        }
    }

    /// Impaired, and all but a minority are up.
    fn returning(self, now: Timestamp) -> Self {
        let better = self.better_since.unwrap_or(now);
        if now.duration_since(better) >= BACK_FOR {
            return self.healthy(now);
        }
        Self {
            better_since: Some(better),
            reasons: vec![format!("most of its monitored nodes are up again since {better}")],
            ..self
        }
    }

    /// Impaired, and no node speaks for or against it any more.
    fn unheard(self, now: Timestamp) -> Self {
        if self
            .heard_at
            .is_none_or(|at| now.duration_since(at) >= UNHEARD_FOR)
        {
            return self.healthy(now);
        }
        Self {
            better_since: None,
            reasons: vec!["none of its nodes is monitored any more".to_owned()],
            ..self
        }
    }
}

/// "3 of 4 monitored nodes are down: a since 12:01, b since 12:02 and 1 more". Sorted, oldest first.
fn sentence(down: &[(Timestamp, &NodeId)], total: usize) -> String {
    let named: Vec<String> = down
        .iter()
        .take(2)
        .map(|(at, id)| format!("{id} since {at}"))
        .collect();
    let more = match down.len().saturating_sub(2) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "{} of {total} monitored nodes {} down: {}{more}",
        down.len(),
        if down.len() == 1 { "is" } else { "are" },
        named.join(", "),
    )
}
