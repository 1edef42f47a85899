//! From a topology and its failovers to the document.

use super::{
    GapKind, ManagerKind, SCHEMA, Snapshot, SnapshotComponent, SnapshotFailover, SnapshotGap,
    SnapshotManager, SnapshotNode, SnapshotSettings, SnapshotShard, SnapshotZone,
};
use crate::plan::History;
use crate::report::words::Seconds;
use crate::topology::{
    CacheSettings, Component, Failover, Gap, Manager, Node, NodeId, Role, Shard, Topology, WeeklyWindow,
};

/// The document of one observation. From `history` come the failovers, and what our own nodes replace.
pub fn snapshot(topology: &Topology, history: &History) -> Snapshot {
    Snapshot {
        schema: SCHEMA.to_owned(),
        observed_at: Some(topology.observed_at),
        stack: Some((&topology.stack).into()),
        zones: topology
            .zones
            .iter()
            .map(|(name, zone)| SnapshotZone {
                name: name.to_string(),
                state: zone.state,
                since: zone.since,
                reasons: zone.reasons.clone(),
            })
            .collect(),
        components: topology
            .components
            .iter()
            .map(|(name, c)| component(name.as_str(), c, history))
            .collect(),
        failovers: history.failovers.iter().map(failover).collect(),
    }
}

fn component(name: &str, component: &Component, history: &History) -> SnapshotComponent {
    // No `..`: a snapshot must judge as its observation did. Ownership counts as given offline; account and region
    // are the manifest's, and each part is as old as the whole.
    let Component {
        resource,
        status,
        observed_at: _,
        gaps,
        settings,
        endpoints,
        shards,
        members_match,
        owner: _,
        managed_elsewhere,
        maintenance_windows,
    } = component;
    SnapshotComponent {
        name: name.to_owned(),
        kind: resource.kind,
        identifier: Some(resource.identifier.clone()),
        status: *status,
        settings: settings_of(settings),
        endpoints: endpoints.clone().into_iter().collect(),
        shards: shards
            .iter()
            .map(|(id, shard)| shard_of(id.as_str(), shard, history))
            .collect(),
        members_match: *members_match,
        managed_elsewhere: managed_elsewhere.iter().map(manager).collect(),
        maintenance_windows: maintenance_windows.iter().map(window).collect(),
        gaps: gaps.iter().map(gap).collect(),
    }
}

fn settings_of(settings: &CacheSettings) -> SnapshotSettings {
    let CacheSettings {
        cluster_mode,
        multi_az,
        automatic_failover,
        subnet_zones,
        durability,
    } = settings;
    SnapshotSettings {
        cluster_mode: Some(*cluster_mode),
        multi_az: Some(*multi_az),
        automatic_failover: Some(*automatic_failover),
        subnet_zones: Some(subnet_zones.iter().map(ToString::to_string).collect()),
        durability: Some(*durability),
    }
}

fn shard_of(id: &str, shard: &Shard, history: &History) -> SnapshotShard {
    let Shard { nodes, disputed } = shard;
    let written = |(id, n): (&NodeId, &Node)| {
        let written = node(id, n, history);
        // Several primaries say that their claims contradict each other.
        let role = if disputed.contains(id) {
            Some(Role::Primary)
        } else {
            written.role
        };
        SnapshotNode { role, ..written }
    };
    SnapshotShard {
        id: Some(id.to_owned()),
        nodes: nodes.iter().map(written).collect(),
    }
}

fn node(id: &NodeId, node: &Node, history: &History) -> SnapshotNode {
    let Node {
        zone,
        role,
        role_proof: _,
        health,
        health_since,
        lag,
        added_by_us,
    } = node;
    let replaces = history.added_nodes.get(id).and_then(|a| a.replaces.as_ref());
    SnapshotNode {
        id: Some(id.to_string()),
        zone: zone.to_string(),
        role: Some(*role),
        health: *health,
        health_since: *health_since,
        lag_seconds: lag.map(Seconds),
        added_by_us: *added_by_us,
        replaces: replaces.filter(|_| *added_by_us).map(ToString::to_string),
    }
}

fn failover(failover: &Failover) -> SnapshotFailover {
    let Failover {
        id,
        at,
        component,
        shard,
        from,
        to,
        class,
        duration_seconds,
    } = failover;
    SnapshotFailover {
        id: Some(id.clone()),
        at: *at,
        component: component.to_string(),
        shard: shard.to_string(),
        from: from.as_ref().map(ToString::to_string),
        to: to.as_ref().map(ToString::to_string),
        class: *class,
        duration_seconds: *duration_seconds,
    }
}

fn manager(manager: &Manager) -> SnapshotManager {
    match manager {
        Manager::GlobalDatastore { id, role } => SnapshotManager {
            kind: ManagerKind::GlobalDatastore,
            name: id.clone(),
            role: Some(role.clone()),
        },
        Manager::CloudFormation { stack } => SnapshotManager {
            kind: ManagerKind::CloudFormation,
            name: stack.clone(),
            role: None,
        },
        Manager::Outpost { arn } => SnapshotManager {
            kind: ManagerKind::Outpost,
            name: arn.clone(),
            role: None,
        },
    }
}

fn gap(gap: &Gap) -> SnapshotGap {
    let (kind, reason) = match gap {
        Gap::Description(reason) => (GapKind::Description, reason),
        Gap::Metrics(reason) => (GapKind::Metrics, reason),
        Gap::Events(reason) => (GapKind::Events, reason),
    };
    SnapshotGap {
        kind,
        reason: reason.clone(),
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_DAY: u16 = 24 * 60;

fn window(window: &WeeklyWindow) -> String {
    let end = |minute: u16| {
        let day = DAYS[usize::from(minute / MINUTES_OF_DAY) % 7];
        format!("{day}:{:02}:{:02}", minute / 60 % 24, minute % 60)
    };
    format!("{}-{}", end(window.start_minute), end(window.end_minute))
}

/// The reverse of what is written: `sun:23:00-mon:01:30`.
pub(super) fn parse_window(text: &str) -> Option<WeeklyWindow> {
    let end = |text: &str| -> Option<u16> {
        let mut parts = text.split(':');
        let day = parts.next()?;
        let day = u16::try_from(DAYS.iter().position(|d| d.eq_ignore_ascii_case(day))?).ok()?;
        let (hour, minute): (u16, u16) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (hour < 24 && minute < 60 && parts.next().is_none())
            .then_some(day * MINUTES_OF_DAY + hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    Some(WeeklyWindow {
        start_minute: end(from)?,
        end_minute: end(to)?,
    })
}
