//! The parts of [`Engine::look`]: wishes, regions, polls, judgements, records.

use super::fleet::{Common, Member, Roll};
use super::judge::{Judgement, Scene, judge};
use super::region::{Connect, Polled, RegionKey, RegionSide};
use super::stack::{self, FirstRecord, Stack, Wish};
use super::{Engine, Happening};
use crate::clock::Clock;
use crate::execute::progress;
use crate::execute::step::{Gate, Record};
use crate::execute::store::{Beginning, Store, Version};
use crate::observe::{Wanted, ZoneWatch};
use crate::plan::Purpose;
use crate::plan::history::{Fleet, History, Ticket, TicketOutcome};
use crate::topology::{Failover, FailoverClass, SmallMap, StackName, ZoneName};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A stack whose record or region can't be read.
const UNREAD_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Stacks judged and stored at a time: enough to hide the round trips, too few to trouble an API server.
const AT_ONCE: usize = 16;

/// A failover of unknown class is told as such after this long.
const CLASS_SETTLES: SignedDuration = SignedDuration::from_mins(15);

/// One judgement, and the fleet that it was made with.
struct Judged {
    judgement: Judgement,
    fleet: Fleet,
}

impl<C: Clock, S: Store, N: Connect, G: Gate> Engine<C, S, N, G> {
    pub(super) fn take_wishes(&mut self, wishes: &BTreeMap<StackName, Wish>) {
        let gone: Vec<StackName> = self
            .stacks
            .keys()
            .filter(|name| !wishes.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.stacks.remove(&name);
            self.told.retain(|(stack, _), _| *stack != name);
            self.changed.insert(name);
            // Somebody may have waited for it: an elder is gone, a budget is free.
            self.stacks.values_mut().for_each(|s| s.awake = true);
        }
        for (name, wish) in wishes {
            match self.stacks.get_mut(name) {
                Some(stack) if stack.wish == *wish => {}
                Some(stack) => {
                    let same_place = stack.key == stack::key(wish) && stack.wish.identity == wish.identity;
                    let record = stack.record.take().filter(|_| same_place);
                    **stack = Stack {
                        record,
                        ..Stack::new(wish.clone())
                    };
                }
                None => {
                    self.stacks
                        .insert(name.clone(), Box::new(Stack::new(wish.clone())));
                }
            }
        }
    }

    /// A region is there as long as a stack stands in it.
    pub(super) async fn open_regions(&mut self) {
        let keys: BTreeSet<RegionKey> = self.stacks.values().map(|s| s.key.clone()).collect();
        self.regions.retain(|key, _| keys.contains(key));
        for key in keys {
            if self.regions.contains_key(&key) {
                continue;
            }
            let saved = self.store.load_note(&note_key(&key)).await;
            let watch: Option<ZoneWatch> = saved.and_then(|text| serde_json::from_str(&text).ok());
            self.regions.insert(key.clone(), RegionSide::new(key, watch));
        }
    }

    /// Everybody hears of the stop switch, and a lifted one lets the breaker count anew.
    pub(super) fn notice_stop(&mut self) {
        let stopped = self.gate.told(self.clock.now()).is_some();
        if stopped != self.was_stopped {
            self.was_stopped = stopped;
            self.failures = 0;
            self.stacks.values_mut().for_each(|s| s.awake = true);
        }
    }

    pub(super) fn wanted(&self, key: &RegionKey) -> Wanted {
        let here = || self.stacks.values().filter(|s| s.key == *key);
        Wanted {
            groups: here().flat_map(|s| s.groups()).cloned().collect(),
            tags: here().flat_map(|s| s.groups_to_act_on()).collect(),
        }
    }

    pub(super) async fn poll(&mut self) {
        let keys: Vec<RegionKey> = self.regions.keys().cloned().collect();
        for key in keys {
            let wanted = self.wanted(&key);
            let now = self.clock.now();
            let Some(region) = self.regions.get_mut(&key) else {
                continue;
            };
            if region.next_due(now) > now && !region.wants_other(&wanted) {
                continue;
            }
            let polled = region
                .poll(wanted, &self.settings.poll, &self.connect, &self.clock)
                .await;
            self.wake(&key, &polled);
        }
    }

    fn wake(&mut self, key: &RegionKey, polled: &Polled) {
        for stack in self.stacks.values_mut().filter(|s| s.key == *key) {
            let concerned = stack.groups().any(|g| polled.groups.contains(g));
            let stands_in = |zone: &ZoneName| {
                stack.wish.intent.zones.contains_key(zone)
                    || stack
                        .topology
                        .as_ref()
                        .is_some_and(|t| t.zones.contains_key(zone))
            };
            let zones = polled.zones.iter().any(stands_in);
            stack.awake |= concerned || zones || (polled.listed && stack.is_troubled());
        }
    }

