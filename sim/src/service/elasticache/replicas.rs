//! IncreaseReplicaCount and DecreaseReplicaCount.
//!
//! Source: API reference of both, shape ConfigureShard; user guide *Increasing / Decreasing the number of replicas in a
//! shard*. Which listed zone belongs to which existing node is not documented; here the list is a multiset from which
//! the zones of existing nodes are subtracted, and what remains are the zones of new nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::world::model::{ClusterMode, Group, Life, Node, Phase, Shard};
use crate::world::settings::{OutageAnswer, RemoveForm};
use crate::world::{GroupKey, NewNode};

use super::{ApiError, Ctx, apply_immediately_only, find, not_found, shape};

/// Most replicas of a shard.
const MOST_REPLICAS: i64 = 5;
/// Lag of a replica made by the API.
const USUAL_LAG: f64 = 0.02;

/// ConfigureShard, or NewReplicaCount spread over all shards.
struct Wish {
    shard: String,
    count: i64,
    zones: Option<Vec<String>>,
}

pub fn increase(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    apply_immediately_only(&mut params)?;
    let count = params.integer("NewReplicaCount")?;
    let shards = configured(&mut params)?;
    params.finish()?;
    let group = find(ctx, &id)?.clone();
    ready(ctx, &group)?;
    let wishes = match (count, shards) {
        (Some(count), None) => spread(&group, count),
        (None, Some(shards)) if !shards.is_empty() => shards,
        _ => {
            return Err(ApiError::combination(
                "Exactly one of NewReplicaCount and ReplicaConfiguration must be provided.",
            ));
        }
    };
    let mut adds = Vec::new();
    for wish in &wishes {
        adds.push((wish.shard.clone(), additions(ctx, &group, wish)?));
    }
    adds.retain(|(_, nodes)| !nodes.is_empty());
    if adds.is_empty() {
        return Err(ApiError::new(
            "NoOperationFault",
            400,
            "The requested replica count is the current one.",
        ));
    }
    enough_room(ctx, &group, adds.iter().map(|(_, nodes)| nodes.len()).sum())?;
    if ctx.world.switches.increase_during_outage == OutageAnswer::Refuse && group.has_lost_member() {
        return Err(busy(&group));
    }
    for (_, nodes) in &adds {
        has_capacity(ctx, nodes.iter().map(|node| &node.zone))?;
    }
    ctx.world.begin_increase(&group.key, &adds, ctx.quirks.rollback);
    ctx.applied = true;
    reply(ctx, &group.key)
}

/// The new nodes of one shard.
fn additions(ctx: &Ctx<'_>, group: &Group, wish: &Wish) -> Result<Vec<NewNode>, ApiError> {
    let shard = group
        .shards
        .get(&wish.shard)
        .ok_or_else(|| no_shard(&wish.shard))?;
    let now = i64::try_from(shard.replicas().count()).unwrap_or(i64::MAX);
    if wish.count > MOST_REPLICAS {
        return Err(ApiError::value(format!(
            "The maximum number of replicas per shard is {MOST_REPLICAS}."
        )));
    }
    if wish.count < now {
        return Err(ApiError::value(format!(
            "New replica count {} must be greater than the current replica count {now} of shard {}.",
            wish.count, wish.shard
        )));
    }
    let missing = usize::try_from(wish.count - now).unwrap_or_default();
    let existing: Vec<&Node> = shard
        .nodes
        .values()
        .filter(|node| node.life != Life::Leaving)
        .collect();
    let reachable = reachable_zones(ctx, group)?;
    let zones = match &wish.zones {
        Some(listed) => {
            if listed.len() != usize::try_from(wish.count + 1).unwrap_or_default() {
                return Err(ApiError::value(
                    "When specifying preferred availability zones, the number of preferred availability zones must \
                     match the new replica count plus one for the primary.",
                ));
            }
            if let Some(zone) = listed.iter().find(|zone| !reachable.contains(*zone)) {
                return Err(ApiError::value(format!(
                    "Availability zone {zone} is not covered by the cache subnet group {}.",
                    group.subnet_group
                )));
            }
            remaining(ctx, listed, &existing, missing)?
        }
        None => pick_zones(ctx, &existing, &reachable, missing)?,
    };
    Ok(zones
        .into_iter()
        .map(|zone| NewNode {
            id: None,
            zone,
            lag: USUAL_LAG,
        })
        .collect())
}

