//! A snapshot joined with an intent: what planning looks at, offline and reproducibly.
//!
//! Ownership counts as given, records count as old enough, and every role that is given counts as proven.

use super::{
    GapKind, ManagerKind, Snapshot, SnapshotComponent, SnapshotFailover, SnapshotGap, SnapshotManager,
    SnapshotNode, SnapshotShard, write::parse_window,
};
use crate::document::{Problem, Problems};
use crate::plan::history::AddedNode;
use crate::plan::intent::CacheIntent;
use crate::plan::{History, Intent};
use crate::topology::{
    CacheSettings, ClusterMode, Component, ComponentName, Durability, Failover, Gap, Manager, Node, NodeId,
    Owner, ResourceKey, ResourceKind, ResourceStatus, Role, RoleProof, RoleSource, Shard, ShardId, SmallMap,
    Switch, Topology, Zone, ZoneName, ZoneState,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What a snapshot shows of one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub topology: Topology,
    /// The failovers and the nodes that we added; nothing in flight.
    pub history: History,
}

/// How long ago the record of a snapshot counts as begun: long enough for no guardrail to doubt it.
const RECORD_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Joins a snapshot, observed at `observed_at`, with the intent of its stack.
pub fn onto(snapshot: &Snapshot, intent: &Intent, observed_at: Timestamp) -> Result<Observed, Vec<Problem>> {
    let mut problems = Problems::default();
    let given: BTreeMap<ComponentName, &SnapshotComponent> = snapshot
        .components
        .iter()
        .map(|c| (c.name.as_str().into(), c))
        .collect();
    for (i, component) in snapshot.components.iter().enumerate() {
        check(i, component, intent, &mut problems);
    }
    if !problems.found.is_empty() {
        return Err(problems.found);
    }
    let scene = Scene { intent, observed_at };
    let components: SmallMap<_, _> = intent
        .caches
        .iter()
        .map(|(name, cache)| {
            let component = match given.get(name) {
                Some(component) => scene.present(component, cache),
                None => scene.absent(cache),
            };
            (name.clone(), component)
        })
        .collect();
    let history = scene.history(snapshot, &components);
    let topology = Topology {
        stack: intent.stack.clone(),
        observed_at,
        zones: zones(snapshot, intent, &components),
        components,
    };
    Ok(Observed { topology, history })
}

fn check(i: usize, component: &SnapshotComponent, intent: &Intent, problems: &mut Problems) {
    let Some(cache) = intent.caches.get(&component.name.as_str().into()) else {
        let known: Vec<_> = intent.caches.keys().map(ComponentName::as_str).collect();
        problems.add(
            0,
            &format!("components[{i}].name"),
            Some(format!("{:?}", component.name)),
            format!("{:?} is no component of stack {}", component.name, intent.stack),
            format!("name one of {}, or add it to the manifest", known.join(", ")),
        );
        return;
    };
    if let Some(identifier) = &component.identifier
        && !identifier.eq_ignore_ascii_case(&cache.replication_group)
    {
        problems.add(
            0,
            &format!("components[{i}].identifier"),
            Some(format!("{identifier:?}")),
            format!("{identifier:?} is not what the manifest names"),
            format!(
                "write {:?} or correct replicationGroup there",
                cache.replication_group
            ),
        );
    }
}

/// Zones of the spec, those that the snapshot lists, and those in which nodes stand.
fn zones(
    snapshot: &Snapshot,
    intent: &Intent,
    components: &SmallMap<ComponentName, Component>,
) -> SmallMap<ZoneName, Zone> {
    let standing = components
        .values()
        .flat_map(|c| c.shards.values())
        .flat_map(|s| s.nodes.values())
        .map(|n| &n.zone);
    let mut zones: SmallMap<ZoneName, Zone> = intent
        .zones
        .keys()
        .chain(standing)
        .map(|name| {
            let zone = Zone {
                state: ZoneState::Healthy,
                since: None,
                reasons: Vec::new(),
            };
            (name.clone(), zone)
        })
        .collect();
    for zone in &snapshot.zones {
        zones.insert(
            zone.name.as_str().into(),
            Zone {
                state: zone.state,
                since: zone.since,
                reasons: zone.reasons.clone(),
            },
        );
    }
    zones
}

struct Scene<'a> {
    intent: &'a Intent,
    observed_at: Timestamp,
}

