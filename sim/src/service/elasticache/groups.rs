//! Create-, Modify- and DeleteReplicationGroup.
//!
//! Source: API reference of the three; error texts are those that users of the real service have quoted.

use crate::wire::query::Params;
use crate::world::model::{ClusterMode, Echo, Group, GroupKey, Phase, SettingsChange};
use crate::world::{NewGroup, NewNode, NewShard, window};

use super::shards::MOST_SHARDS;
use super::{ApiError, Ctx, find, replicas, subnets, tags};

const ONE_SHARD_ONLY: &str = "PreferredCacheClusterAZs can only be specified for one node group.";
const AZ_COUNT: &str = "When specifying preferred availability zones, the number of cache clusters must be specified and \
                        must match the number of preferred availability zones.";
const TOO_FEW: &str =
    "When using automatic failover, there must be at least 2 cache clusters in the replication group.";
const NEVER_OFF: &str =
    "Turning off automatic failover for replication group with cluster mode enabled is not supported.";
const NEEDS_FAILOVER: &str = "Multi-AZ needs automatic failover.";

pub fn create(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = valid_id(&params.required("ReplicationGroupId")?)?;
    let description = params.required("ReplicationGroupDescription")?;
    let key = GroupKey {
        place: ctx.caller.place.clone(),
        id,
    };
    let automatic = params.boolean("AutomaticFailoverEnabled")?;
    let multi_az = params.boolean("MultiAZEnabled")?.unwrap_or(false);
    let mode = mode_asked(&mut params)?;
    let subnet_group = subnet_group(ctx, &mut params)?;
    let tags = tags::take(&mut params)?;
    let window = window_asked(&mut params)?.unwrap_or_else(|| "sun:23:00-mon:01:30".to_owned());
    let layout = Layout::take(&mut params)?;
    let mode = mode.unwrap_or(if layout.sharded() {
        ClusterMode::Enabled
    } else {
        ClusterMode::Disabled
    });
    let echo = echo_asked(&mut params, mode)?;
    params.finish()?;
    if ctx.world.group(&key).is_some() {
        let text = format!("Replication group {} already exists.", key.id);
        return Err(ApiError::new("ReplicationGroupAlreadyExists", 400, text));
    }
    if mode == ClusterMode::Enabled && automatic == Some(false) {
        return Err(ApiError::combination(NEVER_OFF));
    }
    let automatic_failover = automatic.unwrap_or(mode == ClusterMode::Enabled);
    if multi_az && !automatic_failover {
        return Err(ApiError::combination(NEEDS_FAILOVER));
    }
    let reachable: Vec<String> = subnet_zones(ctx, &subnet_group)?;
    let shards = layout.shards(mode, automatic_failover, &reachable)?;
    replicas::has_capacity(
        ctx,
        shards
            .iter()
            .flat_map(|shard| shard.nodes.iter().map(|node| &node.zone)),
    )?;
    let new = NewGroup {
        key: key.clone(),
        description,
        mode,
        automatic_failover,
        multi_az,
        subnet_group,
        shards,
        tags,
        window,
        global: None,
        echo,
    };
    ctx.world.create_group(new);
    ctx.applied = true;
    replicas::reply(ctx, &key)
}

/// How many nodes, and where.
struct Layout {
    clusters: Option<i64>,
    zones: Option<Vec<String>>,
    shards: Option<i64>,
    replicas: Option<i64>,
    configured: Option<Vec<ShardAsked>>,
}

struct ShardAsked {
    id: Option<String>,
    slots: Option<String>,
    replicas: Option<i64>,
    primary_zone: Option<String>,
    replica_zones: Vec<String>,
}

impl Layout {
    fn take(params: &mut Params) -> Result<Self, ApiError> {
        let configured = params.structures("NodeGroupConfiguration", "NodeGroupConfiguration")?;
        let configured = configured
            .map(|list| list.into_iter().map(ShardAsked::take).collect())
            .transpose()?;
        Ok(Self {
            clusters: params.integer("NumCacheClusters")?,
            zones: params.texts("PreferredCacheClusterAZs", "AvailabilityZone")?,
            shards: params.integer("NumNodeGroups")?,
            replicas: params.integer("ReplicasPerNodeGroup")?,
            configured,
        })
    }

    fn sharded(&self) -> bool {
        self.shards.is_some_and(|n| n > 1) || self.configured.as_ref().is_some_and(|list| list.len() > 1)
    }

