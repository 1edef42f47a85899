//! From a world as written to a world that lives.
//!
//! Problems name the field and the value; the first one is reported.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::iam::Access;

use super::make::{NewGroup, NewNode, NewShard};
use super::model::{ClusterMode, Echo, GroupKey, Life, Phase, Place, SubnetGroup, Zone};
use super::spec::{
    FullShardSpec, GenerateSpec, GroupSpec, NodeSpec, ShardSpec, SubnetGroupSpec, WorldSpec, parse_shard,
};
use super::{World, window};

/// Lag of replicas that name none.
const USUAL_LAG: f64 = 0.02;

impl WorldSpec {
    /// Reads a world from YAML (of which JSON is a part).
    pub fn from_yaml(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|e| format!("the world is not valid: {e}"))
    }
}

impl World {
    /// Builds a world that begins at `now`.
    pub fn build(spec: &WorldSpec, now: Timestamp, seed: u64) -> Result<Self, String> {
        let region = spec
            .region
            .clone()
            .or_else(|| spec.zones.keys().next().map(|zone| region_of(zone)))
            .unwrap_or_else(|| "us-east-1".to_owned());
        let account = spec.account.clone().unwrap_or_else(|| "111122223333".to_owned());
        let mut world = Self::empty(Place { account, region }, now, seed);
        world.accounts.clone_from(&spec.accounts);
        world.roles.clone_from(&spec.roles);
        world.access = Access::read(&spec.policies)?;
        world.timings.clone_from(&spec.timings);
        world.switches.clone_from(&spec.switches);
        world.quotas = spec.quotas;
        for (name, id) in &spec.zones {
            let zone = Zone {
                id: id.clone(),
                region: region_of(name),
                failed_since: None,
                epoch: 0,
            };
            world.zones.insert(name.clone(), zone);
        }
        for group in &spec.subnet_groups {
            world.add_subnet_group(group)?;
        }
        for group in &spec.replication_groups {
            world.add_group(group)?;
        }
        if let Some(generate) = &spec.generate {
            world.generate(generate)?;
        }
        let nodes = world.groups().map(|group| group.nodes().count()).sum::<usize>();
        world.quotas.nodes_per_region = world.quotas.nodes_per_region.max(nodes * 2);
        for actor in &spec.actors {
            crate::actors::enlist(&mut world, actor.clone())?;
        }
        world.run_until(now);
        Ok(world)
    }

    /// Adds a subnet group with one subnet in each zone.
    pub fn add_subnet_group(&mut self, spec: &SubnetGroupSpec) -> Result<(), String> {
        let place = self.place(spec.account.as_ref(), spec.region.as_ref());
        if spec.zones.is_empty() {
            return Err(format!("subnetGroups {}: at least one zone is needed", spec.name));
        }
        let mut subnets = BTreeMap::new();
        for zone in &spec.zones {
            let zone = self.zone_name(zone, &place.region)?;
            let letter = zone.strip_prefix(&place.region).unwrap_or(&zone);
            subnets.insert(format!("subnet-{}-{letter}", spec.name), zone.clone());
        }
        let group = SubnetGroup {
            description: spec.name.clone(),
            subnets,
            outpost: spec.outpost.clone(),
            tags: BTreeMap::new(),
        };
        self.stores
            .entry(place)
            .or_default()
            .subnet_groups
            .insert(spec.name.clone(), group);
        Ok(())
    }

    /// Adds a replication group that has been there for long (or whose creation goes on or has failed, if its status
    /// says so).
    pub fn add_group(&mut self, spec: &GroupSpec) -> Result<(), String> {
        let place = self.place(spec.account.as_ref(), spec.region.as_ref());
        let key = GroupKey {
            place,
            id: spec.id.to_lowercase(),
        };
        let mut lost = Vec::new();
        let shards = self.shards_of(spec, &key, &mut lost)?;
        let new = self.new_group(spec, key.clone(), shards)?;
        match spec.status.as_deref() {
            Some("creating") => self.create_group(new),
            Some("create-failed") => self.fail_group(new),
            None | Some("available") => self.settle_group(new, &lost),
            Some(other) => {
                return Err(format!(
                    "replicationGroups {}: status `{other}` is not available, creating or create-failed",
                    spec.id
                ));
            }
        }
        Ok(())
    }

    /// A person deletes a group and makes another one of this description, as an IaC tool replaces it: its id is given
    /// again, and its ARN with it.
    pub fn recreate_group(&mut self, spec: &GroupSpec) -> Result<(), String> {
        let key = GroupKey {
            place: self.place(spec.account.as_ref(), spec.region.as_ref()),
            id: spec.id.to_lowercase(),
        };
        if self.group(&key).is_none() {
            return Err(format!("there is no group {}", spec.id));
        }
        let shards = self.shards_of(spec, &key, &mut Vec::new())?;
        let new = self.new_group(spec, key.clone(), shards)?;
        self.group_gone(&key);
        self.create_group(new);
        Ok(())
    }

