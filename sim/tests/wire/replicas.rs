//! IncreaseReplicaCount and DecreaseReplicaCount, as the API reference and the guide describe them.

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::ConfigureShard;

use crate::support::{A, B, C, cache, carts, code, drawn, events, minutes, sessions, status, stepped, world};

fn shard(id: &str, count: i32, zones: &[&str]) -> ConfigureShard {
    let zones = (!zones.is_empty()).then(|| zones.iter().map(|zone| (*zone).to_owned()).collect());
    ConfigureShard::builder()
        .node_group_id(id)
        .new_replica_count(count)
        .set_preferred_availability_zones(zones)
        .build()
}

async fn increase(client: &Client, group: &str, shards: Vec<ConfigureShard>) -> String {
    let call = client
        .increase_replica_count()
        .replication_group_id(group)
        .apply_immediately(true);
    code(call.set_replica_configuration(Some(shards)).send().await)
}

async fn remove(client: &Client, group: &str, nodes: &[&str]) -> String {
    let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
    let call = client
        .decrease_replica_count()
        .replication_group_id(group)
        .apply_immediately(true);
    code(call.set_replicas_to_remove(Some(nodes)).send().await)
}

#[tokio::test]
async fn a_replica_takes_minutes_and_the_lowest_free_number() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    assert_eq!(
        increase(&client, "sessions", vec![shard("0001", 2, &[A, C, B])]).await,
        "ok"
    );
    assert_eq!(status(&sim, "sessions"), "modifying");
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r b:r~", "c:P a:r"]);
    let again = increase(&client, "sessions", vec![shard("0002", 2, &[])]).await;
    assert_eq!(again, "InvalidReplicationGroupState");
    let arn = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";
    let tags = client.list_tags_for_resource().resource_name(arn).send().await;
    assert_eq!(
        code(tags),
        "InvalidReplicationGroupState",
        "no tags while modifying"
    );
    let new = client
        .describe_cache_clusters()
        .cache_cluster_id("sessions-0001-003")
        .send()
        .await
        .unwrap();
    assert_eq!(new.cache_clusters()[0].cache_cluster_status(), Some("creating"));
    minutes(&sim, 8).await;
    assert_eq!(
        (status(&sim, "sessions"), drawn(&sim, "sessions")[0].as_str()),
        ("available", "a:P c:r b:r")
    );
    assert_eq!(
        events(&client).await,
        [
            "sessions-0001-003: Cache cluster created",
            "sessions-0001-003: Added cache node 0001 in availability zone ap-northeast-2b",
            "sessions: Replica count increased for replication group sessions",
        ]
    );
}

#[tokio::test]
async fn increase_refuses_what_aws_refuses() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let one = |count, zones: &[&str]| increase(&client, "sessions", vec![shard("0001", count, zones)]);
    assert_eq!(one(1, &[]).await, "NoOperationFault");
    assert_eq!(one(0, &[]).await, "InvalidParameterValue", "fewer than now");
    assert_eq!(one(6, &[]).await, "InvalidParameterValue", "more than five");
    assert_eq!(
        one(2, &[A, C]).await,
        "InvalidParameterValue",
        "zones must count the primary"
    );
    assert_eq!(
        one(2, &[A, C, "ap-northeast-2d"]).await,
        "InvalidParameterValue",
        "outside the subnet group"
    );
    assert_eq!(
        increase(&client, "sessions", vec![shard("0009", 2, &[])]).await,
        "InvalidParameterValue"
    );
    assert_eq!(
        increase(&client, "nope", vec![shard("0001", 2, &[])]).await,
        "ReplicationGroupNotFoundFault"
    );
    let both = client
        .increase_replica_count()
        .replication_group_id("sessions")
        .new_replica_count(2)
        .replica_configuration(shard("0001", 2, &[]))
        .apply_immediately(true);
    assert_eq!(code(both.send().await), "InvalidParameterCombination");
    let later = client
        .increase_replica_count()
        .replication_group_id("sessions")
        .new_replica_count(2)
        .apply_immediately(false);
    assert_eq!(code(later.send().await), "InvalidParameterValue");
    assert!(sim.calls().iter().all(|call| call.mutating && !call.applied));
}

#[tokio::test]
async fn a_dead_zone_has_no_capacity_and_aws_picks_living_ones() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fail_zone(A).unwrap();
    minutes(&sim, 20).await;
    let there = increase(&client, "sessions", vec![shard("0001", 2, &[A, C, A])]).await;
    assert_eq!(there, "InsufficientCacheClusterCapacity");
    assert_eq!(
        increase(&client, "sessions", vec![shard("0001", 2, &[])]).await,
        "ok"
    );
    minutes(&sim, 8).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:r! c:P b:r");
}

#[tokio::test]
async fn an_increase_during_an_outage_is_refused_if_the_switch_says_so() {
    let sim = stepped(&format!(
        "switches: {{increaseDuringOutage: refuse}}\n{}",
        sessions()
    ))
    .await;
    let client = cache(&sim);
    sim.fail_zone(A).unwrap();
    let answer = increase(&client, "sessions", vec![shard("0001", 2, &[A, C, B])]).await;
    assert_eq!(answer, "InvalidReplicationGroupState");
}

