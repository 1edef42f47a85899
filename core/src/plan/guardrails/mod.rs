//! Guardrails: each says of each action whether it must wait, why, and when to look again.
//!
//! All are evaluated, every refusal is reported. One file each; each is a pure function of the same context.
//! A refusal of everything (`stop`, `paused`, `freshness`, `in_flight`) is one hold without an action. `stop`,
//! `paused` and `freshness`' gaps are told even while nothing is planned, because they are why nothing will be; a
//! record too young and a ticket in flight are told only where there is something to hold.
//!
//! Restoring redundancy (additive actions) is never blocked by windows, quiet periods or maintenance windows: those
//! guardrails look at disruptive actions alone.

mod acknowledgement;
mod back_off;
mod budget;
mod capacity;
mod context;
mod deny_window;
pub mod flapping;
mod freshness;
mod in_flight;
pub mod mode;
mod ownership;
mod paused;
mod provider_maintenance;
mod quiet_period;
pub(super) mod quota;
mod redundancy;
mod replication_lag;
mod resource_state;
mod stop;
mod window;
mod zone_health;

pub use freshness::{MAX_AGE, NEW_RECORD_WAIT};
pub use quota::counts_as_try;

use super::{Action, ActionId, ActionType, Input};
use crate::topology::ComponentName;
use context::{Context, Refusal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// `None` when no time lifts it: a person must, or what the reason names must end. Never "a minute from now":
    /// every poll looks again, and a hold that lasts doesn't change.
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
    /// The step breaks a rule that every step has to keep: a fault of ours ([`super::verify`]).
    Verifier,
}

impl Guardrail {
    /// Every guardrail, in order.
    pub const ALL: [Self; 21] = [
        Self::Stop,
        Self::Paused,
        Self::Mode,
        Self::Ownership,
        Self::Freshness,
        Self::InFlight,
        Self::ResourceState,
        Self::ProviderMaintenance,
        Self::ZoneHealth,
        Self::Redundancy,
        Self::ReplicationLag,
        Self::QuietPeriod,
        Self::Acknowledgement,
        Self::Window,
        Self::DenyWindow,
        Self::Budget,
        Self::Quota,
        Self::Capacity,
        Self::Flapping,
        Self::BackOff,
        Self::Verifier,
    ];

    /// As spelled in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Paused => "paused",
            Self::Mode => "mode",
            Self::Ownership => "ownership",
            Self::Freshness => "freshness",
            Self::InFlight => "in_flight",
            Self::ResourceState => "resource_state",
            Self::ProviderMaintenance => "provider_maintenance",
            Self::ZoneHealth => "zone_health",
            Self::Redundancy => "redundancy",
            Self::ReplicationLag => "replication_lag",
            Self::QuietPeriod => "quiet_period",
            Self::Acknowledgement => "acknowledgement",
            Self::Window => "window",
            Self::DenyWindow => "deny_window",
            Self::Budget => "budget",
            Self::Quota => "quota",
            Self::Capacity => "capacity",
            Self::Flapping => "flapping",
            Self::BackOff => "back_off",
            Self::Verifier => "verifier",
        }
    }

    /// Why nothing at all may be done, whatever the action.
    fn refuse_all(self, ctx: &Context<'_>) -> Option<Refusal> {
        match self {
            Self::Stop => stop::refuse_all(ctx),
            Self::Paused => paused::refuse_all(ctx),
            Self::Freshness => freshness::refuse_all(ctx),
            Self::InFlight => in_flight::refuse_all(ctx),
            _ => None,
        }
    }

    /// Why this action must wait. `clear` are the earlier actions that no other guardrail refuses.
    fn refuse(self, ctx: &Context<'_>, action: &Action, clear: &[&Action]) -> Option<Refusal> {
        match self {
            Self::Stop | Self::Paused | Self::InFlight | Self::Verifier => None,
            Self::Mode => mode::refuse(ctx, action, None),
            Self::Ownership => ownership::refuse(ctx, action),
            Self::Freshness => freshness::refuse(ctx, action),
            Self::ResourceState => resource_state::refuse(ctx, action),
            Self::ProviderMaintenance => provider_maintenance::refuse(ctx, action),
            Self::ZoneHealth => zone_health::refuse(ctx, action),
            Self::Redundancy => redundancy::refuse(ctx, action),
            Self::ReplicationLag => replication_lag::refuse(ctx, action),
            Self::QuietPeriod => quiet_period::refuse(ctx, action),
            Self::Acknowledgement => acknowledgement::refuse(ctx, action),
            Self::Window => window::refuse(ctx, action),
            Self::DenyWindow => deny_window::refuse(ctx, action),
            Self::Budget => budget::refuse(ctx, action, clear),
            Self::Quota => quota::refuse(ctx, action),
            Self::Capacity => capacity::refuse(ctx, action),
            Self::Flapping => flapping::refuse(ctx, action),
            Self::BackOff => back_off::refuse(ctx, action),
        }
    }
}