/// What remains of the listed zones after the zones of existing nodes.
fn remaining(
    ctx: &Ctx<'_>,
    listed: &[String],
    existing: &[&Node],
    missing: usize,
) -> Result<Vec<String>, ApiError> {
    let mut left = listed.to_vec();
    let mut uncovered = Vec::new();
    for node in existing {
        match left.iter().position(|zone| *zone == node.zone) {
            Some(at) => {
                left.remove(at);
            }
            None => uncovered.push(node.zone.clone()),
        }
    }
    if uncovered.is_empty() {
        return Ok(left);
    }
    if ctx.world.switches.preferred_zones_must_cover_existing {
        return Err(ApiError::value(format!(
            "The preferred availability zones must include those of existing nodes: {}.",
            uncovered.join(", ")
        )));
    }
    Ok(listed[listed.len().saturating_sub(missing)..].to_vec())
}

/// AWS's own choice: again and again the zone with the fewest nodes of the shard.
fn pick_zones(
    ctx: &Ctx<'_>,
    existing: &[&Node],
    reachable: &BTreeSet<String>,
    missing: usize,
) -> Result<Vec<String>, ApiError> {
    let mut load: BTreeMap<&str, usize> = reachable
        .iter()
        .filter(|zone| ctx.world.zone_alive(zone) && !ctx.quirks.full_zones.contains(zone))
        .map(|zone| {
            (
                zone.as_str(),
                existing.iter().filter(|node| node.zone == **zone).count(),
            )
        })
        .collect();
    let mut picked = Vec::new();
    for _ in 0..missing {
        let Some(zone) = load
            .iter()
            .min_by_key(|(_, count)| **count)
            .map(|(zone, _)| *zone)
        else {
            return Err(no_capacity("any zone of the subnet group"));
        };
        *load.entry(zone).or_default() += 1;
        picked.push(zone.to_owned());
    }
    Ok(picked)
}

pub fn decrease(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    apply_immediately_only(&mut params)?;
    let count = params.integer("NewReplicaCount")?;
    let shards = configured(&mut params)?;
    let removals = match params.texts("ReplicasToRemove", "member")? {
        // The guide's hand-written request spells the item so.
        None => params.texts("ReplicasToRemove", "ReplicaToRemove")?,
        given => given,
    };
    params.finish()?;
    let group = find(ctx, &id)?.clone();
    ready(ctx, &group)?;
    let victims = match (count, shards, removals) {
        (Some(count), None, None) => chosen(&group, &spread(&group, count))?,
        (None, Some(wishes), None) if !wishes.is_empty() => chosen(&group, &wishes)?,
        (None, None, Some(names)) if !names.is_empty() => by_name(ctx, &group, &names)?,
        _ => {
            return Err(ApiError::combination(
                "Exactly one of NewReplicaCount, ReplicaConfiguration and ReplicasToRemove must be provided.",
            ));
        }
    };
    if victims.is_empty() {
        return Err(ApiError::new(
            "NoOperationFault",
            400,
            "The requested replica count is the current one.",
        ));
    }
    let primaries: BTreeSet<String> = group
        .shards
        .iter()
        .filter(|(_, shard)| victims.contains(&shard.primary))
        .map(|(id, _)| id.clone())
        .collect();
    if primaries.is_empty() {
        enough_left(&group, &victims)?;
        ctx.world
            .begin_decrease(&group.key, &victims, ctx.quirks.rollback);
    } else {
        ctx.world.begin_impossible_decrease(&group.key, primaries);
    }
    ctx.applied = true;
    reply(ctx, &group.key)
}