impl Scene<'_> {
    fn key(&self, kind: ResourceKind, cache: &CacheIntent) -> ResourceKey {
        ResourceKey {
            account: None,
            region: self.intent.region.clone(),
            kind,
            identifier: cache.replication_group.clone(),
        }
    }

    fn present(&self, component: &SnapshotComponent, cache: &CacheIntent) -> Component {
        let settings = &component.settings;
        let several = component.shards.len() > 1;
        let mode = if several {
            ClusterMode::Enabled
        } else {
            ClusterMode::Disabled
        };
        let subnet_zones = match &settings.subnet_zones {
            Some(zones) => zones.iter().map(|z| z.as_str().into()).collect(),
            None => self.intent.zones.keys().cloned().collect(),
        };
        Component {
            resource: self.key(component.kind, cache),
            status: component.status,
            observed_at: self.observed_at,
            gaps: component.gaps.iter().map(gap).collect(),
            settings: CacheSettings {
                cluster_mode: settings.cluster_mode.unwrap_or(mode),
                multi_az: settings.multi_az.unwrap_or(Switch::Enabled),
                automatic_failover: settings.automatic_failover.unwrap_or(Switch::Enabled),
                subnet_zones,
                durability: settings.durability.unwrap_or(Durability::Disabled),
            },
            endpoints: component.endpoints.clone().into(),
            shards: self.shards(component, cache),
            members_match: component.members_match,
            owner: Owner::Ours,
            managed_elsewhere: component.managed_elsewhere.iter().map(manager).collect(),
            maintenance_windows: component
                .maintenance_windows
                .iter()
                .filter_map(|w| parse_window(w))
                .collect(),
        }
    }

    /// Not in the snapshot: nothing is known of it, and that is said.
    fn absent(&self, cache: &CacheIntent) -> Component {
        Component {
            resource: self.key(ResourceKind::Cache, cache),
            status: ResourceStatus::Unknown,
            observed_at: self.observed_at,
            gaps: vec![Gap::Description("the snapshot does not hold it".to_owned())],
            settings: CacheSettings {
                cluster_mode: ClusterMode::Disabled,
                multi_az: Switch::Disabled,
                automatic_failover: Switch::Disabled,
                subnet_zones: BTreeSet::new(),
                durability: Durability::Disabled,
            },
            endpoints: SmallMap::new(),
            shards: SmallMap::new(),
            members_match: true,
            owner: Owner::Ours,
            managed_elsewhere: Vec::new(),
            maintenance_windows: Vec::new(),
        }
    }

    fn shards(&self, component: &SnapshotComponent, cache: &CacheIntent) -> SmallMap<ShardId, Shard> {
        let identifier = component
            .identifier
            .as_deref()
            .unwrap_or(&cache.replication_group);
        let shards = component.shards.iter().enumerate();
        shards
            .map(|(i, shard)| {
                let id = shard_id(i, shard);
                let primary = shard.nodes.iter().any(|n| n.role == Some(Role::Primary));
                let nodes = shard.nodes.iter().enumerate();
                let nodes = nodes
                    .map(|(j, n)| (node_id(identifier, &id, j, n), self.node(n, primary)))
                    .collect();
                (id, Shard::new(nodes))
            })
            .collect()
    }

    fn node(&self, node: &SnapshotNode, primary_given: bool) -> Node {
        let role = node.role.unwrap_or(if primary_given {
            Role::Replica
        } else {
            Role::Unknown
        });
        Node {
            zone: node.zone.as_str().into(),
            role,
            role_proof: (role != Role::Unknown).then_some(RoleProof {
                source: RoleSource::Snapshot,
                at: self.observed_at,
                read_at: self.observed_at,
            }),
            health: node.health,
            health_since: node.health_since,
            lag: node.lag_seconds.map(|s| s.0),
            added_by_us: node.added_by_us,
        }
    }

    fn history(&self, snapshot: &Snapshot, components: &SmallMap<ComponentName, Component>) -> History {
        let mut failovers: Vec<_> = snapshot.failovers.iter().map(failover).collect();
        failovers.sort();
        failovers.sort_by_key(|f| f.at);
        let mut added_nodes = SmallMap::new();
        for given in &snapshot.components {
            let name: ComponentName = given.name.as_str().into();
            let Some(component) = components.get(&name) else {
                continue;
            };
            for (i, shard) in given.shards.iter().enumerate() {
                let id = shard_id(i, shard);
                for (j, node) in shard.nodes.iter().enumerate().filter(|(_, n)| n.added_by_us) {
                    let added = AddedNode {
                        component: name.clone(),
                        shard: id.clone(),
                        at: node.health_since.unwrap_or(self.observed_at - RECORD_AGE),
                        replaces: node.replaces.as_deref().map(Into::into),
                        created: None,
                    };
                    added_nodes.insert(node_id(&component.resource.identifier, &id, j, node), added);
                }
            }
        }
        History {
            began: Some(self.observed_at - RECORD_AGE),
            failovers,
            added_nodes,
            ..History::default()
        }
    }
}

fn shard_id(i: usize, shard: &SnapshotShard) -> ShardId {
    match &shard.id {
        Some(id) => id.as_str().into(),
        None => ShardId::new(format!("{:04}", i + 1)),
    }
}

fn node_id(identifier: &str, shard: &ShardId, i: usize, node: &SnapshotNode) -> NodeId {
    match &node.id {
        Some(id) => id.as_str().into(),
        None => NodeId::new(format!("{identifier}-{shard}-{:03}", i + 1)),
    }
}

fn failover(failover: &SnapshotFailover) -> Failover {
    let time = failover.at.strftime("%Y%m%dT%H%M%SZ");
    Failover {
        id: failover
            .id
            .clone()
            .unwrap_or_else(|| format!("fo-{}-{}-{time}", failover.component, failover.shard)),
        at: failover.at,
        component: failover.component.as_str().into(),
        shard: failover.shard.as_str().into(),
        from: failover.from.as_deref().map(Into::into),
        to: failover.to.as_deref().map(Into::into),
        class: failover.class,
        duration_seconds: failover.duration_seconds,
    }
}

fn manager(manager: &SnapshotManager) -> Manager {
    match manager.kind {
        ManagerKind::GlobalDatastore => Manager::GlobalDatastore {
            id: manager.name.clone(),
            role: manager.role.clone().unwrap_or_default(),
        },
        ManagerKind::CloudFormation => Manager::CloudFormation {
            stack: manager.name.clone(),
        },
        ManagerKind::Outpost => Manager::Outpost {
            arn: manager.name.clone(),
        },
    }
}

fn gap(gap: &SnapshotGap) -> Gap {
    match gap.kind {
        GapKind::Description => Gap::Description(gap.reason.clone()),
        GapKind::Metrics => Gap::Metrics(gap.reason.clone()),
        GapKind::Events => Gap::Events(gap.reason.clone()),
    }
}
