//! Each effect of fault rules, as a client feels it.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_elasticache::types::ConfigureShard;

use crate::support::{
    A, B, C, cache, code, control, drawn, eventually, minutes, newest_point, seconds, sessions, status,
    stepped, world,
};

fn one_more(
    client: &aws_sdk_elasticache::Client,
) -> aws_sdk_elasticache::operation::increase_replica_count::builders::IncreaseReplicaCountFluentBuilder {
    client
        .increase_replica_count()
        .replication_group_id("sessions")
        .new_replica_count(2)
        .apply_immediately(true)
}

#[tokio::test]
async fn errors_come_with_their_code_and_do_nothing() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fault_yaml("{operation: IncreaseReplicaCount, times: 1, error: {code: AccessDenied}}")
        .unwrap();
    sim.fault_yaml("{operation: IncreaseReplicaCount, times: 2, error: {code: InternalFailure}}")
        .unwrap();
    let answers = [
        code(one_more(&client).send().await),
        code(one_more(&client).send().await),
        code(one_more(&client).send().await),
    ];
    assert_eq!(answers, ["AccessDenied", "InternalFailure", "ok"]);
    let statuses: Vec<_> = sim
        .calls()
        .iter()
        .map(|call| (call.status, call.applied))
        .collect();
    assert_eq!(
        statuses,
        [(Some(403), false), (Some(500), false), (Some(200), true)]
    );
}

#[tokio::test]
async fn a_reset_before_does_nothing_and_a_reset_after_does_it() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fault_yaml("{times: 1, resetBefore: true}").unwrap();
    assert_eq!(code(one_more(&client).send().await), "connection lost");
    assert_eq!(status(&sim, "sessions"), "available");
    sim.clear_faults();
    sim.fault_yaml("{times: 1, resetAfter: true}").unwrap();
    assert_eq!(code(one_more(&client).send().await), "connection lost");
    assert_eq!(status(&sim, "sessions"), "modifying");
    let calls: Vec<_> = sim
        .calls()
        .iter()
        .map(|call| (call.status, call.applied))
        .collect();
    assert_eq!(calls, [(None, false), (None, true)]);
}

#[tokio::test]
async fn a_held_call_waits_for_its_release_before_or_after_the_change() {
    for (point, during) in [("before", "available"), ("after", "modifying")] {
        let sim = Arc::new(stepped(&sessions()).await);
        let rule = sim
            .fault_yaml(&format!("{{operation: IncreaseReplicaCount, hold: {point}}}"))
            .unwrap();
        let client = cache(&sim);
        let call = tokio::spawn(async move { code(one_more(&client).send().await) });
        eventually("the call is held", || sim.held(&rule) == 1).await;
        assert_eq!(status(&sim, "sessions"), during);
        let (_, rules) = control(&sim, "GET", "/_sim/faults", "").await;
        assert_eq!(rules[0]["held"], 1);
        let (released, _) = control(&sim, "POST", &format!("/_sim/faults/{rule}/release"), "").await;
        assert_eq!(released, 200);
        assert_eq!(call.await.unwrap(), "ok");
        assert_eq!((status(&sim, "sessions"), sim.held(&rule)), ("modifying", 0));
    }
}

#[tokio::test]
async fn a_client_killed_while_held_before_the_change_has_done_nothing() {
    let sim = stepped(&sessions()).await;
    let rule = sim
        .fault_yaml("{operation: IncreaseReplicaCount, hold: before}")
        .unwrap();
    let client = cache(&sim);
    let call = tokio::spawn(async move { code(one_more(&client).send().await) });
    eventually("the call is held", || sim.held(&rule) == 1).await;
    call.abort();
    eventually("nobody is held", || sim.held(&rule) == 0).await;
    sim.clear_faults();
    assert_eq!(status(&sim, "sessions"), "available");
}

#[tokio::test]
async fn stale_reads_show_the_world_as_it_was() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    minutes(&sim, 10).await;
    one_more(&client).send().await.unwrap();
    sim.fault_yaml("{operation: DescribeReplicationGroups, stale: 90s}")
        .unwrap();
    let shown = || async {
        let reply = client.describe_replication_groups().send().await.unwrap();
        reply.replication_groups()[0].status().unwrap().to_owned()
    };
    assert_eq!(
        (shown().await.as_str(), status(&sim, "sessions")),
        ("available", "modifying")
    );
    seconds(&sim, 89).await;
    assert_eq!(shown().await, "available");
    seconds(&sim, 1).await;
    assert_eq!(shown().await, "modifying");
}

#[tokio::test]
async fn short_pages_still_show_everything() {
    let groups: Vec<String> = (1..=7)
        .map(|n| format!("{{id: g{n}, shards: ['a:P c:r']}}"))
        .collect();
    let sim = stepped(&world(&format!("[{}]", groups.join(", ")))).await;
    sim.fault_yaml("{shortPages: 3}").unwrap();
    let client = cache(&sim);
    let mut pages = client.describe_replication_groups().into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().replication_groups().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    let too_few = client.describe_replication_groups().max_records(19).send().await;
    assert_eq!(code(too_few), "InvalidParameterValue");
}