#[tokio::test]
async fn zones_that_do_not_cover_existing_nodes_are_refused_if_the_switch_says_so() {
    for (yaml, expected) in [
        (sessions(), "ok"),
        (
            format!(
                "switches: {{preferredZonesMustCoverExisting: true}}\n{}",
                sessions()
            ),
            "InvalidParameterValue",
        ),
    ] {
        let sim = stepped(&yaml).await;
        let answer = increase(&cache(&sim), "sessions", vec![shard("0001", 2, &[A, B, B])]).await;
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn named_replicas_are_removed_and_primaries_never() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r b:r']}]")).await;
    let client = cache(&sim);
    assert_eq!(
        remove(&client, "g", &["g-0001-001"]).await,
        "ok",
        "accepted, and ends in an error event"
    );
    minutes(&sim, 5).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r b:r"]);
    assert!(events(&client).await[0].contains("primary node cannot be removed"));
    assert_eq!(
        remove(&client, "g", &["002"]).await,
        "InvalidParameterValue",
        "cluster ids only"
    );
    assert_eq!(remove(&client, "g", &["g-0001-002"]).await, "ok");
    assert_eq!(drawn(&sim, "g"), ["a:P c:r- b:r"]);
    minutes(&sim, 3).await;
    assert_eq!(
        (drawn(&sim, "g"), status(&sim, "g")),
        (vec!["a:P b:r".to_owned()], "available")
    );
    sim.with_world(|world| world.switches.replicas_to_remove_form = evenkeel_sim::settings::RemoveForm::Any);
    assert_eq!(remove(&client, "g", &["003"]).await, "ok");
}

#[tokio::test]
async fn the_last_replica_stays_only_in_cluster_mode_disabled() {
    let sim = stepped(&carts()).await;
    let client = cache(&sim);
    let last = client
        .decrease_replica_count()
        .replication_group_id("carts")
        .replicas_to_remove("carts-002")
        .apply_immediately(true)
        .send()
        .await;
    let text = last
        .as_ref()
        .unwrap_err()
        .as_service_error()
        .unwrap()
        .meta()
        .message()
        .unwrap()
        .to_owned();
    assert_eq!(
        text,
        "Must have at least 1 replica when cluster mode is disabled with auto failover enabled."
    );
    assert_eq!(code(last), "InvalidParameterValue");
    let enabled = stepped(&sessions()).await;
    assert_eq!(
        remove(&cache(&enabled), "sessions", &["sessions-0001-002"]).await,
        "ok"
    );
}

#[tokio::test]
async fn aws_chooses_victims_by_spread_then_lag() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r=0.1 c:r=0.9 b:r=5']}]")).await;
    let client = cache(&sim);
    let to = |count: i32| {
        client
            .decrease_replica_count()
            .replication_group_id("g")
            .new_replica_count(count)
            .apply_immediately(true)
    };
    assert_eq!(code(to(3).send().await), "NoOperationFault");
    assert_eq!(code(to(4).send().await), "InvalidParameterValue");
    assert_eq!(code(to(2).send().await), "ok");
    minutes(&sim, 3).await;
    assert_eq!(
        drawn(&sim, "g"),
        ["a:P c:r b:r"],
        "of the two in c the laggard went"
    );
    assert_eq!(code(to(1).send().await), "ok");
    minutes(&sim, 3).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r"], "of equal spread the laggard went");
}

#[tokio::test]
async fn listed_zones_say_which_replicas_remain() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r b:r']}]")).await;
    let call = |zones: &[&str]| {
        cache(&sim)
            .decrease_replica_count()
            .replication_group_id("g")
            .replica_configuration(shard("0001", 1, zones))
            .apply_immediately(true)
            .send()
    };
    assert_eq!(
        code(call(&[C, B]).await),
        "InvalidParameterValue",
        "without the primary's zone"
    );
    assert_eq!(code(call(&[A, B]).await), "ok");
    minutes(&sim, 3).await;
    assert_eq!(drawn(&sim, "g"), ["a:P b:r"]);
}

#[tokio::test]
async fn quotas_bind_calls() {
    let sim = stepped(&format!("quotas: {{nodesPerGroup: 4}}\n{}", sessions())).await;
    let answer = increase(&cache(&sim), "sessions", vec![shard("0001", 2, &[])]).await;
    assert_eq!(answer, "NodeQuotaForClusterExceeded");
}

#[tokio::test]
async fn a_zone_that_dies_during_creation_rolls_the_increase_back() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    assert_eq!(
        increase(&client, "sessions", vec![shard("0001", 2, &[A, C, B])]).await,
        "ok"
    );
    minutes(&sim, 2).await;
    sim.fail_zone(B).unwrap();
    minutes(&sim, 6).await;
    assert_eq!(
        (drawn(&sim, "sessions")[0].as_str(), status(&sim, "sessions")),
        ("a:P c:r", "available")
    );
    assert!(
        events(&client)
            .await
            .iter()
            .any(|line| line.contains("rolled back"))
    );
}
