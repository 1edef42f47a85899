//! A zone is lost: what is done depends on whether another zone can take the lost copies.

use super::rig::{
    LoopUnderTest, Rig, condition, condition_message, healthy_and_balanced, holding, hours, minutes, planned,
};
use super::worlds::{Mode, manifest, preferring_a, skewed_manifest, world};

const A: &str = "ap-northeast-2a";

/// Three zones with 2, 1 and 1 nodes: two shards of one primary and one replica; or one such shard.
fn three_zones(mode: Mode, more: &str) -> String {
    let shards: &[&str] = mode.pick(&["a:P b:r", "c:P a:r"], &["a:P b:r"]);
    world(mode, &["a", "b", "c"], shards, more)
}

/// Two zones, balanced: each shard in both.
fn two_zones(mode: Mode) -> String {
    let shards: &[&str] = mode.pick(&["a:P c:r", "c:P a:r"], &["a:P c:r"]);
    world(mode, &["a", "c"], shards, "")
}

const SETTINGS: &str = "  guardrails:\n    quietPeriod: 30m\n    replaceAfter: 15m\n";

pub async fn three_zones_lost_copies_are_replaced_then_tidied_up<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = Rig::with(&three_zones(mode, ""), &manifest(&["a", "b", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(35)).await;
    let nodes = rig.nodes();
    let lost = mode.pick(2, 1);
    assert_eq!(rig.mutation_names(), Vec::<String>::new());

    rig.fail_zone(A);
    let status = rig
        // Where one node alone speaks for the zone, it takes half an hour.
        .run_until("zone a is seen impaired", minutes(mode.pick(15, 40)), |s| {
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
        ["ap-northeast-2b", "ap-northeast-2c"]
    );
    if mode == Mode::Enabled {
        assert_eq!(
            rig.zones_of_healthy("0002"),
            ["ap-northeast-2b", "ap-northeast-2c"]
        );
    }
    assert!(rig.mutation_names().iter().all(|n| n == "IncreaseReplicaCount"));
    let increases = rig.mutations().len();
    assert!(increases <= lost, "{lost} copies take at most as many calls");

    // The outage lasts longer than the quiet period, then ends: nothing disruptive in the instant of return.
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutations().len(), increases);
    rig.recover_zone(A);
    rig.run_for(minutes(25)).await;
    assert_eq!(
        rig.mutations().len(),
        increases,
        "disruption in the instant of return"
    );

    rig.run_until("tidied up", hours(6), healthy_and_balanced).await;
    let tidy: Vec<String> = rig.mutation_names().split_off(increases);
    assert!(tidy.iter().filter(|n| *n == "DecreaseReplicaCount").count() == lost);
    assert!(tidy.iter().filter(|n| *n == "TestFailover").count() < lost);
    assert_eq!(rig.sim_state()["dataLossEvents"].as_array().unwrap().len(), 0);
    assert_eq!(rig.nodes(), nodes, "what we added is gone again");
}

pub async fn three_zones_where_aws_refuses_the_increase_during_an_outage<L: LoopUnderTest>(mode: Mode) {
    let world = three_zones(mode, "switches:\n  increaseDuringOutage: refuse\n");
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "b", "c"], 1, SETTINGS)).await;
    rig.run_for(minutes(35)).await;
    rig.fail_zone(A);
    rig.run_for(hours(3)).await;

    let status = rig.status().await;
    assert_eq!(condition(&status, "ZoneRedundant"), "False");
    assert!(!holding(&status).is_empty(), "the refusal shows as a hold");
    let refused = rig.mutations();
    assert!(
        !refused.is_empty()
            && refused
                .iter()
                .all(|c| c.operation == "IncreaseReplicaCount" && !c.applied)
    );
    assert!(refused.len() <= 20, "a storm of {} refused calls", refused.len());

    rig.recover_zone(A);
    rig.run_until("whole again", hours(6), healthy_and_balanced).await;
    assert!(
        rig.mutations()
            .iter()
            .all(|c| c.operation != "DecreaseReplicaCount")
    );
}