    /// A group that never came to be: it has no node.
    fn fail_group(&mut self, new: NewGroup) {
        let mut group = self.assemble(new, Phase::Failed, Life::Starting);
        group.shards.clear();
        self.insert_group(group);
    }

    fn settle_group(&mut self, new: NewGroup, lost: &[String]) {
        let key = new.key.clone();
        let group = self.assemble(new, Phase::Running, Life::Up);
        let nodes: Vec<String> = group.nodes().map(|(_, node)| node.id.clone()).collect();
        self.insert_group(group);
        if let Some(cell) = self
            .stores
            .get_mut(&key.place)
            .and_then(|store| store.cells.get_mut(&key.id))
        {
            cell.past.clear();
        }
        let now = self.now;
        if let Some(group) = self.group_mut(&key) {
            let created = now - jiff::SignedDuration::from_hours(24 * 90);
            group.created = created;
            for node in group
                .shards
                .values_mut()
                .flat_map(|shard| shard.nodes.values_mut())
            {
                node.created = created;
            }
        }
        for node in nodes {
            self.trace_node_since_long_ago(&key, &node);
        }
        for node in lost {
            let _healthy = self.fail_node_of(&key, node, None);
        }
    }

    fn trace_node_since_long_ago(&mut self, key: &GroupKey, node: &str) {
        let now = self.now;
        self.now = now - jiff::SignedDuration::from_hours(3);
        self.trace_node(key, node);
        self.now = now;
    }

    fn shards_of(
        &self,
        spec: &GroupSpec,
        key: &GroupKey,
        lost: &mut Vec<String>,
    ) -> Result<Vec<NewShard>, String> {
        let mut shards = Vec::new();
        for (position, shard) in spec.shards.iter().enumerate() {
            let full = match shard {
                ShardSpec::Short(text) => FullShardSpec {
                    id: None,
                    slots: None,
                    nodes: parse_shard(text).map_err(|e| format!("replicationGroups {}: {e}", spec.id))?,
                },
                ShardSpec::Full(full) => full.clone(),
            };
            let id = full.id.unwrap_or_else(|| format!("{:04}", position + 1));
            let primaries = full.nodes.iter().filter(|node| node.primary).count();
            if primaries != 1 {
                return Err(format!(
                    "replicationGroups {} shard {id}: {primaries} primaries; one is needed",
                    spec.id
                ));
            }
            let nodes = self.nodes_of(spec, key, &id, full.nodes, lost)?;
            shards.push(NewShard {
                id,
                slots: full.slots,
                nodes,
            });
        }
        Ok(shards)
    }

    /// Nodes with ids by position, primary first.
    fn nodes_of(
        &self,
        spec: &GroupSpec,
        key: &GroupKey,
        shard: &str,
        nodes: Vec<NodeSpec>,
        lost: &mut Vec<String>,
    ) -> Result<Vec<NewNode>, String> {
        let sharded = spec.cluster_mode == ClusterMode::Enabled;
        let prefix = if sharded {
            format!("{}-{shard}", key.id)
        } else {
            key.id.clone()
        };
        let mut made = Vec::new();
        for (position, node) in nodes.into_iter().enumerate() {
            let id = node.id.unwrap_or_else(|| format!("{prefix}-{:03}", position + 1));
            if node.lost {
                lost.push(id.clone());
            }
            let lag = node.lag_seconds.or(spec.lag_seconds).unwrap_or(USUAL_LAG);
            let zone = self.zone_name(&node.zone, &key.place.region)?;
            made.push((
                !node.primary,
                NewNode {
                    id: Some(id),
                    zone,
                    lag,
                },
            ));
        }
        made.sort_by_key(|(replica, _)| *replica);
        Ok(made.into_iter().map(|(_, node)| node).collect())
    }

    fn new_group(&self, spec: &GroupSpec, key: GroupKey, shards: Vec<NewShard>) -> Result<NewGroup, String> {
        if spec.cluster_mode != ClusterMode::Enabled && shards.len() != 1 {
            return Err(format!(
                "replicationGroups {}: cluster mode disabled has exactly one shard",
                spec.id
            ));
        }
        let window = spec
            .maintenance_window
            .clone()
            .unwrap_or_else(|| "sun:23:00-mon:01:30".to_owned());
        window::parse(&window)
            .map_err(|e| format!("replicationGroups {}: maintenanceWindow {e}", spec.id))?;
        let engine = spec.engine.clone().unwrap_or_else(|| "valkey".to_owned());
        let echo = Echo {
            engine_version: spec.engine_version.clone().unwrap_or_else(|| "8.0.1".to_owned()),
            node_type: spec
                .node_type
                .clone()
                .unwrap_or_else(|| "cache.r7g.large".to_owned()),
            transit_encryption: spec.transit_encryption,
            durability: spec.durability,
            ..Echo::usual(&engine, spec.cluster_mode)
        };
        let subnet_group = self.subnet_group_of(spec, &key.place)?;
        let store = self.stores.get(&key.place);
        let outpost = store.and_then(|s| s.subnet_groups.get(&subnet_group)?.outpost.clone());
        Ok(NewGroup {
            subnet_group,
            key,
            description: spec.description.clone().unwrap_or_else(|| spec.id.clone()),
            mode: spec.cluster_mode,
            automatic_failover: spec.automatic_failover.unwrap_or(true),
            multi_az: spec.multi_az.unwrap_or(true),
            shards,
            tags: spec.tags.clone(),
            window,
            global: spec.global.clone(),
            echo: Echo { outpost, ..echo },
        })
    }

