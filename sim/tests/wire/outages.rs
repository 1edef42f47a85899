//! Loss, promotion, recovery: what ElastiCache does on failure.

use evenkeel_sim::Span;

use crate::support::{
    A, C, cache, carts, code, drawn, events, minutes, newest_point, seconds, sessions, status, stepped, world,
};

#[tokio::test]
async fn a_dead_zone_loses_its_nodes_until_it_returns_and_roles_stay_where_they_went() {
    let sim = stepped(&sessions()).await;
    sim.fail_zone(A).unwrap();
    assert_eq!(drawn(&sim, "sessions"), ["a:P! c:r", "c:P a:r!"]);
    seconds(&sim, 59).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:P! c:r", "c:P a:r!"]);
    seconds(&sim, 1).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r! c:P", "c:P a:r!"]);
    minutes(&sim, 24 * 60).await;
    assert_eq!(
        drawn(&sim, "sessions"),
        ["a:r! c:P", "c:P a:r!"],
        "nothing is rebuilt in another zone"
    );
    sim.recover_zone(A).unwrap();
    minutes(&sim, 9).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r! c:P", "c:P a:r!"]);
    minutes(&sim, 1).await;
    assert_eq!(
        drawn(&sim, "sessions"),
        ["a:r c:P", "c:P a:r"],
        "both primaries are in c now"
    );
    let state = sim.state();
    let shard = &state.groups[0].shards[0];
    assert_eq!((shard.min_healthy_copies, shard.data_lost), (1, false));
    assert_eq!(
        shard
            .unavailable
            .iter()
            .map(|outage| outage.seconds)
            .collect::<Vec<_>>(),
        [Some(60.0)]
    );
    assert!(state.data_loss_events.is_empty());
}

#[tokio::test]
async fn a_zone_that_dies_again_while_it_is_rebuilt_waits_again() {
    let sim = stepped(&sessions()).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 30).await;
    sim.recover_zone(A).unwrap();
    minutes(&sim, 5).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 60).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r! c:P", "c:P a:r!"]);
    sim.recover_zone(A).unwrap();
    minutes(&sim, 10).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r c:P", "c:P a:r"]);
}

#[tokio::test]
async fn dead_nodes_leave_a_gap_in_their_metrics_or_a_stale_point() {
    for (yaml, expected) in [
        (sessions(), None),
        (
            format!("switches: {{deadNodeMetric: stale}}\n{}", sessions()),
            Some(1.0),
        ),
    ] {
        let sim = stepped(&yaml).await;
        sim.fail_zone(A).unwrap();
        minutes(&sim, 20).await;
        let old = newest_point(&sim, "sessions-0001-001", "IsMaster")
            .await
            .map(|(_, value)| value);
        assert_eq!(old, expected);
        let (_, new) = newest_point(&sim, "sessions-0001-002", "IsMaster").await.unwrap();
        assert_eq!(new.to_bits(), 1.0_f64.to_bits());
    }
}

#[tokio::test]
async fn the_replica_with_the_least_lag_is_promoted_even_in_the_same_zone() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r=0.5 a:r=0.1 b:r=0.3']}]")).await;
    sim.fail_node("g-0001-001").unwrap();
    minutes(&sim, 2).await;
    assert_eq!(drawn(&sim, "g"), ["a:r! c:r a:P b:r"]);
    sim.set_lag("g-0001-002", 0.0).unwrap();
    minutes(&sim, 11).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 2).await;
    assert_eq!(drawn(&sim, "g"), ["a:r! c:P a:r! b:r"]);
}

#[tokio::test]
async fn a_lone_dead_node_is_rebuilt_in_its_zone_under_its_id() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fail_node("sessions-0001-002").unwrap();
    minutes(&sim, 11).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r!");
    minutes(&sim, 1).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r");
    assert_eq!(
        events(&client).await,
        [
            "sessions-0001-002: Recovering cache nodes 0001",
            "sessions-0001-002: Finished recovery for cache nodes 0001"
        ]
    );
    sim.fail_node_for("sessions-0001-002", Span::mins(3)).unwrap();
    minutes(&sim, 3).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r");
}

#[tokio::test]
async fn a_lone_dead_node_waits_for_its_zone_if_that_dies_too() {
    let sim = stepped(&sessions()).await;
    sim.fail_node("sessions-0001-002").unwrap();
    minutes(&sim, 5).await;
    sim.fail_zone(C).unwrap();
    minutes(&sim, 60).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r!");
}

