//! Failovers once recorded keep their id: it is what people acknowledge. Later evidence may only tell more.
//!
//! A primary that changed without any event is a failover, too: it is recorded, as `Unknown`, once its event is
//! overdue, and if the event comes later still, it joins that record.

use crate::observe::failovers::failover_id;
use crate::plan::ActionKind;
use crate::plan::history::{History, Phase, SeenPrimary};
use crate::topology::{Component, ComponentName, Failover, FailoverClass, NodeId, ShardId, Topology};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Two records of one promotion differ by no more: AWS's two texts, or a metric that showed it before its event did.
const SAME_FAILOVER: SignedDuration = SignedDuration::from_mins(10);
/// A changed primary waits this long for the event that explains it.
const EVENT_DUE: SignedDuration = SignedDuration::from_mins(3);
/// Evidence of whose failover it was comes within this time.
const CLASS_SETTLES: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn absorb(history: &mut History, topology: &Topology, seen: &[Failover], now: Timestamp) {
    for failover in seen {
        merge(history, failover, now);
    }
    for (name, component) in &topology.components {
        absorb_primaries(history, name, component, now);
    }
    history
        .failovers
        .sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    forget(history);
}

/// Keeps the newest, and of each component the one that still waits for a person's word, however old: with it the
/// memory that Evenkeel must not undo that person would go.
fn forget(history: &mut History) {
    let mut newest: BTreeMap<&ComponentName, &str> = BTreeMap::new();
    for failover in &history.failovers {
        if matches!(failover.class, FailoverClass::Person | FailoverClass::Unknown) {
            newest.insert(&failover.component, &failover.id);
        }
    }
    let waiting: BTreeSet<String> = newest
        .into_values()
        .filter(|id| !history.acknowledged.contains(*id))
        .map(str::to_owned)
        .collect();
    let mut surplus = history.failovers.len().saturating_sub(History::MAX_FAILOVERS);
    history.failovers.retain(|failover| {
        let keep = surplus == 0 || waiting.contains(&failover.id);
        surplus -= usize::from(!keep);
        keep
    });
}

fn merge(history: &mut History, seen: &Failover, now: Timestamp) {
    let full = history.failovers.len() >= History::MAX_FAILOVERS;
    let forgotten = full && history.failovers.iter().all(|known| seen.at < known.at);
    let known = history
        .failovers
        .iter_mut()
        .filter(|k| (&k.component, &k.shard, &k.to) == (&seen.component, &seen.shard, &seen.to))
        .map(|k| (k.at.duration_since(seen.at).abs(), k))
        .filter(|(apart, _)| *apart <= SAME_FAILOVER)
        .min_by_key(|(apart, _)| *apart);
    if let Some((_, known)) = known {
        refine(known, seen, now);
    } else if !forgotten {
        history.failovers.push(seen.clone());
    }
}

/// What was unknown may become known; our own failover never becomes somebody else's when its ticket is forgotten.
fn refine(known: &mut Failover, seen: &Failover, now: Timestamp) {
    if known.from.is_none() {
        known.from.clone_from(&seen.from);
    }
    if known.duration_seconds.is_none() {
        known.duration_seconds = seen.duration_seconds;
    }
    let young = now.duration_since(known.at) < CLASS_SETTLES;
    known.class = match (known.class, seen.class) {
        (FailoverClass::Unknown, class) => class,
        (FailoverClass::Provider, FailoverClass::Own | FailoverClass::Person) if young => seen.class,
        (class, _) => class,
    };
}

fn absorb_primaries(history: &mut History, name: &ComponentName, component: &Component, now: Timestamp) {
    for (shard_id, shard) in &component.shards {
        let Some((primary, _)) = shard.primary() else {
            continue;
        };
        let known = history
            .primaries
            .get(name)
            .and_then(|shards| shards.get(shard_id))
            .cloned();
        let seen = match known {
            Some(known) if known.node != *primary && !explained(history, name, shard_id, primary) => {
                unexplained(history, (name, shard_id), &known, primary, now)
            }
            _ => SeenPrimary {
                node: primary.clone(),
                replaced_by: None,
            },
        };
        let shards = history.primaries.entry(name.clone()).or_default();
        shards.insert(shard_id.clone(), seen);
    }
}

/// The shard's last recorded failover went to this node.
fn explained(history: &History, name: &ComponentName, shard: &ShardId, primary: &NodeId) -> bool {
    history
        .failovers
        .iter()
        .filter(|f| f.component == *name && f.shard == *shard)
        .max_by_key(|f| f.at)
        .is_some_and(|f| f.to.as_ref() == Some(primary))
}

/// Another primary than before, and no event says why: waits for it, then records a failover.
fn unexplained(
    history: &mut History,
    (name, shard): (&ComponentName, &ShardId),
    known: &SeenPrimary,
    primary: &NodeId,
    now: Timestamp,
) -> SeenPrimary {
    let first_seen = match &known.replaced_by {
        Some((node, at)) if node == primary => *at,
        _ => now,
    };
    if now.duration_since(first_seen) < EVENT_DUE {
        return SeenPrimary {
            node: known.node.clone(),
            replaced_by: Some((primary.clone(), first_seen)),
        };
    }
    let class = if ours(history, name, shard, first_seen) {
        FailoverClass::Own
    } else {
        FailoverClass::Unknown
    };
    history.failovers.push(Failover {
        id: failover_id(name, shard, first_seen),
        at: first_seen,
        component: name.clone(),
        shard: shard.clone(),
        from: Some(known.node.clone()),
        to: Some(primary.clone()),
        class,
        duration_seconds: None,
    });
    SeenPrimary {
        node: primary.clone(),
        replaced_by: None,
    }
}

/// A TestFailover of ours that AWS accepted was in flight then.
fn ours(history: &History, name: &ComponentName, shard: &ShardId, at: Timestamp) -> bool {
    history.tickets.iter().any(|t| {
        let moved = t.actions.iter().any(|a| {
            a.component == *name && matches!(&a.kind, ActionKind::MovePrimary { shard: s } if s == shard)
        });
        let accepted = matches!(t.phase, Phase::Settling | Phase::Done);
        moved && accepted && t.called_at.is_some_and(|called| called <= at) && at <= t.deadline
    })
}