    fn shards(
        mut self,
        mode: ClusterMode,
        failover: bool,
        reachable: &[String],
    ) -> Result<Vec<NewShard>, ApiError> {
        let count = match (&self.configured, self.shards) {
            (Some(list), _) => list.len(),
            (None, n) => usize::try_from(n.unwrap_or(1)).unwrap_or_default(),
        };
        if count == 0 || (count > 1 && mode != ClusterMode::Enabled) {
            return Err(ApiError::combination(
                "Cluster mode disabled has exactly one node group.",
            ));
        }
        if i64::try_from(count).is_ok_and(|count| count > MOST_SHARDS) {
            return Err(ApiError::new(
                "NodeGroupsPerReplicationGroupQuotaExceeded",
                400,
                format!("A replication group has 1 to {MOST_SHARDS} node groups, not {count}."),
            ));
        }
        if self.zones.is_some() && count > 1 {
            return Err(ApiError::combination(ONE_SHARD_ONLY));
        }
        if let Some(zones) = &self.zones
            && self.clusters != i64::try_from(zones.len()).ok()
        {
            return Err(ApiError::value(AZ_COUNT));
        }
        let mut configured = self.configured.take().unwrap_or_default().into_iter();
        (0..count)
            .map(|position| {
                let asked = configured.next();
                let nodes = self.nodes(asked.as_ref(), failover && mode != ClusterMode::Enabled)?;
                let zones = self.places(asked.as_ref(), nodes, position, reachable)?;
                let (id, slots) = asked.map_or((None, None), |shard| (shard.id, shard.slots));
                let place = |zone| NewNode {
                    id: None,
                    zone,
                    lag: 0.02,
                };
                Ok(NewShard {
                    id: id.unwrap_or_else(|| format!("{:04}", position + 1)),
                    slots,
                    nodes: zones.into_iter().map(place).collect(),
                })
            })
            .collect()
    }

    /// Nodes of one shard.
    fn nodes(&self, asked: Option<&ShardAsked>, needs_replica: bool) -> Result<usize, ApiError> {
        let replicas = asked
            .and_then(|shard| shard.replicas)
            .or(self.replicas)
            .or(self.clusters.map(|n| n.saturating_sub(1)))
            .unwrap_or(0);
        match usize::try_from(replicas) {
            Ok(0) if needs_replica => Err(ApiError::combination(TOO_FEW)),
            Ok(replicas @ 0..=5) => Ok(replicas + 1),
            _ => Err(ApiError::value(format!(
                "A node group has 0 to 5 replicas, not {replicas}."
            ))),
        }
    }

    /// Zones of one shard's nodes, primary first.
    fn places(
        &self,
        asked: Option<&ShardAsked>,
        nodes: usize,
        position: usize,
        reachable: &[String],
    ) -> Result<Vec<String>, ApiError> {
        let named = match asked {
            Some(shard) => shard.zones(nodes)?,
            None => self.zones.clone(),
        };
        let usual = || {
            (0..nodes)
                .map(|n| reachable[(n + position) % reachable.len()].clone())
                .collect()
        };
        let zones: Vec<String> = named.unwrap_or_else(usual);
        match zones.iter().find(|zone| !reachable.contains(zone)) {
            None => Ok(zones),
            Some(zone) => Err(ApiError::value(format!(
                "Availability zone {zone} is not covered by the subnet group."
            ))),
        }
    }
}

impl ShardAsked {
    fn take(mut shard: Params) -> Result<Self, ApiError> {
        let asked = Self {
            id: shard.take("NodeGroupId"),
            slots: shard.take("Slots"),
            replicas: shard.integer("ReplicaCount")?,
            primary_zone: shard.take("PrimaryAvailabilityZone"),
            replica_zones: shard
                .texts("ReplicaAvailabilityZones", "AvailabilityZone")?
                .unwrap_or_default(),
        };
        shard.finish()?;
        Ok(asked)
    }

    /// Zones of primary and replicas, if the request names them.
    fn zones(&self, nodes: usize) -> Result<Option<Vec<String>>, ApiError> {
        let Some(primary) = &self.primary_zone else {
            if self.replica_zones.is_empty() {
                return Ok(None);
            }
            return Err(ApiError::combination(
                "ReplicaAvailabilityZones needs PrimaryAvailabilityZone.",
            ));
        };
        let zones: Vec<String> = std::iter::once(primary)
            .chain(&self.replica_zones)
            .cloned()
            .collect();
        if zones.len() == nodes {
            Ok(Some(zones))
        } else {
            Err(ApiError::value(AZ_COUNT))
        }
    }
}

