//! A zone is lost: what is done depends on whether another zone can take the lost copies.

use super::rig::{
    LoopUnderTest, Rig, condition, condition_message, healthy_and_balanced, holding, hours, minutes, planned,
};
use super::worlds::{Mode, manifest, world};

const A: &str = "ap-northeast-2a";

/// Three zones with 2, 1 and 1 nodes: two shards of one primary and one replica.
fn three_zones(more: &str) -> String {
    world(Mode::Enabled, &["a", "b", "c"], &["a:P b:r", "c:P a:r"], more)
}

const SETTINGS: &str = "  guardrails:\n    quietPeriod: 30m\n    replaceAfter: 15m\n";

pub async fn three_zones_lost_copies_are_replaced_then_tidied_up<L: LoopUnderTest>() {
    let rig: Rig<L> = Rig::with(&three_zones(""), &manifest(&["a", "b", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(30)).await;
    assert_eq!(
        rig.mutation_names(),
        Vec::<String>::new(),
        "{}",
        rig.story().await
    );

    rig.fail_zone(A);
    let status = rig
        .run_until("zone a is seen impaired", minutes(15), |s| {
            zone(s, A)["state"] == "Impaired"
        })
        .await;
    assert_eq!(
        condition(&status, "Ready"),
        "True",
        "an outage in AWS never makes Ready False"
    );
    assert_eq!(condition(&status, "ZoneRedundant"), "False");
    rig.run_until("copies are replaced", hours(1), |s| {
        condition(s, "ZoneRedundant") == "True"
    })
    .await;
    // Shard 0001 stands in b, so its new copy goes to c; shard 0002 stands in c, so its new copy goes to b.
    assert_eq!(
        rig.zones_of_healthy("0001"),
        ["ap-northeast-2b", "ap-northeast-2c"],
        "{}",
        rig.story().await
    );
    assert_eq!(
        rig.zones_of_healthy("0002"),
        ["ap-northeast-2b", "ap-northeast-2c"],
        "{}",
        rig.story().await
    );
    assert!(
        rig.mutation_names().iter().all(|n| n == "IncreaseReplicaCount"),
        "{}",
        rig.story().await
    );
    let increases = rig.mutations().len();
    assert!(
        increases <= 2,
        "two copies take at most two calls\n{}",
        rig.story().await
    );

    // The outage lasts longer than the quiet period, then ends: nothing disruptive in the instant of return.
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutations().len(), increases, "{}", rig.story().await);
    rig.recover_zone(A);
    rig.run_for(minutes(25)).await;
    assert_eq!(
        rig.mutations().len(),
        increases,
        "disruption in the instant of return\n{}",
        rig.story().await
    );

    rig.run_until("tidied up", hours(6), healthy_and_balanced).await;
    let tidy: Vec<String> = rig.mutation_names().split_off(increases);
    assert!(
        tidy.iter().filter(|n| *n == "DecreaseReplicaCount").count() == 2,
        "{}",
        rig.story().await
    );
    assert!(
        tidy.iter().filter(|n| *n == "TestFailover").count() <= 1,
        "{}",
        rig.story().await
    );
    assert_eq!(rig.sim_state()["dataLossEvents"].as_array().unwrap().len(), 0);
    assert_eq!(
        rig.nodes(),
        4,
        "what we added is gone again\n{}",
        rig.story().await
    );
}

pub async fn three_zones_where_aws_refuses_the_increase_during_an_outage<L: LoopUnderTest>() {
    let world = three_zones("switches:\n  increaseDuringOutage: refuse\n");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone(A);
    rig.run_for(hours(3)).await;

    let status = rig.status().await;
    assert_eq!(condition(&status, "ZoneRedundant"), "False");
    assert!(
        !holding(&status).is_empty(),
        "the refusal shows as a hold\n{}",
        rig.story().await
    );
    let refused = rig.mutations();
    assert!(
        !refused.is_empty()
            && refused
                .iter()
                .all(|c| c.operation == "IncreaseReplicaCount" && !c.applied)
    );
    assert!(
        refused.len() <= 20,
        "a storm of {} refused calls\n{}",
        refused.len(),
        rig.story().await
    );

    rig.recover_zone(A);
    rig.run_until("whole again", hours(6), healthy_and_balanced).await;
    assert!(
        rig.mutations()
            .iter()
            .all(|c| c.operation != "DecreaseReplicaCount"),
        "{}",
        rig.story().await
    );
}

pub async fn three_zones_where_dead_nodes_keep_their_last_metric<L: LoopUnderTest>() {
    let world = three_zones("switches:\n  deadNodeMetric: stale\n");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone(A);
    rig.run_for(hours(2)).await;

    // Nothing proves that the nodes are dead; what matters is that nothing wrong is done.
    let status = rig.status().await;
    assert!(
        rig.mutations()
            .iter()
            .all(|c| c.operation == "IncreaseReplicaCount"),
        "something disruptive on contradictory evidence\n{}",
        rig.story().await
    );
    assert_eq!(
        condition(&status, "Balanced"),
        "Unknown",
        "two nodes that both claim to be the primary of shard 0001 prove nothing\n{}",
        rig.story().await
    );
    // One of a and b holds the only living copy of shard 0001. Nothing of it stands in c.
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
    let verdicts = ["a", "b", "c"].map(|z| zone(&status, &format!("ap-northeast-2{z}"))["verdict"].clone());
    assert_eq!(
        verdicts,
        ["Unknown", "Unknown", "Survives"],
        "{}",
        rig.story().await
    );
    rig.recover_zone(A);
    rig.run_until("balanced in the end", hours(8), healthy_and_balanced)
        .await;
    assert_eq!(rig.sim_state()["dataLossEvents"].as_array().unwrap().len(), 0);
}

pub async fn two_zones_nothing_is_done_until_the_zone_is_back<L: LoopUnderTest>() {
    let world = world(Mode::Enabled, &["a", "c"], &["a:P c:r", "c:P a:r"], "");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone(A);
    rig.run_for(hours(5)).await;

    let status = rig.status().await;
    assert_eq!(
        rig.mutation_names(),
        Vec::<String>::new(),
        "{}",
        rig.story().await
    );
    assert_eq!(zone(&status, A)["state"], "Impaired");
    assert_eq!(
        zone(&status, "ap-northeast-2c")["verdict"],
        "Lost",
        "{}",
        rig.story().await
    );
    let message = condition_message(&status, "ZoneRedundant");
    assert!(
        message.contains("ap-northeast-2c"),
        "the status names the zone that can't be lost: {message}"
    );

    rig.recover_zone(A);
    rig.run_until("failed back", hours(4), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"], "{}", rig.story().await);
}

pub async fn a_zone_that_returns_after_the_quiet_period_is_not_failed_back_to_at_once<L: LoopUnderTest>() {
    let world = world(Mode::Enabled, &["a", "c"], &["a:P c:r", "c:P a:r"], "");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone(A);
    rig.run_for(hours(2)).await;
    rig.recover_zone(A);
    let returned = rig.sim.now();
    rig.run_until("failed back", hours(4), healthy_and_balanced).await;
    let call = rig.mutations().into_iter().next().unwrap();
    let waited = call.at.duration_since(returned);
    assert!(
        waited >= minutes(30),
        "failed back {waited:?} after the zone's return\n{}",
        rig.story().await
    );
    assert_eq!(planned(&rig.status().await), Vec::<String>::new());
}

fn zone<'a>(status: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    status["zones"]
        .as_array()
        .and_then(|zones| zones.iter().find(|z| z["name"] == name))
        .unwrap_or(&serde_json::Value::Null)
}