#[tokio::test]
async fn a_shard_whose_copies_all_die_comes_back_empty() {
    let sim = stepped(&world("[{id: g, shards: ['a:P a:r', 'c:P b:r']}]")).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 30).await;
    sim.recover_zone(A).unwrap();
    minutes(&sim, 10).await;
    assert_eq!(drawn(&sim, "g"), ["a:P a:r", "c:P b:r"]);
    let state = sim.state();
    assert_eq!(state.data_loss_events.len(), 1);
    assert_eq!(state.data_loss_events[0].shard, "0001");
    let lost: Vec<bool> = state.groups[0]
        .shards
        .iter()
        .map(|shard| shard.data_lost)
        .collect();
    assert_eq!(lost, [true, false]);
    assert_eq!(state.groups[0].shards[0].unavailable[0].seconds, Some(2400.0));
    assert!(state.failovers.is_empty());
}

#[tokio::test]
async fn without_automatic_failover_a_dead_primary_is_rebuilt_as_primary() {
    let yaml = world(
        "[{id: g, clusterMode: disabled, multiAz: false, automaticFailover: false, shards: ['a:P c:r']}]",
    );
    let sim = stepped(&yaml).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 60).await;
    assert_eq!(drawn(&sim, "g"), ["a:P! c:r"]);
    sim.recover_zone(A).unwrap();
    minutes(&sim, 10).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r"]);
    let state = sim.state();
    assert_eq!(state.groups[0].shards[0].unavailable[0].seconds, Some(4200.0));
    assert!(!state.groups[0].shards[0].data_lost && state.failovers.is_empty());
}

#[tokio::test]
async fn test_failover_takes_the_observed_times_and_replaces_the_old_primary() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let call = |shard: &str| {
        client
            .test_failover()
            .replication_group_id("sessions")
            .node_group_id(shard)
            .send()
    };
    let reply = call("0001").await.unwrap();
    assert_eq!(
        reply.replication_group().unwrap().status(),
        Some("available"),
        "no status shows it"
    );
    seconds(&sim, 62).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:P! c:r");
    seconds(&sim, 1).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:r! c:P");
    assert_eq!(
        code(call("0002").await),
        "InvalidReplicationGroupState",
        "the replacement isn't finished"
    );
    seconds(&sim, 763 - 63).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:r! c:P");
    seconds(&sim, 1).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:r c:P");
    let lines = events(&client).await;
    assert_eq!(
        lines.first().unwrap(),
        "sessions: Test Failover API called for node group 0001"
    );
    assert_eq!(
        lines[lines.len() - 2],
        "sessions-0001-001: Recovering cache nodes 0001"
    );
    assert_eq!(
        lines[lines.len() - 1],
        "sessions-0001-001: Finished recovery for cache nodes 0001"
    );
    assert_eq!(code(call("0002").await), "ok");
    let failover = &sim.state().failovers[0];
    assert_eq!(
        (failover.cause, failover.failover_seconds.to_bits()),
        ("testFailover", 63.0_f64.to_bits())
    );
}

