//! Shapes as AWS answers them: cluster mode disabled tells roles, enabled does not.

use super::*;
use aws_sdk_elasticache::types::GlobalReplicationGroupInfo;
use rstest::rstest;

fn sdk_member(id: &str, zone: &str, role: Option<&str>) -> NodeGroupMember {
    NodeGroupMember::builder()
        .cache_cluster_id(id)
        .cache_node_id("0001")
        .preferred_availability_zone(zone)
        .set_current_role(role.map(str::to_owned))
        .build()
}

fn sdk_group() -> aws_sdk_elasticache::types::builders::ReplicationGroupBuilder {
    ReplicationGroup::builder()
        .replication_group_id("Sessions")
        .arn("arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions")
        .status("available")
        .multi_az(MultiAzStatus::Enabled)
        .automatic_failover(AutomaticFailoverStatus::Enabled)
        .cluster_enabled(true)
}

fn endpoint(host: &str) -> Endpoint {
    Endpoint::builder().address(host).port(6379).build()
}

#[test]
fn cluster_mode_disabled_tells_roles_and_a_primary_endpoint() {
    let sdk = sdk_group()
        .cluster_enabled(false)
        .cluster_mode(SdkMode::Disabled)
        .member_clusters("Sessions-001")
        .member_clusters("sessions-002")
        .node_groups(
            NodeGroup::builder()
                .node_group_id("0001")
                .status("modifying")
                .primary_endpoint(endpoint("sessions.x.ng.0001.apn2"))
                .reader_endpoint(endpoint("sessions-ro.x.ng.0001.apn2"))
                .node_group_members(sdk_member("Sessions-001", "ap-northeast-2a", Some("primary")))
                .node_group_members(sdk_member("sessions-002", "ap-northeast-2c", Some("replica")))
                .node_group_members(sdk_member("sessions-003", "ap-northeast-2c", Some("herald")))
                .build(),
        )
        .build();
    let group = group(&sdk).unwrap();
    assert_eq!(group.identifier, "sessions");
    assert_eq!(group.cluster_mode, ClusterMode::Disabled);
    assert_eq!(
        group.endpoints[&"primary".to_owned()],
        "sessions.x.ng.0001.apn2:6379"
    );
    assert_eq!(
        group.endpoints[&"reader".to_owned()],
        "sessions-ro.x.ng.0001.apn2:6379"
    );
    assert_eq!(group.endpoints.len(), 2);
    let shard = &group.shards[&"0001".into()];
    assert_eq!(shard.status, ResourceStatus::Modifying);
    let role = |id: &str| shard.members[&NodeId::from(id)].role;
    assert_eq!(role("sessions-001"), Some(Role::Primary));
    assert_eq!(role("sessions-002"), Some(Role::Replica));
    assert_eq!(role("sessions-003"), Some(Role::Unknown));
    assert_eq!(
        group.member_clusters,
        ["sessions-001".into(), "sessions-002".into()].into()
    );
}

#[test]
fn cluster_mode_enabled_tells_no_roles_and_a_configuration_endpoint() {
    let sdk = sdk_group()
        .configuration_endpoint(endpoint("clustercfg.sessions.x.apn2"))
        .node_groups(
            NodeGroup::builder()
                .node_group_id("0001")
                .status("available")
                .slots("0-16383")
                .node_group_members(sdk_member("sessions-0001-001", "ap-northeast-2a", None))
                .build(),
        )
        .build();
    let group = group(&sdk).unwrap();
    assert_eq!(group.cluster_mode, ClusterMode::Enabled);
    assert_eq!(
        group.endpoints,
        [("configuration".into(), "clustercfg.sessions.x.apn2:6379".into())].into()
    );
    assert_eq!(
        group.shards[&"0001".into()].members[&"sessions-0001-001".into()].role,
        None
    );
}

#[rstest]
#[case(Some("enabled"), Some(true), ClusterMode::Enabled)]
#[case(None, Some(true), ClusterMode::Enabled)]
#[case(None, Some(false), ClusterMode::Disabled)]
#[case(Some("disabled"), Some(false), ClusterMode::Disabled)]
#[case(Some("compatible"), Some(true), ClusterMode::Compatible)]
fn the_cluster_mode_field_wins_over_the_older_flag(
    #[case] mode: Option<&str>,
    #[case] flag: Option<bool>,
    #[case] wanted: ClusterMode,
) {
    let sdk = sdk_group()
        .set_cluster_enabled(flag)
        .set_cluster_mode(mode.map(SdkMode::from))
        .build();
    let group = group(&sdk).unwrap();
    assert_eq!(group.cluster_mode, wanted);
    assert_eq!(group.status, ResourceStatus::Available);
}

