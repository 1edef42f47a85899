//! No step leaves a shard worse off once settled, and none disrupts a component with a degraded shard.

use crate::support::*;
use evenkeel::plan::Guardrail;
use evenkeel::plan::history::AddedNode;
use evenkeel::topology::{ClusterMode, Health};
use jiff::SignedDuration;

fn redundancy_holds(scene: &Scene, action: &evenkeel::plan::Action) -> bool {
    scene.held_by(action).contains(&Guardrail::Redundancy)
}

#[test]
fn nothing_disruptive_happens_while_any_shard_of_the_component_is_degraded() {
    for degraded in ["a:P c:r!", "a:P c:r+", "a:P"] {
        let scene = scene("a c", &["a:r c:P", degraded]);
        assert!(redundancy_holds(&scene, &move_primary("0001")), "{degraded}");
        assert!(!redundancy_holds(&scene, &add("0002", "c")), "{degraded}");
    }
    assert_eq!(
        scene("a c", &["a:r c:P", "a:P c:r!"])
            .hold(Guardrail::Redundancy, &move_primary("0001"))
            .reason,
        "Nothing disruptive is done while a shard is degraded: shard 0002 has fewer healthy copies than wanted."
    );
    assert!(!redundancy_holds(
        &scene("a c", &["a:r c:P", "a:P c:r"]),
        &move_primary("0001")
    ));
}

#[test]
fn a_lost_surplus_copy_of_ours_degrades_nothing() {
    let mut scene = scene("a c d", &["a:r c:P", "a:P c:r d:r!*"]);
    added(&mut scene, "0002", "003", Some("001"));
    assert!(!redundancy_holds(&scene, &move_primary("0001")));
}

#[test]
fn a_minimum_of_none_makes_single_copies_whole() {
    let scene = scene("a c", &["a:r c:P", "a:P"]).with(|s| s.wanted().min_replicas_per_shard = 0);
    assert!(!redundancy_holds(&scene, &move_primary("0001")));
}

/// Records that node `nnn` of the shard is ours, and which node it replaces.
fn added(scene: &mut Scene, shard: &str, node: &str, replaces: Option<&str>) {
    let id = |nnn: &str| format!("cache-{shard}-{nnn}").as_str().into();
    let entry = AddedNode {
        component: "cache".into(),
        shard: shard.into(),
        at: minutes_ago(60),
        replaces: replaces.map(id),
        created: None,
    };
    scene.history.added_nodes.insert(id(node), entry);
}

#[test]
fn a_relocation_is_completed_only_when_the_new_copy_is_healthy() {
    let relocating = |new: &str| {
        let mut scene = scene("a c d", &[&format!("a:P c:r {new}")]);
        added(&mut scene, "0001", "003", Some("002"));
        scene
    };
    assert_eq!(relocating("d:r*").held_by(&remove("0001", "002")), []);
    assert!(redundancy_holds(&relocating("d:r+*"), &remove("0001", "002")));
    assert_eq!(
        relocating("d:r!*")
            .hold(Guardrail::Redundancy, &remove("0001", "002"))
            .reason,
        "Without node cache-0001-002, shard 0001 would have 1 healthy copy of 2."
    );
    // The surplus may go as well as the copy that it replaces.
    assert_eq!(relocating("d:r*").held_by(&remove("0001", "003")), []);
}

#[test]
fn no_shard_is_left_with_fewer_nodes_than_it_was_found_with() {
    // Three nodes that nobody recorded as ours are three nodes, though one replica is the minimum.
    let scene = scene("a c d", &["a:P c:r d:r"]);
    assert_eq!(
        scene.hold(Guardrail::Redundancy, &remove("0001", "003")).reason,
        "Without node cache-0001-003, shard 0001 would have 2 healthy copies of 3."
    );
}

#[test]
fn a_primary_is_never_removed_nor_a_node_of_unknown_role() {
    let mut ours = scene("a c d", &["a:P c:r d:r*"]);
    added(&mut ours, "0001", "003", Some("002"));
    assert_eq!(
        ours.hold(Guardrail::Redundancy, &remove("0001", "001")).reason,
        "Node cache-0001-001 is the primary of shard 0001: a primary is never removed."
    );
    let mut unknown = scene("a c d", &["a:P c:? d:r*"]);
    added(&mut unknown, "0001", "003", Some("002"));
    assert!(redundancy_holds(&unknown, &remove("0001", "002")));
    assert!(redundancy_holds(&unknown, &remove("0001", "003")));
    assert!(redundancy_holds(&ours, &remove("0001", "009")));
}

