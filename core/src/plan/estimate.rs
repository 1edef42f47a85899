//! How long a failover should take and how much it should lose: what a verdict expects, and where that comes from.
//!
//! - Recovery: the slowest of the component's five newest measured failovers; before any was measured, 2 min, the
//!   upper end of what ElastiCache's Multi-AZ promotion is seen to take end to end (AWS speaks of "typically a few
//!   seconds" once it acts).
//! - Loss: 0 with durability `sync`, 10 s with `async` (the primary refuses writes when its log is further behind);
//!   without durability the lag of the copy that would be promoted (ElastiCache User Guide, "Durability").
//!
//! A zone in which no primary stands costs no writes: 0 and 0.

use super::History;
use crate::topology::survival::{Fate, heir_lag};
use crate::topology::{Component, ComponentName, Durability, Shard, ZoneName};
use jiff::SignedDuration;

/// From the loss of a primary to writes being accepted again, before anything was measured.
pub const PROMOTION: SignedDuration = SignedDuration::from_mins(2);

/// With durability `async`: how far the log may be behind before the primary refuses writes.
pub const ASYNC_LOG: SignedDuration = SignedDuration::from_secs(10);

const MEASURED: usize = 5;

/// How long the promotion of a replica should take on this component.
pub fn recovery(history: &History, component: &ComponentName) -> SignedDuration {
    let mut measured: Vec<_> = history
        .failovers
        .iter()
        .filter(|f| f.component == *component)
        .filter_map(|f| Some((f.at, f.duration_seconds.filter(|s| *s >= 0)?)))
        .collect();
    measured.sort_unstable();
    measured
        .iter()
        .rev()
        .take(MEASURED)
        .map(|(_, seconds)| SignedDuration::from_secs(*seconds))
        .max()
        .map_or(PROMOTION, |slowest| slowest.max(SignedDuration::from_secs(1)))
}

/// The least that asynchronous replication lets anyone promise, whatever the lag is now; `None` when only the lag
/// decides.
pub fn promised_loss(durability: Durability) -> Option<SignedDuration> {
    match durability {
        Durability::Sync => Some(SignedDuration::ZERO),
        Durability::Async => Some(ASYNC_LOG),
        Durability::Disabled => None,
    }
}

/// The span of writes that the loss of this zone would cost, given what becomes of each shard. `None`: a shard would
/// be promoted whose lag is not known.
pub fn loss(component: &Component, zone: &ZoneName, fates: &[(&Shard, Fate)]) -> Option<SignedDuration> {
    let mut worst = SignedDuration::ZERO;
    for (shard, _) in fates.iter().filter(|(_, fate)| *fate == Fate::Promotes) {
        let loss = promised_loss(component.settings.durability).or_else(|| heir_lag(shard, zone))?;
        worst = worst.max(loss);
    }
    Some(worst)
}
