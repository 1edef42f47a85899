//! Who else acts.

use crate::support::{cache, code, drawn, events, minutes, seconds, sessions, status, stepped, world};

#[tokio::test]
async fn a_persons_test_failover_looks_like_ours_and_uses_the_quota() {
    let yaml = format!(
        "actors: [{{name: kim, at: 10m, does: {{testFailover: {{group: sessions, shard: '0001'}}}}}}]\n{}",
        sessions()
    );
    let sim = stepped(&yaml).await;
    minutes(&sim, 9).await;
    assert!(sim.state().actor_deeds.is_empty());
    minutes(&sim, 20).await;
    assert_eq!(drawn(&sim, "sessions")[0], "a:r c:P");
    let first = events(&cache(&sim)).await[0].clone();
    assert_eq!(first, "sessions: Test Failover API called for node group 0001");
    let state = sim.state();
    assert_eq!(state.test_failovers[0].by, "actor kim");
    assert_eq!(
        (
            state.actor_deeds[0].actor.as_str(),
            state.actor_deeds[0].result.as_str()
        ),
        ("kim", "ok")
    );
    assert_eq!(
        sim.calls().iter().filter(|call| call.mutating).count(),
        0,
        "not a call received"
    );
}

#[tokio::test]
async fn terraform_removes_the_newest_replica_again_and_again() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r']}]")).await;
    let client = cache(&sim);
    sim.actor_yaml("{at: 5m, every: 20m, does: {terraform: {group: g, replicas: 1}}}")
        .unwrap();
    for _ in 0..2 {
        let call = client
            .increase_replica_count()
            .replication_group_id("g")
            .new_replica_count(2);
        call.apply_immediately(true).send().await.unwrap();
        minutes(&sim, 20).await;
        assert_eq!(drawn(&sim, "g"), ["a:P c:r b:r"]);
        minutes(&sim, 20).await;
        assert_eq!(drawn(&sim, "g"), ["a:P c:r"]);
    }
    let refused: Vec<_> = sim
        .state()
        .actor_deeds
        .iter()
        .map(|deed| deed.result == "ok")
        .collect();
    assert!(refused.contains(&true));
}

#[tokio::test]
async fn autoscaling_walks_through_its_counts() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r', 'c:P a:r']}]")).await;
    sim.actor_yaml("{at: 1m, every: 1h, does: {autoscaling: {group: g, replicas: [2, 1]}}}")
        .unwrap();
    minutes(&sim, 30).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r b:r", "c:P a:r b:r"]);
    minutes(&sim, 60).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r", "c:P a:r"]);
    minutes(&sim, 60).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r b:r", "c:P a:r b:r"]);
}

#[tokio::test]
async fn maintenance_patches_replicas_first_and_fails_over_before_the_primary() {
    let sim = stepped(&world("[{id: g, shards: ['a:P c:r']}]")).await;
    sim.actor_yaml("{does: {maintenance: {group: g}}}").unwrap();
    seconds(&sim, 1).await;
    assert_eq!(
        (status(&sim, "g"), drawn(&sim, "g")),
        ("modifying", vec!["a:P c:r!".to_owned()])
    );
    minutes(&sim, 11).await;
    assert_eq!(drawn(&sim, "g"), ["a:r! c:P"]);
    minutes(&sim, 11).await;
    assert_eq!(
        (status(&sim, "g"), drawn(&sim, "g")),
        ("available", vec!["a:r c:P".to_owned()])
    );
    let state = sim.state();
    assert_eq!(
        (state.failovers.len(), state.failovers[0].cause),
        (1, "maintenance")
    );
    assert_eq!(state.groups[0].shards[0].min_healthy_copies, 1);
    assert!(state.data_loss_events.is_empty());
}

#[tokio::test]
async fn a_busy_group_is_tried_again() {
    let sim = stepped(&sessions()).await;
    let call = cache(&sim)
        .increase_replica_count()
        .replication_group_id("sessions")
        .new_replica_count(2);
    call.apply_immediately(true).send().await.unwrap();
    sim.actor_yaml("{at: 1m, does: {autoscaling: {group: sessions, replicas: [3]}}}")
        .unwrap();
    minutes(&sim, 17).await;
    assert_eq!(sim.state().groups[0].shards[0].nodes.len(), 4);
}

