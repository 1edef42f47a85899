//! Guardrails: each says of each action whether it must wait, why, and when to look again.
//!
//! All are evaluated, every refusal is reported. One file each.

use super::ActionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An action not taken now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Derived from guardrail and action: stable while the hold lasts. What `acknowledge` may name.
    pub id: String,
    pub guardrail: Guardrail,
    /// `None` holds everything.
    pub action: Option<ActionId>,
    pub reason: String,
    /// `None` when only a person can lift it.
    pub retry_at: Option<Timestamp>,
}

/// In the order in which they are evaluated and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guardrail {
    Stop,
    Paused,
    Mode,
    Ownership,
    Freshness,
    InFlight,
    ResourceState,
    ProviderMaintenance,
    ZoneHealth,
    Redundancy,
    ReplicationLag,
    QuietPeriod,
    Acknowledgement,
    Window,
    DenyWindow,
    Budget,
    Quota,
    Capacity,
    Flapping,
    /// The last tries of this kind of step came to nothing; the next one waits.
    BackOff,
}
