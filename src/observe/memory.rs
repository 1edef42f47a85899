//! What one look leaves in a stack's memory: failovers, zones that left trouble, shards that recovered, nodes of ours
//! that are gone, actions of ours that somebody undid; and what is old enough to forget.
//!
//! The caller stores the result and plans from it. What could not be read leaves the memory of it untouched: an
//! error is never absence. Idempotent: absorbing the same look twice changes nothing. Pure.

mod degraded;
mod failovers;
pub mod identity;
mod undone;

use crate::plan::copies::CAPACITY_MEMORY;
use crate::plan::history::{History, ZoneMemory};
use crate::topology::{Component, Failover, Gap, ResourceStatus, Topology, ZoneState};
use jiff::{SignedDuration, Timestamp};

/// Finished tickets count as tries, and as things that can be undone, for this long.
const TICKETS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The memory after this look. `failovers` are those that events tell of now, of all components.
pub fn absorb(history: &History, topology: &Topology, failovers: &[Failover], now: Timestamp) -> History {
    let mut after = history.clone();
    after.began.get_or_insert(now);
    failovers::absorb(&mut after, topology, failovers, now);
    absorb_zones(&mut after, topology, now);
    degraded::absorb(&mut after, topology, now);
    undone::absorb(&mut after, topology);
    forget(&mut after, now);
    after
}

/// A zone that went from trouble to Healthy left it now: the quiet period counts from here. A zone seen for the first
/// time left nothing.
fn absorb_zones(history: &mut History, topology: &Topology, now: Timestamp) {
    for (name, zone) in &topology.zones {
        let known = history.zones.get(name);
        let troubled = |state: ZoneState| state != ZoneState::Healthy;
        let left = known.is_some_and(|k| troubled(k.state)) && !troubled(zone.state);
        let left_trouble = if left {
            Some(now)
        } else {
            known.and_then(|k| k.left_trouble)
        };
        let memory = ZoneMemory {
            state: zone.state,
            left_trouble,
        };
        history.zones.insert(name.clone(), memory);
    }
}

/// Approvals are forgotten elsewhere (`plan::approvals`): only who sees the annotation knows when that is safe.
fn forget(history: &mut History, now: Timestamp) {
    let young = |at: Timestamp, kept: SignedDuration| now.duration_since(at) < kept;
    history
        .tickets
        .retain(|t| t.phase.is_open() || t.finished_at.is_none_or(|at| young(at, TICKETS_KEPT)));
    for zones in history.capacity_misses.values_mut() {
        zones.retain(|_, at| young(*at, CAPACITY_MEMORY));
    }
    history.capacity_misses.retain(|_, zones| !zones.is_empty());
}

/// The component was read and is not in the middle of a change: what is not in it is gone.
fn settled(component: &Component) -> bool {
    component.status == ResourceStatus::Available
        && component.members_match
        && !component.gaps.iter().any(|g| matches!(g, Gap::Description(_)))
}
