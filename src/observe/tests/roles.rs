//! Who is primary.

use super::support::{World, t};
use crate::observe::events::EventsByGroup;
use crate::observe::roles::{Ground, Primary, primaries};
use crate::topology::{RoleProof, RoleSource, ZoneName};
use std::collections::BTreeSet;

/// The primary of the first shard.
fn primary(world: &World, impaired: &[&str], now: &str) -> Primary {
    let events = EventsByGroup::new(&world.view, &world.wanted);
    let impaired: BTreeSet<ZoneName> = impaired.iter().map(|z| ZoneName::from(*z)).collect();
    let ground = Ground {
        view: &world.view,
        events: &events,
        impaired: &impaired,
        now: t(now),
    };
    let group = &world.view.groups.values().next().unwrap().value;
    primaries(&ground, group).remove(&"0001".into()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with a result")]
fn proven(node: &str, source: RoleSource, at: &str, read_at: &str) -> Primary {
    let proof = RoleProof {
        source,
        at: t(at),
        read_at: t(read_at),
    };
    Ok((node.into(), proof))
}

/// Node 001 in a has said 1, node 002 in c 0, up to 12:08; asked at 12:10.
fn told() -> World {
    World::new("12:10")
        .group("g", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
}

/// The clock and the polls go on, nothing else.
fn polled(mut world: World, now: &str) -> World {
    world.view.events.poll.complete_at = Some(t(now));
    world
}

#[test]
fn the_one_member_whose_is_master_is_one_is_primary_proven_by_that_point() {
    assert_eq!(
        primary(&told(), &[], "12:10"),
        proven("g-0001-001", RoleSource::Metric, "12:08", "12:10")
    );
}

#[test]
fn a_role_once_proven_holds_as_long_as_events_were_polled_without_a_break_since_its_proof() {
    let world = polled(told(), "17:10");
    assert_eq!(
        primary(&world, &[], "17:10"),
        proven("g-0001-001", RoleSource::Metric, "12:08", "12:10")
    );
    let mut broken = polled(told(), "17:10");
    broken.view.events.complete_since = Some(t("12:30"));
    assert_eq!(
        primary(&broken, &[], "17:10").unwrap_err().why,
        "the primary was last proven at 2026-03-02T12:08:00Z and events since then are incomplete"
    );
    // Events that are polled no more can't vouch either.
    assert!(primary(&polled(told(), "17:04"), &[], "17:10").is_err());
}

#[test]
fn a_fresh_point_needs_no_events() {
    let mut world = told();
    world.view.events.complete_since = None;
    world.view.events.poll.complete_at = None;
    assert!(primary(&world, &[], "12:14").is_ok());
    assert!(primary(&world, &[], "12:15").is_err());
}

#[test]
fn points_from_before_or_within_a_failovers_minute_are_void() {
    // Observed order of a TestFailover: the short text, from the group; node 001 still says 1 in that minute.
    let world = told()
        .called("12:07", "g", "0001")
        .promoted("12:08:03", "g", "g-0001-002");
    assert_eq!(
        primary(&world, &[], "12:10"),
        proven("g-0001-002", RoleSource::Event, "12:08:03", "12:10")
    );
}

#[test]
fn both_texts_over_a_minutes_edge_void_both_minutes() {
    // Maintenance writes both texts about a second apart: 12:07:59 and 12:08:00.
    let world = told()
        .promoted_from("12:07:59", "g-0001-001", "g-0001-002")
        .promoted("12:08", "g", "g-0001-002");
    assert_eq!(
        primary(&world, &[], "12:10"),
        proven("g-0001-002", RoleSource::Event, "12:08", "12:10")
    );
}

#[test]
fn points_after_a_failover_prove_its_winner_anew() {
    let world = told()
        .promoted("12:08:03", "g", "g-0001-002")
        .beats("g-0001-001", 0.0, "12:09", "12:10", "12:12")
        .beats("g-0001-002", 1.0, "12:09", "12:10", "12:12");
    assert_eq!(
        primary(&world, &[], "12:12"),
        proven("g-0001-002", RoleSource::Metric, "12:10", "12:12")
    );
}

#[test]
fn a_point_that_contradicts_a_failover_just_after_it_makes_the_role_unknown() {
    let world =
        told()
            .promoted("12:08:03", "g", "g-0001-002")
            .beats("g-0001-001", 1.0, "12:09", "12:10", "12:12");
    let unproven = primary(&world, &[], "12:12").unwrap_err();
    assert_eq!(
        unproven.why,
        "the failover event of 2026-03-02T12:08:03Z names g-0001-002, \
         IsMaster of g-0001-001 says otherwise at 2026-03-02T12:10:00Z"
    );
    assert_eq!(
        unproven.contenders,
        ["g-0001-001".into(), "g-0001-002".into()].into()
    );
}

#[test]
fn two_members_at_one_make_the_role_unknown() {
    let world = told().beats("g-0001-002", 1.0, "12:08", "12:08", "12:10");
    let unproven = primary(&world, &[], "12:10").unwrap_err();
    assert_eq!(
        unproven.why,
        "several nodes claim to be primary: g-0001-001 at 2026-03-02T12:08:00Z, \
         g-0001-002 at 2026-03-02T12:08:00Z"
    );
    assert_eq!(
        unproven.contenders,
        ["g-0001-001".into(), "g-0001-002".into()].into()
    );
}

#[test]
fn a_dead_primary_whose_metric_is_frozen_at_one_makes_the_role_unknown_for_as_long_as_it_lasts() {
    let mut world = told().promoted("12:08:03", "g", "g-0001-002");
    for (to, now) in [("12:10", "12:12"), ("12:30", "12:32"), ("13:30", "13:32")] {
        world = polled(world, now)
            .beats("g-0001-001", 1.0, "12:09", to, now)
            .beats("g-0001-002", 1.0, "12:09", to, now);
        assert!(primary(&world, &[], now).is_err(), "{now}");
    }
    // A sentinel that alone is asked and frozen does not supersede the winner of whom nobody asked since.
    world = polled(world, "14:32").beats("g-0001-001", 1.0, "14:00", "14:30", "14:32");
    assert!(primary(&world, &[], "14:32").is_err());
}

#[test]
fn points_from_an_impaired_zone_are_void() {
    assert!(primary(&told(), &["a"], "12:10").is_err());
    let world =
        told()
            .promoted("12:08:03", "g", "g-0001-002")
            .beats("g-0001-001", 1.0, "12:09", "12:20", "12:22");
    assert_eq!(
        primary(&polled(world, "12:22"), &["a"], "12:22"),
        proven("g-0001-002", RoleSource::Event, "12:08:03", "12:22")
    );
}

#[test]
fn a_primary_that_fell_silent_is_superseded_by_another_that_says_one_long_after() {
    let world = World::new("12:20")
        .group("g", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:20")
        .beats("g-0001-002", 0.0, "11:00", "12:05", "12:20")
        .beats("g-0001-002", 1.0, "12:06", "12:18", "12:20");
    assert_eq!(
        primary(&world, &[], "12:20"),
        proven("g-0001-002", RoleSource::Metric, "12:18", "12:20")
    );
}

#[test]
fn a_dead_primary_that_nothing_was_promoted_after_is_still_the_primary() {
    let world = World::new("12:20")
        .group("g", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:20")
        .beats("g-0001-002", 0.0, "11:00", "12:18", "12:20");
    assert_eq!(
        primary(&world, &[], "12:20"),
        proven("g-0001-001", RoleSource::Metric, "12:03", "12:20")
    );
}

#[test]
fn a_minute_in_which_the_role_changed_proves_nothing() {
    let world = told().beats("g-0001-001", 0.5, "12:09", "12:09", "12:11").beats(
        "g-0001-002",
        0.5,
        "12:09",
        "12:09",
        "12:11",
    );
    assert_eq!(
        primary(&world, &[], "12:11"),
        proven("g-0001-001", RoleSource::Metric, "12:08", "12:11")
    );
}

#[test]
fn nothing_asked_and_no_event_proves_nothing() {
    let world = World::new("12:10").group("g", &["a c"]);
    assert_eq!(
        primary(&world, &[], "12:10").unwrap_err().why,
        "no IsMaster point and no failover event proves a primary"
    );
}

#[test]
fn a_primary_that_is_no_member_any_more_is_unknown() {
    let world = told().promoted("12:08:03", "g", "g-0001-009");
    assert_eq!(
        primary(&world, &[], "12:10").unwrap_err().why,
        "no IsMaster point and no failover event proves a primary"
    );
}

#[test]
fn a_failover_of_another_shard_voids_nothing_here() {
    let world = World::new("12:10")
        .group("g", &["a c", "c a"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .promoted("12:08:03", "g", "g-0002-002");
    assert_eq!(
        primary(&world, &[], "12:10"),
        proven("g-0001-001", RoleSource::Metric, "12:08", "12:10")
    );
}

#[test]
fn with_cluster_mode_disabled_the_description_tells() {
    let world = World::new("12:10").classic("g", "a:P c:r");
    assert_eq!(
        primary(&world, &[], "12:10"),
        proven("g-001", RoleSource::Description, "12:10", "12:10")
    );
    let two = World::new("12:10").classic("g", "a:P c:P");
    assert_eq!(
        primary(&two, &[], "12:10").unwrap_err().why,
        "the description does not name exactly one primary"
    );
    let partly = World::new("12:10").classic("g", "a:P c:r").edit("g", |g| {
        let shard = g.shards.values_mut().next().unwrap();
        shard.members.get_mut(&"g-002".into()).unwrap().role = None;
    });
    assert!(primary(&partly, &[], "12:10").is_err());
}

#[test]
fn a_failover_newer_than_the_description_wins_and_one_just_before_it_makes_doubt() {
    let classic = || World::new("12:10").classic("g", "a:P c:r");
    let newer = classic().promoted("12:10:20", "g", "g-002");
    assert_eq!(
        primary(&newer, &[], "12:11"),
        proven("g-002", RoleSource::Event, "12:10:20", "12:10:20")
    );
    let just_before = classic().promoted("12:08", "g", "g-002");
    assert_eq!(
        primary(&just_before, &[], "12:11").unwrap_err().why,
        "the failover event of 2026-03-02T12:08:00Z names g-002, the description g-001"
    );
    let long_before = classic().promoted("12:05", "g", "g-002");
    assert_eq!(
        primary(&long_before, &[], "12:11"),
        proven("g-001", RoleSource::Description, "12:10", "12:10")
    );
}

#[test]
fn a_member_that_denies_it_is_no_contender_and_one_that_was_never_asked_is() {
    let two = World::new("12:10")
        .group("g", &["a b c", "a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 1.0, "11:00", "12:08", "12:10");
    let contenders = |world: &World| primary(world, &[], "12:10").unwrap_err().contenders;
    assert_eq!(
        contenders(&two),
        ["g-0001-001".into(), "g-0001-002".into(), "g-0001-003".into()].into()
    );
    let denied = two.beats("g-0001-003", 0.0, "11:00", "12:08", "12:10");
    assert_eq!(
        contenders(&denied),
        ["g-0001-001".into(), "g-0001-002".into()].into()
    );
}

#[test]
fn without_any_claim_nobody_contends() {
    let silent = World::new("12:10").group("g", &["a c"]);
    assert_eq!(primary(&silent, &[], "12:10").unwrap_err().contenders, [].into());
    let all_deny = told().beats("g-0001-001", 0.0, "12:08", "12:08", "12:10");
    assert_eq!(
        primary(&all_deny, &[], "12:10").unwrap_err().contenders,
        [].into()
    );
}
