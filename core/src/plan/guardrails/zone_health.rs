//! `zone_health`: nothing disruptive while any zone of the stack isn't healthy, and nothing at all into one that isn't.

use super::context::{Context, Refusal, disruptive};
use crate::plan::text::joined;
use crate::plan::{Action, ActionKind};
use crate::topology::{ZoneName, ZoneState};
use std::collections::BTreeSet;

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let topology = ctx.input.topology;
    let zones = &ctx.input.intent.zones;
    if let ActionKind::AddReplica { zone, .. } = &action.kind {
        if !zones.contains_key(zone) {
            return Some(Refusal::new(format!("Zone {zone} is not one of the stack's.")));
        }
        let state = topology.zone_state(zone);
        return (state != ZoneState::Healthy).then(|| {
            Refusal::new(format!(
                "Zone {zone} is {}: nothing is moved into it.",
                word(state)
            ))
        });
    }
    if !disruptive(action) {
        return None;
    }
    // A zone outside the spec counts while a node stands there.
    let all: BTreeSet<&ZoneName> = zones.keys().chain(topology.zones.keys()).collect();
    let unwell: Vec<String> = all
        .into_iter()
        .map(|zone| (zone, topology.zone_state(zone)))
        .filter(|(_, state)| *state != ZoneState::Healthy)
        .map(|(zone, state)| format!("{zone} ({})", word(state)))
        .collect();
    (!unwell.is_empty()).then(|| {
        Refusal::new(format!(
            "Nothing disruptive is done while a zone of the stack isn't healthy: {}.",
            joined(&unwell)
        ))
    })
}

fn word(state: ZoneState) -> &'static str {
    match state {
        ZoneState::Healthy => "healthy",
        ZoneState::Impaired => "impaired",
        ZoneState::Evacuating => "being evacuated",
        ZoneState::Unknown => "in a state that is not known",
    }
}