#[test]
fn no_replica_is_removed_while_the_primary_is_not_healthy() {
    // Even where enough copies would be left without it.
    let mut scene = scene("a c d e", &["a:P c:r d:r* e:r*"]);
    added(&mut scene, "0001", "003", Some("002"));
    added(&mut scene, "0001", "004", Some("002"));
    assert!(!redundancy_holds(&scene, &remove("0001", "002")));
    scene.node("cache-0001-001").health = Health::Unknown;
    assert_eq!(
        scene.hold(Guardrail::Redundancy, &remove("0001", "002")).reason,
        "The primary cache-0001-001 of shard 0001 is not healthy."
    );
}

#[test]
fn a_removal_never_gathers_the_copies_in_fewer_zones() {
    // Wanted two; in a, c and c: without the one in a, both would stand in c.
    let mut scene = scene("a c", &["c:P a:r c:r*"]);
    added(&mut scene, "0001", "003", Some("002"));
    assert_eq!(
        scene.hold(Guardrail::Redundancy, &remove("0001", "002")).reason,
        "Without node cache-0001-002, the copies of shard 0001 would stand in too few zones."
    );
    assert_eq!(scene.held_by(&remove("0001", "003")), []);
    // Wanted three; in a, c, d and d: each zone keeps one.
    let mut wide =
        self::scene("a c d", &["c:P a:r d:r d:r*"]).with(|s| s.wanted().min_replicas_per_shard = 2);
    added(&mut wide, "0001", "004", Some("002"));
    assert!(redundancy_holds(&wide, &remove("0001", "002")));
    assert_eq!(wide.held_by(&remove("0001", "004")), []);
    assert_eq!(wide.held_by(&remove("0001", "003")), []);
}

#[test]
fn the_last_replica_stays_where_aws_demands_one() {
    let scene = scene("a c", &["a:P c:r*"]).with(|s| {
        s.wanted().min_replicas_per_shard = 0;
        s.cache().settings.cluster_mode = ClusterMode::Disabled;
    });
    assert!(
        scene
            .held_by(&remove("0001", "002"))
            .contains(&Guardrail::ResourceState)
    );
}

#[test]
fn a_primary_is_moved_only_while_every_copy_of_its_shard_is_healthy() {
    let mut surplus_down = scene("a c d", &["c:P a:r d:r!*"]);
    added(&mut surplus_down, "0001", "003", Some("002"));
    assert_eq!(
        surplus_down
            .hold(Guardrail::Redundancy, &move_primary("0001"))
            .reason,
        "A primary is moved only while every copy of its shard is healthy; cache-0001-003 of shard 0001 is not."
    );
    let unknown = skewed().with(|s| s.node("cache-0001-001").health = Health::Unknown);
    assert!(redundancy_holds(&unknown, &move_primary("0001")));
    let alone = scene("a c", &["c:P"]).with(|s| s.wanted().min_replicas_per_shard = 0);
    assert!(redundancy_holds(&alone, &move_primary("0001")));
}

#[test]
fn a_primary_is_moved_only_when_every_replica_is_known_to_be_within_the_lag_limit() {
    let lagging = |lag: &str| scene("a c d", &[&format!("c:P a:r d:r{lag}")]);
    let held = |scene: &Scene| scene.held_by(&move_primary("0001")) == [Guardrail::ReplicationLag];
    assert!(!held(&lagging("~1000").acting()));
    assert!(held(&lagging("~1001").acting()));
    assert!(held(&lagging("~-").acting()));
    // Lag is bought only in the read before acting: showing a plan doesn't wait for it.
    assert!(held(&lagging("~1001")));
    assert!(!held(&lagging("~-")));
    let patient = lagging("~1001").with(|s| {
        s.intent.guardrails.max_replication_lag = SignedDuration::from_secs(2);
    });
    assert!(!held(&patient.acting()));
}

#[test]
fn no_replica_is_removed_while_one_that_stays_lags() {
    let relocating = |stays: &str, leaves: &str| {
        let mut scene = scene("a c d", &[&format!("a:P c:r{leaves} d:r*{stays}")]).acting();
        added(&mut scene, "0001", "003", Some("002"));
        scene.held_by(&remove("0001", "002"))
    };
    assert_eq!(relocating("~5000", "~0"), [Guardrail::ReplicationLag]);
    assert_eq!(relocating("~0", "~5000"), []);
    assert_eq!(relocating("~-", "~-"), []);
}