#[tokio::test]
async fn cloudwatch_can_be_blind_for_all_or_for_one_group() {
    let sim = stepped(&world(
        "[{id: g, shards: ['a:P c:r']}, {id: h, shards: ['a:P c:r']}]",
    ))
    .await;
    minutes(&sim, 5).await;
    sim.fault_yaml("{dropPoints: true, target: g}").unwrap();
    assert_eq!(newest_point(&sim, "g-0001-001", "IsMaster").await, None);
    assert!(newest_point(&sim, "h-0001-001", "IsMaster").await.is_some());
    sim.clear_faults();
    sim.fault_yaml("{dropPoints: true, until: 1h}").unwrap();
    assert_eq!(newest_point(&sim, "h-0001-001", "IsMaster").await, None);
    minutes(&sim, 60).await;
    assert!(newest_point(&sim, "h-0001-001", "IsMaster").await.is_some());
}

#[tokio::test]
async fn test_failover_can_be_blocked() {
    let sim = stepped(&sessions()).await;
    sim.fault_yaml("{testFailoverBlocked: true}").unwrap();
    let call = cache(&sim)
        .test_failover()
        .replication_group_id("sessions")
        .node_group_id("0001")
        .send()
        .await;
    assert_eq!(code(call), "TestFailoverNotAvailableFault");
    assert!(sim.state().test_failovers.is_empty());
}

#[tokio::test]
async fn a_zone_without_capacity_refuses_and_another_is_picked() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fault_yaml(&format!("{{capacity: {{zone: {B}}}}}")).unwrap();
    let zones = [A, C, B].map(str::to_owned).to_vec();
    let shard = ConfigureShard::builder()
        .node_group_id("0001")
        .new_replica_count(2);
    let shard = shard.set_preferred_availability_zones(Some(zones)).build();
    let call = client
        .increase_replica_count()
        .replication_group_id("sessions")
        .apply_immediately(true);
    assert_eq!(
        code(call.replica_configuration(shard).send().await),
        "InsufficientCacheClusterCapacity"
    );
    assert_eq!(code(one_more(&client).send().await), "ok");
    minutes(&sim, 8).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r a:r", "c:P a:r a:r"]);
}

#[tokio::test]
async fn an_accepted_change_can_be_rolled_back_and_only_events_tell() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    sim.fault_yaml("{rollback: true}").unwrap();
    assert_eq!(code(one_more(&client).send().await), "ok");
    minutes(&sim, 8).await;
    assert_eq!(
        (drawn(&sim, "sessions"), status(&sim, "sessions")),
        (vec!["a:P c:r".into(), "c:P a:r".into()], "available")
    );
    let decrease = client
        .decrease_replica_count()
        .replication_group_id("sessions")
        .new_replica_count(0);
    assert_eq!(code(decrease.apply_immediately(true).send().await), "ok");
    minutes(&sim, 3).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r", "c:P a:r"]);
    let told = crate::support::events(&client).await;
    assert_eq!(told.iter().filter(|line| line.contains("rolled back")).count(), 4);
}

#[tokio::test]
async fn a_cut_answer_comes_with_a_length_to_match_and_the_change_is_made() {
    let groups = ["a", "b", "c"].map(|id| format!("{{id: {id}, shards: ['a:P c:r']}}"));
    let sim = stepped(&world(&format!("[{}]", groups.join(", ")))).await;
    let client = cache(&sim);
    let mut lengths = BTreeSet::new();
    for percent in 1..100 {
        sim.fault_yaml(&format!("{{id: cut, cut: 0.{percent:02}}}"))
            .unwrap();
        let reply = client.describe_replication_groups().send().await;
        match reply {
            // The SDK takes a document that isn't closed for whole.
            Ok(reply) => drop(lengths.insert(reply.replication_groups().len())),
            Err(error) => assert_ne!(code::<(), _, _>(Err(error)), "connection lost", "{percent} %"),
        }
    }
    assert!(lengths.contains(&1) && lengths.contains(&2), "{lengths:?}");
    sim.fault_yaml("{id: cut, cut: 0}").unwrap();
    let increase = client.increase_replica_count().replication_group_id("a");
    let increase = increase.new_replica_count(2).apply_immediately(true).send().await;
    assert!(increase.is_err());
    assert_eq!(status(&sim, "a"), "modifying");
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let sim = stepped(&sessions()).await;
    sim.fault_yaml("{latency: 300ms}").unwrap();
    let client = cache(&sim);
    let call = tokio::time::timeout(
        std::time::Duration::from_millis(150),
        client.describe_replication_groups().send(),
    );
    assert!(call.await.is_err(), "answered too early");
    assert_eq!(code(client.describe_replication_groups().send().await), "ok");
}

#[tokio::test]
async fn cloudwatch_errors_are_read_by_the_sdk() {
    let sim = stepped(&sessions()).await;
    sim.fault_yaml("{service: cloudwatch, throttle: true}").unwrap();
    let call = crate::support::watch(&sim)
        .get_metric_data()
        .start_time(aws_sdk_cloudwatch::primitives::DateTime::from_secs(0))
        .end_time(aws_sdk_cloudwatch::primitives::DateTime::from_secs(60));
    assert_eq!(code(call.clone().send().await), "Throttling");
    sim.clear_faults();
    assert_eq!(code(call.send().await), "ValidationError", "no queries");
}
