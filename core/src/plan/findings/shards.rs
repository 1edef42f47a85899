//! Findings on shards and their copies: too few, in the wrong place, of unknown role, lagging, more than wanted.

use super::About;
use crate::plan::copies::{eligible_zones, stranded, target_count};
use crate::plan::text::{joined, listed, plural, span};
use crate::plan::{FindingCode, Severity};
use crate::topology::{Health, Node, NodeId, Shard, ShardId, ZoneName};

pub(super) fn find(about: &mut About<'_, '_>) {
    let component = about.component;
    let one_zone = single_zone(about);
    for (id, shard) in &component.shards {
        if !one_zone {
            colocated(about, id, shard);
        }
        shortfall(about, id, shard);
        roles(about, id, shard);
        nodes(about, id, shard);
    }
    no_replica_wanted(about);
    surplus(about);
}

/// The one zone in which all of these stand, if it is one.
fn only_zone<'n>(mut nodes: impl Iterator<Item = &'n Node>) -> Option<&'n ZoneName> {
    let zone = &nodes.next()?.zone;
    nodes.all(|n| n.zone == *zone).then_some(zone)
}

/// All nodes of the component in one zone. True when so; then the shards' own colocation goes without saying.
fn single_zone(about: &mut About<'_, '_>) -> bool {
    let nodes = about.component.shards.values().flat_map(|s| s.nodes.values());
    let Some(zone) = only_zone(nodes) else {
        return false;
    };
    if about.accepts_single_copies() {
        return false;
    }
    let message = format!(
        "All nodes of replication group {} stand in {zone}: its loss loses the cache and its data. Add replicas in \
         another zone of the stack (action AddReplica).",
        about.component.resource.identifier
    );
    about.add_whole(FindingCode::SingleZone, Severity::Critical, message);
    true
}

fn colocated(about: &mut About<'_, '_>, id: &ShardId, shard: &Shard) {
    if let Some(zone) = only_zone(shard.nodes.values())
        && shard.nodes.len() > 1
    {
        let message = format!(
            "The primary and every replica of shard {id} stand in {zone}: its loss loses the shard and its data. Add \
             a replica in another zone of the stack (action AddReplica)."
        );
        about.add(
            FindingCode::ShardColocated,
            Severity::Critical,
            id.as_str(),
            message,
        );
    }
}

fn shortfall(about: &mut About<'_, '_>, id: &ShardId, shard: &Shard) {
    let minimum = about.wanted.min_replicas_per_shard;
    let wanted = target_count(about.input.history, shard, minimum);
    let healthy = shard.healthy().count();
    let unknown = shard
        .nodes
        .values()
        .filter(|n| n.health == Health::Unknown)
        .count();
    // A copy of which nothing is known isn't proven missing.
    if healthy + unknown >= wanted {
        return;
    }
    let severity = if healthy + unknown <= 1 && !our_ticket_touches(about, id) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let perhaps = match unknown {
        0 => String::new(),
        n => format!(", and {n} of unknown health"),
    };
    let message = format!(
        "Shard {id} has {healthy} healthy {} of {wanted}{perhaps}. {}",
        plural(healthy, "copy", "copies"),
        remedy(about, id, shard, wanted)
    );
    about.add(FindingCode::ReplicaShortfall, severity, id.as_str(), message);
    no_eligible_zone(about, id, shard, wanted);
}

fn our_ticket_touches(about: &About<'_, '_>, id: &ShardId) -> bool {
    about
        .input
        .history
        .tickets
        .iter()
        .filter(|t| t.phase.is_open())
        .flat_map(|t| &t.actions)
        .any(|a| a.component == *about.name && a.kind.shard().is_none_or(|s| s == id))
}

/// What will bring the missing copy back, or who must.
fn remedy(about: &About<'_, '_>, id: &ShardId, shard: &Shard, wanted: usize) -> String {
    let topology = about.input.topology;
    let building = |h: Health| shard.nodes.values().any(|n| n.health == h);
    if our_ticket_touches(about, id) {
        "An action in flight explains it.".to_owned()
    } else if shard.nodes.values().any(|n| stranded(topology, n)) {
        format!(
            "A copy is lost with its zone; it is replaced elsewhere after {}, where a zone can take it.",
            span(about.input.intent.guardrails.replace_after)
        )
    } else if building(Health::Creating) {
        "A copy is being built.".to_owned()
    } else if shard.nodes.len() < wanted {
        "Add a replica (action AddReplica).".to_owned()
    } else {
        "AWS rebuilds a failed node in its own zone.".to_owned()
    }
}

