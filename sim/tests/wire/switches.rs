//! Every question about AWS that no public source answers, with every answer that can be played.

use aws_sdk_elasticache::types::ConfigureShard;

use crate::support::{
    A, B, C, cache, cache_as, carts, code, drawn, events, minutes, newest_point, points, seconds, sessions,
    status, stepped, sts, world,
};

/// Switch → the test that plays each of its positions.
const PLAYED: &[(&str, &str)] = &[
    (
        "increaseDuringOutage",
        "an_increase_during_an_outage_is_accepted_or_refused",
    ),
    (
        "statusDuringOutage",
        "a_group_with_a_lost_member_is_shown_available_or_modifying",
    ),
    (
        "deadNodeMetric",
        "a_dead_node_leaves_a_gap_or_its_last_value_or_zero",
    ),
    (
        "preferredZonesMustCoverExisting",
        "listed_zones_may_have_to_cover_existing_nodes",
    ),
    (
        "replicasToRemoveForm",
        "replicas_are_removed_by_their_id_or_also_by_its_last_number",
    ),
    ("metricDelaySeconds", "points_come_late_by_the_delay"),
    (
        "metricSampleSpread",
        "a_point_shows_its_minutes_start_or_a_moment_within",
    ),
    (
        "secondTestFailoverDuringRecovery",
        "a_second_test_failover_is_refused_with_each_code",
    ),
    (
        "testFailoverWithoutAutoFailover",
        "test_failover_without_automatic_failover_is_refused_with_each_code",
    ),
    (
        "testFailoverWithoutReplica",
        "test_failover_without_a_replica_is_refused_with_each_code",
    ),
    ("deadNodeStatus", "a_dead_node_says_each_status_of_itself"),
    (
        "rebuildChangesCreateTime",
        "a_rebuilt_node_tells_when_it_was_made_or_rebuilt",
    ),
    (
        "recoveringEventDuringOutage",
        "recovery_is_announced_in_an_outage_or_when_it_begins",
    ),
    ("failoverEventForm", "a_failover_is_announced_in_each_form"),
    ("multiAzRequiresSpread", "multi_az_needs_two_zones_or_not"),
    (
        "creatingNodesInNodeGroups",
        "a_node_being_created_shows_among_members_or_not",
    ),
    (
        "compatibleShowsRoles",
        "roles_show_in_cluster_mode_compatible_or_not",
    ),
    (
        "credentialsExpireBySimClock",
        "credentials_expire_by_simulated_time_or_by_the_machines",
    ),
];

const REFUSALS: [&str; 3] = [
    "TestFailoverNotAvailableFault",
    "InvalidReplicationGroupState",
    "InvalidParameterCombination",
];

/// A world with one switch set.
fn with(switch: &str, value: &str, world: &str) -> String {
    format!("switches: {{{switch}: {value}}}\n{world}")
}

#[tokio::test]
async fn every_switch_is_played_in_every_position() {
    let sim = stepped("{}").await;
    let switches = sim.with_world(|world| serde_json::to_value(&world.switches).unwrap());
    let all: Vec<&String> = switches.as_object().unwrap().keys().collect();
    let mut played: Vec<&str> = PLAYED.iter().map(|(switch, _)| *switch).collect();
    played.sort_unstable();
    assert_eq!(
        all, played,
        "a switch without a test, or a test without its switch"
    );
    let source = include_str!("switches.rs");
    for (switch, test) in PLAYED {
        assert!(source.contains(&format!("async fn {test}()")), "{switch}: {test}");
    }
}

async fn increase(sim: &evenkeel_sim::Sim, zones: [&str; 3]) -> String {
    let shard = ConfigureShard::builder()
        .node_group_id("0001")
        .new_replica_count(2);
    let shard = shard.set_preferred_availability_zones(Some(zones.map(String::from).to_vec()));
    let call = cache(sim)
        .increase_replica_count()
        .replication_group_id("sessions")
        .apply_immediately(true)
        .replica_configuration(shard.build());
    code(call.send().await)
}

#[tokio::test]
async fn an_increase_during_an_outage_is_accepted_or_refused() {
    for (value, answer, nodes) in [
        ("accept", "ok", "a:r! c:P b:r"),
        ("refuse", "InvalidReplicationGroupState", "a:r! c:P"),
    ] {
        let sim = stepped(&with("increaseDuringOutage", value, &sessions())).await;
        sim.fail_zone(A).unwrap();
        minutes(&sim, 5).await;
        assert_eq!(increase(&sim, [C, A, B]).await, answer, "{value}");
        minutes(&sim, 10).await;
        assert_eq!(drawn(&sim, "sessions")[0], nodes, "{value}");
    }
}

