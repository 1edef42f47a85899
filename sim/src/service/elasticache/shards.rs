//! ModifyReplicationGroupShardConfiguration: more or fewer shards.
//!
//! Source: API reference; new shards get the node count of the smallest shard; shrinking must say which shards go or
//! stay; only ApplyImmediately=true is supported.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::wire::query::Params;
use crate::world::model::{ClusterMode, Group, Phase};
use crate::world::{NewNode, NewShard};

use super::{ApiError, Ctx, apply_immediately_only, find, replicas};

/// Most shards of a group.
pub(super) const MOST_SHARDS: i64 = 500;

pub fn modify(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    let count = params
        .integer("NodeGroupCount")?
        .ok_or_else(|| ApiError::value("The parameter NodeGroupCount must be provided."))?;
    apply_immediately_only(&mut params)?;
    let zones = zones_by_shard(&mut params)?;
    let remove = params.texts("NodeGroupsToRemove", "NodeGroupToRemove")?;
    let retain = params.texts("NodeGroupsToRetain", "NodeGroupToRetain")?;
    params.finish()?;
    let group = find(ctx, &id)?.clone();
    if group.mode != ClusterMode::Enabled {
        return Err(ApiError::combination("Resharding needs cluster mode enabled."));
    }
    if group.phase != Phase::Running || group.operation.is_some() {
        return Err(replicas::busy(&group));
    }
    if !(1..=MOST_SHARDS).contains(&count) {
        return Err(ApiError::new(
            "NodeGroupsPerReplicationGroupQuotaExceeded",
            400,
            format!("A replication group has 1 to {MOST_SHARDS} node groups, not {count}."),
        ));
    }
    let wanted = usize::try_from(count).unwrap_or_default();
    match wanted.cmp(&group.shards.len()) {
        Ordering::Greater => grow(ctx, &group, wanted, &zones)?,
        Ordering::Less if !zones.is_empty() => {
            return Err(ApiError::combination(
                "ReshardingConfiguration is only for adding node groups.",
            ));
        }
        Ordering::Less => {
            let gone = leaving(&group, wanted, remove, retain)?;
            ctx.world
                .begin_remove_shards(&group.key, gone, ctx.quirks.rollback);
        }
        Ordering::Equal => {
            return Err(ApiError::value(
                "NodeGroupCount equals the current number of node groups.",
            ));
        }
    }
    ctx.applied = true;
    replicas::reply(ctx, &group.key)
}

fn zones_by_shard(params: &mut Params) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
    let mut zones = BTreeMap::new();
    let configured = params.structures("ReshardingConfiguration", "ReshardingConfiguration")?;
    for (position, mut shard) in configured.unwrap_or_default().into_iter().enumerate() {
        let id = shard
            .take("NodeGroupId")
            .unwrap_or_else(|| format!("new-{position}"));
        let listed = shard
            .texts("PreferredAvailabilityZones", "AvailabilityZone")?
            .unwrap_or_default();
        shard.finish()?;
        zones.insert(id, listed);
    }
    Ok(zones)
}

fn grow(
    ctx: &mut Ctx<'_>,
    group: &Group,
    wanted: usize,
    zones: &BTreeMap<String, Vec<String>>,
) -> Result<(), ApiError> {
    let nodes = group
        .shards
        .values()
        .map(|shard| shard.nodes.len())
        .min()
        .unwrap_or(1);
    let reachable: Vec<String> = replicas::reachable_zones(ctx, group)?.into_iter().collect();
    let mut shards = Vec::new();
    let mut unnamed = zones
        .iter()
        .filter(|(id, _)| id.starts_with("new-"))
        .map(|(_, zones)| zones);
    let mut number = 1;
    while shards.len() + group.shards.len() < wanted {
        let id = format!("{number:04}");
        number += 1;
        if group.shards.contains_key(&id) {
            continue;
        }
        let listed = zones.get(&id).or_else(|| unnamed.next());
        let places = places(&id, listed, nodes, shards.len(), &reachable)?;
        replicas::has_capacity(ctx, places.iter())?;
        let nodes = places
            .into_iter()
            .map(|zone| NewNode {
                id: None,
                zone,
                lag: 0.02,
            })
            .collect();
        shards.push(NewShard {
            id,
            slots: None,
            nodes,
        });
    }
    replicas::enough_room(ctx, group, shards.len() * nodes)?;
    ctx.world
        .begin_add_shards(&group.key, shards, ctx.quirks.rollback);
    Ok(())
}

/// Zones of a new shard's nodes: those listed, else in turn.
fn places(
    id: &str,
    listed: Option<&Vec<String>>,
    nodes: usize,
    position: usize,
    reachable: &[String],
) -> Result<Vec<String>, ApiError> {
    let places: Vec<String> = match listed {
        Some(listed) if listed.len() != nodes => {
            return Err(ApiError::value(format!(
                "Node group {id} needs {nodes} availability zones."
            )));
        }
        Some(listed) => listed.clone(),
        None => (0..nodes)
            .map(|n| reachable[(n + position) % reachable.len()].clone())
            .collect(),
    };
    match places.iter().find(|zone| !reachable.contains(zone)) {
        None => Ok(places),
        Some(zone) => Err(ApiError::value(format!(
            "Availability zone {zone} is not covered by the subnet group."
        ))),
    }
}

fn leaving(
    group: &Group,
    wanted: usize,
    remove: Option<Vec<String>>,
    retain: Option<Vec<String>>,
) -> Result<BTreeSet<String>, ApiError> {
    let gone: BTreeSet<String> = match (remove, retain) {
        (Some(remove), None) => remove.into_iter().collect(),
        (None, Some(retain)) => group
            .shards
            .keys()
            .filter(|id| !retain.contains(id))
            .cloned()
            .collect(),
        _ => {
            return Err(ApiError::combination(
                "Exactly one of NodeGroupsToRemove and NodeGroupsToRetain must be provided to remove node groups.",
            ));
        }
    };
    if let Some(id) = gone.iter().find(|id| !group.shards.contains_key(*id)) {
        return Err(ApiError::value(format!("Node group {id} was not found.")));
    }
    if group.shards.len() - gone.len() != wanted {
        return Err(ApiError::value(
            "The node groups named don't lead to NodeGroupCount.",
        ));
    }
    Ok(gone)
}