#[tokio::test]
async fn a_person_changes_settings_removes_a_replica_and_writes_tags() {
    let sim = stepped(&world(
        "[{id: g, clusterMode: disabled, shards: ['a:P b:r c:r']}]",
    ))
    .await;
    sim.actor_yaml("{at: 1m, does: {modify: {group: g, automaticFailover: false, multiAz: false}}}")
        .unwrap();
    sim.actor_yaml("{at: 10m, does: {removeReplica: {node: g-002}}}")
        .unwrap();
    sim.actor_yaml("{at: 20m, does: {tags: {group: g, tags: {evenkeel.dev/owner: other}}}}")
        .unwrap();
    minutes(&sim, 1).await;
    assert_eq!(sim.state().groups[0].automatic_failover, "disabling");
    minutes(&sim, 2).await;
    let group = sim.state().groups.remove(0);
    assert_eq!((group.automatic_failover, group.multi_az), ("disabled", false));
    minutes(&sim, 7).await;
    assert_eq!(drawn(&sim, "g"), ["a:P b:r- c:r"]);
    minutes(&sim, 12).await;
    assert_eq!(drawn(&sim, "g"), ["a:P c:r"]);
    assert_eq!(sim.state().groups[0].tags["evenkeel.dev/owner"], "other");
    assert_eq!(sim.state().actor_deeds.len(), 3);
    assert!(sim.calls().is_empty(), "nobody's deeds but ours are calls");
}

#[tokio::test]
async fn a_persons_settings_are_refused_where_aws_refuses_them() {
    let sim = stepped(&sessions()).await;
    sim.actor_yaml("{does: {modify: {group: sessions, automaticFailover: false, multiAz: false}}}")
        .unwrap();
    minutes(&sim, 3).await;
    let state = sim.state();
    assert_eq!(state.groups[0].automatic_failover, "enabled");
    assert!(
        state.actor_deeds[0]
            .result
            .starts_with("InvalidParameterCombination")
    );
}

#[tokio::test]
async fn a_snapshot_shows_on_the_group_and_on_one_node_of_each_shard() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.actor_yaml("{at: 1m, does: {backup: {group: sessions, for: 5m}}}")
        .unwrap();
    minutes(&sim, 2).await;
    assert_eq!(status(&sim, "sessions"), "snapshotting");
    let reply = client.describe_cache_clusters().send().await.unwrap();
    let shown: Vec<_> = reply
        .cache_clusters()
        .iter()
        .map(|c| c.cache_cluster_status().unwrap())
        .collect();
    assert_eq!(shown, ["available", "snapshotting", "available", "snapshotting"]);
    let group = client.describe_replication_groups().send().await.unwrap();
    let shards = group.replication_groups()[0].node_groups();
    assert!(shards.iter().all(|shard| shard.status() == Some("available")));
    let change = client
        .test_failover()
        .replication_group_id("sessions")
        .node_group_id("0001");
    assert_eq!(code(change.send().await), "InvalidReplicationGroupState");
    minutes(&sim, 5).await;
    assert_eq!(status(&sim, "sessions"), "available");
}

#[tokio::test]
async fn an_actor_repeats_its_deed_until_it_ends() {
    let yaml = "{name: gusts, at: 5m, every: 30m, until: 70m, does: {nodeFailure: {node: sessions-0001-002, \
                recoverAfter: 10m}}}";
    let sim = stepped(&sessions()).await;
    sim.actor_yaml(yaml).unwrap();
    minutes(&sim, 120).await;
    let state = sim.state();
    let at: Vec<i64> = state
        .actor_deeds
        .iter()
        .map(|deed| deed.at.duration_since(evenkeel_sim::STEPPED_START).as_mins())
        .collect();
    assert_eq!(at, [5, 35, 65]);
    assert!(state.actor_deeds.iter().all(|deed| deed.actor == "gusts"));
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r", "c:P a:r"]);
}

#[tokio::test]
async fn the_weather_is_scripted_too() {
    let sim = stepped(&sessions()).await;
    sim.actor_yaml("{at: 10m, does: {zoneOutage: {zone: ap-northeast-2a, for: 20m}}}")
        .unwrap();
    minutes(&sim, 11).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r! c:P", "c:P a:r!"]);
    minutes(&sim, 30).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r c:P", "c:P a:r"]);
    assert!(
        sim.actor_yaml("{does: {dance: {}}}")
            .unwrap_err()
            .contains("dance")
    );
}

#[tokio::test]
async fn a_group_that_is_replaced_has_its_id_and_its_nodes_ids_and_another_beginning() {
    let sim = stepped(&world("[{id: g, clusterMode: disabled, shards: ['a:P b:r']}]")).await;
    let before = sim.state().groups.remove(0);
    sim.actor_yaml(
        "{at: 1m, does: {recreate: {group: {id: g, clusterMode: disabled, shards: ['b:P a:r c:r']}}}}",
    )
    .unwrap();
    minutes(&sim, 1).await;
    assert_eq!(sim.state().groups[0].status, "creating");
    minutes(&sim, 30).await;
    let after = sim.state().groups.remove(0);
    assert_eq!(drawn(&sim, "g"), ["b:P a:r c:r"]);
    let node = |group: &evenkeel_sim::GroupState| group.shards[0].nodes[0].clone();
    assert_eq!(node(&before).id, node(&after).id);
    assert!(node(&before).created < node(&after).created);
    sim.actor_yaml("{does: {recreate: {group: {id: other, shards: ['b:P']}}}}")
        .unwrap();
    minutes(&sim, 1).await;
    assert_eq!(sim.state().actor_deeds[1].result, "there is no group other");
}
