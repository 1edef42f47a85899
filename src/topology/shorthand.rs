//! Topologies written as people draw them, for tests, benches and examples.
//!
//! One string is one shard, one word is one node: `zone:role` with optional marks.
//! `"a:P c:r"` is a primary in zone `a` and a replica in zone `c`.
//!
//! | mark | meaning |
//! |---|---|
//! | `P`, `r`, `?` | primary, replica, unknown role |
//! | `!` | down |
//! | `+` | creating |
//! | `*` | added by us |
//! | `~250` | replication lag in ms (default 0 for replicas); `~-` lag unknown |
//!
//! Shards are numbered `0001`, `0002`…, nodes `cache-0001-001`… in the order written. All nodes have been as they
//! are for long (`health_since` is `None`), roles are proven at `now`.

use super::{
    CacheSettings, ClusterMode, Component, Durability, Health, Node, NodeId, Owner, ResourceKey,
    ResourceKind, ResourceStatus, Role, RoleProof, RoleSource, Shard, ShardId, StackName, Switch, Topology,
    Zone, ZoneName, ZoneState,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A stack `shop/web` with one cache component `cache` (identifier `cache`), all settings on, owned by us.
///
/// `zones` are the zones of the spec, such as `"a b c"`; a zone marked `!` (`"a! b"`) is Impaired for an hour.
///
/// # Panics
/// On a word it does not understand: it reads literals, not input.
#[expect(clippy::panic)]
pub fn topology(now: Timestamp, zones: &str, shards: &[&str]) -> Topology {
    let mut zone_map: BTreeMap<ZoneName, Zone> = BTreeMap::new();
    for word in zones.split_whitespace() {
        let (name, impaired) = word.strip_suffix('!').map_or((word, false), |n| (n, true));
        let zone = Zone {
            state: if impaired {
                ZoneState::Impaired
            } else {
                ZoneState::Healthy
            },
            since: impaired.then(|| now - SignedDuration::from_hours(1)),
            reasons: Vec::new(),
        };
        zone_map.insert(ZoneName::from(name), zone);
    }
    let subnet_zones = zone_map.keys().cloned().collect();
    let mut shard_map = BTreeMap::new();
    for (i, text) in shards.iter().enumerate() {
        let id = format!("{:04}", i + 1);
        let mut shard = Shard::default();
        for (j, word) in text.split_whitespace().enumerate() {
            let node = node(now, word).unwrap_or_else(|why| panic!("{word:?} in {text:?}: {why}"));
            shard
                .nodes
                .insert(NodeId::new(format!("cache-{id}-{:03}", j + 1)), node);
        }
        shard_map.insert(ShardId::new(id), shard);
    }
    let component = Component {
        resource: ResourceKey {
            account: None,
            region: "test-region-1".into(),
            kind: ResourceKind::Cache,
            identifier: "cache".into(),
        },
        status: ResourceStatus::Available,
        observed_at: now,
        gaps: Vec::new(),
        settings: CacheSettings {
            cluster_mode: ClusterMode::Enabled,
            multi_az: Switch::Enabled,
            automatic_failover: Switch::Enabled,
            subnet_zones,
            durability: Durability::Disabled,
        },
        endpoints: BTreeMap::new(),
        shards: shard_map,
        members_match: true,
        owner: Owner::Ours,
        managed_elsewhere: Vec::new(),
        maintenance_windows: Vec::new(),
    };
    Topology {
        stack: StackName::new("shop", "web"),
        observed_at: now,
        zones: zone_map,
        components: BTreeMap::from([("cache".into(), component)]),
    }
}

fn node(now: Timestamp, word: &str) -> Result<Node, &'static str> {
    let (zone, rest) = word.split_once(':').ok_or("wants zone:role")?;
    let (marks, lag) = rest.split_once('~').map_or((rest, None), |(m, l)| (m, Some(l)));
    let mut chars = marks.chars();
    let role = match chars.next() {
        Some('P') => Role::Primary,
        Some('r') => Role::Replica,
        Some('?') => Role::Unknown,
        _ => return Err("wants P, r or ? after the colon"),
    };
    let mut node = Node {
        zone: zone.into(),
        role,
        role_proof: (role != Role::Unknown).then_some(RoleProof {
            source: RoleSource::Snapshot,
            at: now,
            read_at: now,
        }),
        health: Health::Healthy,
        health_since: None,
        lag: (role == Role::Replica).then_some(SignedDuration::ZERO),
        added_by_us: false,
    };
    for mark in chars {
        match mark {
            '!' => node.health = Health::Down,
            '+' => node.health = Health::Creating,
            '*' => node.added_by_us = true,
            _ => return Err("knows only the marks ! + *"),
        }
    }
    match lag {
        None => {}
        Some("-") => node.lag = None,
        Some(ms) => {
            node.lag = Some(SignedDuration::from_millis(
                ms.parse().map_err(|_| "wants whole milliseconds after ~")?,
            ));
        }
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_roles_marks_and_zones() {
        let t = topology(Timestamp::UNIX_EPOCH, "a! c", &["a:P! c:r*~250", "c:? a:r+~-"]);
        let cache = &t.components[&"cache".into()];
        assert_eq!(t.zone_state(&"a".into()), ZoneState::Impaired);
        let first = &cache.shards[&"0001".into()].nodes;
        assert_eq!(first[&"cache-0001-001".into()].health, Health::Down);
        assert_eq!(first[&"cache-0001-001".into()].role, Role::Primary);
        assert!(first[&"cache-0001-002".into()].added_by_us);
        assert_eq!(
            first[&"cache-0001-002".into()].lag,
            Some(SignedDuration::from_millis(250))
        );
        let second = &cache.shards[&"0002".into()].nodes;
        assert_eq!(second[&"cache-0002-001".into()].role, Role::Unknown);
        assert_eq!(second[&"cache-0002-002".into()].health, Health::Creating);
        assert_eq!(second[&"cache-0002-002".into()].lag, None);
        assert_eq!(cache.shards[&"0002".into()].primary(), None);
    }
}
