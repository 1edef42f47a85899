//! Node health.

use super::support::{World, failed, t};
use crate::aws::types::{CacheEventKind, ErrorClass, EventSource, MemberStatus};
use crate::observe::health::{Survey, Vote, survey};
use crate::topology::Health;
use jiff::Timestamp;

fn look(world: &World, now: &str) -> Survey {
    survey(&world.view, &world.wanted, t(now))
}

fn of(survey: &Survey, node: &str) -> (Health, Option<Timestamp>, Vote) {
    let (_, told) = &survey.nodes[&node.into()];
    (told.health, told.since, told.vote)
}

/// Two shards over a and c, all four nodes heard up to 12:08 and asked at 12:10.
fn healthy() -> World {
    World::new("12:10")
        .group("g", &["a c", "c a"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .beats("g-0002-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0002-002", 0.0, "11:00", "12:08", "12:10")
}

/// As above, but the nodes in a fell silent after 12:03.
fn zone_a_silent() -> World {
    World::new("12:10")
        .group("g", &["a c", "c a"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .beats("g-0002-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0002-002", 0.0, "11:00", "12:03", "12:10")
}

#[test]
fn a_node_whose_metric_is_missing_for_five_minutes_while_its_sibling_reports_is_down_since_the_first_missing_point()
 {
    let seen = look(&zone_a_silent(), "12:10");
    assert_eq!(
        of(&seen, "g-0001-001"),
        (Health::Down, Some(t("12:04")), Vote::Down)
    );
    assert_eq!(of(&seen, "g-0001-002"), (Health::Healthy, None, Vote::Up));
    assert_eq!(seen.blind, None);
}

#[test]
fn a_point_that_is_late_by_cloudwatchs_three_minutes_takes_nobody_down() {
    // Asked at 12:10, the newest point is of 12:05: it became visible at 12:09.
    let world = World::new("12:10")
        .group("g", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:05", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:09", "12:10");
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Healthy, None, Vote::Up)
    );
}

#[test]
fn gaps_in_two_zones_at_once_are_a_blind_cloudwatch_and_nobody_is_down() {
    let mut world = World::new("12:10").group("g", &["a c", "c a"]);
    for node in ["g-0001-001", "g-0001-002", "g-0002-001", "g-0002-002"] {
        world = world.beats(node, 0.0, "11:00", "12:03", "12:10");
    }
    let seen = look(&world, "12:10");
    assert_eq!(
        seen.blind.as_deref(),
        Some("metrics are missing in a and c at once: CloudWatch is blind")
    );
    for node in ["g-0001-001", "g-0001-002", "g-0002-001", "g-0002-002"] {
        assert_eq!(of(&seen, node), (Health::Unknown, None, Vote::Doubt), "{node}");
    }
}

#[test]
fn one_shard_silent_in_two_zones_blinds_its_group_though_a_third_zone_reports() {
    let mut world = World::new("12:10")
        .group("g", &["a b c"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:03", "12:10")
        .beats("g-0001-003", 0.0, "11:00", "12:08", "12:10")
        .group("h", &["a b c", "a b c", "a b c", "a b c"]);
    for shard in 1..=4 {
        for node in 1..=3 {
            world = world.beats(&format!("h-{shard:04}-{node:03}"), 0.0, "11:00", "12:08", "12:10");
        }
    }
    let seen = look(&world, "12:10");
    assert_eq!(seen.blind, None);
    assert_eq!(
        seen.blind_groups.get("g").map(String::as_str),
        Some("metrics of g shard 0001 are missing in a and b at once: CloudWatch is blind")
    );
    assert_eq!(of(&seen, "g-0001-001").0, Health::Unknown);
    assert_eq!(of(&seen, "h-0001-001").0, Health::Healthy);
}

#[test]
fn silence_counts_only_against_a_sibling_that_was_heard_all_that_time() {
    // CloudWatch was blind from 12:03; c's points came back from 13:00, a's are later.
    let world = World::new("13:03")
        .group("g", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "13:03")
        .beats("g-0001-002", 0.0, "11:00", "12:03", "13:03")
        .beats("g-0001-002", 0.0, "13:00", "13:02", "13:03");
    assert_eq!(
        of(&look(&world, "13:03"), "g-0001-001"),
        (Health::Unknown, None, Vote::Doubt)
    );
    // Only five minutes of one-sided silence take it down, and only since then.
    let world = world.beats("g-0001-001", 1.0, "11:00", "12:03", "13:06").beats(
        "g-0001-002",
        0.0,
        "13:00",
        "13:05",
        "13:06",
    );
    assert_eq!(
        of(&look(&world, "13:06"), "g-0001-001"),
        (Health::Down, Some(t("13:00")), Vote::Down)
    );
}

#[test]
fn silence_without_a_sibling_in_another_zone_proves_nothing() {
    let world = World::new("12:10")
        .group("g", &["a a"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10");
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Unknown, None, Vote::Doubt)
    );
}

#[test]
fn what_was_never_asked_about_is_judged_by_status_alone() {
    let world = World::new("12:10").group("g", &["a c"]);
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Healthy, None, Vote::None)
    );
}

#[test]
fn an_old_answer_stays_true_of_its_own_time_and_not_being_asked_since_is_no_silence() {
    assert_eq!(
        of(&look(&healthy(), "15:00"), "g-0001-001"),
        (Health::Healthy, None, Vote::None)
    );
}

#[test]
fn cloudwatch_that_stops_answering_is_blind_after_five_minutes() {
    let mut world = healthy();
    world.view.metrics.error = Some(failed(ErrorClass::Transient));
    assert_eq!(look(&world, "12:14").blind, None);
    assert_eq!(
        look(&world, "12:15").blind.as_deref(),
        Some(
            "CloudWatch has not answered since 2026-03-02T12:10:00Z: \
             cloudwatch GetMetricData: ServiceUnavailable: try later"
        )
    );
}

#[test]
fn a_failure_among_answers_is_not_a_blind_cloudwatch() {
    let mut world = healthy().beats("g-0002-001", 1.0, "12:09", "12:28", "12:30");
    world.view.metrics.error = Some(failed(ErrorClass::Throttled));
    assert_eq!(look(&world, "12:30").blind, None);
}

#[test]
fn a_recovering_node_is_down_until_its_recovery_is_finished_even_while_its_metric_reports() {
    let world = healthy().recovering("12:06", "g-0001-001");
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Down, Some(t("12:06")), Vote::Down)
    );
    let world = world.recovered("12:09", "g-0001-001");
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Healthy, Some(t("12:09")), Vote::None)
    );
}

