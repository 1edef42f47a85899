//! One region of one account, as long as a stack stands in it: its connection, its poller, its zones.

use super::fleet::Common;
use super::stack::Wish;
use crate::aws::types::AwsError;
use crate::aws::{Access, Hands, ReadAws, WriteAws};
use crate::clock::Clock;
use crate::observe::{
    Changes, Fresh, FreshNeeds, Observer, PollSettings, RegionView, Wanted, ZoneWatch, failovers,
};
use crate::topology::{AccountId, Region, StackName, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// With whose credentials, and where. Another role or external id makes another region, with a connection of its own.
pub type RegionKey = (Access, Region);

/// After a connection failed.
const CONNECT_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// A group with an open ticket is read this often.
const HURRY: SignedDuration = SignedDuration::from_secs(15);
/// The expiry of a deadline must itself be seen.
const HURRY_BEYOND_DEADLINE: SignedDuration = SignedDuration::from_mins(1);
/// A watch with trouble in it is saved at least this often, so that a restart joins it.
const SAVE_WATCH: SignedDuration = SignedDuration::from_mins(3);

/// The two doors to AWS of one region.
pub struct Link {
    pub read: ReadAws,
    pub write: Hands,
}

/// Opens the doors.
pub trait Connect: Send + Sync {
    /// An error is a sentence that says what to do.
    fn connect(&self, access: &Access, region: &Region) -> impl Future<Output = Result<Link, String>> + Send;

    /// Why nothing may be done any more for what was judged by this wish: asked just before each call.
    fn withdrawn(&self, wish: &Wish) -> Option<String> {
        let _ = wish;
        None
    }
}

/// What a poll changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Groups (lower-case identifiers) about which something new is known.
    pub groups: BTreeSet<String>,
    /// Zones whose state changed.
    pub zones: BTreeSet<ZoneName>,
    /// Everything was listed anew: whoever has trouble looks again.
    pub listed: bool,
}

pub(super) struct RegionSide {
    key: RegionKey,
    observer: Option<Observer>,
    write: Option<Hands>,
    pub(super) watch: ZoneWatch,
    wanted: Wanted,
    /// Why there is no connection.
    trouble: Option<String>,
    retry_at: Option<Timestamp>,
    surveyed: bool,
    saved_watch: Option<(Said, Timestamp)>,
}

/// What a watch says of its zones and nodes, without the times that move with every look.
type Said = (Vec<serde_json::Value>, serde_json::Value, Option<String>);

fn said(watch: &ZoneWatch) -> Said {
    let value = serde_json::to_value(watch).unwrap_or_default();
    let zones = value.get("zones").and_then(|z| z.as_object()).cloned();
    let troubled = zones
        .into_iter()
        .flatten()
        .filter(|(_, zone)| zone.get("state").and_then(|s| s.as_str()) != Some("Healthy"))
        .map(|(name, zone)| serde_json::json!([name, zone.get("state"), zone.get("since")]));
    let nodes = value.get("nodes").cloned().unwrap_or_default();
    (troubled.collect(), nodes, watch.blind().map(str::to_owned))
}

fn said_by_nobody() -> Said {
    said(&ZoneWatch::default())
}

impl RegionSide {
    /// `watch` is what was saved last.
    pub(super) fn new(key: RegionKey, watch: Option<ZoneWatch>) -> Self {
        let saved_watch = watch.as_ref().map(|w| (said(w), Timestamp::UNIX_EPOCH));
        Self {
            key,
            observer: None,
            write: None,
            watch: watch.unwrap_or_default(),
            wanted: Wanted::default(),
            trouble: None,
            retry_at: None,
            surveyed: false,
            saved_watch,
        }
    }

    /// `None` until there is a connection.
    pub(super) fn view(&self) -> Option<&RegionView> {
        self.observer.as_ref().map(Observer::view)
    }