/// Victims by id.
fn by_name(ctx: &Ctx<'_>, group: &Group, names: &[String]) -> Result<BTreeSet<String>, ApiError> {
    let any = ctx.world.switches.replicas_to_remove_form == RemoveForm::Any;
    names
        .iter()
        .map(|name| {
            let exact = group.node(name).map(|node| node.id.clone());
            let by_number = || {
                let mut found = group
                    .nodes()
                    .filter(|(_, node)| node.id.ends_with(&format!("-{name}")));
                found
                    .next()
                    .filter(|_| any && found.next().is_none())
                    .map(|(_, node)| node.id.clone())
            };
            exact.or_else(by_number).ok_or_else(|| {
                let text = format!("{name} is not a replica of replication group {}.", group.key.id);
                ApiError::value(text)
            })
        })
        .collect()
}

/// AWS's own choice of victims, or the one that the listed zones leave.
fn chosen(group: &Group, wishes: &[Wish]) -> Result<BTreeSet<String>, ApiError> {
    let mut victims = BTreeSet::new();
    for wish in wishes {
        let shard = group
            .shards
            .get(&wish.shard)
            .ok_or_else(|| no_shard(&wish.shard))?;
        let now = i64::try_from(shard.replicas().count()).unwrap_or(i64::MAX);
        if wish.count < 0 || wish.count > now {
            return Err(ApiError::value(format!(
                "New replica count {} must be less than the current replica count {now} of shard {}.",
                wish.count, wish.shard
            )));
        }
        let excess = usize::try_from(now - wish.count).unwrap_or_default();
        let shard_victims = match &wish.zones {
            Some(zones) => outside(shard, zones, excess)?,
            None => least_useful(shard, excess),
        };
        victims.extend(shard_victims);
    }
    Ok(victims)
}

/// Replicas outside the zones that shall remain.
fn outside(shard: &Shard, zones: &[String], excess: usize) -> Result<Vec<String>, ApiError> {
    let mut stay = zones.to_vec();
    let primary = shard.nodes.get(&shard.primary).into_iter();
    let mut victims = Vec::new();
    for node in primary.chain(shard.replicas()) {
        match stay.iter().position(|zone| *zone == node.zone) {
            Some(at) => {
                stay.remove(at);
            }
            None => victims.push(node.id.clone()),
        }
    }
    if victims.len() == excess && !victims.contains(&shard.primary) {
        return Ok(victims);
    }
    Err(ApiError::value(
        "The preferred availability zones must be zones of existing nodes, one for each node that remains, with the \
         primary's among them.",
    ))
}

/// Keeps the spread over zones first, then the smallest lag.
fn least_useful(shard: &Shard, excess: usize) -> Vec<String> {
    let mut left: Vec<&Node> = shard
        .nodes
        .values()
        .filter(|node| node.life != Life::Leaving)
        .collect();
    let mut victims = Vec::new();
    for _ in 0..excess {
        let crowd = |node: &Node| left.iter().filter(|other| other.zone == node.zone).count();
        let worst = left
            .iter()
            .enumerate()
            .filter(|(_, node)| node.id != shard.primary)
            .max_by(|(_, a), (_, b)| {
                let dead = |node: &Node| node.life != Life::Up;
                (dead(a), crowd(a))
                    .cmp(&(dead(b), crowd(b)))
                    .then(a.lag.total_cmp(&b.lag))
                    .then(a.id.cmp(&b.id))
            })
            .map(|(at, _)| at);
        let Some(at) = worst else { break };
        victims.push(left.remove(at).id.clone());
    }
    victims
}

/// The fewest replicas that the mode allows.
fn enough_left(group: &Group, victims: &BTreeSet<String>) -> Result<(), ApiError> {
    for shard in group.shards.values() {
        let left = shard
            .replicas()
            .filter(|node| !victims.contains(&node.id))
            .count();
        let touched = shard.nodes.keys().any(|id| victims.contains(id));
        if touched
            && left == 0
            && group.mode != ClusterMode::Enabled
            && (group.automatic_failover || group.multi_az)
        {
            return Err(ApiError::value(
                "Must have at least 1 replica when cluster mode is disabled with auto failover enabled.",
            ));
        }
    }
    Ok(())
}

