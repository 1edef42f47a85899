//! The simulated part of AWS: what exists, what happens next, what has happened.
//!
//! A [`World`] is deterministic: same specification, seed and calls at the same instants give the same history. It knows
//! no sockets and no machine clock; [`World::run_until`] is told the time. The API operations in `service/` validate and
//! then call the methods of `life.rs` and `change.rs`; other actors of a world go through the same operations.

pub mod build;
mod change;
mod journal;
mod life;
mod make;
pub mod model;
pub mod settings;
pub mod spec;
pub mod traces;
pub mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::actors::Actor;
use crate::iam::Access;
use crate::units::Span;

pub use journal::{ActorNote, DataLoss, Failover, Journal, TestFailoverNote};
pub use make::{NewGroup, NewNode, NewShard};
pub use model::{Group, GroupKey, Place, Store, Zone};
pub use settings::{Quotas, Switches, Timings};
pub use spec::WorldSpec;

use model::{Cell, Event, Life, SourceType};
use traces::{Reading, Sample, Trace};

/// AWS keeps events for fourteen days.
const EVENT_RETENTION: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Something that will happen at an instant already known.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    NodeReady {
        key: GroupKey,
        node: String,
    },
    NodeGone {
        key: GroupKey,
        node: String,
    },
    OperationDone {
        key: GroupKey,
        operation: u64,
    },
    GroupReady {
        key: GroupKey,
    },
    GroupGone {
        key: GroupKey,
    },
    Promote {
        key: GroupKey,
        shard: String,
        failover: u64,
    },
    RecoverStart {
        key: GroupKey,
        node: String,
        epoch: u64,
    },
    RecoverDone {
        key: GroupKey,
        node: String,
        epoch: u64,
    },
    ZoneReturns {
        zone: String,
        epoch: u64,
    },
    WindowOpens {
        key: GroupKey,
    },
    PatchNext {
        key: GroupKey,
        patched: Vec<String>,
    },
    Announce {
        place: Place,
        source: SourceType,
        id: String,
        message: String,
    },
    Act {
        actor: usize,
        generation: u64,
    },
}

/// Everything simulated.
#[derive(Clone, Debug)]
pub struct World {
    now: Timestamp,
    started: Timestamp,
    /// Account and region of whatever names none.
    pub default_place: Place,
    /// Access key → account.
    pub accounts: BTreeMap<String, String>,
    /// Roles that may be assumed; empty: all.
    pub roles: BTreeMap<String, spec::RoleSpec>,
    /// Who may call what.
    pub access: Access,
    /// Zones by name.
    pub zones: BTreeMap<String, Zone>,
    /// What each account owns in each region.
    pub stores: BTreeMap<Place, Store>,
    /// How long things take.
    pub timings: Timings,
    /// Answers to what nobody could verify.
    pub switches: Switches,
    /// Service quotas.
    pub quotas: Quotas,
    /// What has happened, for assertions.
    pub journal: Journal,
    /// Who else acts.
    pub(crate) actors: Vec<Actor>,
    pub(crate) actor_generation: u64,
    traces: BTreeMap<Place, BTreeMap<String, Trace>>,
    agenda: BTreeMap<(Timestamp, u64), Due>,
    numbers: u64,
    rng: ChaCha8Rng,
}

