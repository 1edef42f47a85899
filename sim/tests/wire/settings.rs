//! Create, modify, delete, reshard, tag.

use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, ClusterMode, PendingAutomaticFailoverStatus, ReshardingConfiguration, Tag,
};

use crate::support::{A, C, cache, carts, code, drawn, events, minutes, sessions, status, stepped, world};

#[tokio::test]
async fn a_group_is_created_shown_without_shards_and_then_there() {
    let sim = stepped(&world("[]")).await;
    let client = cache(&sim);
    let create = client
        .create_replication_group()
        .replication_group_id("Orders")
        .replication_group_description("d")
        .num_node_groups(2)
        .replicas_per_node_group(1)
        .multi_az_enabled(true)
        .cache_subnet_group_name("shop-cache")
        .tags(Tag::builder().key("evenkeel.dev/owner").value("demo").build());
    let reply = create.send().await.unwrap();
    let group = reply.replication_group().unwrap();
    assert_eq!((group.status(), group.node_groups().len()), (Some("creating"), 0));
    assert_eq!(
        group.automatic_failover().map(AutomaticFailoverStatus::as_str),
        Some("enabled"),
        "always on with shards"
    );
    minutes(&sim, 10).await;
    assert_eq!(
        (status(&sim, "orders"), drawn(&sim, "orders")),
        ("available", vec!["a:P b:r".into(), "b:P c:r".into()])
    );
    assert_eq!(
        events(&client).await[..2],
        [
            "orders: Replication group orders created",
            "orders: Automatic failover has been turned on for replication group orders"
        ]
    );
    let delete = || {
        client
            .delete_replication_group()
            .replication_group_id("orders")
            .send()
    };
    assert_eq!(code(delete().await), "ok");
    assert_eq!(code(delete().await), "InvalidReplicationGroupState");
    minutes(&sim, 5).await;
    assert_eq!(code(delete().await), "ReplicationGroupNotFoundFault");
}

#[tokio::test]
async fn a_group_whose_creation_failed_has_no_nodes_and_can_only_be_deleted() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r'], status: create-failed}]")).await;
    let client = cache(&sim);
    let reply = client.describe_replication_groups().send().await.unwrap();
    let group = &reply.replication_groups()[0];
    assert_eq!(group.status(), Some("create-failed"));
    assert_eq!((group.node_groups().len(), group.member_clusters().len()), (0, 0));
    let modify = client
        .modify_replication_group()
        .replication_group_id("g")
        .multi_az_enabled(true);
    assert_eq!(code(modify.send().await), "InvalidReplicationGroupState");
    let delete = client.delete_replication_group().replication_group_id("g");
    assert_eq!(code(delete.send().await), "ok");
    minutes(&sim, 5).await;
    assert!(sim.state().groups.is_empty());
    let wrong =
        evenkeel_sim::WorldSpec::from_yaml(&world("[{id: g, shards: ['a:P'], status: green}]")).unwrap();
    let refused = evenkeel_sim::Sim::builder().world(wrong).start().await;
    let told = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("green") && told.contains("create-failed"), "{told}");
}

#[tokio::test]
async fn creation_refuses_what_aws_refuses() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let new = |id: &str| {
        client
            .create_replication_group()
            .replication_group_id(id)
            .replication_group_description("d")
    };
    assert_eq!(
        code(new("sessions").num_cache_clusters(2).send().await),
        "ReplicationGroupAlreadyExists"
    );
    assert_eq!(
        code(new("1st").num_cache_clusters(2).send().await),
        "InvalidParameterValue"
    );
    assert_eq!(
        code(new("a--b").num_cache_clusters(2).send().await),
        "InvalidParameterValue"
    );
    let no_group = new("x").num_cache_clusters(2).cache_subnet_group_name("nope");
    assert_eq!(code(no_group.send().await), "CacheSubnetGroupNotFoundFault");
    let alone = new("x").num_cache_clusters(1).automatic_failover_enabled(true);
    assert_eq!(code(alone.send().await), "InvalidParameterCombination");
    let zones = new("x").num_cache_clusters(2).preferred_cache_cluster_azs(A);
    assert_eq!(code(zones.send().await), "InvalidParameterValue");
    let sharded = new("x").num_node_groups(2).automatic_failover_enabled(false);
    assert_eq!(code(sharded.send().await), "InvalidParameterCombination");
    let unknown = new("x").num_cache_clusters(2).durability("sync".into());
    assert_eq!(
        code(unknown.send().await),
        "UnknownParameter",
        "loud, not ignored"
    );
}

