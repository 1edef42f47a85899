//! Zone states.

use super::support::{World, failed, mins, t};
use crate::aws::types::{ErrorClass, MemberStatus};
use crate::observe::zones::ZoneWatch;
use crate::topology::{Health, Zone, ZoneState};
use jiff::Timestamp;

/// Three shards over a and c; nodes in a are heard up to `a_until`, those in c up to two minutes before `now`.
fn three_shards(a_until: &str, now: &str) -> World {
    let mut world = World::new(now).group("g", &["a c", "a c", "a c"]);
    let c_until = (t(now) - mins(2)).strftime("%H:%M").to_string();
    for shard in 1..=3 {
        world = world
            .beats(&format!("g-000{shard}-001"), 1.0, "10:00", a_until, now)
            .beats(&format!("g-000{shard}-002"), 0.0, "10:00", &c_until, now);
    }
    world
}

fn step(watch: &mut ZoneWatch, world: &World, now: &str) {
    watch.step(&world.view, &world.wanted, t(now));
}

fn zone(watch: &ZoneWatch, zone: &str) -> Zone {
    watch.zone(&zone.into())
}

fn state(watch: &ZoneWatch, name: &str) -> (ZoneState, Option<Timestamp>) {
    let zone = zone(watch, name);
    (zone.state, zone.since)
}

/// Zone a died at 12:04 and was found impaired at 12:10.
fn impaired() -> ZoneWatch {
    let mut watch = ZoneWatch::default();
    step(&mut watch, &three_shards("12:03", "12:10"), "12:10");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
    watch
}

#[test]
fn a_zone_most_of_whose_nodes_are_down_for_three_minutes_is_impaired_since_most_of_them_fell_silent() {
    let mut watch = ZoneWatch::default();
    let world = three_shards("12:03", "12:10").beats("g-0001-001", 1.0, "10:00", "12:08", "12:10");
    step(&mut watch, &world, "12:10");
    let zone = zone(&watch, "a");
    assert_eq!((zone.state, zone.since), (ZoneState::Impaired, Some(t("12:04"))));
    assert_eq!(
        zone.reasons,
        [
            "2 of 3 monitored nodes are down: g-0002-001 since 2026-03-02T12:04:00Z, \
          g-0003-001 since 2026-03-02T12:04:00Z"
        ]
    );
    assert_eq!(state(&watch, "c"), (ZoneState::Healthy, None));
}

#[test]
fn one_dead_node_is_not_a_dead_zone() {
    let mut watch = ZoneWatch::default();
    for (beats, now) in [("12:08", "12:10"), ("12:38", "12:40"), ("14:08", "14:10")] {
        let world = three_shards(beats, now).recovering("12:04", "g-0001-001");
        step(&mut watch, &world, now);
        assert_eq!(state(&watch, "a"), (ZoneState::Healthy, None), "{now}");
    }
}

#[test]
fn most_nodes_down_for_less_than_three_minutes_do_not_impair_a_zone() {
    let mut watch = ZoneWatch::default();
    let world = three_shards("12:08", "12:10")
        .recovering("12:08", "g-0001-001")
        .recovering("12:08", "g-0002-001");
    step(&mut watch, &world, "12:10");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, None));
    step(&mut watch, &world, "12:11");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:08"))));
}

#[test]
fn a_lone_monitored_node_impairs_its_zone_only_after_thirty_minutes() {
    let world = |now: &str| {
        let until = (t(now) - mins(2)).strftime("%H:%M").to_string();
        World::new(now)
            .group("g", &["a c"])
            .beats("g-0001-001", 1.0, "11:00", "12:03", now)
            .beats("g-0001-002", 0.0, "11:00", &until, now)
    };
    let mut watch = ZoneWatch::default();
    step(&mut watch, &world("12:33"), "12:33");
    assert_eq!(state(&watch, "a").0, ZoneState::Healthy);
    step(&mut watch, &world("12:34"), "12:34");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
}

#[test]
fn a_blind_cloudwatch_makes_zones_unknown_and_never_impaired() {
    let mut watch = ZoneWatch::default();
    let mut world = three_shards("12:03", "12:10");
    for shard in 1..=3 {
        world
            .view
            .points
            .remove(&format!("g-000{shard}-002").as_str().into());
        world = world.beats(&format!("g-000{shard}-002"), 0.0, "10:00", "12:03", "12:10");
    }
    step(&mut watch, &world, "12:10");
    for name in ["a", "c"] {
        let zone = zone(&watch, name);
        assert_eq!(
            (zone.state, zone.since),
            (ZoneState::Unknown, Some(t("12:10"))),
            "{name}"
        );
        assert_eq!(
            zone.reasons,
            ["metrics are missing in a and c at once: CloudWatch is blind"]
        );
    }
    assert!(watch.blind().is_some());
    assert!(watch.impaired().is_empty());
}

