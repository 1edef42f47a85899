//! What the regions in use mean for metrics and readiness. Pure.

use crate::engine::RegionReport;
use crate::report::metrics::RegionSample;
use crate::topology::{AccountId, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A view older than this isn't ready.
const STALE: SignedDuration = SignedDuration::from_mins(5);

/// The region's numbers.
pub fn sample(region: &RegionReport<'_>, now: Timestamp) -> RegionSample {
    let told = region.view.and_then(|v| v.account.clone());
    let account = told.or_else(|| region.key.0.account());
    let age = |at: Option<Timestamp>| at.map(|at| now.duration_since(at).as_secs_f64());
    let polls = region.view.map(|v| {
        [
            ("descriptions", age(v.listed.complete_at)),
            ("events", age(v.events.poll.complete_at)),
            ("metrics", age(v.metrics.complete_at)),
        ]
    });
    RegionSample {
        account: account
            .as_ref()
            .map_or("unknown".to_owned(), AccountId::to_string),
        region: region.key.1.to_string(),
        impaired: region
            .zones
            .iter()
            .map(|(zone, state)| (zone.clone(), *state == ZoneState::Impaired))
            .collect::<BTreeMap<ZoneName, bool>>(),
        quota_used: region.quota_used,
        poll_age: polls
            .into_iter()
            .flatten()
            .filter_map(|(kind, age)| Some((kind, age?)))
            .collect(),
    }
}

/// Why this region is not ready; `None` when it is.
pub fn not_ready(region: &RegionReport<'_>, now: Timestamp) -> Option<String> {
    let name = &region.key.1;
    if let Some(trouble) = region.trouble {
        return Some(format!("{name}: {trouble}"));
    }
    let read_at = region.view.and_then(|v| v.listed.complete_at);
    let error = region
        .view
        .and_then(|v| v.listed.error.as_ref().or(v.events.poll.error.as_ref()));
    let why = error.map_or(String::new(), |e| format!(": {e}"));
    match read_at {
        Some(at) if region.is_read && now.duration_since(at) < STALE => None,
        Some(at) => Some(format!("{name} was last read completely at {at}{why}")),
        None => Some(format!("{name} has not been read yet{why}")),
    }
}