#[tokio::test]
async fn a_group_with_a_lost_member_is_shown_available_or_modifying() {
    for (value, test_failover) in [("available", "ok"), ("modifying", "InvalidReplicationGroupState")] {
        let yaml = with(
            "statusDuringOutage",
            value,
            &world("[{id: g, shards: ['a:P b:r c:r']}]"),
        );
        let sim = stepped(&yaml).await;
        assert_eq!(status(&sim, "g"), "available");
        sim.fail_zone(B).unwrap();
        assert_eq!(status(&sim, "g"), value);
        let call = cache(&sim)
            .test_failover()
            .replication_group_id("g")
            .node_group_id("0001");
        assert_eq!(code(call.send().await), test_failover, "{value}");
        sim.recover_zone(B).unwrap();
        minutes(&sim, 15).await;
        assert_eq!(status(&sim, "g"), "available");
    }
}

#[tokio::test]
async fn a_dead_node_leaves_a_gap_or_its_last_value_or_zero() {
    for (value, master, lag) in [
        ("gap", None, None),
        ("stale", Some(1.0), Some(0.02)),
        ("zero", Some(0.0), None),
    ] {
        let sim = stepped(&with("deadNodeMetric", value, &sessions())).await;
        sim.fail_zone(A).unwrap();
        minutes(&sim, 20).await;
        let newest = async |node, metric| newest_point(&sim, node, metric).await.map(|(_, value)| value);
        assert_eq!(newest("sessions-0001-001", "IsMaster").await, master, "{value}");
        assert_eq!(
            newest("sessions-0002-002", "ReplicationLag").await,
            lag,
            "{value}"
        );
        assert_eq!(
            newest("sessions-0001-002", "IsMaster").await,
            Some(1.0),
            "the promoted one tells the truth"
        );
    }
}

#[tokio::test]
async fn listed_zones_may_have_to_cover_existing_nodes() {
    for (value, answer) in [("false", "ok"), ("true", "InvalidParameterValue")] {
        let sim = stepped(&with("preferredZonesMustCoverExisting", value, &sessions())).await;
        assert_eq!(increase(&sim, [A, B, B]).await, answer, "{value}");
        // The safe construction (the primary's zone, those of the replicas, those of new nodes) is good in both.
        let sim = stepped(&with("preferredZonesMustCoverExisting", value, &sessions())).await;
        assert_eq!(increase(&sim, [A, C, B]).await, "ok", "{value}");
        minutes(&sim, 8).await;
        assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r b:r", "{value}");
    }
}

#[tokio::test]
async fn replicas_are_removed_by_their_id_or_also_by_its_last_number() {
    let group = world("[{id: g, clusterMode: disabled, shards: ['a:P b:r c:r']}]");
    for (value, name, answer) in [
        ("clusterId", "003", "InvalidParameterValue"),
        ("clusterId", "g-003", "ok"),
        ("any", "003", "ok"),
        ("any", "g-003", "ok"),
    ] {
        let sim = stepped(&with("replicasToRemoveForm", value, &group)).await;
        let call = cache(&sim)
            .decrease_replica_count()
            .replication_group_id("g")
            .replicas_to_remove(name)
            .apply_immediately(true);
        assert_eq!(code(call.send().await), answer, "{value} {name}");
    }
}

#[tokio::test]
async fn points_come_late_by_the_delay() {
    for (value, age) in [("0", 60), ("90", 120), ("150", 180), ("240", 240)] {
        let sim = stepped(&with("metricDelaySeconds", value, &carts())).await;
        minutes(&sim, 10).await;
        let newest = newest_point(&sim, "carts-001", "IsMaster").await;
        assert_eq!(newest, Some((age, 1.0)), "{value}");
    }
}

#[tokio::test]
async fn a_point_shows_its_minutes_start_or_a_moment_within() {
    // Of the readings that are spread, those of carts-002 are taken at second 23, those of carts-001 at second 54.
    for (value, promoted) in [("false", [0.0, 0.0, 1.0]), ("true", [0.0, 1.0, 1.0])] {
        let sim = stepped(&with("metricSampleSpread", value, &carts())).await;
        minutes(&sim, 5).await;
        seconds(&sim, 10).await;
        sim.fail_node("carts-001").unwrap();
        minutes(&sim, 10).await;
        // Lost at 00:05:10, so the other one is promoted at 00:06:10.
        let start = "2026-03-02T00:05:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_second();
        let mut found = points(&sim, "carts-002", "IsMaster", start).await;
        found.sort_by_key(|(at, _)| *at);
        let values: Vec<f64> = found.iter().map(|(_, value)| *value).take(3).collect();
        assert_eq!(values, promoted, "{value}");
    }
}