pub async fn three_zones_where_dead_nodes_keep_their_last_metric<L: LoopUnderTest>(mode: Mode) {
    let world = three_zones(mode, "switches:\n  deadNodeMetric: stale\n");
    let plain = manifest(&["a", "b", "c"], 1, SETTINGS);
    // With cluster mode disabled AWS tells the roles, and the new primary is not where it is wanted.
    let manifest = mode.pick(plain.clone(), preferring_a(&plain));
    let rig: Rig<L> = Rig::with(&world, &manifest).await;
    rig.run_for(minutes(35)).await;
    rig.fail_zone(A);
    rig.run_for(hours(2)).await;

    // Nothing proves that the nodes are dead; what matters is that nothing wrong is done.
    let status = rig.status().await;
    assert!(
        rig.mutations()
            .iter()
            .all(|c| c.operation == "IncreaseReplicaCount"),
        "something disruptive on contradictory evidence"
    );
    if mode == Mode::Enabled {
        disputed(&status);
    } else {
        // A failover for no reason that can be seen is not undone: the copy in a may be dead, and it is.
        assert!(holding(&status).contains(&"acknowledgement".into()));
    }
    rig.recover_zone(A);
    rig.run_until("balanced in the end", hours(8), healthy_and_balanced)
        .await;
    assert_eq!(rig.sim_state()["dataLossEvents"].as_array().unwrap().len(), 0);
}

/// One of a and b holds the only living copy of shard 0001. Nothing of it stands in c.
fn disputed(status: &serde_json::Value) {
    assert_eq!(
        condition(status, "Balanced"),
        "Unknown",
        "two nodes that both claim to be the primary of shard 0001 prove nothing"
    );
    assert_eq!(condition(status, "ZoneRedundant"), "Unknown");
    let verdicts = ["a", "b", "c"].map(|z| zone(status, &format!("ap-northeast-2{z}"))["verdict"].clone());
    assert_eq!(verdicts, ["Unknown", "Unknown", "Survives"]);
}

pub async fn two_zones_nothing_is_done_until_the_zone_is_back<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = Rig::with(&two_zones(mode), &skewed_manifest(mode, "", SETTINGS)).await;
    rig.run_for(minutes(35)).await;
    rig.fail_zone(A);
    rig.run_for(hours(5)).await;

    let status = rig.status().await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert_eq!(zone(&status, A)["state"], "Impaired");
    assert_eq!(zone(&status, "ap-northeast-2c")["verdict"], "Lost");
    let message = condition_message(&status, "ZoneRedundant");
    let lost = mode.pick("Shards 0001 and 0002 have", "Shard 0001 has");
    for part in [
        format!("ap-northeast-2c: sessions: {lost} no healthy copy outside ap-northeast-2c."),
        "no zone can take one".to_owned(),
        "It waits for its zone to return".to_owned(),
    ] {
        assert!(
            message.contains(&part),
            "which zone, what is lost, what it waits for: {message}"
        );
    }

    rig.recover_zone(A);
    rig.run_until("failed back", hours(4), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

pub async fn a_zone_that_returns_after_the_quiet_period_is_not_failed_back_to_at_once<L: LoopUnderTest>(
    mode: Mode,
) {
    let rig: Rig<L> = Rig::with(&two_zones(mode), &skewed_manifest(mode, "", SETTINGS)).await;
    rig.run_for(minutes(35)).await;
    rig.fail_zone(A);
    rig.run_for(hours(2)).await;
    rig.recover_zone(A);
    let returned = rig.sim.now();
    rig.run_until("failed back", hours(4), healthy_and_balanced).await;
    let call = rig.mutations().into_iter().next().unwrap();
    let waited = call.at.duration_since(returned);
    assert!(
        waited >= minutes(30),
        "failed back {waited:?} after the zone's return"
    );
    assert_eq!(planned(&rig.status().await), Vec::<String>::new());
}

fn zone<'a>(status: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    status["zones"]
        .as_array()
        .and_then(|zones| zones.iter().find(|z| z["name"] == name))
        .unwrap_or(&serde_json::Value::Null)
}