fn no_eligible_zone(about: &mut About<'_, '_>, id: &ShardId, shard: &Shard, wanted: usize) {
    let topology = about.input.topology;
    let lost = shard.nodes.values().filter(|n| stranded(topology, n)).count();
    let short = shard.nodes.len() < wanted;
    let coming = shard
        .nodes
        .values()
        .any(|n| n.health == Health::Creating && !stranded(topology, n));
    let standing = shard.nodes.len() - lost;
    if (lost == 0 && !short) || coming || standing >= wanted {
        return;
    }
    if !eligible_zones(about.input.intent, topology, about.component, shard).is_empty() {
        return;
    }
    let message = format!(
        "Shard {id} misses a copy and no zone can take one: every other zone of the stack is impaired, out of the \
         subnet group's reach, or holds a copy already. It waits for its zone to return; a third zone would not have \
         to wait."
    );
    about.add(
        FindingCode::NoEligibleZone,
        Severity::Warning,
        id.as_str(),
        message,
    );
}

fn roles(about: &mut About<'_, '_>, id: &ShardId, shard: &Shard) {
    if shard.nodes.len() > 1 && shard.primary().is_none() {
        let disputed: Vec<&NodeId> = shard.disputed.iter().collect();
        let why = if disputed.is_empty() {
            "not known".to_owned()
        } else {
            format!(
                "disputed between {}: one of them is it, and what is heard of the others may be what they last said",
                joined(&disputed)
            )
        };
        let message = format!(
            "Which node of shard {id} is the primary is {why}. It is asked for again; until then nothing that \
             depends on it is done."
        );
        about.add(FindingCode::RoleUnknown, Severity::Warning, id.as_str(), message);
    }
}

fn nodes(about: &mut About<'_, '_>, id: &ShardId, shard: &Shard) {
    let limit = about.input.intent.guardrails.max_replication_lag;
    for (node, state) in &shard.nodes {
        let zone = &state.zone;
        if stranded(about.input.topology, state) {
            let message = format!(
                "Node {node} of shard {id} is lost in {zone}, which is impaired. AWS rebuilds it only there, when \
                 the zone is back."
            );
            about.add(
                FindingCode::ReplicaStranded,
                Severity::Warning,
                node.as_str(),
                message,
            );
        }
        if !zone.is_availability_zone() {
            let message = format!(
                "Node {node} of shard {id} stands in {zone}, a Local Zone or Wavelength Zone. It hangs on one of the \
                 region's zones, and AWS doesn't say on which: it is counted for none of them, and no copy is placed \
                 there. Let the copy be relocated (actions AddReplica, RemoveReplica)."
            );
            about.add(
                FindingCode::NodeInLocalZone,
                Severity::Warning,
                node.as_str(),
                message,
            );
        } else if !about.input.intent.zones.contains_key(zone) {
            let message = format!(
                "Node {node} of shard {id} stands in {zone}, which the stack does not list. Add the zone to the \
                 stack, or let the copy be relocated (actions AddReplica, RemoveReplica)."
            );
            about.add(
                FindingCode::NodeOutsideZones,
                Severity::Warning,
                node.as_str(),
                message,
            );
        }
        if let Some(lag) = state.lag.filter(|lag| *lag > limit) {
            let message = format!(
                "Node {node} of shard {id} is {} behind its primary, more than {}: a failover would lose that much. \
                 Look at the write load and the node's size; no primary is moved meanwhile.",
                span(lag),
                span(limit)
            );
            about.add(
                FindingCode::ReplicationLagHigh,
                Severity::Warning,
                node.as_str(),
                message,
            );
        }
    }
}

fn no_replica_wanted(about: &mut About<'_, '_>) {
    if about.wanted.min_replicas_per_shard > 0 {
        return;
    }
    let single: Vec<&ShardId> = about
        .component
        .shards
        .iter()
        .filter(|(_, s)| s.nodes.len() == 1)
        .map(|(id, _)| id)
        .collect();
    if !single.is_empty() {
        let message = format!(
            "{} {} no replica, and minReplicasPerShard is 0: the loss of the node or its zone loses the data and \
             stops writes until AWS has built a new, empty node. Set minReplicasPerShard to 1 if that is not meant.",
            listed("Shard", &single),
            plural(single.len(), "has", "have")
        );
        about.add_whole(FindingCode::NoReplicaWanted, Severity::Info, message);
    }
}

/// Healthy copies beyond 1 + `minReplicasPerShard` that we did not add.
fn surplus(about: &mut About<'_, '_>) {
    let wanted = 1 + about.wanted.min_replicas_per_shard as usize;
    let over: Vec<&ShardId> = about
        .component
        .shards
        .iter()
        .filter(|(_, s)| s.healthy().filter(|(_, n)| !n.added_by_us).count() > wanted)
        .map(|(id, _)| id)
        .collect();
    if !over.is_empty() {
        let message = format!(
            "{} of replication group {} {} more copies than 1 + minReplicasPerShard. They were added by somebody \
             else and stay: Evenkeel removes only what it added itself. Raise minReplicasPerShard if they are meant.",
            listed("Shard", &over),
            about.component.resource.identifier,
            plural(over.len(), "has", "have")
        );
        about.add_whole(FindingCode::SurplusReplica, Severity::Info, message);
    }
}