#[tokio::test]
async fn failover_and_multi_az_are_switched_with_their_preconditions() {
    let yaml = world(
        "[{id: g, clusterMode: disabled, multiAz: false, automaticFailover: false, shards: ['a:P a:r']}]",
    );
    let sim = stepped(&yaml).await;
    let client = cache(&sim);
    let modify = || {
        client
            .modify_replication_group()
            .replication_group_id("g")
            .apply_immediately(true)
    };
    assert_eq!(
        code(modify().multi_az_enabled(true).send().await),
        "InvalidParameterCombination",
        "needs failover"
    );
    let both = modify()
        .automatic_failover_enabled(true)
        .multi_az_enabled(true)
        .send()
        .await;
    assert_eq!(code(both), "InvalidParameterCombination", "one zone only");
    let reply = modify().automatic_failover_enabled(true).send().await.unwrap();
    let group = reply.replication_group().unwrap();
    assert_eq!(
        group.automatic_failover().map(AutomaticFailoverStatus::as_str),
        Some("enabling")
    );
    assert_eq!(group.status(), Some("modifying"));
    assert_eq!(
        group
            .pending_modified_values()
            .unwrap()
            .automatic_failover_status()
            .map(PendingAutomaticFailoverStatus::as_str),
        Some("enabled")
    );
    minutes(&sim, 2).await;
    assert_eq!(
        (status(&sim, "g"), sim.state().groups[0].automatic_failover),
        ("available", "enabled")
    );
    let enabled = stepped(&sessions()).await;
    let off = cache(&enabled)
        .modify_replication_group()
        .replication_group_id("sessions")
        .automatic_failover_enabled(false)
        .multi_az_enabled(false)
        .apply_immediately(true);
    assert_eq!(
        code(off.send().await),
        "InvalidParameterCombination",
        "never off with shards"
    );
}