    fn subnet_group_of(&self, spec: &GroupSpec, place: &Place) -> Result<String, String> {
        let known = self.stores.get(place).map(|store| &store.subnet_groups);
        match &spec.subnet_group {
            Some(name) if known.is_some_and(|groups| groups.contains_key(name)) => Ok(name.clone()),
            Some(name) => Err(format!(
                "replicationGroups {}: there is no subnet group `{name}`",
                spec.id
            )),
            None => known
                .and_then(|groups| groups.keys().next().cloned())
                .ok_or_else(|| format!("replicationGroups {}: its place has no subnet group", spec.id)),
        }
    }

    fn generate(&mut self, spec: &GenerateSpec) -> Result<(), String> {
        let region = spec
            .template
            .region
            .clone()
            .unwrap_or_else(|| self.default_place.region.clone());
        let zones: Vec<String> = if spec.zones.is_empty() {
            self.zones
                .iter()
                .filter(|(_, zone)| zone.region == region)
                .map(|(name, _)| name.clone())
                .collect()
        } else {
            spec.zones
                .iter()
                .map(|zone| self.zone_name(zone, &region))
                .collect::<Result<_, _>>()?
        };
        if zones.is_empty() {
            return Err("generate: there are no zones".to_owned());
        }
        for number in 0..spec.groups {
            let shards = (0..spec.shards)
                .map(|shard| {
                    let nodes = (0..=spec.replicas).map(|node| NodeSpec {
                        id: None,
                        zone: zones[(number + shard + node) as usize % zones.len()].clone(),
                        primary: node == 0,
                        lag_seconds: None,
                        lost: false,
                    });
                    ShardSpec::Full(FullShardSpec {
                        id: None,
                        slots: None,
                        nodes: nodes.collect(),
                    })
                })
                .collect();
            let id = format!("{}-{:04}", spec.prefix, number + 1);
            self.add_group(&GroupSpec {
                id,
                shards,
                ..spec.template.clone()
            })?;
        }
        Ok(())
    }

    fn place(&self, account: Option<&String>, region: Option<&String>) -> Place {
        Place {
            account: account.unwrap_or(&self.default_place.account).clone(),
            region: region.unwrap_or(&self.default_place.region).clone(),
        }
    }

    /// A zone's full name, from the name or from its suffix in a region.
    fn zone_name(&self, text: &str, region: &str) -> Result<String, String> {
        let full = format!("{region}{text}");
        [text.to_owned(), full]
            .into_iter()
            .find(|name| self.zones.get(name).is_some_and(|zone| zone.region == region))
            .ok_or_else(|| format!("there is no zone `{text}` in {region}"))
    }
}

/// `ap-northeast-2a` → `ap-northeast-2`; of a Local Zone, `us-west-2-lax-1a` → `us-west-2`. A region ends with the first
/// number.
fn region_of(zone: &str) -> String {
    let digit = |c: char| c.is_ascii_digit();
    let start = zone.find(digit).unwrap_or(zone.len());
    let number = zone[start..].chars().take_while(|c| digit(*c)).count();
    zone[..start + number].to_owned()
}

impl Echo {
    /// What a group has that asked for nothing special.
    pub fn usual(engine: &str, mode: ClusterMode) -> Self {
        let family = if engine == "redis" { "redis7" } else { "valkey8" };
        let suffix = if mode == ClusterMode::Disabled {
            ""
        } else {
            ".cluster.on"
        };
        Self {
            engine: engine.to_owned(),
            engine_version: if engine == "redis" { "7.1.0" } else { "8.0.1" }.to_owned(),
            node_type: "cache.r7g.large".to_owned(),
            port: 6379,
            transit_encryption: false,
            transit_encryption_mode: None,
            durability: None,
            at_rest_encryption: false,
            kms_key_id: None,
            auth_token: false,
            snapshot_retention: 0,
            snapshot_window: "05:00-06:00".to_owned(),
            parameter_group: format!("default.{family}{suffix}"),
            security_groups: vec!["sg-0a1b2c3d".to_owned()],
            auto_minor_version_upgrade: true,
            notification_topic: None,
            network_type: "ipv4".to_owned(),
            ip_discovery: "ipv4".to_owned(),
            outpost: None,
        }
    }
}
