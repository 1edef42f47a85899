//! What the loss of one zone would do to one component.

use super::{ComponentName, ZoneName};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Would this component survive the loss of this zone now?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub zone: ZoneName,
    pub component: ComponentName,
    pub verdict: Survival,
    /// One sentence that names the shards or nodes that decide.
    pub reason: String,
    /// From the loss to writes being accepted again; `None` when unknown or never.
    pub expected_recovery: Option<SignedDuration>,
    /// The span of acknowledged writes that would be lost; `None` when unknown or everything.
    pub expected_loss: Option<SignedDuration>,
}

/// Ordered from best to worst, so that a stack's verdict is the maximum of its components'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Survival {
    Survives,
    /// The service goes on but a promise is missed.
    Degraded,
    /// Nothing proves that it would survive.
    Unknown,
    Lost,
}
