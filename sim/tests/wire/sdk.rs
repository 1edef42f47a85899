//! The official SDKs take the simulator for AWS.

use aws_sdk_elasticache::config::retry::RetryConfig;

use crate::support::{
    A, C, KEY, cache, cache_as, carts, code, events, minutes, newest_point, sessions, stepped, sts, world,
};

#[tokio::test]
async fn cluster_mode_enabled_hides_roles_and_shard_endpoints() {
    let sim = stepped(&sessions()).await;
    let reply = cache(&sim).describe_replication_groups().send().await.unwrap();
    let group = &reply.replication_groups()[0];
    assert_eq!(group.status(), Some("available"));
    assert!(group.configuration_endpoint().is_some());
    assert_eq!(group.cluster_enabled(), Some(true));
    let shard = &group.node_groups()[0];
    assert_eq!(shard.slots(), Some("0-8191"));
    assert!(shard.primary_endpoint().is_none() && shard.reader_endpoint().is_none());
    let member = &shard.node_group_members()[0];
    assert_eq!(member.cache_cluster_id(), Some("sessions-0001-001"));
    assert_eq!(member.preferred_availability_zone(), Some(A));
    assert!(member.current_role().is_none() && member.read_endpoint().is_none());
}

#[tokio::test]
async fn cluster_mode_disabled_shows_roles_and_no_slots() {
    let sim = stepped(&carts()).await;
    let reply = cache(&sim)
        .describe_replication_groups()
        .replication_group_id("CARTS")
        .send()
        .await
        .unwrap();
    let group = &reply.replication_groups()[0];
    assert!(group.configuration_endpoint().is_none());
    let shard = &group.node_groups()[0];
    assert!(
        shard.slots().is_none() && shard.primary_endpoint().is_some() && shard.reader_endpoint().is_some()
    );
    let roles: Vec<_> = shard
        .node_group_members()
        .iter()
        .map(|m| (m.cache_cluster_id().unwrap(), m.current_role().unwrap()))
        .collect();
    assert_eq!(roles, [("carts-001", "primary"), ("carts-002", "replica")]);
}

#[tokio::test]
async fn metrics_show_who_is_primary_and_how_far_replicas_lag() {
    let sim = stepped(&world("[{id: sessions, shards: ['a:P c:r=0.4']}]")).await;
    minutes(&sim, 5).await;
    let (age, master) = newest_point(&sim, "sessions-0001-001", "IsMaster").await.unwrap();
    assert!((90..150).contains(&age), "{age} s old");
    assert_eq!(master.to_bits(), 1.0_f64.to_bits());
    assert_eq!(
        newest_point(&sim, "sessions-0001-002", "IsMaster")
            .await
            .unwrap()
            .1
            .to_bits(),
        0.0_f64.to_bits()
    );
    assert_eq!(
        newest_point(&sim, "sessions-0001-002", "ReplicationLag")
            .await
            .unwrap()
            .1
            .to_bits(),
        0.4_f64.to_bits()
    );
    assert_eq!(
        newest_point(&sim, "sessions-0001-001", "ReplicationLag").await,
        None,
        "replicas only"
    );
    assert_eq!(newest_point(&sim, "nobody", "IsMaster").await, None);
    assert_eq!(
        newest_point(&sim, "sessions-0001-001", "NoSuchMetric").await,
        None
    );
    assert_eq!(sim.state().metrics_requested, 6);
}

#[tokio::test]
async fn the_account_comes_from_the_key_and_the_region_from_the_scope() {
    let yaml = format!(
        "accounts: {{AKIAOTHERTEAM0000000: '444455556666'}}\n{}",
        world("[{id: ours, shards: ['a:P c:r']}]")
    );
    let sim = stepped(&yaml).await;
    let count = |client: aws_sdk_elasticache::Client| async move {
        client
            .describe_replication_groups()
            .send()
            .await
            .unwrap()
            .replication_groups()
            .len()
    };
    assert_eq!(count(cache(&sim)).await, 1);
    assert_eq!(
        count(cache_as(&sim, "AKIAOTHERTEAM0000000", "ap-northeast-2", None)).await,
        0
    );
    assert_eq!(count(cache_as(&sim, KEY, "us-east-1", None)).await, 0);
    let malformed = cache_as(&sim, "short", "ap-northeast-2", None)
        .describe_replication_groups()
        .send()
        .await;
    assert_eq!(code(malformed), "InvalidClientTokenId");
}

