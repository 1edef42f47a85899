//! What a record says holds for one life of a resource: identifiers are given again, and ARNs with them.
//!
//! A group that was deleted and made anew under its id is another one, and so is the group that a manifest names in the
//! place of another: what the record says of a component is forgotten then, and events from before that life say nothing
//! of it. A component that only changes its name keeps its memory. A node is ours as long as it is the node that our call
//! made: one that vanished and came back under its id is somebody's, unless AWS rebuilt it. Pure.

use crate::aws::types::{CacheEventKind, CacheGroup, CacheMember, EventSource};
use crate::observe::RegionView;
use crate::plan::Intent;
use crate::plan::history::History;
use crate::topology::{ComponentName, Incarnation, NodeId, ResourceStatus};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// AWS's clock and ours may differ this much.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// AWS rebuilds a node within this time.
const REBUILD: SignedDuration = SignedDuration::from_mins(30);

/// The memory without what belongs to other lives than those seen now.
pub fn absorb(history: &History, intent: &Intent, view: &RegionView) -> History {
    let mut after = history.clone();
    let seen: Vec<(&ComponentName, &CacheGroup)> = intent
        .caches
        .iter()
        .filter_map(|(name, cache)| Some((name, &view.groups.get(&cache.replication_group)?.value)))
        .collect();
    for (name, group) in &seen {
        if let Some(life) = group.incarnation() {
            recognise(&mut after, intent, name, &life);
        }
    }
    // Until all groups were listed once, the new name of a component can't be told from none: an error is never absence.
    let can_tell = view.listed.complete_at.is_some();
    let gone: BTreeSet<ComponentName> = components(&after)
        .into_iter()
        .filter(|name| can_tell && !intent.caches.contains_key(name))
        .collect();
    for name in gone {
        forget(&mut after, &name);
    }
    for (name, group) in seen {
        nodes(&mut after, name, group, view);
    }
    after
}

/// Every component that the record knows something of.
fn components(history: &History) -> BTreeSet<ComponentName> {
    let added = history.added_nodes.values().map(|a| &a.component);
    let failed_over = history.failovers.iter().map(|f| &f.component);
    let blocked = history.blocks.iter().map(|b| &b.component);
    let known = history.incarnations.keys().chain(history.primaries.keys());
    let known = known
        .chain(history.degraded.keys())
        .chain(history.capacity_misses.keys());
    known
        .chain(added)
        .chain(failed_over)
        .chain(blocked)
        .cloned()
        .collect()
}

/// Is it the life that the record speaks of? If not, it may be one known by another name.
fn recognise(history: &mut History, intent: &Intent, name: &ComponentName, life: &Incarnation) {
    if history.incarnations.get(name) == Some(life) {
        return;
    }
    let other_name = history
        .incarnations
        .iter()
        .find(|(other, known)| *known == life && !intent.caches.contains_key(*other))
        .map(|(other, _)| other.clone());
    // A record of an earlier version names no life: it speaks of this one if this one was there before it.
    let unnamed = !history.incarnations.contains_key(name) && history.began.is_none_or(|b| life.created < b);
    if !unnamed {
        forget(history, name);
    }
    if let Some(other) = other_name {
        rename(history, &other, name);
    }
    history.incarnations.insert(name.clone(), life.clone());
}

/// Open tickets stay until their deadline: their call may still be on its way, and counts as a disruption until then.
fn forget(history: &mut History, name: &ComponentName) {
    history.incarnations.remove(name);
    history.added_nodes.retain(|_, added| added.component != *name);
    history
        .tickets
        .retain(|t| t.phase.is_open() || t.actions.iter().all(|a| a.component != *name));
    history.failovers.retain(|f| f.component != *name);
    history.blocks.retain(|b| b.component != *name);
    history.primaries.remove(name);
    history.degraded.remove(name);
    history.capacity_misses.remove(name);
}

fn rename(history: &mut History, old: &ComponentName, new: &ComponentName) {
    let renamed = |name: &mut ComponentName| {
        if name == old {
            name.clone_from(new);
        }
    };
    history
        .added_nodes
        .values_mut()
        .for_each(|a| renamed(&mut a.component));
    let actions = history.tickets.iter_mut().flat_map(|t| &mut t.actions);
    actions.for_each(|a| renamed(&mut a.component));
    history
        .failovers
        .iter_mut()
        .for_each(|f| renamed(&mut f.component));
    history.blocks.iter_mut().for_each(|b| renamed(&mut b.component));
    history.incarnations.remove(old);
    if let Some(of) = history.primaries.remove(old) {
        history.primaries.insert(new.clone(), of);
    }
    if let Some(of) = history.degraded.remove(old) {
        history.degraded.insert(new.clone(), of);
    }
    if let Some(of) = history.capacity_misses.remove(old) {
        history.capacity_misses.insert(new.clone(), of);
    }
}

/// Nodes that are not the ones that the record means.
fn nodes(history: &mut History, name: &ComponentName, group: &CacheGroup, view: &RegionView) {
    let member = |id: &NodeId| group.shards.values().find_map(|s| s.members.get(id));
    let mut others = Vec::new();
    for (id, added) in &mut history.added_nodes {
        if added.component != *name {
            continue;
        }
        let stands = added.replaces.as_ref();
        if stands.is_some_and(|old| !still_replaced(view, group, old, member(old), added.at)) {
            added.replaces = None;
        }
        // While it is gone or being made AWS doesn't say; what that means is for others to tell.
        let Some(created) = member(id).and_then(|m| m.created) else {
            continue;
        };
        let same = match added.created {
            Some(known) => known == created,
            None => created + CLOCK_SKEW >= added.at,
        };
        if same || rebuilt(view, id, created) {
            added.created = Some(created);
        } else {
            others.push(id.clone());
        }
    }
    for id in others {
        history.added_nodes.remove(&id);
    }
}

/// The node that one of ours stands in for is still the one that was there when ours was called for.
fn still_replaced(
    view: &RegionView,
    group: &CacheGroup,
    old: &NodeId,
    member: Option<&CacheMember>,
    called_at: Timestamp,
) -> bool {
    if let Some(member) = member {
        let there_before = |created| created <= called_at + CLOCK_SKEW;
        return member
            .created
            .is_none_or(|created| there_before(created) || rebuilt(view, old, created));
    }
    // Only a group in the middle of nothing proves that it is gone.
    let listed: BTreeSet<&NodeId> = group.shards.values().flat_map(|s| s.members.keys()).collect();
    let whole = group.status == ResourceStatus::Available
        && group.members_listed
        && listed == group.member_clusters.iter().collect();
    !whole
}

/// AWS told that it recovered this node about when it came into being.
fn rebuilt(view: &RegionView, node: &NodeId, created: Timestamp) -> bool {
    let source = EventSource::CacheCluster(node.clone());
    view.events.of(&source).any(|event| {
        matches!(
            event.kind,
            CacheEventKind::Recovering | CacheEventKind::FinishedRecovery
        ) && event.at.duration_since(created).abs() <= REBUILD
    })
}