pub fn modify(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    let change = SettingsChange {
        automatic_failover: params.boolean("AutomaticFailoverEnabled")?,
        multi_az: params.boolean("MultiAZEnabled")?,
        primary: params.take("PrimaryClusterId"),
        cluster_mode: mode_asked(&mut params)?,
    };
    let now = params.boolean("ApplyImmediately")?.unwrap_or(false);
    let description = params.take("ReplicationGroupDescription");
    let window = window_asked(&mut params)?;
    params.finish()?;
    let group = find(ctx, &id)?.clone();
    if group.phase != Phase::Running || group.status(&ctx.world.switches) != "available" {
        return Err(replicas::busy(&group));
    }
    may_change(ctx, &group, &change)?;
    if let Some(found) = ctx.world.group_mut(&group.key) {
        found.description = description.unwrap_or(found.description.clone());
        found.window = window.unwrap_or(found.window.clone());
    }
    let change = without_noops(&group, change);
    if !change.is_empty() && now {
        ctx.world.begin_settings(&group.key, change, ctx.quirks.rollback);
    } else if !change.is_empty() {
        ctx.world.defer_settings(&group.key, change);
    }
    ctx.applied = true;
    replicas::reply(ctx, &group.key)
}

fn may_change(ctx: &Ctx<'_>, group: &Group, change: &SettingsChange) -> Result<(), ApiError> {
    let failover = change.automatic_failover.unwrap_or(group.automatic_failover);
    let multi_az = change.multi_az.unwrap_or(group.multi_az);
    if change.automatic_failover == Some(false) && group.mode == ClusterMode::Enabled {
        return Err(ApiError::combination(NEVER_OFF));
    }
    if multi_az && !failover {
        return Err(ApiError::combination(NEEDS_FAILOVER));
    }
    let single = |count: usize| group.shards.values().any(|shard| shard.nodes.len() < count);
    if change.automatic_failover == Some(true) && group.mode != ClusterMode::Enabled && single(2) {
        return Err(ApiError::combination(TOO_FEW));
    }
    if change.multi_az == Some(true) && ctx.world.switches.multi_az_requires_spread {
        let in_one_zone = |shard: &crate::world::model::Shard| {
            let mut zones = shard.nodes.values().map(|node| &node.zone);
            zones.next().is_none_or(|first| zones.all(|zone| zone == first))
        };
        if group.shards.values().any(in_one_zone) {
            return Err(ApiError::combination(
                "Multi-AZ needs at least one replica in another availability zone than the primary in each node group.",
            ));
        }
    }
    if let Some(primary) = &change.primary {
        if group.mode == ClusterMode::Enabled {
            return Err(ApiError::combination(
                "PrimaryClusterId is for replication groups with a single primary.",
            ));
        }
        if group.node(primary).is_none() {
            return Err(ApiError::new(
                "CacheClusterNotFound",
                404,
                format!("CacheCluster {primary} not found."),
            ));
        }
        if group.automatic_failover {
            return Err(ApiError::combination(
                "Turn off automatic failover before changing the primary.",
            ));
        }
    }
    may_change_mode(group, change.cluster_mode)
}

fn may_change_mode(group: &Group, wanted: Option<ClusterMode>) -> Result<(), ApiError> {
    match (group.mode, wanted) {
        (_, None)
        | (ClusterMode::Disabled, Some(ClusterMode::Disabled | ClusterMode::Compatible))
        | (ClusterMode::Compatible, Some(ClusterMode::Compatible | ClusterMode::Enabled))
        | (ClusterMode::Enabled, Some(ClusterMode::Enabled)) => Ok(()),
        (from, Some(to)) => Err(ApiError::combination(format!(
            "Cluster mode goes from disabled to compatible to enabled, not from {} to {}.",
            from.word(),
            to.word()
        ))),
    }
}

fn without_noops(group: &Group, change: SettingsChange) -> SettingsChange {
    let primary = group.shards.values().next().map(|shard| &shard.primary);
    SettingsChange {
        automatic_failover: change
            .automatic_failover
            .filter(|on| *on != group.automatic_failover),
        multi_az: change.multi_az.filter(|on| *on != group.multi_az),
        primary: change.primary.filter(|id| Some(id) != primary),
        cluster_mode: change.cluster_mode.filter(|mode| *mode != group.mode),
    }
}