impl World {
    /// An empty world.
    pub fn empty(default_place: Place, now: Timestamp, seed: u64) -> Self {
        Self {
            now,
            started: now,
            default_place,
            accounts: BTreeMap::new(),
            roles: BTreeMap::new(),
            access: Access::default(),
            zones: BTreeMap::new(),
            stores: BTreeMap::new(),
            timings: Timings::default(),
            switches: Switches::default(),
            quotas: Quotas::default(),
            journal: Journal::default(),
            actors: Vec::new(),
            actor_generation: 0,
            traces: BTreeMap::new(),
            agenda: BTreeMap::new(),
            numbers: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The instant up to which everything has happened.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The instant at which this world began.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Lets everything happen that is due at or before `until`, in order of time.
    pub fn run_until(&mut self, until: Timestamp) {
        while let Some((&(at, number), _)) = self.agenda.first_key_value() {
            if at > until {
                break;
            }
            let Some(due) = self.agenda.remove(&(at, number)) else {
                break;
            };
            self.now = self.now.max(at);
            self.happen(due);
        }
        self.now = self.now.max(until);
    }

    /// The instant of the next event.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// A group as it is.
    pub fn group(&self, key: &GroupKey) -> Option<&Group> {
        self.stores
            .get(&key.place)?
            .cells
            .get(&key.id)?
            .current
            .as_deref()
    }

    /// A group by id alone, wherever it lives; the first in order of account and region.
    pub fn find_group(&self, id: &str) -> Option<&Group> {
        self.stores
            .values()
            .find_map(|store| store.cells.get(id)?.current.as_deref())
    }

    /// A group to change; its present look is kept for stale reads.
    pub fn group_mut(&mut self, key: &GroupKey) -> Option<&mut Group> {
        let cell = self.stores.get_mut(&key.place)?.cells.get_mut(&key.id)?;
        cell.keep(self.now);
        cell.current.as_mut().map(Arc::make_mut)
    }

    /// The groups of a place as they were at `then`, in order of id.
    pub fn groups_at<'a>(
        &'a self,
        place: &Place,
        then: Timestamp,
    ) -> impl Iterator<Item = &'a Group> + use<'a> {
        self.stores.get(place).into_iter().flat_map(move |store| {
            store
                .cells
                .values()
                .filter_map(move |cell| cell.at(then).map(Arc::as_ref))
        })
    }

    /// All groups as they are.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.stores
            .values()
            .flat_map(|store| store.cells.values().filter_map(|cell| cell.current.as_deref()))
    }

    /// The group that has a node, whatever the place; cache cluster ids are unique in each place.
    pub fn key_of_node(&self, node: &str) -> Option<GroupKey> {
        self.groups()
            .find(|group| group.node(node).is_some())
            .map(|group| group.key.clone())
    }

    /// Is the zone there and alive?
    pub fn zone_alive(&self, zone: &str) -> bool {
        self.zones
            .get(zone)
            .is_some_and(|zone| zone.failed_since.is_none())
    }

    /// A node's trace, as CloudWatch knows it.
    pub fn trace(&self, place: &Place, node: &str) -> Option<&Trace> {
        self.traces.get(place)?.get(node)
    }

    /// Sets a node's replication lag.
    pub fn set_lag(&mut self, node: &str, seconds: f64) -> Result<(), String> {
        let key = self
            .key_of_node(node)
            .ok_or_else(|| format!("there is no node {node}"))?;
        if let Some(found) = self.group_mut(&key).and_then(|group| group.node_mut(node)) {
            found.lag = seconds;
        }
        self.trace_node(&key, node);
        Ok(())
    }

    /// Replaces a group's tags.
    pub fn set_tags(&mut self, group: &str, tags: BTreeMap<String, String>) -> Result<(), String> {
        let key = self
            .find_group(group)
            .map(|g| g.key.clone())
            .ok_or(format!("there is no group {group}"))?;
        if let Some(group) = self.group_mut(&key) {
            group.tags = tags;
        }
        Ok(())
    }

    /// From now on the fewest copies of each shard are counted anew.
    pub fn reset_minima(&mut self) {
        let keys: Vec<GroupKey> = self.groups().map(|group| group.key.clone()).collect();
        for key in keys {
            for shard in self
                .group_mut(&key)
                .into_iter()
                .flat_map(|group| group.shards.values_mut())
            {
                shard.min_healthy = shard.healthy();
            }
        }
    }

    /// Records an event now.
    pub(crate) fn emit(&mut self, place: &Place, source: SourceType, id: &str, message: impl Into<String>) {
        let seq = self.number();
        let at = self.now;
        let store = self.stores.entry(place.clone()).or_default();
        store.events.push_back(Event {
            seq,
            at,
            source,
            id: id.to_owned(),
            message: message.into(),
        });
        while store
            .events
            .front()
            .is_some_and(|event| event.at < at - EVENT_RETENTION)
        {
            store.events.pop_front();
        }
    }

