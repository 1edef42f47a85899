//! `plan --from`: judging a snapshot file, without AWS, reproducibly.
//!
//! Now is the snapshot's `observedAt` unless `--at` says otherwise; ownership counts as given.

use super::discover::{self, Found, FoundCache};
use super::judged::Judged;
use super::manifests;
use crate::document::Problem;
use crate::plan::history::Fleet;
use crate::plan::{Input, Intent, Purpose, plan};
use crate::report::snapshot::{self, Snapshot};
use crate::topology::{StackName, ZoneName};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Judges every snapshot of the file. `intents` are those of the manifests; without any, each snapshot's own stack is
/// assumed.
pub fn judge(file: &str, intents: Option<Vec<Intent>>, at: Option<Timestamp>) -> anyhow::Result<Vec<Judged>> {
    let text = manifests::snapshot(file)?.map_err(|problem| refused(&[*problem]))?;
    let snapshots = snapshot::read(file, &text).map_err(|error| refused(&error.0))?;
    let several = snapshots.len() > 1;
    snapshots
        .iter()
        .enumerate()
        .map(|(i, snapshot)| {
            let name = if several {
                format!("{file} [{i}]")
            } else {
                file.to_owned()
            };
            let intent = match &intents {
                Some(intents) => intent_of(&name, snapshot, intents)?.clone(),
                None => assumed(&name, snapshot)?,
            };
            one(&name, snapshot, &intent, at)
        })
        .collect()
}

fn refused(problems: &[Problem]) -> anyhow::Error {
    for problem in problems {
        super::tell(&problem.to_string());
    }
    match problems.len() {
        1 => anyhow::anyhow!("one problem in the snapshot; nothing was planned"),
        n => anyhow::anyhow!("{n} problems in the snapshot; nothing was planned"),
    }
}

fn one(file: &str, snapshot: &Snapshot, intent: &Intent, at: Option<Timestamp>) -> anyhow::Result<Judged> {
    let Some(observed_at) = snapshot.observed_at.or(at) else {
        bail!("{file}: observedAt is missing; add the moment of the observation, or give --at");
    };
    let observed = snapshot::onto(snapshot, intent, observed_at).map_err(|mut problems| {
        for problem in &mut problems {
            file.clone_into(&mut problem.file);
        }
        refused(&problems)
    })?;
    let now = at.unwrap_or(observed_at);
    let decision = plan(&Input {
        intent,
        topology: &observed.topology,
        history: &observed.history,
        fleet: &Fleet::default(),
        purpose: &Purpose::Propose,
        now,
    });
    Ok(Judged {
        topology: observed.topology,
        decision,
        now,
    })
}

/// The manifest's stack of the same name; the only one, when the snapshot names none.
fn intent_of<'i>(file: &str, snapshot: &Snapshot, intents: &'i [Intent]) -> anyhow::Result<&'i Intent> {
    let names = || {
        intents
            .iter()
            .map(|i| i.stack.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let Some(stack) = &snapshot.stack else {
        return match intents {
            [one] => Ok(one),
            _ => bail!("{file}: stack is missing; name one of {}", names()),
        };
    };
    let stack = StackName::from(stack);
    intents.iter().find(|i| i.stack == stack).with_context(|| {
        format!(
            "{file}: stack {stack} is not in the manifests, which name {}",
            names()
        )
    })
}

/// Without a manifest: the zones that the subnet groups reach and in which nodes stand, and what stands there.
fn assumed(file: &str, snapshot: &Snapshot) -> anyhow::Result<Intent> {
    let mut zones: BTreeSet<&str> = snapshot.zones.iter().map(|z| z.name.as_str()).collect();
    let mut caches = BTreeMap::new();
    for component in &snapshot.components {
        let nodes = || component.shards.iter().flat_map(|s| &s.nodes);
        zones.extend(
            component
                .settings
                .subnet_zones
                .iter()
                .flatten()
                .map(String::as_str),
        );
        zones.extend(nodes().map(|n| n.zone.as_str()));
        // Local Zones can't take part.
        zones.retain(|zone| ZoneName::from(*zone).is_availability_zone());
        caches.insert(
            component.name.clone(),
            FoundCache {
                identifier: component
                    .identifier
                    .clone()
                    .unwrap_or_else(|| component.name.clone()),
                fewest_members: component.shards.iter().map(|s| s.nodes.len()).min(),
                remarks: Vec::new(),
            },
        );
    }
    let Some(region) = zones.first().map(|zone| discover::region_of(zone)) else {
        bail!("{file}: holds neither zones nor nodes; give the stack's manifest with -f");
    };
    let found = Found {
        stack: snapshot
            .stack
            .as_ref()
            .map_or_else(|| StackName::new("default", "snapshot"), StackName::from),
        region: region.into(),
        zones: zones.iter().map(|z| (*z).into()).collect(),
        caches,
    };
    Ok(discover::intent(&found))
}
