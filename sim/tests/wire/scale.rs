//! Fleets: thousands of nodes, days of time.

use evenkeel_sim::{ClockMode, Sim};

use crate::support::{cache, minutes};

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
