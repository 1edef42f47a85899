//! What each describe call says, in our words, and how the three of them join into one [`CacheGroup`].
//!
//! DescribeReplicationGroups knows shards and (cluster mode disabled) roles, DescribeCacheClusters knows each member's
//! status, zone, window and subnet group, DescribeCacheSubnetGroups knows the zones. Pure.

use super::types::{CacheGroup, CacheMember, CacheShard, MemberStatus};
use crate::topology::{
    CacheSettings, ClusterMode, Durability, Manager, NodeId, ResourceStatus, Role, ShardId, SmallMap, Switch,
    WeeklyWindow, ZoneName,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A replication group as DescribeReplicationGroups tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Lower case.
    pub identifier: String,
    pub arn: String,
    /// `ReplicationGroupCreateTime`.
    pub created: Option<Timestamp>,
    /// `Unknown` also when a setting came as a word that this version does not know.
    pub status: ResourceStatus,
    pub cluster_mode: ClusterMode,
    pub multi_az: Switch,
    pub automatic_failover: Switch,
    pub durability: Durability,
    pub endpoints: SmallMap<String, String>,
    pub shards: SmallMap<ShardId, ShardDescription>,
    pub member_clusters: BTreeSet<NodeId>,
    pub managed_elsewhere: Vec<Manager>,
    pub node_type: Option<String>,
    pub pending_changes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    pub status: ResourceStatus,
    pub members: SmallMap<NodeId, MemberDescription>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// `PreferredAvailabilityZone`.
    pub zone: Option<ZoneName>,
    pub role: Option<Role>,
}

/// A cache cluster (a member of a group is one, with one node) as DescribeCacheClusters tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    pub id: NodeId,
    /// Of the cluster and its node, whichever is worse.
    pub status: MemberStatus,
    /// Where its node "now resides" (`CustomerAvailabilityZone`), else where it was wanted.
    pub zone: Option<ZoneName>,
    /// `CacheClusterCreateTime`; not told while it is being made.
    pub created: Option<Timestamp>,
    pub maintenance_window: Option<WeeklyWindow>,
    pub subnet_group: Option<String>,
    /// ARN of the Outpost on which it stands.
    pub outpost: Option<String>,
}