    pub(super) async fn judge_the_awake(&mut self) {
        let awake: Vec<StackName> = self
            .stacks
            .iter()
            .filter(|(_, s)| s.awake)
            .map(|(name, _)| name.clone())
            .collect();
        if awake.is_empty() {
            return;
        }
        for name in &awake {
            self.load_record(name).await;
        }
        let roll = self.roll();
        let common = self.common();
        for some in awake.chunks(AT_ONCE) {
            self.judge(some, &roll, &common).await;
        }
    }

    /// Loads the record if there is none yet or if what is on disk is unknown.
    async fn load_record(&mut self, name: &StackName) {
        let now = self.clock.now();
        let Some(stack) = self.stacks.get_mut(name) else {
            return;
        };
        if stack.record.as_ref().is_some_and(|r| !r.unsure) {
            return;
        }
        match self.store.load(name, now).await {
            Ok(stored) => {
                match stored.begins.filter(|_| stack.record.is_none()) {
                    Some(Beginning::Absent) => tracing::info!(stack = %name, "Has no record yet: one begins"),
                    Some(Beginning::Unreadable(why)) => {
                        tracing::warn!(stack = %name, reason = %why, "The record was unreadable: a new one begins");
                    }
                    None => {}
                }
                // No step is under way while a record is loaded: what is `Prepared` in it was never sent, whether
                // another process left it or a save of ours failed.
                let history = progress::inherit(&stored.history, &self.settings.holder, now);
                stack.record = Some(Record {
                    stack: name.clone(),
                    history,
                    version: stored.version,
                    unsure: false,
                });
                stack.record_problem = None;
            }
            Err(error) => {
                tracing::error!(stack = %name, %error, "The record can't be read");
                stack.record_problem = Some(error.to_string());
            }
        }
    }

    fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.stacks.values().filter_map(|s| {
            Some(Member {
                intent: &s.wish.intent,
                history: &s.record.as_ref()?.history,
                account: self.regions.get(&s.key).and_then(RegionSide::account),
            })
        })
    }

    pub(super) fn roll(&self) -> Roll {
        Roll::call(self.members())
    }

    pub(super) fn common(&self) -> Common {
        let now = self.clock.now();
        let mut common = Common {
            installation: self.settings.installation.clone(),
            stop: self.gate.told(now),
            not_leader: None,
            test_failovers: SmallMap::new(),
        };
        for region in self.regions.values() {
            region.add_ledger(&mut common, now);
        }
        common
    }

    /// What this stack must know of the others.
    pub(super) fn fleet(&self, stack: &Stack, roll: &Roll, common: &Common) -> Fleet {
        let nothing = History::default();
        let member = Member {
            intent: &stack.wish.intent,
            history: stack.record.as_ref().map_or(&nothing, |r| &r.history),
            account: self.regions.get(&stack.key).and_then(RegionSide::account),
        };
        roll.fleet(member, common, &self.settings.limits)
    }

    /// Judges some stacks and stores what follows for their records, side by side.
    async fn judge(&mut self, names: &[StackName], roll: &Roll, common: &Common) {
        let now = self.clock.now();
        let judged: BTreeMap<StackName, Judged> = names
            .iter()
            .filter_map(|name| Some((name.clone(), self.judge_one(name, roll, common, now)?)))
            .collect();
        let store = &self.store;
        let stacks = self.stacks.iter_mut();
        let pending = stacks.filter_map(|(name, stack)| Some((stack, name, judged.get(name)?)));
        let saves = pending.map(async |(stack, name, judged)| {
            let stored = save(stack, store, &judged.judgement).await;
            stored.then(|| name.clone())
        });
        let stored: Vec<Option<StackName>> = futures::stream::iter(saves)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let stored: BTreeSet<StackName> = stored.into_iter().flatten().collect();
        for (name, judged) in judged {
            let stored = stored.contains(&name);
            self.adopt(&name, judged, stored, now);
        }
    }

    /// `None` where nothing can be judged: it is looked at again soon.
    fn judge_one(
        &mut self,
        name: &StackName,
        roll: &Roll,
        common: &Common,
        now: Timestamp,
    ) -> Option<Judged> {
        let fleet = self.fleet(self.stacks.get(name)?, roll, common);
        let stack = self.stacks.get_mut(name)?;
        stack.awake = false;
        let region = self.regions.get(&stack.key)?;
        let Some(judgement) = judge_once(stack, region, &fleet, now) else {
            stack.wake_at = Some(now + UNREAD_AGAIN);
            self.changed.insert(name.clone());
            return None;
        };
        self.judged += 1;
        Some(Judged { judgement, fleet })
    }

    /// Stores the first records that waited for the first statuses.
    pub(super) async fn store_first_records(&mut self) {
        let again = self.clock.now() + UNREAD_AGAIN;
        let store = &self.store;
        let waiting = self
            .stacks
            .values_mut()
            .filter(|s| s.first_record == FirstRecord::Waits);
        futures::stream::iter(waiting)
            .for_each_concurrent(AT_ONCE, |stack| async move {
                let history = stack.record.as_ref().map(|r| r.history.clone());
                if !store_now(stack, store, history.unwrap_or_default()).await {
                    stack.wake_at = Some(again);
                }
            })
            .await;
    }

    /// Takes over what was judged; nothing that isn't stored is told of, but for a first record that only sees.
    fn adopt(&mut self, name: &StackName, judged: Judged, stored: bool, now: Timestamp) {
        let Some(stack) = self.stacks.get_mut(name) else {
            return;
        };
        if let Some(region) = self.regions.get_mut(&stack.key) {
            hurry(stack, region, now);
        }
        let finished = judged.judgement.finished.clone();
        if stack.adopt(judged.judgement, judged.fleet, now) {
            self.changed.insert(name.clone());
        }
        if stored {
            for ticket in finished {
                self.note_finished(name, ticket);
            }
            self.note_failovers(name, now);
        } else {
            stack.wake_at = Some(now + UNREAD_AGAIN);
        }
    }

    pub(super) async fn judge_now(&mut self, name: &StackName) {
        self.load_record(name).await;
        let (roll, common) = (self.roll(), self.common());
        self.judge(std::slice::from_ref(name), &roll, &common).await;
    }

    /// Counts failures in a row; too many close the gate.
    pub(super) fn note_finished(&mut self, stack: &StackName, ticket: Ticket) {
        let failed = match &ticket.outcome {
            Some(TicketOutcome::Succeeded) => {
                self.failures = 0;
                false
            }
            Some(TicketOutcome::Refused { counts, .. }) => *counts,
            Some(TicketOutcome::NoEffect | TicketOutcome::Undone { .. }) => true,
            Some(TicketOutcome::Overtaken | TicketOutcome::NeverArrived) | None => false,
        };
        if failed {
            self.failures += 1;
            if self.failures >= self.settings.breaker {
                let reason = format!(
                    "{} actions in a row failed, the last one on {stack}: look why, then lift the stop switch",
                    self.failures
                );
                tracing::error!(reason, "The breaker stops all acting");
                self.gate.close(&reason);
                self.failures = 0;
            }
        }
        self.happened.push(Happening::Finished {
            stack: stack.clone(),
            ticket,
        });
    }

    fn note_failovers(&mut self, stack: &StackName, now: Timestamp) {
        let record = self.stacks.get(stack).and_then(|s| s.record.as_ref());
        let Some(record) = record else { return };
        let failovers = &record.history.failovers;
        self.happened
            .extend(news(&mut self.told, stack, failovers, self.started, now));
    }

    pub(super) async fn save_watches(&mut self) {
        let now = self.clock.now();
        for (key, region) in &mut self.regions {
            let Some(text) = region.watch_to_save(now) else {
                continue;
            };
            if let Err(reason) = self.store.save_note(&note_key(key), &text).await {
                tracing::warn!(reason, "What is known of the zones can't be saved");
            }
        }
    }
}

/// Tells of each failover once: when its class is known, or when it has been unknown for long. And once more when its
/// duration becomes known later.
fn news(
    told: &mut BTreeMap<(StackName, String), bool>,
    stack: &StackName,
    failovers: &[Failover],
    started: Timestamp,
    now: Timestamp,
) -> Vec<Happening> {
    let mut happened = Vec::new();
    for failover in failovers {
        let age = now.duration_since(failover.at);
        let settled = failover.class != FailoverClass::Unknown || age >= CLASS_SETTLES;
        let new = failover.at >= started && age < CLASS_SETTLES * 4;
        let measured = failover.duration_seconds.is_some();
        let key = (stack.clone(), failover.id.clone());
        let (stack, failover) = (stack.clone(), failover.clone());
        let happening = match told.get(&key) {
            None if new && settled => Happening::Failover { stack, failover },
            Some(false) if measured => Happening::FailoverMeasured { stack, failover },
            _ => continue,
        };
        told.insert(key, measured);
        happened.push(happening);
    }
    happened
}

/// Where a region's watch is kept between restarts.
fn note_key(key: &RegionKey) -> String {
    match key.0.account_ref() {
        Some(account) => format!("zones_{account}_{}", key.1),
        None => format!("zones_{}", key.1),
    }
}