#[tokio::test]
async fn an_assumed_role_acts_in_its_account_until_it_expires() {
    let yaml = format!(
        "roles: {{'arn:aws:iam::444455556666:role/evenkeel': {{externalId: x1}}}}\n\
         switches: {{credentialsExpireBySimClock: true}}\n{}",
        sessions()
    );
    let sim = stepped(&yaml).await;
    let role = "arn:aws:iam::444455556666:role/evenkeel";
    let ask = || {
        sts(&sim)
            .assume_role()
            .role_arn(role)
            .role_session_name("shop")
            .duration_seconds(900)
    };
    assert_eq!(code(ask().send().await), "AccessDenied");
    assert_eq!(
        code(ask().external_id("x1").duration_seconds(60).send().await),
        "ValidationError"
    );
    let reply = ask().external_id("x1").send().await.unwrap();
    let keys = reply.credentials().unwrap();
    let assumed = cache_as(
        &sim,
        keys.access_key_id(),
        "ap-northeast-2",
        Some(keys.session_token()),
    );
    assert_eq!(
        assumed
            .describe_replication_groups()
            .send()
            .await
            .unwrap()
            .replication_groups()
            .len(),
        0
    );
    let stolen = cache_as(&sim, keys.access_key_id(), "ap-northeast-2", None);
    assert_eq!(
        code(stolen.describe_replication_groups().send().await),
        "InvalidClientTokenId"
    );
    minutes(&sim, 16).await;
    assert_eq!(
        code(assumed.describe_replication_groups().send().await),
        "ExpiredToken"
    );
    let us = sts(&sim).get_caller_identity().send().await.unwrap();
    assert_eq!(us.account(), Some("111122223333"));
}

#[tokio::test]
async fn what_the_sdk_retries_it_retries_here() {
    let sim = stepped(&sessions()).await;
    sim.fault_yaml("{times: 2, throttle: true}").unwrap();
    let config = cache(&sim)
        .config()
        .to_builder()
        .retry_config(RetryConfig::standard())
        .build();
    let patient = aws_sdk_elasticache::Client::from_conf(config);
    assert_eq!(
        patient
            .describe_replication_groups()
            .send()
            .await
            .unwrap()
            .replication_groups()
            .len(),
        1
    );
    let errors: Vec<_> = sim.calls().iter().map(|call| call.error.clone()).collect();
    assert_eq!(
        errors,
        [Some("Throttling".to_owned()), Some("Throttling".to_owned()), None]
    );
}

#[tokio::test]
async fn events_come_newest_first_filtered_and_at_most_an_hour_old() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.with_world(|world| {
        world.switches.failover_event_form = evenkeel_sim::settings::EventForm::Documented;
    });
    sim.fail_node("sessions-0001-001").unwrap();
    minutes(&sim, 13).await;
    let text = "Failover from primary node sessions-0001-001 to replica node sessions-0001-002 completed";
    assert_eq!(
        events(&client).await,
        [
            format!("sessions-0001-001: {text}"),
            format!("sessions: {text}"),
            "sessions-0001-001: Recovering cache nodes 0001".to_owned(),
            "sessions-0001-001: Finished recovery for cache nodes 0001".to_owned(),
        ]
    );
    let reply = client.describe_events().send().await.unwrap();
    assert!(
        reply.events()[0]
            .message()
            .unwrap()
            .starts_with("Finished recovery"),
        "newest first"
    );
    let reply = client
        .describe_events()
        .source_type(aws_sdk_elasticache::types::SourceType::ReplicationGroup)
        .source_identifier("sessions")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.events().len(), 1);
    minutes(&sim, 60).await;
    assert_eq!(
        client.describe_events().send().await.unwrap().events().len(),
        0,
        "one hour by default"
    );
    assert_eq!(
        client
            .describe_events()
            .duration(120)
            .send()
            .await
            .unwrap()
            .events()
            .len(),
        4
    );
    assert_eq!(
        code(client.describe_events().duration(20_161).send().await),
        "InvalidParameterValue"
    );
}

#[tokio::test]
async fn subnet_groups_give_the_zones_and_clusters_their_nodes() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let reply = client.describe_cache_subnet_groups().send().await.unwrap();
    let zones: Vec<_> = reply.cache_subnet_groups()[0]
        .subnets()
        .iter()
        .map(|subnet| subnet.subnet_availability_zone().unwrap().name().unwrap())
        .collect();
    assert_eq!(zones, [A, crate::support::B, C]);
    let unknown = client
        .describe_cache_subnet_groups()
        .cache_subnet_group_name("nope")
        .send()
        .await;
    assert_eq!(code(unknown), "CacheSubnetGroupNotFoundFault");
    let clusters = client
        .describe_cache_clusters()
        .show_cache_node_info(true)
        .send()
        .await
        .unwrap();
    assert_eq!(clusters.cache_clusters().len(), 4);
    let cluster = &clusters.cache_clusters()[1];
    assert_eq!(cluster.cache_cluster_id(), Some("sessions-0001-002"));
    assert_eq!(cluster.cache_nodes()[0].customer_availability_zone(), Some(C));
    assert_eq!(
        cluster.preferred_maintenance_window(),
        Some("sun:23:00-mon:01:30")
    );
}
