//! Findings on balance: nodes and primaries per zone, preferred zones, and majorities of primaries.
//!
//! Skew is the most minus the fewest over the zones of the stack that aren't impaired and that the component can use:
//! its subnet group reaches them, or a node stands there. Worked example, two zones, `maxSkew` 1: primaries 2 and 2 are even, 3 and 2 are in bounds, 4 and 0 are a
//! skew of 4.

use super::About;
use crate::plan::judge::failover_may_be_slow;
use crate::plan::{FindingCode, Severity};
use crate::topology::{ShardId, ZoneName, ZoneState};
use std::collections::BTreeMap;

pub(super) fn find(about: &mut About<'_, '_>) {
    let component = about.component;
    let nodes = count(
        about,
        component
            .shards
            .values()
            .flat_map(|s| s.nodes.values())
            .map(|n| &n.zone),
    );
    report(about, FindingCode::NodeSkew, "Nodes", &nodes);
    // With an unknown role anywhere the count of primaries means nothing.
    let primaries: Option<Vec<_>> = component
        .shards
        .iter()
        .map(|(id, s)| Some((id, s.primary()?)))
        .collect();
    if let Some(primaries) = primaries {
        let per_zone = count(about, primaries.iter().map(|(_, (_, n))| &n.zone));
        report(about, FindingCode::PrimarySkew, "Primaries", &per_zone);
        let zones = primaries.iter().map(|(id, (_, n))| (*id, &n.zone)).collect();
        preferred(about, &zones);
    }
    slow(about);
}

/// How many of these stand in each zone that counts.
fn count<'z>(
    about: &About<'_, '_>,
    standing: impl Iterator<Item = &'z ZoneName>,
) -> BTreeMap<ZoneName, usize> {
    let component = about.component;
    let reached = &component.settings.subnet_zones;
    let nodes = component.shards.values().flat_map(|s| s.nodes.values());
    let mut counts: BTreeMap<ZoneName, usize> = about
        .input
        .intent
        .zones
        .keys()
        .filter(|z| about.input.topology.zone_state(z) != ZoneState::Impaired)
        .filter(|z| reached.contains(*z) || nodes.clone().any(|n| n.zone == **z))
        .map(|z| (z.clone(), 0))
        .collect();
    for zone in standing {
        if let Some(count) = counts.get_mut(zone) {
            *count += 1;
        }
    }
    counts
}

fn report(about: &mut About<'_, '_>, code: FindingCode, what: &str, counts: &BTreeMap<ZoneName, usize>) {
    let most = counts.values().max().copied().unwrap_or(0);
    let fewest = counts.values().min().copied().unwrap_or(0);
    let limit = about.wanted.max_skew.unwrap_or(about.input.intent.max_skew) as usize;
    let skew = most - fewest;
    if skew <= limit {
        return;
    }
    let per_zone: Vec<String> = counts.iter().map(|(zone, n)| format!("{n} in {zone}")).collect();
    let remedy = match code {
        FindingCode::NodeSkew => "relocating replicas (actions AddReplica, RemoveReplica)",
        _ => "moving primaries back (action MovePrimary)",
    };
    let message = format!(
        "{what} of replication group {} are uneven: {}; the skew of {skew} is more than {limit}. It is mended by \
         {remedy}.",
        about.component.resource.identifier,
        per_zone.join(", ")
    );
    about.add_whole(code, Severity::Warning, message);
}

fn preferred(about: &mut About<'_, '_>, primaries: &BTreeMap<&ShardId, &ZoneName>) {
    let wanted = &about.wanted.preferred_primary_zones;
    if wanted.is_empty() {
        return;
    }
    for (shard, zone) in primaries.iter().filter(|(_, zone)| !wanted.contains(**zone)) {
        let zones: Vec<&ZoneName> = wanted.iter().collect();
        let message = format!(
            "The primary of shard {shard} stands in {zone}, and primaries are preferred in {}. It is moved when a \
             copy there can win (action MovePrimary).",
            crate::plan::text::joined(&zones)
        );
        about.add(
            FindingCode::PrimaryOutOfPreferredZone,
            Severity::Info,
            shard.as_str(),
            message,
        );
    }
}

fn slow(about: &mut About<'_, '_>) {
    for zone in about.input.intent.zones.keys() {
        if failover_may_be_slow(about.component, zone) {
            let message = format!(
                "Half or more of the primaries of replication group {} stand in {zone}. If it is lost, too few are \
                 left to elect new ones and ElastiCache must promote them itself, which is slower. AWS advises three \
                 or more shards, spread over three zones.",
                about.component.resource.identifier
            );
            about.add(
                FindingCode::FailoverMayBeSlow,
                Severity::Info,
                zone.as_str(),
                message,
            );
        }
    }
}