    /// Records an event about a group.
    pub(crate) fn emit_group(&mut self, key: &GroupKey, message: impl Into<String>) {
        self.emit(&key.place, SourceType::ReplicationGroup, &key.id, message);
    }

    /// Records an event about a node.
    pub(crate) fn emit_node(&mut self, key: &GroupKey, node: &str, message: impl Into<String>) {
        self.emit(&key.place, SourceType::CacheCluster, node, message);
    }

    /// A number never used before.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Seeded chance.
    pub(crate) fn chance(&mut self) -> f64 {
        self.rng.random()
    }

    /// A seeded choice among `options`.
    pub(crate) fn choose(&mut self, options: usize) -> usize {
        self.rng.random_range(0..options.max(1))
    }

    /// The instant `span` from now, with the world's jitter.
    pub(crate) fn after(&mut self, span: Span) -> Timestamp {
        let jitter = self.timings.jitter;
        let extra = if jitter > 0.0 { self.chance() * jitter } else { 0.0 };
        let extra = SignedDuration::try_from_secs_f64(span.0.as_secs_f64() * extra).unwrap_or_default();
        self.now + span.0 + extra
    }

    pub(crate) fn schedule(&mut self, at: Timestamp, due: Due) {
        let number = self.number();
        self.agenda.insert((at.max(self.now), number), due);
    }

    /// Writes down what a node reports from now on.
    pub(crate) fn trace_node(&mut self, key: &GroupKey, node: &str) {
        let reading = self.group(key).and_then(|group| {
            let (_, shard) = group.shard_of(node)?;
            let found = shard.nodes.get(node)?;
            let master = shard.primary == node;
            Some((
                found.life,
                Sample {
                    master,
                    lag: if master { 0.0 } else { found.lag },
                },
            ))
        });
        let now = self.now;
        let trace = self
            .traces
            .entry(key.place.clone())
            .or_default()
            .entry(node.to_owned())
            .or_default();
        match reading {
            Some((Life::Up, sample)) => trace.record(now, Reading::Live(sample)),
            Some((Life::Lost { .. } | Life::Recovering { .. }, _)) => trace.record_death(now),
            Some((Life::Leaving, _)) => {}
            Some((Life::Starting, _)) | None => trace.record(now, Reading::Absent),
        }
    }

    pub(crate) fn insert_group(&mut self, group: Group) {
        let now = self.now;
        let key = group.key.clone();
        let store = self.stores.entry(key.place).or_default();
        match store.cells.get_mut(&key.id) {
            Some(cell) => {
                cell.keep(now);
                cell.current = Some(Arc::new(group));
            }
            None => {
                store.cells.insert(key.id, Cell::new(group, now));
            }
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::NodeReady { key, node } => self.node_ready(&key, &node),
            Due::NodeGone { key, node } => self.node_gone(&key, &node),
            Due::OperationDone { key, operation } => self.operation_done(&key, operation),
            Due::GroupReady { key } => self.group_ready(&key),
            Due::GroupGone { key } => self.group_gone(&key),
            Due::Promote { key, shard, failover } => self.promotion_due(&key, &shard, failover),
            Due::RecoverStart { key, node, epoch } => self.recovery_starts(&key, &node, epoch),
            Due::RecoverDone { key, node, epoch } => self.recovery_finished(&key, &node, epoch),
            Due::ZoneReturns { zone, epoch } => {
                if self.zones.get(&zone).is_some_and(|zone| zone.epoch == epoch) {
                    let _known = self.recover_zone(&zone);
                }
            }
            Due::WindowOpens { key } => self.window_opens(&key),
            Due::PatchNext { key, patched } => self.patch_next(&key, patched),
            Due::Announce {
                place,
                source,
                id,
                message,
            } => self.emit(&place, source, &id, message),
            Due::Act { actor, generation } => crate::actors::act(self, actor, generation),
        }
    }
}