#[test]
fn a_setting_in_an_unknown_word_makes_the_status_unknown_and_counts_as_off() {
    let odd_failover = group(&sdk_group().automatic_failover("pausing".into()).build()).unwrap();
    assert_eq!(odd_failover.status, ResourceStatus::Unknown);
    assert_eq!(odd_failover.automatic_failover, Switch::Disabled);
    let odd_zone = group(&sdk_group().multi_az("regional".into()).build()).unwrap();
    assert_eq!(
        (odd_zone.status, odd_zone.multi_az),
        (ResourceStatus::Unknown, Switch::Disabled)
    );
    let odd_mode = group(&sdk_group().cluster_mode("sharded".into()).build()).unwrap();
    assert_eq!(odd_mode.status, ResourceStatus::Unknown);
    let no_mode = group(&sdk_group().set_cluster_enabled(None).build()).unwrap();
    assert_eq!(no_mode.status, ResourceStatus::Unknown);
}

#[rstest]
#[case("available", ResourceStatus::Available)]
#[case("creating", ResourceStatus::Creating)]
#[case("modifying", ResourceStatus::Modifying)]
#[case("deleting", ResourceStatus::Deleting)]
#[case("create-failed", ResourceStatus::CreateFailed)]
#[case("snapshotting", ResourceStatus::Snapshotting)]
#[case("dreaming", ResourceStatus::Unknown)]
fn status_words(#[case] word: &str, #[case] wanted: ResourceStatus) {
    assert_eq!(group(&sdk_group().status(word).build()).unwrap().status, wanted);
}

#[rstest]
#[case("enabling", Switch::Enabling)]
#[case("disabling", Switch::Disabling)]
#[case("enabled", Switch::Enabled)]
#[case("disabled", Switch::Disabled)]
fn automatic_failover_words(#[case] word: &str, #[case] wanted: Switch) {
    let sdk = sdk_group().automatic_failover(word.into()).build();
    assert_eq!(group(&sdk).unwrap().automatic_failover, wanted);
}

#[rstest]
#[case(Some("sync"), Durability::Sync)]
#[case(Some("async"), Durability::Async)]
#[case(Some("disabled"), Durability::Disabled)]
#[case(Some("eventually"), Durability::Disabled)]
#[case(None, Durability::Disabled)]
fn durability_promises_only_what_it_names(#[case] word: Option<&str>, #[case] wanted: Durability) {
    let sdk = sdk_group()
        .set_effective_durability(word.map(EffectiveDurability::from))
        .build();
    assert_eq!(group(&sdk).unwrap().durability, wanted);
}

#[test]
fn members_of_a_global_datastore_are_managed_elsewhere() {
    let info = GlobalReplicationGroupInfo::builder()
        .global_replication_group_id("ldgnf-shop")
        .global_replication_group_member_role("SECONDARY")
        .build();
    let sdk = sdk_group().global_replication_group_info(info).build();
    assert_eq!(
        group(&sdk).unwrap().managed_elsewhere,
        [Manager::GlobalDatastore {
            id: "ldgnf-shop".into(),
            role: "secondary".into()
        }]
    );
    let empty = sdk_group().global_replication_group_info(GlobalReplicationGroupInfo::builder().build());
    assert_eq!(group(&empty.build()).unwrap().managed_elsewhere, []);
}

#[test]
fn an_empty_pending_element_is_no_pending_change() {
    let empty = ReplicationGroupPendingModifiedValues::builder();
    let with = |pending| {
        group(&sdk_group().pending_modified_values(pending).build())
            .unwrap()
            .pending_changes
    };
    assert!(!group(&sdk_group().build()).unwrap().pending_changes);
    assert!(!with(
        empty
            .clone()
            .set_log_delivery_configurations(Some(Vec::new()))
            .build()
    ));
    assert!(with(empty.clone().primary_cluster_id("sessions-002").build()));
    assert!(with(empty.cluster_mode(SdkMode::Enabled).build()));
}
