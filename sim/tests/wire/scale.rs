//! Fleets: thousands of nodes, days of time.

use evenkeel_sim::{ClockMode, Sim};

use crate::support::{cache, code, minutes, points, sessions, stepped};

const FLEET: &str = "region: ap-northeast-2\n\
    zones: {ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}\n\
    subnetGroups: [{name: shop-cache, zones: [a, b, c]}]\n\
    generate: {groups: 1000, shards: 2, replicas: 2}\n";

#[tokio::test]
async fn six_thousand_nodes_are_listed_in_whole_pages_and_live_for_two_days() {
    let sim = Sim::builder()
        .world_yaml(FLEET)
        .clock(ClockMode::Stepped)
        .start()
        .await
        .unwrap();
    let client = cache(&sim);
    let mut groups = 0;
    let mut pages = client.describe_replication_groups().into_paginator().send();
    while let Some(page) = pages.next().await {
        groups += page.unwrap().replication_groups().len();
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut pages = client.describe_cache_clusters().into_paginator().send();
    while let Some(page) = pages.next().await {
        ids.extend(
            page.unwrap()
                .cache_clusters()
                .iter()
                .filter_map(|c| c.cache_cluster_id().map(str::to_owned)),
        );
    }
    assert_eq!((groups, ids.len(), sim.mark()), (1000, 6000, 10 + 60));
    sim.fail_zone("ap-northeast-2a").unwrap();
    minutes(&sim, 24 * 60).await;
    sim.recover_zone("ap-northeast-2a").unwrap();
    minutes(&sim, 24 * 60).await;
    let state = sim.state();
    let healthy: usize = state
        .groups
        .iter()
        .flat_map(|g| &g.shards)
        .map(|shard| shard.healthy_copies)
        .sum();
    assert_eq!(healthy, 6000);
    assert!(state.data_loss_events.is_empty());
}

#[tokio::test]
async fn absurd_requests_are_answered_at_once() {
    let sim = stepped(&sessions()).await;
    minutes(&sim, 10).await;
    let since_1970 = points(&sim, "sessions-0001-001", "IsMaster", 0).await;
    assert_eq!(
        since_1970.len(),
        3 * 60 + 9,
        "three hours of history, and what was published since"
    );
    assert_eq!(points(&sim, "nobody", "IsMaster", 0).await, []);
    let client = cache(&sim);
    let huge = client
        .create_replication_group()
        .replication_group_id("x")
        .replication_group_description("d");
    let shards = huge.clone().num_node_groups(i32::MAX);
    assert_eq!(
        code(shards.send().await),
        "NodeGroupsPerReplicationGroupQuotaExceeded"
    );
    assert_eq!(
        code(huge.num_cache_clusters(i32::MIN).send().await),
        "InvalidParameterValue"
    );
    let ages = aws_sdk_elasticache::primitives::DateTime::from_secs(253_402_000_000);
    let events = client
        .describe_events()
        .start_time(ages)
        .duration(20_160)
        .send()
        .await
        .unwrap();
    assert_eq!(events.events().len(), 0);
}