async fn test_failover(sim: &evenkeel_sim::Sim, group: &str, shard: &str) -> String {
    let call = cache(sim)
        .test_failover()
        .replication_group_id(group)
        .node_group_id(shard);
    code(call.send().await)
}

#[tokio::test]
async fn a_second_test_failover_is_refused_with_each_code() {
    for value in REFUSALS {
        let sim = stepped(&with("secondTestFailoverDuringRecovery", value, &sessions())).await;
        assert_eq!(test_failover(&sim, "sessions", "0001").await, "ok");
        minutes(&sim, 5).await;
        assert_eq!(test_failover(&sim, "sessions", "0002").await, value);
        minutes(&sim, 10).await;
        assert_eq!(test_failover(&sim, "sessions", "0002").await, "ok");
    }
}

#[tokio::test]
async fn test_failover_without_automatic_failover_is_refused_with_each_code() {
    let group = world(
        "[{id: g, clusterMode: disabled, multiAz: false, automaticFailover: false, shards: ['a:P c:r']}]",
    );
    for value in REFUSALS {
        let sim = stepped(&with("testFailoverWithoutAutoFailover", value, &group)).await;
        assert_eq!(test_failover(&sim, "g", "0001").await, value);
    }
}

#[tokio::test]
async fn test_failover_without_a_replica_is_refused_with_each_code() {
    for value in REFUSALS {
        let yaml = with(
            "testFailoverWithoutReplica",
            value,
            &world("[{id: g, shards: ['a:P']}]"),
        );
        let sim = stepped(&yaml).await;
        assert_eq!(test_failover(&sim, "g", "0001").await, value);
    }
}

#[tokio::test]
async fn a_dead_node_says_each_status_of_itself() {
    for (value, cluster, node) in [
        ("available", "available", "available"),
        ("creating", "creating", "creating"),
        ("rebooting", "rebooting cluster nodes", "rebooting"),
        ("modifying", "modifying", "available"),
    ] {
        let sim = stepped(&with("deadNodeStatus", value, &carts())).await;
        sim.fail_zone(A).unwrap();
        let call = cache(&sim).describe_cache_clusters().show_cache_node_info(true);
        let reply = call.send().await.unwrap();
        let shown: Vec<_> = reply
            .cache_clusters()
            .iter()
            .map(|c| {
                let nodes = c.cache_nodes();
                (
                    c.cache_cluster_status().unwrap(),
                    nodes[0].cache_node_status().unwrap(),
                )
            })
            .collect();
        assert_eq!(shown, [(cluster, node), ("available", "available")], "{value}");
    }
}

#[tokio::test]
async fn recovery_is_announced_in_an_outage_or_when_it_begins() {
    for (value, in_outage) in [("false", 0), ("true", 1)] {
        let sim = stepped(&with("recoveringEventDuringOutage", value, &carts())).await;
        let recovering = async || {
            let lines = events(&cache(&sim)).await;
            lines
                .iter()
                .filter(|line| *line == "carts-001: Recovering cache nodes 0001")
                .count()
        };
        sim.fail_zone(A).unwrap();
        minutes(&sim, 60).await;
        assert_eq!(recovering().await, in_outage, "{value}");
        sim.recover_zone(A).unwrap();
        minutes(&sim, 15).await;
        assert_eq!(recovering().await, in_outage + 1, "{value}");
        assert_eq!(drawn(&sim, "carts"), ["a:r c:P"]);
    }
}

#[tokio::test]
async fn a_rebuilt_node_tells_when_it_was_made_or_rebuilt() {
    for (value, changes) in [("false", false), ("true", true)] {
        let sim = stepped(&with("rebuildChangesCreateTime", value, &carts())).await;
        let created = async || {
            let told = cache(&sim)
                .describe_cache_clusters()
                .cache_cluster_id("carts-001");
            let told = told.send().await.unwrap();
            told.cache_clusters()[0].cache_cluster_create_time().copied()
        };
        let before = created().await;
        sim.fail_node("carts-001").unwrap();
        minutes(&sim, 60).await;
        assert_eq!(created().await != before, changes, "{value}");
    }
}