pub fn delete(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    let retain = params.boolean("RetainPrimaryCluster")?.unwrap_or(false);
    params.finish()?;
    let group = find(ctx, &id)?.clone();
    if retain {
        return Err(ApiError::unknown(
            "InvalidParameterCombination",
            "The simulator has no standalone clusters to retain a primary as.",
        ));
    }
    let status = group.status(&ctx.world.switches);
    if !["available", "create-failed"].contains(&status) {
        return Err(replicas::busy(&group));
    }
    ctx.world.delete_group(&group.key);
    ctx.applied = true;
    replicas::reply(ctx, &group.key)
}

fn valid_id(id: &str) -> Result<String, ApiError> {
    let id = id.to_lowercase();
    let letters = id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let shape = id.len() <= 40
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.contains("--")
        && !id.ends_with('-');
    if letters && shape {
        return Ok(id);
    }
    Err(ApiError::value(format!(
        "The parameter ReplicationGroupId is not a valid identifier: {id}. It must begin with a letter, have at most 40 \
         letters, digits and hyphens, no two hyphens in a row and none at the end."
    )))
}

fn mode_asked(params: &mut Params) -> Result<Option<ClusterMode>, ApiError> {
    params
        .take("ClusterMode")
        .map(|text| match text.as_str() {
            "enabled" => Ok(ClusterMode::Enabled),
            "disabled" => Ok(ClusterMode::Disabled),
            "compatible" => Ok(ClusterMode::Compatible),
            other => Err(ApiError::value(format!("{other} is not a cluster mode."))),
        })
        .transpose()
}

fn window_asked(params: &mut Params) -> Result<Option<String>, ApiError> {
    let window = params.take("PreferredMaintenanceWindow");
    if let Some(text) = &window {
        window::parse(text).map_err(ApiError::value)?;
    }
    Ok(window)
}

fn subnet_group(ctx: &Ctx<'_>, params: &mut Params) -> Result<String, ApiError> {
    let known = ctx.world.stores.get(&ctx.caller.place);
    let name = params
        .take("CacheSubnetGroupName")
        .or_else(|| known.and_then(|store| store.subnet_groups.keys().next().cloned()));
    name.ok_or_else(|| ApiError::value("CacheSubnetGroupName must be provided: there is no subnet group."))
}

fn subnet_zones(ctx: &Ctx<'_>, name: &str) -> Result<Vec<String>, ApiError> {
    let group = ctx
        .world
        .stores
        .get(&ctx.caller.place)
        .and_then(|store| store.subnet_groups.get(name));
    group
        .map(|group| group.zones().into_iter().collect())
        .ok_or_else(|| subnets::not_found(name))
}

/// What is stored and repeated.
fn echo_asked(params: &mut Params, mode: ClusterMode) -> Result<Echo, ApiError> {
    let engine = params.take("Engine").unwrap_or_else(|| "valkey".to_owned());
    if !["valkey", "redis"].contains(&engine.as_str()) {
        return Err(ApiError::value(format!(
            "{engine} is not an engine with replication groups."
        )));
    }
    let usual = Echo::usual(&engine, mode);
    let transit_encryption = params.boolean("TransitEncryptionEnabled")?.unwrap_or(false);
    let transit_encryption_mode = params.take("TransitEncryptionMode");
    Ok(Echo {
        engine_version: params.take("EngineVersion").unwrap_or(usual.engine_version),
        node_type: params.take("CacheNodeType").unwrap_or(usual.node_type),
        port: params.integer("Port")?.unwrap_or(usual.port),
        transit_encryption_mode: transit_encryption_mode
            .or(transit_encryption.then(|| "required".to_owned())),
        transit_encryption,
        at_rest_encryption: params.boolean("AtRestEncryptionEnabled")?.unwrap_or(false),
        kms_key_id: params.take("KmsKeyId"),
        auth_token: params.take("AuthToken").is_some(),
        snapshot_retention: params.integer("SnapshotRetentionLimit")?.unwrap_or(0),
        snapshot_window: params.take("SnapshotWindow").unwrap_or(usual.snapshot_window),
        parameter_group: params
            .take("CacheParameterGroupName")
            .unwrap_or(usual.parameter_group),
        security_groups: params
            .texts("SecurityGroupIds", "SecurityGroupId")?
            .unwrap_or(usual.security_groups),
        auto_minor_version_upgrade: params.boolean("AutoMinorVersionUpgrade")?.unwrap_or(true),
        notification_topic: params.take("NotificationTopicArn"),
        network_type: params.take("NetworkType").unwrap_or(usual.network_type),
        durability: usual.durability,
        // Asked for by a parameter that is refused here.
        outpost: usual.outpost,
        ip_discovery: params.take("IpDiscovery").unwrap_or(usual.ip_discovery),
        engine,
    })
}