    /// As AWS tells it, or else the ARN of the role.
    pub(super) fn account(&self) -> Option<AccountId> {
        let told = self.view().and_then(|v| v.account.clone());
        told.or_else(|| self.key.0.account())
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// When [`RegionSide::poll`] next has something to do.
    pub(super) fn next_due(&self, now: Timestamp) -> Timestamp {
        match (&self.observer, self.retry_at) {
            (Some(observer), _) => observer.next_due(now),
            (None, Some(at)) => at.max(now),
            (None, None) => now,
        }
    }

    /// Connects if need be, reads what is due, steps the zones.
    pub(super) async fn poll<C: Clock, N: Connect>(
        &mut self,
        wanted: Wanted,
        settings: &PollSettings,
        connect: &N,
        clock: &C,
    ) -> Polled {
        self.wanted = wanted;
        if self.observer.is_none() && !self.open(settings, connect, clock).await {
            return Polled::default();
        }
        let Some(observer) = &mut self.observer else {
            return Polled::default();
        };
        let listed_before = observer.view().listed.complete_at;
        let changes = if self.surveyed {
            observer.poll_due(&self.wanted, clock).await
        } else {
            self.surveyed = true;
            match observer.survey(&self.wanted, clock).await {
                Ok(changes) => changes,
                Err(error) => {
                    // The pollers go on trying; what could not be read is in the view.
                    let advice = error.advice();
                    tracing::warn!(region = %self.key.1, %error, advice, "AWS can't be read");
                    Changes {
                        groups: self.wanted.groups.clone(),
                        ..Changes::default()
                    }
                }
            }
        };
        let mut polled = Polled {
            listed: observer.view().listed.complete_at != listed_before,
            groups: changes.groups,
            zones: BTreeSet::new(),
        };
        polled.groups.extend(changes.measured);
        polled.zones = self.step_watch(clock.now());
        polled
    }

    async fn open<C: Clock, N: Connect>(&mut self, settings: &PollSettings, connect: &N, clock: &C) -> bool {
        if self.retry_at.is_some_and(|at| clock.now() < at) {
            return false;
        }
        match connect.connect(&self.key.0, &self.key.1).await {
            Ok(link) => {
                self.observer = Some(Observer::new(link.read, self.key.1.clone(), *settings));
                self.write = Some(link.write);
                self.trouble = None;
                true
            }
            Err(why) => {
                tracing::warn!(region = %self.key.1, reason = %why, "No connection to AWS");
                self.trouble = Some(why);
                self.retry_at = Some(clock.now() + CONNECT_AGAIN);
                false
            }
        }
    }

    /// Steps the zones with the view as it is; returns those whose state changed.
    fn step_watch(&mut self, now: Timestamp) -> BTreeSet<ZoneName> {
        let Some(observer) = &self.observer else {
            return BTreeSet::new();
        };
        let view = observer.view();
        let zones: BTreeSet<ZoneName> = self
            .wanted
            .groups
            .iter()
            .filter_map(|id| view.groups.get(id))
            .flat_map(|seen| seen.value.shards.values())
            .flat_map(|shard| shard.members.values().map(|m| m.zone.clone()))
            .collect();
        let states = |watch: &ZoneWatch| -> BTreeMap<ZoneName, ZoneState> {
            zones.iter().map(|z| (z.clone(), watch.zone(z).state)).collect()
        };
        let before = states(&self.watch);
        self.watch.step(view, &self.wanted.groups, now);
        let mut changed = BTreeSet::new();
        for (zone, state) in states(&self.watch) {
            if before.get(&zone) != Some(&state) {
                let reasons = self.watch.zone(&zone).reasons.join(" ");
                tracing::info!(region = %self.key.1, %zone, ?state, reasons, "Zone changed");
                changed.insert(zone);
            }
        }
        changed
    }

    /// Eyes for a fresh look, and the hand that acts on it for this stack.
    pub(super) fn eyes_and_hand(&mut self, stack: &StackName) -> Option<(Eyes<'_>, &WriteAws)> {
        let eyes = Eyes {
            observer: self.observer.as_mut()?,
            watch: &mut self.watch,
            wanted: &self.wanted.groups,
        };
        Some((eyes, self.write.as_mut()?.of(stack)))
    }

    /// Takes a turn to change something here, or says when there is one.
    pub(super) fn turn_to_act(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.write.as_ref().map_or(Ok(()), |write| write.turn(now))
    }

    /// Something is wanted that was not asked for in the last poll.
    pub(super) fn wants_other(&self, wanted: &Wanted) -> bool {
        self.wanted != *wanted
    }

    /// A ticket is open on this group until then.
    pub(super) fn hurry(&mut self, identifier: &str, deadline: Timestamp, now: Timestamp) {
        if let Some(observer) = &mut self.observer {
            observer.hurry(identifier, HURRY, deadline.max(now) + HURRY_BEYOND_DEADLINE, now);
        }
    }

    pub(super) fn unhurry(&mut self, identifier: &str) {
        if let Some(observer) = &mut self.observer {
            observer.unhurry(identifier);
        }
    }

    /// Adds this region's TestFailover calls of the last 24 h.
    pub(super) fn add_ledger(&self, common: &mut Common, now: Timestamp) {
        if let Some(view) = self.view() {
            let key = (self.account(), view.region.clone());
            common.test_failovers.insert(key, failovers::ledger(view, now));
        }
    }

    /// Everything has been read at least once.
    pub(super) fn is_read(&self) -> bool {
        self.view()
            .is_some_and(|v| v.listed.complete_at.is_some() && v.events.poll.complete_at.is_some())
    }

    /// The watch as text, when it is time to save it: it says something new, or trouble lasts.
    pub(super) fn watch_to_save(&mut self, now: Timestamp) -> Option<String> {
        let said = said(&self.watch);
        let troubled = said != said_by_nobody();
        let save = match &self.saved_watch {
            None => troubled,
            Some((before, at)) => *before != said || (troubled && now.duration_since(*at) >= SAVE_WATCH),
        };
        if !save {
            return None;
        }
        self.saved_watch = Some((said, now));
        serde_json::to_string_pretty(&self.watch).ok()
    }
}

/// What a fresh look needs of a region.
pub(super) struct Eyes<'a> {
    observer: &'a mut Observer,
    watch: &'a mut ZoneWatch,
    wanted: &'a BTreeSet<String>,
}

impl Eyes<'_> {
    /// Reads one group afresh, just before acting.
    pub(super) async fn fresh<C: Clock>(
        &mut self,
        identifier: &str,
        needs: FreshNeeds,
        clock: &C,
    ) -> Result<Fresh, AwsError> {
        let fresh = self.observer.fresh(identifier, needs, clock).await?;
        self.watch.step(self.observer.view(), self.wanted, clock.now());
        Ok(fresh)
    }

    pub(super) fn view(&self) -> &RegionView {
        self.observer.view()
    }

    pub(super) fn watch(&self) -> &ZoneWatch {
        self.watch
    }
}