#[test]
fn an_impaired_zone_of_a_cloudwatch_that_goes_blind_is_unknown_and_begins_anew_afterwards() {
    let mut watch = impaired();
    let mut world = three_shards("12:03", "12:11");
    world.view.metrics.error = Some(failed(ErrorClass::Throttled));
    step(&mut watch, &world, "12:17");
    assert_eq!(state(&watch, "a"), (ZoneState::Unknown, Some(t("12:17"))));
    assert_eq!(state(&watch, "c"), (ZoneState::Unknown, Some(t("12:17"))));
    step(&mut watch, &three_shards("12:17", "12:19"), "12:19");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, Some(t("12:19"))));
}

#[test]
fn a_zone_whose_nodes_come_back_stays_impaired_for_five_more_minutes() {
    let mut watch = impaired();
    step(&mut watch, &three_shards("12:28", "12:30"), "12:30");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
    step(&mut watch, &three_shards("12:32", "12:34"), "12:34");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
    // A relapse begins the wait anew.
    let relapse = three_shards("12:33", "12:35")
        .recovering("12:34", "g-0001-001")
        .recovering("12:34", "g-0002-001");
    step(&mut watch, &relapse, "12:35");
    step(&mut watch, &three_shards("12:34", "12:36"), "12:36");
    step(&mut watch, &three_shards("12:38", "12:40"), "12:40");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
    step(&mut watch, &three_shards("12:39", "12:41"), "12:41");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, Some(t("12:41"))));
}

#[test]
fn a_zone_whose_nodes_are_still_being_rebuilt_is_still_impaired() {
    let mut watch = impaired();
    for now in ["12:20", "12:28", "12:36"] {
        let until = (t(now) - mins(2)).strftime("%H:%M").to_string();
        let world = three_shards(&until, now)
            .recovering("12:12", "g-0001-001")
            .recovering("12:12", "g-0002-001")
            .recovering("12:12", "g-0003-001");
        step(&mut watch, &world, now);
        assert_eq!(
            state(&watch, "a"),
            (ZoneState::Impaired, Some(t("12:04"))),
            "{now}"
        );
    }
}

#[test]
fn a_zone_without_monitored_nodes_is_healthy() {
    let mut watch = ZoneWatch::default();
    let world = World::new("12:10").group("g", &["a c"]);
    step(&mut watch, &world, "12:10");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, None));
    assert_eq!(state(&watch, "z"), (ZoneState::Healthy, None));
}

#[test]
fn an_impaired_zone_that_lost_all_its_nodes_is_not_healthy_at_once() {
    let mut watch = impaired();
    let without = |now: &str| {
        three_shards("12:03", now).edit("g", |g| {
            for shard in g.shards.values_mut() {
                shard.members.retain(|_, m| m.zone.as_str() == "c");
            }
        })
    };
    step(&mut watch, &without("12:11"), "12:11");
    assert_eq!(state(&watch, "a").0, ZoneState::Impaired);
    step(&mut watch, &without("12:39"), "12:39");
    assert_eq!(state(&watch, "a").0, ZoneState::Impaired);
    step(&mut watch, &without("12:40"), "12:40");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, Some(t("12:40"))));
}

#[test]
fn failovers_that_people_and_we_call_do_not_impair_the_zone_of_the_old_primaries() {
    let mut watch = ZoneWatch::default();
    let mut world = three_shards("12:18", "12:20");
    for shard in ["0001", "0002", "0003"] {
        world = world
            .called("12:10", "g", shard)
            .promoted("12:11:03", "g", &format!("g-{shard}-002"))
            .recovering("12:12:26", &format!("g-{shard}-001"));
    }
    step(&mut watch, &world, "12:20");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, None));
    assert_eq!(
        watch.since(&"g-0001-001".into(), Health::Down),
        Some(t("12:12:26"))
    );
}

/// All nodes in a have this status, and were heard last at this time.
fn shown(status: MemberStatus, last: &str, now: &str) -> World {
    three_shards(last, now)
        .status("g-0001-001", status)
        .status("g-0002-001", status)
        .status("g-0003-001", status)
}