/// Takes `ReplicaConfiguration.ConfigureShard.N`.
fn configured(params: &mut Params) -> Result<Option<Vec<Wish>>, ApiError> {
    let Some(shards) = params.structures("ReplicaConfiguration", "ConfigureShard")? else {
        return Ok(None);
    };
    let mut wishes: Vec<Wish> = Vec::new();
    for mut shard in shards {
        let wish = Wish {
            shard: shard.required("NodeGroupId")?,
            count: shard.integer("NewReplicaCount")?.ok_or_else(|| {
                ApiError::value("The parameter NewReplicaCount must be provided for each shard.")
            })?,
            zones: shard
                .texts("PreferredAvailabilityZones", "PreferredAvailabilityZone")?
                .filter(|z| !z.is_empty()),
        };
        shard.finish()?;
        if wishes.iter().any(|other| other.shard == wish.shard) {
            return Err(ApiError::value(format!(
                "Node group {} is configured twice.",
                wish.shard
            )));
        }
        wishes.push(wish);
    }
    Ok(Some(wishes))
}

fn spread(group: &Group, count: i64) -> Vec<Wish> {
    group
        .shards
        .keys()
        .map(|shard| Wish {
            shard: shard.clone(),
            count,
            zones: None,
        })
        .collect()
}

fn ready(_ctx: &Ctx<'_>, group: &Group) -> Result<(), ApiError> {
    if group.phase == Phase::Running && group.operation.is_none() {
        Ok(())
    } else {
        Err(busy(group))
    }
}

pub(super) fn busy(group: &Group) -> ApiError {
    ApiError::state(format!(
        "Replication group {} is not in available state.",
        group.key.id
    ))
}

fn no_shard(shard: &str) -> ApiError {
    // NodeGroupNotFoundFault is not declared for these operations.
    ApiError::value(format!("Node group {shard} was not found."))
}

fn no_capacity(zone: &str) -> ApiError {
    ApiError::new(
        "InsufficientCacheClusterCapacity",
        400,
        format!("The requested cache node type is not available in {zone}. Please try again later."),
    )
}

/// Zones that the group's subnet group reaches.
pub(super) fn reachable_zones(ctx: &Ctx<'_>, group: &Group) -> Result<BTreeSet<String>, ApiError> {
    ctx.world
        .stores
        .get(&group.key.place)
        .and_then(|store| store.subnet_groups.get(&group.subnet_group))
        .map(crate::world::model::SubnetGroup::zones)
        .ok_or_else(|| super::subnets::not_found(&group.subnet_group))
}

/// Refuses zones that are dead or full.
pub(super) fn has_capacity<'a>(
    ctx: &Ctx<'_>,
    mut zones: impl Iterator<Item = &'a String>,
) -> Result<(), ApiError> {
    match zones.find(|zone| !ctx.world.zone_alive(zone) || ctx.quirks.full_zones.contains(zone)) {
        Some(zone) => Err(no_capacity(zone)),
        None => Ok(()),
    }
}

/// Quotas on nodes.
pub(super) fn enough_room(ctx: &Ctx<'_>, group: &Group, more: usize) -> Result<(), ApiError> {
    let quotas = ctx.world.quotas;
    if group.nodes().count() + more > quotas.nodes_per_group {
        return Err(ApiError::new(
            "NodeQuotaForClusterExceeded",
            400,
            format!(
                "The request would exceed {} nodes per cluster.",
                quotas.nodes_per_group
            ),
        ));
    }
    let now = ctx.world.now();
    let all: usize = ctx
        .world
        .groups_at(&group.key.place, now)
        .map(|group| group.nodes().count())
        .sum();
    if all + more > quotas.nodes_per_region {
        return Err(ApiError::new(
            "NodeQuotaForCustomerExceeded",
            400,
            format!(
                "The request would exceed {} nodes per region.",
                quotas.nodes_per_region
            ),
        ));
    }
    Ok(())
}

/// The group as it is after the call.
pub(super) fn reply(ctx: &Ctx<'_>, key: &GroupKey) -> Result<String, ApiError> {
    let group = ctx.world.group(key).ok_or_else(|| not_found(&key.id))?;
    let mut xml = Xml::default();
    xml.node("ReplicationGroup", |x| {
        shape::replication_group(x, group, &ctx.world.switches);
    });
    Ok(xml.finish())
}
