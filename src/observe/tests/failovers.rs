//! Whose failover it was.

use super::support::{World, mins, t};
use crate::observe::failovers::{derive, ledger};
use crate::observe::zones::ZoneWatch;
use crate::plan::history::{Phase, Ticket, TicketOutcome};
use crate::plan::{Action, ActionId, ActionKind};
use crate::topology::{Failover, FailoverClass, WeeklyWindow};

pub(super) fn move_primary(shard: &str, phase: Phase, called_at: &str) -> Ticket {
    ticket(ActionKind::MovePrimary { shard: shard.into() }, phase, called_at)
}

pub(super) fn ticket(kind: ActionKind, phase: Phase, called_at: &str) -> Ticket {
    Ticket {
        id: format!("t-{called_at}"),
        actions: vec![Action {
            id: ActionId("one".to_owned()),
            component: "cache".into(),
            kind,
            from_zone: None,
            to_zone: None,
            why: String::new(),
        }],
        phase,
        prepared_at: t(called_at),
        called_at: Some(t(called_at)),
        deadline: t(called_at) + mins(25),
        before: [].into(),
        finished_at: (!phase.is_open()).then(|| t(called_at) + mins(15)),
        outcome: (phase == Phase::Done).then_some(TicketOutcome::Succeeded),
        holder: "me".to_owned(),
        incarnation: None,
    }
}

fn found(world: &World, tickets: &[Ticket]) -> Vec<Failover> {
    derive(&world.view, &ZoneWatch::default(), &"cache".into(), "g", tickets)
}

fn classes(world: &World, tickets: &[Ticket]) -> Vec<FailoverClass> {
    found(world, tickets).iter().map(|f| f.class).collect()
}

fn two_shards() -> World {
    World::new("13:00").group("g", &["a c", "c a"])
}

/// The order of events as seen on a cluster-mode-enabled group.
fn observed_test_failover(world: World) -> World {
    world
        .called("12:00", "g", "0001")
        .promoted("12:01:03", "g", "g-0001-002")
        .recovering("12:02:26", "g-0001-001")
        .recovered("12:12:44", "g-0001-001")
}

#[test]
fn the_observed_order_of_a_test_failover_is_one_failover_by_our_ticket() {
    let seen = found(
        &observed_test_failover(two_shards()),
        &[move_primary("0001", Phase::Settling, "11:59:58")],
    );
    assert_eq!(
        seen,
        [Failover {
            id: "fo-cache-0001-20260302T120103Z".to_owned(),
            at: t("12:01:03"),
            component: "cache".into(),
            shard: "0001".into(),
            from: Some("g-0001-001".into()),
            to: Some("g-0001-002".into()),
            class: FailoverClass::Own,
            duration_seconds: Some(63),
        }]
    );
}

#[test]
fn the_documented_order_with_the_text_from_both_sources_is_one_failover() {
    let to = "g-0001-002";
    let world = two_shards()
        .called("12:00", "g", "0001")
        .promoted_from("12:01:02", "g-0001-001", to)
        .event(
            "12:01:03",
            crate::aws::types::EventSource::ReplicationGroup("g".to_owned()),
            crate::aws::types::CacheEventKind::FailoverCompleted {
                from: Some("g-0001-001".into()),
                to: to.into(),
            },
        )
        .recovering("12:02:26", "g-0001-001");
    let seen = found(&world, &[]);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].at, t("12:01:02"));
    assert_eq!(seen[0].class, FailoverClass::Person);
}

#[test]
fn with_cluster_mode_disabled_the_only_shard_is_meant() {
    let world = World::new("13:00")
        .classic("g", "a:r c:P")
        .called("12:00", "g", "0001")
        .promoted("12:01:03", "g", "g-002");
    let seen = found(&world, &[]);
    assert_eq!(seen[0].id, "fo-cache-0001-20260302T120103Z");
    assert_eq!(seen[0].from, Some("g-001".into()));
    assert_eq!(seen[0].class, FailoverClass::Person);
}

#[test]
fn a_test_failover_that_no_ticket_of_ours_called_is_a_persons() {
    let world = observed_test_failover(two_shards());
    assert_eq!(classes(&world, &[]), [FailoverClass::Person]);
    for not_ours in [
        move_primary("0002", Phase::Settling, "12:00"),
        move_primary("0001", Phase::Done, "11:00"),
        move_primary("0001", Phase::Settling, "12:00:40"),
        Ticket {
            outcome: Some(TicketOutcome::Refused {
                code: "InvalidReplicationGroupState".to_owned(),
                message: String::new(),
                counts: false,
            }),
            ..move_primary("0001", Phase::GaveUp, "12:00")
        },
        Ticket {
            called_at: None,
            ..move_primary("0001", Phase::Prepared, "12:00")
        },
    ] {
        let seen = classes(&world, std::slice::from_ref(&not_ours));
        assert_eq!(seen, [FailoverClass::Person], "{not_ours:?}");
    }
}