#[tokio::test]
async fn failovers_are_announced_in_both_forms_and_with_both_words() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let sim = evenkeel_sim::Sim::builder()
            .world_yaml(&carts())
            .clock(evenkeel_sim::ClockMode::Stepped)
            .seed(seed)
            .start()
            .await
            .unwrap();
        sim.fail_zone(A).unwrap();
        minutes(&sim, 2).await;
        for line in events(&cache(&sim)).await {
            seen.insert(line);
        }
    }
    let expected = [
        "carts-001: Failover from primary node carts-001 to replica node carts-002 completed",
        "carts: Failover from master node carts-001 to replica node carts-002 completed",
        "carts: Failover from primary node carts-001 to replica node carts-002 completed",
        "carts: Failover to replica node carts-002 completed",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn test_failover_is_limited_to_fifteen_node_groups_a_day() {
    let groups: Vec<String> = (1..=16)
        .map(|n| format!("{{id: g{n}, clusterMode: disabled, shards: ['a:P c:r']}}"))
        .collect();
    let sim = stepped(&world(&format!("[{}]", groups.join(", ")))).await;
    let client = cache(&sim);
    for n in 1..=15 {
        let call = client
            .test_failover()
            .replication_group_id(format!("g{n}"))
            .node_group_id("0001");
        assert_eq!(code(call.send().await), "ok", "number {n}");
    }
    let one_more = || {
        client
            .test_failover()
            .replication_group_id("g16")
            .node_group_id("0001")
            .send()
    };
    assert_eq!(code(one_more().await), "APICallRateForCustomerExceeded");
    assert_eq!(sim.state().test_failovers_last_day["111122223333"], 15);
    minutes(&sim, 24 * 60).await;
    assert_eq!(code(one_more().await), "ok");
}

#[tokio::test]
async fn test_failover_is_refused_where_nothing_can_be_promoted() {
    let yaml = world(
        "[{id: off, clusterMode: disabled, multiAz: false, automaticFailover: false, shards: ['a:P c:r']}, \
          {id: single, shards: ['a:P']}]",
    );
    let sim = stepped(&yaml).await;
    let client = cache(&sim);
    let call = |group: &str, shard: &str| {
        client
            .test_failover()
            .replication_group_id(group)
            .node_group_id(shard)
            .send()
    };
    assert_eq!(code(call("off", "0001").await), "TestFailoverNotAvailableFault");
    assert_eq!(
        code(call("single", "0001").await),
        "TestFailoverNotAvailableFault"
    );
    assert_eq!(code(call("single", "0002").await), "NodeGroupNotFoundFault");
    assert_eq!(code(call("nope", "0001").await), "ReplicationGroupNotFoundFault");
    assert_eq!(code(call("single", "first").await), "InvalidParameterValue");
}

#[tokio::test]
async fn status_and_node_status_during_an_outage_are_what_the_switches_say() {
    let yaml = format!(
        "switches: {{statusDuringOutage: modifying, deadNodeStatus: creating}}\n{}",
        sessions()
    );
    let sim = stepped(&yaml).await;
    let client = cache(&sim);
    assert_eq!(status(&sim, "sessions"), "available");
    sim.fail_zone(A).unwrap();
    assert_eq!(status(&sim, "sessions"), "modifying");
    let clusters = client
        .describe_cache_clusters()
        .show_cache_node_info(true)
        .send()
        .await
        .unwrap();
    let shown: Vec<_> = clusters
        .cache_clusters()
        .iter()
        .map(|c| c.cache_cluster_status().unwrap())
        .collect();
    assert_eq!(shown, ["creating", "available", "available", "creating"]);
    let plain = stepped(&sessions()).await;
    plain.fail_zone(A).unwrap();
    assert_eq!(status(&plain, "sessions"), "available");
}

#[tokio::test]
async fn a_recovery_planned_before_the_zone_died_does_not_take_place() {
    let sim = stepped(&sessions()).await;
    sim.fail_node("sessions-0001-002").unwrap();
    minutes(&sim, 1).await;
    sim.fail_zone(C).unwrap();
    seconds(&sim, 30).await;
    sim.recover_zone(C).unwrap();
    minutes(&sim, 20).await;
    let reply = cache(&sim)
        .describe_events()
        .source_identifier("sessions-0001-002")
        .send()
        .await
        .unwrap();
    let times: Vec<_> = reply
        .events()
        .iter()
        .filter(|event| event.message().is_some_and(|text| text.contains("ecover")))
        .map(|event| event.date().unwrap().to_string())
        .collect();
    assert_eq!(
        times,
        ["2026-03-02T00:11:30Z", "2026-03-02T00:02:30Z"],
        "counted from the zone's return"
    );
}

#[tokio::test]
async fn jitter_lengthens_what_happens_and_the_seed_repeats_it() {
    let mut runs = Vec::new();
    for seed in [3, 3, 4] {
        let yaml = format!("timings: {{jitter: 0.5}}\n{}", sessions());
        let builder = evenkeel_sim::Sim::builder().world_yaml(&yaml).seed(seed);
        let sim = builder
            .clock(evenkeel_sim::ClockMode::Stepped)
            .start()
            .await
            .unwrap();
        sim.fail_node("sessions-0001-001").unwrap();
        minutes(&sim, 12).await;
        assert_eq!(drawn(&sim, "sessions")[0], "a:r! c:P");
        minutes(&sim, 6).await;
        assert_eq!(drawn(&sim, "sessions")[0], "a:r c:P");
        runs.push(sim.state().failovers[0].failover_seconds);
    }
    assert!((60.0..=90.0).contains(&runs[0]) && runs[0] > 60.0, "{runs:?}");
    assert_eq!(runs[0].to_bits(), runs[1].to_bits());
    assert_ne!(runs[0].to_bits(), runs[2].to_bits());
}