/// `None` without a view of the region, or when the record contradicts itself (then nothing may be done).
fn judge_once(stack: &mut Stack, region: &RegionSide, fleet: &Fleet, now: Timestamp) -> Option<Judgement> {
    let view = region.view()?;
    let nothing = History {
        began: Some(now),
        ..History::default()
    };
    let scene = Scene {
        intent: &stack.wish.intent,
        view,
        watch: &region.watch,
        history: stack.record.as_ref().map_or(&nothing, |r| &r.history),
        fleet,
        purpose: &Purpose::Propose,
        now,
    };
    match judge(&scene) {
        Ok(judgement) => Some(judgement),
        Err(error) => {
            tracing::error!(stack = %stack.wish.intent.stack, %error, "The record contradicts itself");
            stack.record_problem = Some(error.to_string());
            None
        }
    }
}

/// Stores a record that changed or was never stored; false when it can't be. The first one of a stack may wait.
async fn save(stack: &mut Stack, store: &impl Store, judgement: &Judgement) -> bool {
    let Some(record) = &mut stack.record else {
        return false;
    };
    let history = &judgement.history;
    let is_first = record.version == Version::default();
    if record.history == *history && !is_first {
        return true;
    }
    if is_first && stack.first_record != FirstRecord::Tried && only_sees(history) {
        record.history = history.clone();
        stack.first_record = FirstRecord::Waits;
        return true;
    }
    store_now(stack, store, history.clone()).await
}

/// It remembers what anybody sees who looks, and since when: were it lost, the next one would say the same and wait
/// longer.
fn only_sees(history: &History) -> bool {
    let seen = History {
        began: history.began,
        zones: history.zones.clone(),
        primaries: history.primaries.clone(),
        degraded: history.degraded.clone(),
        incarnations: history.incarnations.clone(),
        ..History::default()
    };
    *history == seen
}

/// False when it can't be stored; the reason is then the stack's.
async fn store_now(stack: &mut Stack, store: &impl Store, history: History) -> bool {
    let Some(record) = &mut stack.record else {
        return false;
    };
    stack.first_record = FirstRecord::Tried;
    match record.save(store, history).await {
        Ok(()) => {
            stack.record_problem = None;
            true
        }
        Err(error) => {
            tracing::error!(stack = %record.stack, %error, "The record can't be stored");
            stack.record_problem = Some(error.to_string());
            false
        }
    }
}

/// Groups with an open ticket are read more often.
fn hurry(stack: &Stack, region: &mut RegionSide, now: Timestamp) {
    let tickets = stack.record.iter().flat_map(|r| &r.history.tickets);
    let mut in_flight: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for ticket in tickets.filter(|t| t.phase.is_open()) {
        let component = ticket.actions.first().map(|a| &a.component);
        if let Some(cache) = component.and_then(|name| stack.wish.intent.caches.get(name)) {
            in_flight.insert(&cache.replication_group, ticket.deadline);
        }
    }
    for group in stack.groups() {
        match in_flight.get(group.as_str()) {
            Some(deadline) => region.hurry(group, *deadline, now),
            None => region.unhurry(group),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::support::at;

    fn failover(class: FailoverClass, duration_seconds: Option<i64>) -> Failover {
        Failover {
            id: "fo".to_owned(),
            at: at(60),
            component: "cache".into(),
            shard: "0001".into(),
            from: None,
            to: None,
            class,
            duration_seconds,
        }
    }

    #[test]
    fn a_failover_is_told_once_and_its_duration_once_whenever_it_becomes_known() {
        use FailoverClass::{Provider, Unknown};
        // (seconds, class, duration, what is told)
        let looks = [
            (70, Unknown, None, ""),
            (130, Provider, None, "told"),
            (190, Provider, None, ""),
            (400, Provider, Some(55), "measured"),
            (460, Provider, Some(55), ""),
        ];
        let at_once = [(130, Provider, Some(55), "told"), (190, Provider, Some(55), "")];
        let never_known = [(900, Unknown, None, ""), (960, Unknown, None, "told")];
        let long_past = [(60 + 3600, Provider, Some(55), "")];
        for looks in [&looks[..], &at_once, &never_known, &long_past] {
            let mut known = BTreeMap::new();
            for (seconds, class, duration, wanted) in looks {
                let stack = StackName::new("shop", "web");
                let found = news(
                    &mut known,
                    &stack,
                    &[failover(*class, *duration)],
                    at(0),
                    at(*seconds),
                );
                let said: Vec<&str> = found
                    .iter()
                    .map(|h| match h {
                        Happening::Failover { .. } => "told",
                        Happening::FailoverMeasured { .. } => "measured",
                        Happening::Finished { .. } => "finished",
                    })
                    .collect();
                assert_eq!(said.join(" "), *wanted, "{seconds} s in {looks:?}");
            }
        }
    }
}
