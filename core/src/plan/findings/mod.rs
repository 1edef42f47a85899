//! What is wrong with a stack, each thing once, as sentences that name the subject and the remedy.
//!
//! Called by `plan`; what may be *done* about a finding is decided elsewhere. Severity goes by consequence:
//! `Critical` when the next failure, or the one at hand, costs the service or its data; `Warning` when a promise is
//! missed or a repair waits for somebody; `Info` when it is worth knowing. `docs/findings.md` explains every code.

mod objectives;
mod resource;
mod settings;
mod shards;
mod spread;

use super::acceptance;
use super::intent::CacheIntent;
use super::text::span;
use super::{Finding, FindingCode, Input, Severity};
use crate::topology::survival::Verdict;
use crate::topology::{Component, ComponentName, ZoneState};
use jiff::Timestamp;

/// All findings, sorted by code, severity, component and subject.
pub fn findings(input: &Input<'_>) -> Vec<Finding> {
    given(input, &super::judge::verdicts(input))
}

/// The same, where the verdicts of this input are at hand.
pub fn given(input: &Input<'_>, verdicts: &[Verdict]) -> Vec<Finding> {
    let mut found = impaired_zones(input);
    for (name, wanted) in &input.intent.caches {
        let Some(component) = input.topology.components.get(name) else {
            continue;
        };
        let mut about = About {
            input,
            name,
            wanted,
            component,
            found: &mut found,
        };
        resource::find(&mut about);
        if !resource::readable(component) {
            continue;
        }
        settings::find(&mut about);
        shards::find(&mut about);
        spread::find(&mut about);
    }
    objectives::find(input, verdicts, &mut found);
    acceptance::apply(input.intent, input.now, &mut found);
    found.sort();
    found.dedup();
    found
}

/// One component, and where its findings go.
struct About<'a, 'f> {
    input: &'a Input<'a>,
    name: &'a ComponentName,
    wanted: &'a CacheIntent,
    component: &'a Component,
    found: &'f mut Vec<Finding>,
}

impl About<'_, '_> {
    fn add(&mut self, code: FindingCode, severity: Severity, subject: &str, message: String) {
        self.found.push(Finding {
            code,
            severity,
            component: Some(self.name.clone()),
            subject: subject.to_owned(),
            message,
            accepted_until: None,
        });
    }

    /// About the component as a whole: its identifier is the subject.
    fn add_whole(&mut self, code: FindingCode, severity: Severity, message: String) {
        let subject = self.component.resource.identifier.clone();
        self.add(code, severity, &subject, message);
    }

    /// The manifest accepts single copies, and there are only such: settings that need a replica don't matter.
    fn accepts_single_copies(&self) -> bool {
        self.wanted.min_replicas_per_shard == 0 && self.component.shards.values().all(|s| s.nodes.len() <= 1)
    }
}

fn impaired_zones(input: &Input<'_>) -> Vec<Finding> {
    let since =
        |t: Option<Timestamp>| t.map_or(String::new(), |t| format!(" since {}", super::text::moment(t)));
    input
        .topology
        .zones
        .iter()
        .filter(|(_, zone)| zone.state == ZoneState::Impaired)
        .map(|(name, zone)| Finding {
            code: FindingCode::ZoneImpaired,
            severity: Severity::Critical,
            component: None,
            subject: name.to_string(),
            message: format!(
                "Zone {name} is impaired{}{}{}. Nothing is moved into it and nothing disruptive is done until it is \
                 healthy; copies lost with it are replaced elsewhere after {}, where a zone can take them.",
                since(zone.since),
                if zone.reasons.is_empty() { "" } else { ": " },
                zone.reasons.join("; ").trim_end_matches('.'),
                span(input.intent.guardrails.replace_after),
            ),
            accepted_until: None,
        })
        .collect()
}