#[test]
fn deleting_nodes_do_not_impair_their_zone() {
    let mut watch = ZoneWatch::default();
    for now in ["12:10", "12:20", "12:50"] {
        step(&mut watch, &shown(MemberStatus::Deleting, "12:03", now), now);
        assert_eq!(state(&watch, "a").0, ZoneState::Healthy, "{now}");
    }
}

#[test]
fn rebooting_nodes_impair_their_zone_only_when_silent_for_longer_than_any_reboot_takes() {
    let mut watch = ZoneWatch::default();
    for now in ["12:10", "12:15", "12:18"] {
        step(&mut watch, &shown(MemberStatus::Rebooting, "12:03", now), now);
        assert_eq!(state(&watch, "a").0, ZoneState::Healthy, "{now}");
    }
    step(
        &mut watch,
        &shown(MemberStatus::Rebooting, "12:03", "12:19"),
        "12:19",
    );
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
}

#[test]
fn a_node_that_is_heard_is_alive_to_its_zone_however_long_it_is_shown_as_rebooting() {
    let mut watch = ZoneWatch::default();
    for now in ["12:10", "12:40", "13:10"] {
        let heard = (t(now) - mins(2)).strftime("%H:%M").to_string();
        step(&mut watch, &shown(MemberStatus::Rebooting, &heard, now), now);
        assert_eq!(state(&watch, "a").0, ZoneState::Healthy, "{now}");
    }
}

#[test]
fn a_reboot_of_every_node_in_all_zones_impairs_none() {
    let mut watch = ZoneWatch::default();
    for now in ["12:10", "12:40", "13:10"] {
        let mut world = World::new(now).group("g", &["a c", "a c"]);
        for node in ["g-0001-001", "g-0001-002", "g-0002-001", "g-0002-002"] {
            world = world
                .beats(node, 0.0, "11:00", "12:03", now)
                .status(node, MemberStatus::Rebooting);
        }
        step(&mut watch, &world, now);
        for zone in ["a", "c"] {
            assert_eq!(state(&watch, zone).0, ZoneState::Healthy, "{zone} {now}");
        }
    }
}

#[test]
fn one_node_of_several_that_never_ends_its_reboot_is_not_a_dead_zone() {
    let mut watch = ZoneWatch::default();
    for now in ["12:10", "12:40", "13:10"] {
        let heard = (t(now) - mins(2)).strftime("%H:%M").to_string();
        let mut world = World::new(now).group("g", &["a c", "a c"]);
        for (node, last) in [
            ("1-001", "12:03"),
            ("1-002", &heard),
            ("2-001", &heard),
            ("2-002", &heard),
        ] {
            world = world.beats(&format!("g-000{node}"), 0.0, "11:00", last, now);
        }
        step(
            &mut watch,
            &world.status("g-0001-001", MemberStatus::Rebooting),
            now,
        );
        assert_eq!(state(&watch, "a").0, ZoneState::Healthy, "{now}");
    }
}

#[test]
fn an_outage_that_outlasts_a_restart_is_continuous_as_far_as_the_evidence_reaches() {
    let text = serde_json::to_string(&impaired()).unwrap();
    let restarted = || serde_json::from_str::<ZoneWatch>(&text).unwrap();
    assert_eq!(restarted(), impaired());
    // Down for an hour; the points still show the silence since 12:04.
    let mut watch = restarted();
    step(&mut watch, &three_shards("12:03", "13:10"), "13:10");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("12:04"))));
    // The zone had come back meanwhile and died again at 13:00.
    let mut watch = restarted();
    step(&mut watch, &three_shards("13:00", "13:10"), "13:10");
    assert_eq!(state(&watch, "a"), (ZoneState::Impaired, Some(t("13:01"))));
    assert_eq!(watch.since(&"g-0001-001".into(), Health::Down), Some(t("13:01")));
}

#[test]
fn a_start_during_a_blind_hour_does_not_invent_trouble() {
    let mut world = World::new("12:10").group("g", &["a c"]);
    world.view.metrics.complete_at = None;
    world.view.metrics.error = Some(failed(ErrorClass::Throttled));
    let mut watch = ZoneWatch::default();
    step(&mut watch, &world, "12:30");
    assert_eq!(state(&watch, "a"), (ZoneState::Healthy, None));
}
