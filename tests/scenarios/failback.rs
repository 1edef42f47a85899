//! After a failover: primaries return when it is quiet, by the fewest test failovers; people are not undone.

use super::rig::{LoopUnderTest, Rig, condition, healthy_and_balanced, holding, hours, minutes, planned};
use super::worlds::{Mode, skewed_manifest, world};

const QUIET: &str = "  guardrails:\n    quietPeriod: 30m\n";

pub async fn after_aws_fails_over_primaries_return_once_it_has_been_quiet<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = mode.pick(&["a:P c:r", "c:P a:r", "a:P c:r", "c:P a:r"], &["a:P c:r"]);
    let wanted: &[&str] = mode.pick(&["MovePrimary 0001", "MovePrimary 0002"], &["MovePrimary 0001"]);
    let balanced: &[(&str, usize)] = mode.pick(
        &[("ap-northeast-2a", 2), ("ap-northeast-2c", 2)],
        &[("ap-northeast-2a", 1)],
    );
    let world = world(mode, &["a", "c"], shards, "");
    let rig: Rig<L> = Rig::with(&world, &skewed_manifest(mode, "", QUIET)).await;
    rig.run_for(minutes(35)).await;

    // All primaries of zone a die alone; AWS promotes in c and rebuilds the lost nodes as replicas in a.
    rig.fail_node(&mode.node(1, 1));
    if mode == Mode::Enabled {
        rig.fail_node(&mode.node(3, 1));
    }
    let status = rig
        .run_until("the skew is planned away and waits for quiet", minutes(40), |s| {
            holding(s).contains(&"quiet_period".into()) && planned(s).len() == wanted.len()
        })
        .await;
    if mode == Mode::Enabled {
        assert_eq!(condition(&status, "Balanced"), "False");
    }
    assert_eq!(planned(&status), wanted);
    assert_eq!(rig.mutation_names(), Vec::<String>::new());

    rig.run_until("balanced again", hours(4), healthy_and_balanced)
        .await;
    assert_eq!(rig.mutation_names(), vec!["TestFailover"; wanted.len()]);
    let balanced = balanced.iter().map(|(zone, n)| ((*zone).to_owned(), *n));
    assert_eq!(rig.primaries_per_zone(), balanced.collect());
}

pub async fn after_a_person_fails_over_nothing_moves_until_acknowledged<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = mode.pick(&["a:P c:r", "c:P a:r"], &["a:P c:r"]);
    let world = world(mode, &["a", "c"], shards, "");
    let rig: Rig<L> = Rig::with(&world, &skewed_manifest(mode, "", QUIET)).await;
    rig.run_for(minutes(35)).await;

    rig.actor(r#"{"does": {"testFailover": {"group": "sessions", "shard": "0001"}}}"#);
    let status = rig
        .run_until("held until acknowledged", hours(2), |s| {
            holding(s).contains(&"acknowledgement".into())
        })
        .await;
    let failover = status["failovers"][0].clone();
    assert_eq!(failover["class"], "Person");
    rig.run_for(hours(6)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new(), "it undid a person");

    let acknowledge = format!(
        "    evenkeel.dev/acknowledge: {}\n",
        failover["id"].as_str().unwrap()
    );
    rig.lut
        .apply("shop", &skewed_manifest(mode, &acknowledge, QUIET))
        .await;
    rig.run_until(
        "balanced after the acknowledgement",
        hours(2),
        healthy_and_balanced,
    )
    .await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}