type Refusals = Vec<(Guardrail, Refusal)>;

/// How widely a guardrail's answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// It is the same for all actions of one type on one component: asked once for them all.
    Kind,
    /// It turns on the shard, the zone, the node, or the earlier actions.
    Action,
}

impl Guardrail {
    fn scope(self, action: ActionType) -> Scope {
        match self {
            Self::Stop
            | Self::Paused
            | Self::InFlight
            | Self::Mode
            | Self::Ownership
            | Self::ProviderMaintenance
            | Self::QuietPeriod
            | Self::Acknowledgement
            | Self::Window
            | Self::DenyWindow
            | Self::Flapping
            | Self::BackOff => Scope::Kind,
            Self::ZoneHealth if action != ActionType::AddReplica => Scope::Kind,
            Self::Freshness
            | Self::ResourceState
            | Self::ZoneHealth
            | Self::Redundancy
            | Self::ReplicationLag
            | Self::Budget
            | Self::Quota
            | Self::Capacity
            | Self::Verifier => Scope::Action,
        }
    }

    /// Those whose answer holds this widely for actions of this type.
    fn of_scope(scope: Scope, action: ActionType) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |g| g.scope(action) == scope)
    }
}

/// Every refusal of every guardrail: by guardrail, then in the order of the actions. `actions` is the whole plan.
pub fn evaluate(input: &Input<'_>, actions: &[Action]) -> Vec<Hold> {
    let ctx = Context::new(input, actions);
    let mut holds = Vec::new();
    for guardrail in Guardrail::ALL {
        if let Some(refusal) = guardrail.refuse_all(&ctx) {
            holds.push((guardrail, 0, hold(guardrail, None, refusal)));
        }
    }
    let mut clear: Vec<&Action> = Vec::new();
    let mut of_kind: BTreeMap<(&ComponentName, ActionType), Refusals> = BTreeMap::new();
    for (i, action) in actions.iter().enumerate() {
        let action_type = action.kind.action_type();
        let ask = |scope: Scope, clear: &[&Action]| -> Refusals {
            Guardrail::of_scope(scope, action_type)
                .filter_map(|g| Some((g, g.refuse(&ctx, action, clear)?)))
                .collect()
        };
        let shared = of_kind
            .entry((&action.component, action_type))
            .or_insert_with(|| ask(Scope::Kind, &[]));
        let own = ask(Scope::Action, &clear);
        if shared.is_empty() && own.is_empty() {
            clear.push(action);
        }
        let refusals: Refusals = shared.iter().cloned().chain(own).collect();
        let not_before = refusals.iter().filter_map(|(_, r)| r.retry_at).max();
        for (guardrail, mut refusal) in refusals {
            if guardrail == Guardrail::Mode
                && let Some(timed) = mode::refuse(&ctx, action, not_before)
            {
                refusal = timed;
            }
            holds.push((guardrail, i + 1, hold(guardrail, Some(action), refusal)));
        }
    }
    holds.sort_by_key(|(guardrail, order, _)| (*guardrail, *order));
    holds.into_iter().map(|(_, _, hold)| hold).collect()
}

/// The actions that no hold stops.
pub fn free<'a>(actions: &'a [Action], holds: &[Hold]) -> Vec<&'a Action> {
    if holds.iter().any(|h| h.action.is_none()) {
        return Vec::new();
    }
    let held: BTreeSet<&ActionId> = holds.iter().filter_map(|h| h.action.as_ref()).collect();
    actions.iter().filter(|a| !held.contains(&a.id)).collect()
}

fn hold(guardrail: Guardrail, action: Option<&Action>, refusal: Refusal) -> Hold {
    let name = guardrail.as_str();
    Hold {
        id: action.map_or(name.to_owned(), |a| format!("{name}:{}", a.id)),
        guardrail,
        action: action.map(|a| a.id.clone()),
        reason: refusal.reason,
        retry_at: refusal.retry_at,
    }
}
