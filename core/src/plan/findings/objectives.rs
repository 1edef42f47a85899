//! Findings on objectives: which zone's loss would take longer, or lose more, than was promised.
//!
//! Some promises can't be kept by any placement: asynchronous replication always may lose its lag, so a
//! `recoveryPoint` of 0 (or below 10 s with durability `async`) is unmet even when the lag is nil at the moment.

use super::resource::readable;
use crate::plan::judge::{Miss, misses};
use crate::plan::text::{joined, span};
use crate::plan::{Finding, FindingCode, Input, Severity, estimate};
use crate::topology::survival::Verdict;
use crate::topology::{Component, ComponentName, Durability, ZoneName};
use std::collections::BTreeMap;

pub(super) fn find(input: &Input<'_>, verdicts: &[Verdict], found: &mut Vec<Finding>) {
    for (name, component) in &input.topology.components {
        if input.intent.caches.contains_key(name) && readable(component) {
            found.extend(unpromisable(input, name, component));
        }
    }
    let mut missed: BTreeMap<(ComponentName, Miss), Vec<ZoneName>> = BTreeMap::new();
    for verdict in verdicts {
        for miss in misses(input, verdict) {
            let zones = missed.entry((verdict.component.clone(), miss)).or_default();
            zones.push(verdict.zone.clone());
        }
    }
    for ((name, miss), zones) in missed {
        let Some(component) = input.topology.components.get(&name) else {
            continue;
        };
        // Said already, and better, by `unpromisable`.
        if why_unpromisable(input, component).is_some()
            && matches!(
                miss,
                Miss::Asynchronous
                    | Miss::RecoveryPoint {
                        expected: Some(_),
                        ..
                    }
            )
        {
            continue;
        }
        let message = format!(
            "When {} {} lost, an objective is missed: {}. {}",
            joined(&zones),
            if zones.len() == 1 { "is" } else { "are each" },
            miss.clause(),
            remedy(&miss)
        );
        found.push(unmet(&name, component, message));
    }
}

fn remedy(miss: &Miss) -> &'static str {
    match miss {
        Miss::RecoveryTime { expected: None, .. } | Miss::RecoveryPoint { expected: None, .. } => {
            "Give every shard a copy in another zone and turn automatic failover on."
        }
        Miss::RecoveryTime { .. } => "Relax it, or find out what made failovers slow.",
        Miss::RecoveryPoint { .. } => "Relax it, or lessen the replication lag.",
        Miss::Asynchronous => "Relax it.",
    }
}

/// Why this kind of replication can't promise the wanted recovery point, whatever the lag.
fn why_unpromisable(input: &Input<'_>, component: &Component) -> Option<&'static str> {
    let wanted = input.intent.objectives.recovery_point?;
    match component.settings.durability {
        Durability::Async if wanted < estimate::ASYNC_LOG => Some("its durability log may be 10 s behind"),
        Durability::Disabled if wanted.is_zero() => {
            Some("replication is asynchronous, so a failover loses its lag")
        }
        Durability::Sync | Durability::Async | Durability::Disabled => None,
    }
}

fn unpromisable(input: &Input<'_>, name: &ComponentName, component: &Component) -> Option<Finding> {
    let why = why_unpromisable(input, component)?;
    let message = format!(
        "Replication group {} can't promise objectives.recoveryPoint of {}: {why}. Only durability `sync` (chosen at \
         creation) loses nothing; otherwise relax the objective.",
        component.resource.identifier,
        span(input.intent.objectives.recovery_point?)
    );
    Some(unmet(name, component, message))
}

fn unmet(name: &ComponentName, component: &Component, message: String) -> Finding {
    Finding {
        code: FindingCode::ObjectiveUnmet,
        severity: Severity::Warning,
        component: Some(name.clone()),
        subject: component.resource.identifier.clone(),
        message,
        accepted_until: None,
    }
}
