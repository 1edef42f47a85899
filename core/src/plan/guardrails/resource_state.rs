//! `resource_state`: AWS's own state of the resource, and what AWS demands of it before it takes the call.
//!
//! AWS takes changes only of a group that is `available` (InvalidReplicationGroupState otherwise); a change is
//! settled when the group's and the shards' lists of members agree. Automatic failover wants a replica in every
//! shard, Multi-AZ wants automatic failover and a replica in another zone, TestFailover wants both settings, and a
//! shard has at most five replicas (ElastiCache API Reference).

use super::context::{Context, Refusal, State};
use crate::plan::text::listed;
use crate::plan::{Action, ActionKind};
use crate::topology::{ClusterMode, Health, ResourceStatus, Shard, ShardId, Switch};
use std::collections::BTreeSet;

const MAX_NODES_PER_SHARD: usize = 6;

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let Some(state) = ctx.state(action) else {
        return Some(Refusal::new(format!(
            "{} has not been observed.",
            action.component
        )));
    };
    let mut why: Vec<Refusal> = status(state).into_iter().collect();
    if let Some(id) = action.kind.shard() {
        match state.component.shards.get(id) {
            None => why.push(Refusal::new(format!("There is no shard {id}."))),
            Some(shard) => why.extend(shard_state(state, id, shard, &action.kind)),
        }
    }
    why.extend(demands(state, &action.kind).map(Refusal::new));
    Refusal::join(why)
}

fn status(state: &State<'_>) -> Option<Refusal> {
    let id = &state.component.resource.identifier;
    let what = match state.component.status {
        ResourceStatus::Available if state.component.members_match => return None,
        ResourceStatus::Available => {
            return Some(Refusal::new(format!(
                "AWS's lists of the members of replication group {id} disagree: a change is half done."
            )));
        }
        ResourceStatus::Creating => "being created",
        ResourceStatus::Modifying => "being modified",
        ResourceStatus::Deleting => "being deleted",
        ResourceStatus::Snapshotting => "taking a snapshot",
        ResourceStatus::CreateFailed => "one whose creation failed",
        ResourceStatus::Missing => "not there",
        ResourceStatus::Denied => "one that AWS refuses to describe",
        ResourceStatus::Unknown => "in a state that is not known",
    };
    Some(Refusal::new(format!("Replication group {id} is {what}.")))
}

fn shard_state(state: &State<'_>, id: &ShardId, shard: &Shard, kind: &ActionKind) -> Option<Refusal> {
    if shard.nodes.values().any(|n| n.health == Health::Creating) {
        return Some(Refusal::new(format!("A node of shard {id} is being built.")));
    }
    match kind {
        ActionKind::AddReplica { .. } if shard.nodes.len() >= MAX_NODES_PER_SHARD => {
            Some(Refusal::new(format!(
                "Shard {id} has {} nodes, and AWS allows no more than {MAX_NODES_PER_SHARD}.",
                shard.nodes.len()
            )))
        }
        ActionKind::RemoveReplica { .. }
            if shard.nodes.len() <= 2
                && state.component.settings.cluster_mode != ClusterMode::Enabled
                && state.component.settings.automatic_failover != Switch::Disabled =>
        {
            Some(Refusal::new(
                "AWS keeps at least one replica where cluster mode is disabled and automatic failover is on.",
            ))
        }
        _ => None,
    }
}

/// What the call demands of the whole group.
fn demands(state: &State<'_>, kind: &ActionKind) -> Option<String> {
    let settings = &state.component.settings;
    let failing = |test: fn(&Shard) -> bool| -> Option<String> {
        let ids: Vec<&ShardId> = state
            .component
            .shards
            .iter()
            .filter(|(_, s)| !test(s))
            .map(|(id, _)| id)
            .collect();
        (!ids.is_empty()).then(|| listed("shard", &ids))
    };
    match kind {
        ActionKind::EnableAutomaticFailover { .. } => failing(|s| s.healthy().count() >= 2).map(|shards| {
            format!("Automatic failover wants a healthy replica in every shard; {shards} lacks one.")
        }),
        ActionKind::EnableMultiAz { .. } if settings.automatic_failover != Switch::Enabled => {
            Some("Multi-AZ wants automatic failover, which is not on.".to_owned())
        }
        ActionKind::EnableMultiAz { .. } => failing(in_two_zones).map(|shards| {
            format!("Multi-AZ wants a healthy copy of every shard in another zone; {shards} lacks one.")
        }),
        ActionKind::MovePrimary { .. }
            if settings.automatic_failover != Switch::Enabled || settings.multi_az != Switch::Enabled =>
        {
            Some("TestFailover wants automatic failover and Multi-AZ, and they are not both on.".to_owned())
        }
        ActionKind::MovePrimary { .. } | ActionKind::AddReplica { .. } | ActionKind::RemoveReplica { .. } => {
            None
        }
    }
}

fn in_two_zones(shard: &Shard) -> bool {
    let zones: BTreeSet<_> = shard.healthy().map(|(_, n)| &n.zone).collect();
    zones.len() >= 2
}
