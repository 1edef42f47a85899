//! The turn of the loop, shared by every shell: where manifests come from and where status goes is theirs.
//!
//! ```text
//! look:  poll what is due ─► wake the stacks concerned ─► judge each (pure) ─► store its record
//! act:   at most one step, of the first stack that may; rotating, so that none starves
//! wait:  until `next_turn`, in one place, on one clock
//! ```
//!
//! One task owns an engine and awaits one thing at a time. A quiet stack costs nothing between its changes: thousands
//! of stacks are woken by what the region's pollers find, not by a timer each.

mod act;
pub mod fleet;
pub mod judge;
mod region;
mod stack;
mod turn;

#[cfg(test)]
pub(crate) mod support;

pub use region::{Connect, Link, Polled, RegionKey};
pub use stack::{Report, Wish};

use crate::clock::Clock;
use crate::execute::step::Gate;
use crate::execute::store::Store;
use crate::observe::{PollSettings, RegionView, failovers};
use crate::plan::history::Ticket;
use crate::topology::{Failover, StackName, ZoneName, ZoneState};
use fleet::Limits;
use jiff::{SignedDuration, Timestamp};
use region::RegionSide;
use stack::Stack;
use std::collections::{BTreeMap, BTreeSet};

/// What does not change while an engine runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--installation`; nothing acts without it.
    pub installation: Option<String>,
    /// Written into tickets.
    pub holder: String,
    pub limits: Limits,
    pub poll: PollSettings,
    /// So many failed actions in a row, over all stacks, stop everything.
    pub breaker: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            installation: None,
            holder: "evenkeel".to_owned(),
            limits: Limits::default(),
            poll: PollSettings::default(),
            breaker: 5,
        }
    }
}

/// What happened, for metrics and logs.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A ticket ended.
    Finished { stack: StackName, ticket: Ticket },
    /// A failover that happened while this process ran, once it is known whose it was.
    Failover { stack: StackName, failover: Failover },
    /// How long one took that was told of without that: the silence of a lost primary shows late.
    FailoverMeasured { stack: StackName, failover: Failover },
}

/// The loop's body.
pub struct Engine<C, S, N, G> {
    clock: C,
    store: S,
    connect: N,
    gate: G,
    settings: Settings,
    started: Timestamp,
    regions: BTreeMap<RegionKey, RegionSide>,
    /// In boxes: in a map that grows in order half of the places stay empty.
    stacks: BTreeMap<StackName, Box<Stack>>,
    changed: BTreeSet<StackName>,
    happened: Vec<Happening>,
    /// Failovers that were told of, and whether with their duration.
    told: BTreeMap<(StackName, String), bool>,
    /// Failed actions in a row.
    failures: u32,
    was_stopped: bool,
    /// The stack that acted last: the next search begins after it.
    acted_last: Option<StackName>,
    /// A further step is due, or was not taken because it was not yet its turn: then.
    step_at: Option<Timestamp>,
    judged: u64,
}

impl<C: Clock, S: Store, N: Connect, G: Gate> Engine<C, S, N, G> {
    pub fn new(clock: C, store: S, connect: N, gate: G, settings: Settings) -> Self {
        Self {
            started: clock.now(),
            clock,
            store,
            connect,
            gate,
            settings,
            regions: BTreeMap::new(),
            stacks: BTreeMap::new(),
            changed: BTreeSet::new(),
            happened: Vec::new(),
            told: BTreeMap::new(),
            failures: 0,
            was_stopped: false,
            acted_last: None,
            step_at: None,
            judged: 0,
        }
    }

    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Polls what is due and judges every stack that is concerned.
    pub async fn look(&mut self, wishes: &BTreeMap<StackName, Wish>) {
        self.take_wishes(wishes);
        self.open_regions().await;
        self.notice_stop();
        self.poll().await;
        let now = self.clock.now();
        for stack in self.stacks.values_mut() {
            stack.awake |= stack.wake_at.is_some_and(|at| at <= now);
        }
        self.judge_the_awake().await;
        self.save_watches().await;
    }

    /// When to turn again: to look, or to take a further step.
    pub fn next_turn(&self) -> Timestamp {
        let wake = self.next_wake();
        self.step_at.map_or(wake, |at| at.min(wake))
    }

    /// Something new is wanted of a region: look again before acting. That the next poll is due is no reason; with
    /// many regions, or a slow AWS, there would always be one.
    pub fn wants_more(&self) -> bool {
        self.regions
            .iter()
            .any(|(key, region)| region.wants_other(&self.wanted(key)))
    }

    /// When there is something to look at next; at once if something new is wanted of a region.
    pub fn next_wake(&self) -> Timestamp {
        let now = self.clock.now();
        if self.wants_more() {
            return now;
        }
        let regions = self.regions.values().map(|region| region.next_due(now));
        let stacks = self.stacks.values().filter_map(|s| s.wake_at);
        let asleep = now + SignedDuration::from_mins(10);
        regions.chain(stacks).min().unwrap_or(asleep).max(now)
    }

    /// Names of the stacks whose report may have changed since the last call; those that are gone have none.
    pub fn take_changed(&mut self) -> BTreeSet<StackName> {
        std::mem::take(&mut self.changed)
    }

    pub fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happened)
    }

    /// What is to be published of a stack.
    pub fn report(&self, name: &StackName) -> Option<Report<'_>> {
        let stack = self.stacks.get(name)?;
        Some(Report {
            wish: &stack.wish,
            topology: stack.topology.as_ref(),
            decision: stack.decision.as_ref(),
            history: stack.record.as_ref().map(|r| &r.history),
            unobserved: self.regions.get(&stack.key).and_then(RegionSide::trouble),
        })
    }

    pub fn stacks(&self) -> impl Iterator<Item = &StackName> {
        self.stacks.keys()
    }

    /// What each region in use shows: for metrics and health.
    pub fn regions(&self) -> impl Iterator<Item = RegionReport<'_>> {
        let now = self.clock.now();
        self.regions.iter().map(move |(key, region)| RegionReport {
            key,
            view: region.view(),
            trouble: region.trouble(),
            is_read: region.is_read(),
            zones: self.zones_of(key, region),
            quota_used: region.view().map_or(0, |v| {
                failovers::ledger(v, now).len().try_into().unwrap_or(u32::MAX)
            }),
        })
    }

    /// The zones that stacks name in this region, as evidence shows them.
    fn zones_of(&self, key: &RegionKey, region: &RegionSide) -> BTreeMap<ZoneName, ZoneState> {
        let here = self.stacks.values().filter(|s| s.key == *key);
        here.flat_map(|s| s.wish.intent.zones.keys())
            .map(|zone| (zone.clone(), region.watch.zone(zone).state))
            .collect()
    }

    /// How many judgements were made: a quiet fleet makes few.
    pub fn judgements(&self) -> u64 {
        self.judged
    }
}

/// One region as metrics and health see it.
#[derive(Clone, Debug)]
pub struct RegionReport<'a> {
    pub key: &'a RegionKey,
    pub view: Option<&'a RegionView>,
    pub trouble: Option<&'a str>,
    /// Everything has been read at least once.
    pub is_read: bool,
    pub zones: BTreeMap<ZoneName, ZoneState>,
    /// TestFailover calls of the last 24 h, by anybody.
    pub quota_used: u32,
}
