//! What the user wants, complete and valid: the only thing that planning knows of a manifest.

use crate::topology::{ComponentName, Region, SmallMap, StackName, ZoneId, ZoneName};
use jiff::{SignedDuration, Timestamp, civil::Time, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::{Acceptance, ActionType};

/// A valid HAStack with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub stack: StackName,
    /// Creation time of the object where there is one (Kubernetes); with namespace/name it decides which of two
    /// stacks that name one resource is the elder.
    pub created: Option<Timestamp>,
    /// The spec in canonical form (defaults filled, keys sorted, JSON): part of the plan id.
    pub canonical_spec: String,
    pub mode: Mode,
    pub policy: SmallMap<ActionType, Policy>,
    pub region: Region,
    /// Name of the AWSAccount object whose role is assumed; `None` is the process's own credentials.
    pub account_ref: Option<String>,
    /// The most that this AWSAccount lets happen, whatever `mode` and `policy` say. Not of the manifest: whoever looks
    /// the account up adds it.
    pub mode_limit: Option<ModeLimit>,
    /// At least two.
    pub zones: SmallMap<ZoneName, Option<ZoneId>>,
    pub objectives: Objectives,
    /// Most minus fewest over the zones that aren't impaired, per component; at least 1.
    pub max_skew: u32,
    pub guardrails: GuardrailSettings,
    pub caches: SmallMap<ComponentName, CacheIntent>,
    /// Risks that are known and accepted for a while; planning does not depend on them.
    pub accepted: Vec<Acceptance>,
    pub annotations: Annotations,
    /// Label `evenkeel.dev/team`.
    pub team: Option<String>,
}

impl Intent {
    /// The stack's mode, or its account's where that is more careful.
    pub fn effective_mode(&self) -> Mode {
        let limit = self.mode_limit.as_ref().map_or(Mode::Enforce, |limit| limit.mode);
        self.mode.min(limit)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheIntent {
    /// Lower case.
    pub replication_group: String,
    /// 0 ..= 5; a minimum, never a target to shrink to.
    pub min_replicas_per_shard: u32,
    /// `placement.maxSkew` of this cache, where it differs from the stack's.
    pub max_skew: Option<u32>,
    /// Zones where primaries are wanted, if any.
    pub preferred_primary_zones: BTreeSet<ZoneName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Plan only.
    Observe,
    /// Additive actions freely, disruptive ones after approval.
    Approve,
    /// Act within the guardrails.
    Enforce,
}

/// The highest mode that an AWSAccount allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeLimit {
    /// Name of the AWSAccount.
    pub account: String,
    pub mode: Mode,
}

/// Overrides what the mode implies, for one action type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Policy {
    Report,
    Approve,
    Auto,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    pub recovery_time: Option<SignedDuration>,
    pub recovery_point: Option<SignedDuration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GuardrailSettings {
    /// Default 30 min.
    pub quiet_period: SignedDuration,
    /// Default 1 s.
    pub max_replication_lag: SignedDuration,
    /// How long a copy must have been lost with its zone before it is replaced elsewhere. Default 15 min.
    pub replace_after: SignedDuration,
    /// Nodes that we added and that still stand, per stack. Default 20.
    pub max_added_nodes: u32,
    /// Disruption only inside one of these, when there are any.
    pub windows: Vec<Window>,
    /// No disruption inside any of these.
    pub deny_windows: Vec<Window>,
    /// Per stack. Default 1.
    pub max_concurrent_disruptions: u32,
}

impl Default for GuardrailSettings {
    fn default() -> Self {
        Self {
            quiet_period: SignedDuration::from_mins(30),
            max_replication_lag: SignedDuration::from_secs(1),
            replace_after: SignedDuration::from_mins(15),
            max_added_nodes: 20,
            windows: Vec::new(),
            deny_windows: Vec::new(),
            max_concurrent_disruptions: 1,
        }
    }
}

/// A recurring window in a named time zone. `to` at or before `from` runs into the next day; the days are those on
/// which it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Never empty: intake fills in all seven.
    pub days: Vec<Weekday>,
    pub from: Time,
    pub to: Time,
    pub time_zone: TimeZone,
}

/// What people say to one stack through annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `evenkeel.dev/paused`
    pub paused: bool,
    /// `evenkeel.dev/reconcile-at`, echoed in status.
    pub reconcile_at: Option<String>,
    /// `evenkeel.dev/approve`: a plan id.
    pub approve: Option<String>,
    /// `evenkeel.dev/acknowledge`: failover or block ids, separated by commas.
    pub acknowledge: BTreeSet<String>,
}
