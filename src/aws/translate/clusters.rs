//! `CacheCluster` → [`ClusterDescription`], `CacheSubnetGroup` → [`SubnetGroup`].

use super::timestamp;
use super::window::weekly_window;
use crate::aws::described::{ClusterDescription, SubnetGroup};
use crate::aws::types::MemberStatus;
use crate::topology::{NodeId, ZoneName};
use aws_sdk_elasticache::types::{CacheCluster, CacheSubnetGroup};

/// `None` for a cluster without an identifier (AWS always sends one).
pub fn cluster(sdk: &CacheCluster) -> Option<ClusterDescription> {
    let id = NodeId::new(sdk.cache_cluster_id()?.to_ascii_lowercase());
    let of_cluster = cluster_status(sdk.cache_cluster_status());
    let status = sdk
        .cache_nodes()
        .iter()
        .map(|node| node_status(node.cache_node_status()))
        .fold(of_cluster, worse);
    let resides = sdk
        .cache_nodes()
        .iter()
        .find_map(|node| node.customer_availability_zone());
    let zone = resides.or_else(|| sdk.preferred_availability_zone().filter(|z| *z != "Multiple"));
    Some(ClusterDescription {
        id,
        status,
        zone: zone.map(ZoneName::new),
        created: sdk.cache_cluster_create_time().and_then(timestamp),
        maintenance_window: sdk.preferred_maintenance_window().and_then(weekly_window),
        subnet_group: sdk.cache_subnet_group_name().map(str::to_owned),
        outpost: sdk.preferred_outpost_arn().map(str::to_owned),
    })
}

/// The words of `CacheCluster.CacheClusterStatus`.
fn cluster_status(word: Option<&str>) -> MemberStatus {
    match word.unwrap_or_default() {
        "available" => MemberStatus::Available,
        "creating" => MemberStatus::Creating,
        "modifying" => MemberStatus::Modifying,
        "rebooting cluster nodes" | "rebooting cache cluster nodes" => MemberStatus::Rebooting,
        "deleting" | "deleted" => MemberStatus::Deleting,
        "snapshotting" => MemberStatus::Snapshotting,
        "incompatible-network" | "restore-failed" => MemberStatus::Failed,
        _ => MemberStatus::Unknown,
    }
}

/// The words of `CacheNode.CacheNodeStatus`.
fn node_status(word: Option<&str>) -> MemberStatus {
    match word.unwrap_or_default() {
        "available" => MemberStatus::Available,
        "creating" => MemberStatus::Creating,
        "rebooting" => MemberStatus::Rebooting,
        "deleting" => MemberStatus::Deleting,
        _ => MemberStatus::Unknown,
    }
}

/// The one that says less good of the member.
fn worse(a: MemberStatus, b: MemberStatus) -> MemberStatus {
    let rank = |s| match s {
        MemberStatus::Available => 0,
        MemberStatus::Snapshotting => 1,
        MemberStatus::Modifying => 2,
        MemberStatus::Rebooting => 3,
        MemberStatus::Creating => 4,
        MemberStatus::Unknown => 5,
        MemberStatus::Failed => 6,
        MemberStatus::Deleting => 7,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// `None` for a subnet group without a name.
pub fn subnet_group(sdk: &CacheSubnetGroup) -> Option<SubnetGroup> {
    let zones = sdk
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_availability_zone()?.name())
        .map(ZoneName::new)
        .collect();
    let outposts = sdk
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_outpost()?.subnet_outpost_arn());
    Some(SubnetGroup {
        name: sdk.cache_subnet_group_name()?.to_owned(),
        zones,
        outposts: outposts.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_elasticache::types::{AvailabilityZone, CacheNode, Subnet};
    use rstest::rstest;

    fn described(cluster_word: &str, node_word: Option<&str>) -> ClusterDescription {
        let node = node_word.map(|word| CacheNode::builder().cache_node_status(word).build());
        let sdk = CacheCluster::builder()
            .cache_cluster_id("Sessions-0001-002")
            .cache_cluster_status(cluster_word)
            .set_cache_nodes(node.map(|n| vec![n]))
            .build();
        cluster(&sdk).unwrap()
    }

    #[rstest]
    #[case("available", Some("available"), MemberStatus::Available)]
    #[case("available", None, MemberStatus::Available)]
    #[case("available", Some("rebooting"), MemberStatus::Rebooting)]
    #[case("available", Some("creating"), MemberStatus::Creating)]
    #[case("creating", None, MemberStatus::Creating)]
    #[case("modifying", Some("available"), MemberStatus::Modifying)]
    #[case("rebooting cluster nodes", Some("available"), MemberStatus::Rebooting)]
    #[case("snapshotting", Some("available"), MemberStatus::Snapshotting)]
    #[case("incompatible-network", Some("available"), MemberStatus::Failed)]
    #[case("restore-failed", None, MemberStatus::Failed)]
    #[case("deleting", None, MemberStatus::Deleting)]
    #[case("deleted", None, MemberStatus::Deleting)]
    #[case("teleporting", Some("available"), MemberStatus::Unknown)]
    #[case("available", Some("teleporting"), MemberStatus::Unknown)]
    #[case("", None, MemberStatus::Unknown)]
    fn a_members_status_is_the_worse_of_cluster_and_node(
        #[case] cluster_word: &str,
        #[case] node_word: Option<&str>,
        #[case] wanted: MemberStatus,
    ) {
        assert_eq!(described(cluster_word, node_word).status, wanted);
    }

    #[test]
    fn identifiers_are_lower_cased() {
        assert_eq!(described("available", None).id, NodeId::from("sessions-0001-002"));
    }

    #[test]
    fn the_zone_is_where_the_node_resides_then_where_it_was_wanted() {
        let wanted = CacheCluster::builder()
            .cache_cluster_id("x")
            .preferred_availability_zone("ap-northeast-2a")
            .preferred_maintenance_window("sun:23:00-mon:01:30");
        let node = CacheNode::builder()
            .customer_availability_zone("ap-northeast-2c")
            .build();
        let moved = cluster(&wanted.clone().cache_nodes(node).build()).unwrap();
        assert_eq!(moved.zone, Some("ap-northeast-2c".into()));
        assert_eq!(
            cluster(&wanted.build()).unwrap().zone,
            Some("ap-northeast-2a".into())
        );
        let memcached = CacheCluster::builder()
            .cache_cluster_id("m")
            .preferred_availability_zone("Multiple")
            .build();
        assert_eq!(cluster(&memcached).unwrap().zone, None);
    }

    #[test]
    fn a_subnet_group_reaches_the_distinct_zones_of_its_subnets() {
        let subnet = |zone: &str| {
            Subnet::builder()
                .subnet_availability_zone(AvailabilityZone::builder().name(zone).build())
                .build()
        };
        let sdk = CacheSubnetGroup::builder()
            .cache_subnet_group_name("shop-cache")
            .subnets(subnet("ap-northeast-2c"))
            .subnets(subnet("ap-northeast-2a"))
            .subnets(subnet("ap-northeast-2c"))
            .subnets(Subnet::builder().build())
            .build();
        let group = subnet_group(&sdk).unwrap();
        assert_eq!(
            group.zones,
            ["ap-northeast-2a".into(), "ap-northeast-2c".into()].into()
        );
    }
}