#[test]
fn a_call_that_was_maybe_sent_is_ours_when_its_event_came() {
    let world = observed_test_failover(two_shards());
    let ticket = move_primary("0001", Phase::MaybeCalled, "11:59:58");
    assert_eq!(classes(&world, &[ticket]), [FailoverClass::Own]);
}

#[test]
fn a_failover_without_a_call_is_not_ours_because_a_call_of_ours_may_have_been_sent() {
    // Our call never arrived; AWS failed over by itself and rebuilds the node.
    let world = two_shards()
        .promoted("12:01:03", "g", "g-0001-002")
        .recovering("12:02:26", "g-0001-001");
    let ticket = move_primary("0001", Phase::MaybeCalled, "11:59:58");
    assert_eq!(classes(&world, &[ticket]), [FailoverClass::Provider]);
    // AWS had accepted it: the event of the call is merely missing.
    let ticket = move_primary("0001", Phase::Settling, "11:59:58");
    assert_eq!(classes(&world, &[ticket]), [FailoverClass::Own]);
}

#[test]
fn maintenance_with_both_texts_and_the_word_master_is_the_providers() {
    let world = two_shards()
        .promoted_from("12:01:02", "g-0001-001", "g-0001-002")
        .promoted("12:01:03", "g", "g-0001-002")
        .recovering("12:01:30", "g-0001-001")
        .recovered("12:11:29", "g-0001-001");
    assert_eq!(classes(&world, &[]), [FailoverClass::Provider]);
    // In the maintenance window without a word about the node.
    let window = WeeklyWindow {
        start_minute: 12 * 60,
        end_minute: 13 * 60,
    };
    let in_window = two_shards()
        .promoted("12:01:03", "g", "g-0001-002")
        .edit("g", |g| g.maintenance_windows = [window].into());
    assert_eq!(classes(&in_window, &[]), [FailoverClass::Provider]);
}

#[test]
fn a_primary_that_fell_silent_before_the_promotion_was_lost_and_the_duration_counts_from_its_last_sign() {
    let world = two_shards()
        .beats("g-0001-001", 1.0, "11:00", "11:59", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .promoted("12:01:10", "g", "g-0001-002");
    let seen = found(&world, &[]);
    assert_eq!(seen[0].class, FailoverClass::Provider);
    assert_eq!(seen[0].duration_seconds, Some(130));
}

#[test]
fn a_failover_that_nothing_explains_is_unknown() {
    let world = two_shards().promoted("12:01:03", "g", "g-0001-002");
    let seen = found(&world, &[]);
    assert_eq!(seen[0].class, FailoverClass::Unknown);
    assert_eq!(seen[0].duration_seconds, None);
}

#[test]
fn one_call_explains_one_failover() {
    let world = observed_test_failover(two_shards()).promoted("12:14", "g", "g-0001-001");
    let ticket = move_primary("0001", Phase::Done, "11:59:58");
    assert_eq!(
        classes(&world, &[ticket]),
        [FailoverClass::Own, FailoverClass::Unknown]
    );
}

#[test]
fn a_lost_record_makes_our_own_failover_look_like_a_persons() {
    let world = observed_test_failover(two_shards());
    let ticket = move_primary("0001", Phase::Done, "11:59:58");
    assert_eq!(classes(&world, &[ticket]), [FailoverClass::Own]);
    assert_eq!(classes(&world, &[]), [FailoverClass::Person]);
}

#[test]
fn the_ledger_counts_everybodys_calls_of_the_last_day_on_all_groups() {
    let world = two_shards()
        .group("h", &["a c"])
        .called("12:00", "g", "0001")
        .called("12:00", "g", "0002")
        .called("11:00", "h", "0001")
        .promoted("12:01:03", "g", "g-0001-002");
    assert_eq!(
        ledger(&world.view, t("13:00")),
        [t("11:00"), t("12:00"), t("12:00")]
    );
    assert_eq!(ledger(&world.view, t("+1 11:00")), [t("12:00"), t("12:00")]);
    assert_eq!(ledger(&world.view, t("+1 12:00")), []);
}
