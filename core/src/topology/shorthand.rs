//! Topologies written as people draw them, for tests, benches and examples.
//!
//! One string is one shard, one word is one node: `zone:role` with optional marks.
//! `"a:P c:r"` is a primary in zone `a` and a replica in zone `c`.
//!
//! | mark | meaning |
//! |---|---|
//! | `P`, `r`, `?` | primary, replica, unknown role; several `P` in one shard contradict each other |
//! | `!` | down |
//! | `+` | creating |
//! | `#` | health unknown |
//! | `'` | so only just now (else for long) |
//! | `*` | added by us |
//! | `*2` | added by us to replace the second word's node (see [`additions`]) |
//! | `~250` | replication lag in ms (default 0 for replicas); `~-` lag unknown |
//!
//! Shards are numbered `0001`, `0002`…, nodes `cache-0001-001`… in the order written. Nodes have been as they are
//! for long (`health_since` is `None`) unless marked, roles are proven at `now`.

use super::{
    CacheSettings, ClusterMode, Component, Durability, Health, Node, NodeId, Owner, ResourceKey,
    ResourceKind, ResourceStatus, Role, RoleProof, RoleSource, Shard, ShardId, SmallMap, StackName, Switch,
    Topology, Zone, ZoneName, ZoneState,
};
use jiff::{SignedDuration, Timestamp};

/// A stack `shop/web` with one cache component `cache` (identifier `cache`), all settings on, owned by us.
///
/// `zones` are the zones of the spec, such as `"a b c"`; a zone marked `!` (`"a! b"`) is Impaired for an hour, one
/// marked `?` is Unknown, one marked `^` is being evacuated.
///
/// # Panics
/// On a word it does not understand: it reads literals, not input.
#[expect(clippy::panic)]
pub fn topology(now: Timestamp, zones: &str, shards: &[&str]) -> Topology {
    let mut zone_map: SmallMap<ZoneName, Zone> = SmallMap::new();
    for word in zones.split_whitespace() {
        let name = word.trim_end_matches(['!', '?', '^']);
        let state = match &word[name.len()..] {
            "!" => ZoneState::Impaired,
            "?" => ZoneState::Unknown,
            "^" => ZoneState::Evacuating,
            _ => ZoneState::Healthy,
        };
        let zone = Zone {
            state,
            since: (state != ZoneState::Healthy).then(|| now - SignedDuration::from_hours(1)),
            reasons: Vec::new(),
        };
        zone_map.insert(ZoneName::from(name), zone);
    }
    let subnet_zones = zone_map.keys().cloned().collect();
    let mut shard_map = SmallMap::new();
    for (i, text) in shards.iter().enumerate() {
        let id = shard_id(i);
        let mut nodes = SmallMap::new();
        for (j, word) in text.split_whitespace().enumerate() {
            let node = node(now, word).unwrap_or_else(|why| panic!("{word:?} in {text:?}: {why}"));
            nodes.insert(node_id(&id, j), node);
        }
        shard_map.insert(id, Shard::new(nodes));
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
        endpoints: SmallMap::new(),
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
        components: SmallMap::from([("cache".into(), component)]),
    }
}

/// The nodes marked `*2` and the like: shard, the node that we added, the node that it replaces.
pub fn additions(shards: &[&str]) -> Vec<(ShardId, NodeId, NodeId)> {
    let mut found = Vec::new();
    for (i, text) in shards.iter().enumerate() {
        let id = shard_id(i);
        for (j, word) in text.split_whitespace().enumerate() {
            let digits = word
                .split_once('*')
                .map_or("", |(_, rest)| rest.split('~').next().unwrap_or(""));
            if let Some(old) = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                found.push((id.clone(), node_id(&id, j), node_id(&id, old)));
            }
        }
    }
    found
}

fn shard_id(index: usize) -> ShardId {
    ShardId::new(format!("{:04}", index + 1))
}

fn node_id(shard: &ShardId, index: usize) -> NodeId {
    NodeId::new(format!("cache-{shard}-{:03}", index + 1))
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
            '#' => node.health = Health::Unknown,
            '\'' => node.health_since = Some(now),
            '*' => node.added_by_us = true,
            '0'..='9' if node.added_by_us => {}
            _ => return Err("knows only the marks ! + # ' * and a number after *"),
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

    #[test]
    fn reads_what_an_addition_replaces() {
        let shards = ["a:P c:r!'", "a:P b:r! c:r*2~5"];
        assert_eq!(
            additions(&shards),
            [("0002".into(), "cache-0002-003".into(), "cache-0002-002".into())]
        );
        let t = topology(Timestamp::UNIX_EPOCH, "a? b^ c", &shards);
        assert_eq!(t.zone_state(&"a".into()), ZoneState::Unknown);
        assert_eq!(t.zone_state(&"b".into()), ZoneState::Evacuating);
        let nodes = |shard: &str| &t.components[&"cache".into()].shards[&shard.into()].nodes;
        assert_eq!(
            nodes("0001")[&"cache-0001-002".into()].health_since,
            Some(Timestamp::UNIX_EPOCH)
        );
        assert_eq!(
            nodes("0002")[&"cache-0002-003".into()].lag,
            Some(SignedDuration::from_millis(5))
        );
    }
}