#[tokio::test]
async fn a_failover_is_announced_in_each_form() {
    let short = "carts: Failover to replica node carts-002 completed";
    let long = |source: &str, word: &str| {
        format!("{source}: Failover from {word} node carts-001 to replica node carts-002 completed")
    };
    for (value, expected) in [
        (
            "documented",
            vec![long("carts-001", "primary"), long("carts", "primary")],
        ),
        ("observed", vec![short.to_owned()]),
        ("maintenance", vec![short.to_owned(), long("carts", "master")]),
    ] {
        let sim = stepped(&with("failoverEventForm", value, &carts())).await;
        sim.fail_zone(A).unwrap();
        minutes(&sim, 2).await;
        assert_eq!(events(&cache(&sim)).await, expected, "{value}");
    }
    // `seeded` draws one of them each time.
    let sim = stepped(&with("failoverEventForm", "seeded", &carts())).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 2).await;
    assert!(!events(&cache(&sim)).await.is_empty());
}

#[tokio::test]
async fn multi_az_needs_two_zones_or_not() {
    for (value, answer) in [("true", "InvalidParameterCombination"), ("false", "ok")] {
        let group = world("[{id: g, clusterMode: disabled, multiAz: false, shards: ['a:P a:r']}]");
        let sim = stepped(&with("multiAzRequiresSpread", value, &group)).await;
        let call = cache(&sim)
            .modify_replication_group()
            .replication_group_id("g")
            .multi_az_enabled(true)
            .apply_immediately(true);
        assert_eq!(code(call.send().await), answer, "{value}");
    }
}

#[tokio::test]
async fn a_node_being_created_shows_among_members_or_not() {
    for (value, members) in [("true", 3), ("false", 2)] {
        let sim = stepped(&with("creatingNodesInNodeGroups", value, &sessions())).await;
        assert_eq!(increase(&sim, [A, C, B]).await, "ok");
        let shown = async || {
            let reply = cache(&sim).describe_replication_groups().send().await.unwrap();
            let group = &reply.replication_groups()[0];
            (
                group.node_groups()[0].node_group_members().len(),
                group.member_clusters().len(),
            )
        };
        assert_eq!(shown().await, (members, 5), "{value}");
        minutes(&sim, 8).await;
        assert_eq!(shown().await, (3, 5), "{value}");
    }
}

#[tokio::test]
async fn roles_show_in_cluster_mode_compatible_or_not() {
    let group = world("[{id: g, clusterMode: compatible, shards: ['a:P c:r']}]");
    for (value, role) in [("true", Some("primary")), ("false", None)] {
        let sim = stepped(&with("compatibleShowsRoles", value, &group)).await;
        let reply = cache(&sim).describe_replication_groups().send().await.unwrap();
        let shard = &reply.replication_groups()[0].node_groups()[0];
        assert_eq!(shard.node_group_members()[0].current_role(), role, "{value}");
        assert_eq!(shard.primary_endpoint().is_some(), role.is_some(), "{value}");
    }
}

#[tokio::test]
async fn credentials_expire_by_simulated_time_or_by_the_machines() {
    for (value, after_an_hour) in [("true", "ExpiredToken"), ("false", "ok")] {
        let sim = stepped(&with("credentialsExpireBySimClock", value, &sessions())).await;
        let reply = sts(&sim)
            .assume_role()
            .role_arn("arn:aws:iam::444455556666:role/evenkeel")
            .role_session_name("shop")
            .duration_seconds(900)
            .send()
            .await
            .unwrap();
        let keys = reply.credentials().unwrap();
        let client = cache_as(
            &sim,
            keys.access_key_id(),
            "ap-northeast-2",
            Some(keys.session_token()),
        );
        let ask = || client.describe_replication_groups().send();
        assert_eq!(code(ask().await), "ok", "{value}");
        minutes(&sim, 60).await;
        assert_eq!(code(ask().await), after_an_hour, "{value}");
    }
}

#[tokio::test]
async fn calls_beyond_the_quota_are_throttled_until_time_passes() {
    let sim = stepped(&format!("quotas: {{callsPerSecond: 1}}\n{}", sessions())).await;
    let client = cache(&sim);
    let mut answers = Vec::new();
    for _ in 0..11 {
        answers.push(code(client.describe_events().send().await));
    }
    assert_eq!(answers[..10], ["ok"; 10]);
    assert_eq!(answers[10], "Throttling");
    seconds(&sim, 2).await;
    assert_eq!(code(client.describe_events().send().await), "ok");
    assert_eq!(code(client.describe_events().send().await), "ok");
    assert_eq!(code(client.describe_events().send().await), "Throttling");
    let call = sim.calls().pop().unwrap();
    assert_eq!(
        (call.status, call.error.as_deref()),
        (Some(400), Some("Throttling"))
    );
}