#[tokio::test]
async fn without_apply_immediately_a_change_waits_for_the_maintenance_window() {
    let sim = stepped(&carts()).await;
    let client = cache(&sim);
    let call = client.modify_replication_group().replication_group_id("carts");
    let call = call.automatic_failover_enabled(false).multi_az_enabled(false);
    let reply = call.send().await.unwrap();
    let group = reply.replication_group().unwrap();
    assert_eq!(group.status(), Some("available"));
    assert_eq!(
        group
            .pending_modified_values()
            .unwrap()
            .automatic_failover_status()
            .map(PendingAutomaticFailoverStatus::as_str),
        Some("disabled")
    );
    sim.advance_to("2026-03-08T22:59:00Z".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(sim.state().groups[0].automatic_failover, "enabled");
    sim.advance_to("2026-03-08T23:02:00Z".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(sim.state().groups[0].automatic_failover, "disabled");
}

#[tokio::test]
async fn a_primary_can_be_chosen_only_without_automatic_failover() {
    let sim = stepped(&carts()).await;
    let client = cache(&sim);
    let modify = || {
        client
            .modify_replication_group()
            .replication_group_id("carts")
            .apply_immediately(true)
    };
    assert_eq!(
        code(modify().primary_cluster_id("carts-002").send().await),
        "InvalidParameterCombination"
    );
    assert_eq!(
        code(
            modify()
                .automatic_failover_enabled(false)
                .multi_az_enabled(false)
                .send()
                .await
        ),
        "ok"
    );
    minutes(&sim, 2).await;
    let back = modify()
        .primary_cluster_id("carts-002")
        .automatic_failover_enabled(true)
        .multi_az_enabled(true);
    assert_eq!(code(back.send().await), "ok");
    minutes(&sim, 2).await;
    assert_eq!(drawn(&sim, "carts"), ["a:r c:P"]);
    assert_eq!(sim.state().failovers[0].cause, "promotion");
    let unknown = modify()
        .primary_cluster_id("carts-009")
        .automatic_failover_enabled(false)
        .multi_az_enabled(false);
    assert_eq!(code(unknown.send().await), "CacheClusterNotFound");
}

#[tokio::test]
async fn cluster_mode_goes_through_compatible() {
    let sim = stepped(&carts()).await;
    let client = cache(&sim);
    let mode = |mode| {
        client
            .modify_replication_group()
            .replication_group_id("carts")
            .cluster_mode(mode)
            .apply_immediately(true)
            .send()
    };
    assert_eq!(
        code(mode(ClusterMode::Enabled).await),
        "InvalidParameterCombination"
    );
    assert_eq!(code(mode(ClusterMode::Compatible).await), "ok");
    minutes(&sim, 2).await;
    let reply = client.describe_replication_groups().send().await.unwrap();
    let group = &reply.replication_groups()[0];
    assert_eq!(group.cluster_mode().map(ClusterMode::as_str), Some("compatible"));
    assert_eq!(group.cluster_enabled(), Some(true));
    assert_eq!(
        group.node_groups()[0].node_group_members()[0].current_role(),
        Some("primary")
    );
    assert_eq!(code(mode(ClusterMode::Enabled).await), "ok");
    minutes(&sim, 2).await;
    let reply = client.describe_replication_groups().send().await.unwrap();
    let member = &reply.replication_groups()[0].node_groups()[0].node_group_members()[0];
    assert_eq!(
        (member.cache_cluster_id(), member.current_role()),
        (Some("carts-001"), None),
        "names stay"
    );
}

#[tokio::test]
async fn shards_are_added_and_removed_with_their_slots() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let to = |count| {
        client
            .modify_replication_group_shard_configuration()
            .replication_group_id("sessions")
            .node_group_count(count)
            .apply_immediately(true)
    };
    let zones = ReshardingConfiguration::builder()
        .node_group_id("0003")
        .preferred_availability_zones(C);
    let config = zones.clone().preferred_availability_zones(A).build();
    assert_eq!(
        code(to(3).resharding_configuration(zones.build()).send().await),
        "InvalidParameterValue",
        "two nodes"
    );
    assert_eq!(code(to(3).resharding_configuration(config).send().await), "ok");
    assert_eq!(status(&sim, "sessions"), "modifying");
    minutes(&sim, 13).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r", "c:P a:r", "c:P a:r"]);
    let reply = client.describe_replication_groups().send().await.unwrap();
    let slots: Vec<_> = reply.replication_groups()[0]
        .node_groups()
        .iter()
        .map(|g| g.slots().unwrap())
        .collect();
    assert_eq!(slots, ["0-5460", "5461-10921", "10922-16383"]);
    assert_eq!(
        code(to(2).send().await),
        "InvalidParameterCombination",
        "which one?"
    );
    assert_eq!(code(to(2).node_groups_to_remove("0001").send().await), "ok");
    minutes(&sim, 8).await;
    assert_eq!(drawn(&sim, "sessions").len(), 2);
}

#[tokio::test]
async fn tags_are_listed_and_added() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let arn = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";
    let tag = Tag::builder().key("evenkeel.dev/owner").value("demo").build();
    client
        .add_tags_to_resource()
        .resource_name(arn)
        .tags(tag)
        .send()
        .await
        .unwrap();
    let reply = client
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.tag_list()[0].value(), Some("demo"));
    let list = |arn: &str| client.list_tags_for_resource().resource_name(arn).send();
    let gone = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:gone";
    assert_eq!(code(list(gone).await), "ReplicationGroupNotFoundFault");
    assert_eq!(code(list("sessions").await), "InvalidARN");
    let reserved = Tag::builder().key("aws:x").value("y").build();
    let reserved = client
        .add_tags_to_resource()
        .resource_name(arn)
        .tags(reserved)
        .send()
        .await;
    assert_eq!(code(reserved), "InvalidParameterValue");
    let applied: Vec<bool> = sim.calls().iter().map(|call| call.applied).collect();
    assert_eq!(applied, [true, false, false, false, false]);
}

#[tokio::test]
async fn a_member_of_a_global_datastore_says_so() {
    let sim = stepped(&world(
        "[{id: g, global: {id: ldgnf-x, role: SECONDARY}, shards: ['a:P c:r']}]",
    ))
    .await;
    let reply = cache(&sim).describe_replication_groups().send().await.unwrap();
    let info = reply.replication_groups()[0]
        .global_replication_group_info()
        .unwrap();
    assert_eq!(info.global_replication_group_id(), Some("ldgnf-x"));
    assert_eq!(info.global_replication_group_member_role(), Some("SECONDARY"));
}