/// A subnet group and where its subnets lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetGroup {
    pub name: String,
    pub zones: BTreeSet<ZoneName>,
    /// ARNs of the Outposts that hold subnets of it.
    pub outposts: BTreeSet<String>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` on the last page.
    pub marker: Option<String>,
}

/// Joins the three answers. `clusters` and `subnets` may hold more than this group's.
///
/// A member whose zone nobody tells is left out of its shard but stays in `member_clusters`: the two then differ,
/// and nothing is planned on a half-told group.
pub fn join(
    group: &GroupDescription,
    clusters: &BTreeMap<NodeId, ClusterDescription>,
    subnets: &BTreeMap<String, SubnetGroup>,
) -> CacheGroup {
    let told = || group.member_clusters.iter().filter_map(|id| clusters.get(id));
    let mut member_clusters = group.member_clusters.clone();
    let mut shards = SmallMap::new();
    for (id, shard) in &group.shards {
        let mut members = SmallMap::new();
        for (node, described) in &shard.members {
            let cluster = clusters.get(node);
            let zone = cluster
                .and_then(|c| c.zone.clone())
                .or_else(|| described.zone.clone());
            let Some(zone) = zone else {
                member_clusters.insert(node.clone());
                continue;
            };
            let status = cluster.map_or(MemberStatus::Unknown, |c| c.status);
            members.insert(
                node.clone(),
                CacheMember {
                    zone,
                    role: described.role,
                    status,
                    created: cluster.and_then(|c| c.created),
                },
            );
        }
        shards.insert(
            id.clone(),
            CacheShard {
                status: shard.status,
                members,
            },
        );
    }
    let reached = || told().filter_map(|c| subnets.get(c.subnet_group.as_ref()?));
    let outposts = told()
        .filter_map(|c| c.outpost.clone())
        .chain(reached().flat_map(|s| s.outposts.clone()));
    let managed_elsewhere: BTreeSet<Manager> = outposts
        .map(|arn| Manager::Outpost { arn })
        .chain(group.managed_elsewhere.iter().cloned())
        .collect();
    CacheGroup {
        identifier: group.identifier.clone(),
        arn: group.arn.clone(),
        created: group.created,
        status: group.status,
        settings: CacheSettings {
            cluster_mode: group.cluster_mode,
            multi_az: group.multi_az,
            automatic_failover: group.automatic_failover,
            subnet_zones: reached().flat_map(|s| s.zones.clone()).collect(),
            durability: group.durability,
        },
        endpoints: group.endpoints.clone(),
        shards,
        members_listed: group.member_clusters.iter().all(|id| clusters.contains_key(id)),
        member_clusters,
        managed_elsewhere: managed_elsewhere.into_iter().collect(),
        node_type: group.node_type.clone(),
        maintenance_windows: told().filter_map(|c| c.maintenance_window).collect(),
        pending_changes: group.pending_changes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(members: &[(&str, Option<&str>)]) -> GroupDescription {
        let described = members.iter().map(|(id, zone)| {
            let member = MemberDescription {
                zone: zone.map(ZoneName::from),
                role: None,
            };
            (NodeId::from(*id), member)
        });
        let shard = ShardDescription {
            status: ResourceStatus::Available,
            members: described.collect(),
        };
        GroupDescription {
            identifier: "sessions".into(),
            arn: "arn:x".into(),
            created: None,
            status: ResourceStatus::Available,
            cluster_mode: ClusterMode::Enabled,
            multi_az: Switch::Enabled,
            automatic_failover: Switch::Enabled,
            durability: Durability::Disabled,
            endpoints: SmallMap::new(),
            shards: [("0001".into(), shard)].into(),
            member_clusters: members.iter().map(|(id, _)| NodeId::from(*id)).collect(),
            managed_elsewhere: Vec::new(),
            node_type: None,
            pending_changes: false,
        }
    }

    fn cluster(id: &str, zone: Option<&str>) -> (NodeId, ClusterDescription) {
        let described = ClusterDescription {
            id: id.into(),
            status: MemberStatus::Available,
            zone: zone.map(ZoneName::from),
            created: None,
            maintenance_window: Some(WeeklyWindow {
                start_minute: 60,
                end_minute: 120,
            }),
            subnet_group: Some("shop".into()),
            outpost: None,
        };
        (id.into(), described)
    }

    fn subnets() -> BTreeMap<String, SubnetGroup> {
        let group = |name: &str, zones: &[&str]| SubnetGroup {
            name: name.into(),
            zones: zones.iter().map(|z| ZoneName::from(*z)).collect(),
            outposts: BTreeSet::new(),
        };
        [group("shop", &["a", "c"]), group("other", &["b"])]
            .into_iter()
            .map(|g| (g.name.clone(), g))
            .collect()
    }

    #[test]
    fn a_group_stands_on_an_outpost_when_a_member_or_a_subnet_of_its_group_does() {
        let outpost = |arn: &str| Manager::Outpost { arn: arn.into() };
        let (id, mut on) = cluster("s-1", Some("a"));
        on.outpost = Some("op-1".into());
        let described = group(&[("s-1", Some("a"))]);
        let joined = join(&described, &[(id.clone(), on)].into(), &subnets());
        assert_eq!(joined.managed_elsewhere, [outpost("op-1")]);
        let mut on_outposts = subnets();
        for (name, arn) in [("shop", "op-2"), ("other", "op-3")] {
            on_outposts.get_mut(name).unwrap().outposts.insert(arn.into());
        }
        let joined = join(&described, &[cluster("s-1", Some("a"))].into(), &on_outposts);
        assert_eq!(joined.managed_elsewhere, [outpost("op-2")]);
    }

    #[test]
    fn a_member_stands_where_its_node_resides_and_only_its_own_subnet_group_counts() {
        let clusters = [
            cluster("s-1", Some("c")),
            cluster("s-2", None),
            cluster("foreign", Some("b")),
        ]
        .into();
        let joined = join(
            &group(&[("s-1", Some("a")), ("s-2", Some("a"))]),
            &clusters,
            &subnets(),
        );
        let members = &joined.shards[&"0001".into()].members;
        assert_eq!(members[&"s-1".into()].zone, ZoneName::from("c"));
        assert_eq!(members[&"s-2".into()].zone, ZoneName::from("a"));
        assert_eq!(joined.settings.subnet_zones, ["a".into(), "c".into()].into());
        assert_eq!(joined.maintenance_windows.len(), 1);
        assert!(joined.members_listed);
    }

    #[test]
    fn a_member_that_describe_cache_clusters_does_not_list_has_an_unknown_status() {
        let clusters = [cluster("s-1", Some("a"))].into();
        let joined = join(
            &group(&[("s-1", Some("a")), ("s-2", Some("c"))]),
            &clusters,
            &subnets(),
        );
        assert!(!joined.members_listed);
        let members = &joined.shards[&"0001".into()].members;
        assert_eq!(members[&"s-1".into()].status, MemberStatus::Available);
        assert_eq!(members[&"s-2".into()].status, MemberStatus::Unknown);
    }

    #[test]
    fn a_member_without_a_zone_makes_the_lists_of_members_differ() {
        let mut described = group(&[("s-1", Some("a")), ("s-2", None)]);
        described.member_clusters.remove(&"s-2".into());
        let joined = join(&described, &BTreeMap::new(), &subnets());
        let listed: Vec<_> = joined.shards[&"0001".into()].members.keys().collect();
        assert_eq!(listed, [&NodeId::from("s-1")]);
        assert_eq!(joined.member_clusters, ["s-1".into(), "s-2".into()].into());
    }
}
