//! An action that is undone or fails again and again stops until a person has looked.

use crate::support::*;
use evenkeel::plan::guardrails::flapping::absorb;
use evenkeel::plan::history::{History, Ticket, TicketOutcome};
use evenkeel::plan::{Action, ActionType, Guardrail};

fn undone() -> TicketOutcome {
    TicketOutcome::Undone {
        by: "somebody else".to_owned(),
    }
}

fn history(tickets: Vec<Ticket>) -> History {
    History {
        tickets,
        ..History::default()
    }
}

fn failures(action: &Action, minutes: &[i64], outcome: &TicketOutcome) -> Vec<Ticket> {
    minutes
        .iter()
        .map(|m| finished(action.clone(), minutes_ago(*m), outcome.clone()))
        .collect()
}

#[test]
fn the_same_action_undone_or_failed_three_times_in_24_hours_is_stopped() {
    for outcome in [
        undone(),
        TicketOutcome::NoEffect,
        TicketOutcome::Refused {
            code: "InvalidParameterValue".to_owned(),
            message: "no".to_owned(),
            counts: true,
        },
    ] {
        let twice = absorb(history(failures(&add("0001", "d"), &[300, 200], &outcome)), now());
        assert_eq!(twice.blocks, [], "{outcome:?}");
        let thrice = absorb(
            history(failures(&add("0001", "d"), &[300, 200, 100], &outcome)),
            now(),
        );
        assert_eq!(thrice.blocks.len(), 1, "{outcome:?}");
        assert_eq!(thrice.blocks[0].action_type, ActionType::AddReplica);
        assert_eq!(thrice.blocks[0].since, minutes_ago(95));
        assert_eq!(thrice.blocks[0].id, "block-cache-AddReplica-20260302T102500Z");
    }
    let reason = absorb(
        history(failures(&add("0001", "d"), &[300, 200, 100], &undone())),
        now(),
    );
    assert_eq!(
        reason.blocks[0].reason,
        "AddReplica of shard 0001 failed or was undone 3 times in 24 h, the last time: undone by somebody else."
    );
}

#[test]
fn throttling_conflicts_calls_that_never_arrived_and_overtaken_steps_are_no_failures() {
    for outcome in [
        TicketOutcome::Succeeded,
        TicketOutcome::Overtaken,
        TicketOutcome::NeverArrived,
        TicketOutcome::Refused {
            code: "Throttling".to_owned(),
            message: "Rate exceeded".to_owned(),
            counts: false,
        },
    ] {
        let many = failures(&add("0001", "d"), &[400, 300, 200, 100], &outcome);
        assert_eq!(absorb(history(many), now()).blocks, [], "{outcome:?}");
    }
}

#[test]
fn failures_older_than_a_day_and_of_other_shards_are_not_the_same() {
    let old = failures(&add("0001", "d"), &[1500, 200, 100], &undone());
    assert_eq!(absorb(history(old), now()).blocks, []);
    let mut spread = failures(&add("0001", "d"), &[300, 200], &undone());
    spread.extend(failures(&add("0002", "d"), &[100], &undone()));
    assert_eq!(absorb(history(spread), now()).blocks, []);
}

#[test]
fn what_is_undone_in_one_zone_is_as_unwanted_in_the_next() {
    let mut moved = failures(&add("0001", "d"), &[300], &undone());
    moved.extend(failures(&add("0001", "e"), &[200], &undone()));
    moved.extend(failures(&add("0001", "a"), &[100], &undone()));
    assert_eq!(absorb(history(moved), now()).blocks.len(), 1);
}

#[test]
fn absorbing_again_adds_no_second_block() {
    let once = absorb(
        history(failures(&add("0001", "d"), &[300, 200, 100], &undone())),
        now(),
    );
    assert_eq!(absorb(once.clone(), now()), once);
    let mut more = once.clone();
    more.tickets.extend(failures(&add("0001", "d"), &[50], &undone()));
    assert_eq!(absorb(more, now()).blocks, once.blocks);
}

#[test]
fn a_block_stops_its_action_type_on_its_component_until_it_is_acknowledged() {
    let scene = scene("a c d", &["a:r c:P", "a:r c:P"]).with(|s| {
        s.history.tickets = failures(&add("0001", "d"), &[300, 200, 100], &undone());
        s.history = absorb(s.history.clone(), now());
    });
    let hold = scene.hold(Guardrail::Flapping, &add("0002", "d"));
    assert_eq!(hold.retry_at, None);
    assert!(
        hold.reason
            .ends_with("evenkeel.dev/acknowledge: block-cache-AddReplica-20260302T102500Z"),
        "{}",
        hold.reason
    );
    assert_eq!(scene.held_by(&move_primary("0002")), []);
    let acknowledged = scene.clone().with(|s| {
        s.history
            .acknowledged
            .insert("block-cache-AddReplica-20260302T102500Z".to_owned());
    });
    assert_eq!(acknowledged.held_by(&add("0002", "d")), []);
    let annotated = scene.with(|s| {
        s.intent
            .annotations
            .acknowledge
            .insert("block-cache-AddReplica-20260302T102500Z".to_owned());
    });
    assert_eq!(annotated.held_by(&add("0002", "d")), []);
}

#[test]
fn failures_before_an_acknowledged_block_do_not_count_again_and_three_new_ones_do() {
    let mut h = absorb(
        history(failures(&add("0001", "d"), &[300, 200, 100], &undone())),
        now(),
    );
    h.acknowledged.insert(h.blocks[0].id.clone());
    let after = absorb(h, now());
    assert_eq!(after.blocks.len(), 1);
    let mut two_more = after.clone();
    two_more
        .tickets
        .extend(failures(&add("0001", "d"), &[50, 40], &undone()));
    assert_eq!(absorb(two_more, now()).blocks.len(), 1);
    let mut three_more = after;
    three_more
        .tickets
        .extend(failures(&add("0001", "d"), &[50, 40, 30], &undone()));
    assert_eq!(absorb(three_more, now()).blocks.len(), 2);
}

#[test]
fn an_acknowledged_block_is_forgotten_after_a_day_and_another_never() {
    let mut h = absorb(
        history(failures(&add("0001", "d"), &[300, 200, 100], &undone())),
        now(),
    );
    let month = now() + minutes(31 * 24 * 60);
    assert_eq!(absorb(h.clone(), month).blocks.len(), 1);
    h.acknowledged.insert(h.blocks[0].id.clone());
    assert_eq!(absorb(h, month).blocks, []);
}

#[test]
fn replicas_that_are_undone_each_time_are_added_three_times_and_no_more() {
    // Terraform takes each added replica away again, an hour later, for two days.
    let mut scene = scene("a c d", &["a:r c:P"]);
    let mut added = 0;
    for hour in 0..48 {
        scene.now = minutes_ago(0) + minutes(60 * hour);
        scene.topology.observed_at = scene.now;
        scene.history = absorb(scene.history.clone(), scene.now);
        if scene.held_by(&add("0001", "d")).is_empty() {
            added += 1;
            let undone = finished(add("0001", "d"), scene.now, undone());
            scene.history.tickets.push(undone);
        }
    }
    assert_eq!(added, 3);
}