#[test]
fn a_node_lost_before_its_recovery_began_is_down_since_it_was_lost() {
    let world = zone_a_silent().recovering("12:09", "g-0001-001");
    assert_eq!(of(&look(&world, "12:10"), "g-0001-001").1, Some(t("12:04")));
}

#[test]
fn the_old_primary_that_test_failover_replaces_says_nothing_of_its_zone() {
    let world = healthy()
        .called("12:00", "g", "0001")
        .promoted("12:01:03", "g", "g-0001-002")
        .recovering("12:02:26", "g-0001-001");
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Down, Some(t("12:02:26")), Vote::None)
    );
    // A TestFailover of another shard explains nothing here.
    let world = healthy()
        .called("12:00", "g", "0002")
        .recovering("12:02:26", "g-0001-001");
    assert_eq!(of(&look(&world, "12:10"), "g-0001-001").2, Vote::Down);
}

#[test]
fn a_rebuilt_node_gets_time_to_be_heard_again() {
    let world = zone_a_silent()
        .recovering("12:04", "g-0001-001")
        .recovered("12:07", "g-0001-001");
    assert_eq!(of(&look(&world, "12:10"), "g-0001-001").0, Health::Healthy);
}

#[test]
fn a_node_just_added_is_not_missed_before_it_was_ever_heard() {
    let added = CacheEventKind::NodeAdded { zone: None };
    let source = || EventSource::CacheCluster("g-0001-003".into());
    let world = World::new("12:10")
        .group("g", &["a c b"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .no_points("g-0001-003", "12:10");
    let fresh = world.event("12:07", source(), added);
    assert_eq!(of(&look(&fresh, "12:10"), "g-0001-003").0, Health::Healthy);
}

#[test]
fn a_node_never_heard_though_old_is_down_and_one_of_unknown_age_is_not() {
    let world = |complete_since: &str| {
        let mut world = World::new("12:10")
            .group("g", &["a c"])
            .no_points("g-0001-001", "12:10")
            .beats("g-0001-002", 0.0, "09:00", "12:08", "12:10");
        world.view.events.complete_since = Some(t(complete_since));
        world
    };
    assert_eq!(
        of(&look(&world("08:00"), "12:10"), "g-0001-001"),
        (Health::Down, Some(t("09:10")), Vote::Down)
    );
    assert_eq!(
        of(&look(&world("10:00"), "12:10"), "g-0001-001"),
        (Health::Healthy, None, Vote::None)
    );
}

#[test]
fn statuses_speak_for_themselves() {
    for (status, health, vote) in [
        (MemberStatus::Available, Health::Healthy, Vote::Up),
        (MemberStatus::Modifying, Health::Healthy, Vote::Up),
        (MemberStatus::Snapshotting, Health::Healthy, Vote::Up),
        (MemberStatus::Creating, Health::Creating, Vote::None),
        (MemberStatus::Rebooting, Health::Down, Vote::None),
        (MemberStatus::Deleting, Health::Down, Vote::None),
        (MemberStatus::Failed, Health::Down, Vote::Down),
        (MemberStatus::Unknown, Health::Unknown, Vote::None),
    ] {
        let world = healthy().status("g-0001-001", status);
        let seen = of(&look(&world, "12:10"), "g-0001-001");
        assert_eq!((seen.0, seen.2), (health, vote), "{status:?}");
    }
}

#[test]
fn a_lost_node_that_aws_shows_as_creating_is_down() {
    let world = zone_a_silent().status("g-0001-001", MemberStatus::Creating);
    assert_eq!(
        of(&look(&world, "12:10"), "g-0001-001"),
        (Health::Down, Some(t("12:04")), Vote::Down)
    );
}

#[test]
fn members_that_could_not_be_listed_are_never_silently_healthy() {
    let world = healthy().edit("g", |g| g.members_listed = false);
    assert_eq!(of(&look(&world, "12:10"), "g-0001-001").0, Health::Unknown);
}

#[test]
fn a_node_that_is_being_rebuilt_does_not_make_a_second_zones_silence_blind() {
    // g-0002-001 in c is recovering, which explains its silence; a is really dead.
    let world = World::new("12:10")
        .group("g", &["a c", "c a", "a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .beats("g-0002-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0002-002", 0.0, "11:00", "12:03", "12:10")
        .beats("g-0003-001", 1.0, "11:00", "12:03", "12:10")
        .beats("g-0003-002", 0.0, "11:00", "12:08", "12:10")
        .recovering("12:04", "g-0002-001");
    let seen = look(&world, "12:10");
    assert_eq!(seen.blind, None);
    assert_eq!(of(&seen, "g-0001-001").0, Health::Down);
}

#[test]
fn one_silent_node_among_many_in_another_zone_does_not_hide_a_dead_zone() {
    let mut world = World::new("12:10").group("g", &["a c"; 8]);
    for shard in 1..=8 {
        let last = if shard == 1 { "12:08" } else { "12:03" };
        let silent = if shard == 1 { "12:03" } else { "12:08" };
        world = world
            .beats(&format!("g-{shard:04}-001"), 0.0, "11:00", last, "12:10")
            .beats(&format!("g-{shard:04}-002"), 0.0, "11:00", silent, "12:10");
    }
    let seen = look(&world, "12:10");
    assert_eq!(seen.blind, None);
    assert_eq!(of(&seen, "g-0002-001").0, Health::Down);
}
