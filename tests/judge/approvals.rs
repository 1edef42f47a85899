//! An approval is used once, holds for 24 h, and covers the steps it named and what remains of them.

use crate::support::*;
use evenkeel::plan::approvals::{absorb, complete};
use evenkeel::plan::history::TicketOutcome;
use evenkeel::plan::id::{plan_id, steps};
use evenkeel::plan::intent::{Mode, Policy};
use evenkeel::plan::text::moment;
use evenkeel::plan::{Action, ActionType, Guardrail};
use evenkeel::topology::FailoverClass;
use jiff::Timestamp;

fn approving() -> Scene {
    scene("a c", &["a:r c:P", "a:r c:P", "a:r c:P"]).with(|s| s.intent.mode = Mode::Approve)
}

/// Annotates the scene with the id that this plan has now.
fn annotate(scene: &mut Scene, plan: &[Action]) -> String {
    let id = plan_id(&scene.input(), plan).0;
    scene.intent.annotations.approve = Some(id.clone());
    id
}

fn seen(scene: &mut Scene, plan: &[Action], at: Timestamp) {
    let input = scene.input();
    let (id, steps) = (plan_id(&input, plan), steps(&scene.intent, plan));
    scene.history = absorb(scene.history.clone(), &scene.intent, &id, &steps, at);
}

/// The actions of this plan that wait for approval.
fn waiting(scene: &Scene, plan: &[Action]) -> usize {
    let holds = scene.holds(plan);
    holds.iter().filter(|h| h.guardrail == Guardrail::Mode).count()
}

fn both() -> [Action; 2] {
    [move_primary("0001"), move_primary("0002")]
}

#[test]
fn disruption_waits_until_the_current_plan_is_approved_and_the_hold_says_how() {
    let mut scene = approving();
    let plan = both();
    assert_eq!(waiting(&scene, &plan), 2);
    let id = plan_id(&scene.input(), &plan).0;
    let reason = scene.holds(&plan).remove(0).reason;
    assert!(
        reason.ends_with(&format!("evenkeel.dev/approve: {id}")),
        "{reason}"
    );
    annotate(&mut scene, &plan);
    assert_eq!(waiting(&scene, &plan), 0);
    scene.intent.annotations.approve = Some("000000000000".to_owned());
    assert_eq!(waiting(&scene, &plan), 2);
}

#[test]
fn a_request_for_approval_names_the_moment_before_which_nothing_is_done() {
    let done = |shard, hours: i64| {
        let moved_at = now() - jiff::SignedDuration::from_hours(hours);
        finished(move_primary(shard), moved_at, TicketOutcome::Succeeded)
    };
    let scene = approving().with(|s| s.history.tickets = vec![done("0001", 1), done("0002", 30)]);
    let quota = scene.hold(Guardrail::Quota, &move_primary("0001"));
    let asked = |shard| scene.hold(Guardrail::Mode, &move_primary(shard)).reason;
    let said = format!("it is not done before {}.", moment(quota.retry_at.unwrap()));
    assert!(asked("0001").contains(&said), "{}", asked("0001"));
    assert!(!asked("0002").contains("not done before"), "{}", asked("0002"));
}

#[test]
fn an_approval_covers_what_remains_of_its_plan_as_steps_complete() {
    let mut scene = approving();
    annotate(&mut scene, &both());
    seen(&mut scene, &both(), now());
    scene.history = complete(scene.history, &move_primary("0001"));
    assert_eq!(scene.history.approvals[0].done, 1);
    assert_eq!(waiting(&scene, &[move_primary("0002")]), 0);
    assert_eq!(waiting(&scene.clone().acting(), &[move_primary("0002")]), 0);
    // A step that is done is not covered again, and neither is one it never named.
    assert_eq!(waiting(&scene, &[move_primary("0001")]), 1);
    assert_eq!(waiting(&scene, &[move_primary("0002"), move_primary("0003")]), 2);
    assert_eq!(waiting(&scene, &[move_primary("0003")]), 1);
    assert_eq!(waiting(&scene, &[remove("0002", "001")]), 1);
}

#[test]
fn steps_that_changed_their_order_are_not_covered() {
    let mut scene = approving();
    annotate(&mut scene, &both());
    seen(&mut scene, &both(), now());
    assert_eq!(waiting(&scene, &[move_primary("0002"), move_primary("0001")]), 2);
}

#[test]
fn an_approval_is_used_once() {
    let mut scene = approving();
    let plan = [move_primary("0001")];
    annotate(&mut scene, &plan);
    seen(&mut scene, &plan, now());
    scene.history = complete(scene.history, &plan[0]);
    assert!(scene.history.approvals[0].spent);
    // The same plan comes up again, and the annotation is still there.
    seen(&mut scene, &plan, now());
    assert_eq!(waiting(&scene, &plan), 1);
    let reason = scene.holds(&plan).remove(0).reason;
    assert!(reason.contains("is used up or older than 24 h"), "{reason}");
}

#[test]
fn an_approval_expires_24_hours_after_it_was_first_seen_and_is_not_revived_a_month_later() {
    let plan = both();
    let seen_at = |ago: i64| {
        let mut scene = approving();
        annotate(&mut scene, &plan);
        seen(&mut scene, &plan, minutes_ago(ago));
        scene
    };
    assert_eq!(waiting(&seen_at(24 * 60 - 1), &plan), 0);
    assert_eq!(waiting(&seen_at(24 * 60), &plan), 2);
    // Its record is kept for as long as the annotation names it, whatever else is forgotten.
    let mut forgotten = seen_at(400 * 24 * 60);
    forgotten.history =
        evenkeel::observe::memory::absorb(&forgotten.history, &forgotten.topology, &[], forgotten.now);
    seen(&mut forgotten, &plan, now());
    assert_eq!(forgotten.history.approvals.len(), 1);
    assert_eq!(waiting(&forgotten, &plan), 2);
    // Without the annotation it is forgotten after 31 days.
    forgotten.intent.annotations.approve = None;
    seen(&mut forgotten, &plan, now());
    assert_eq!(forgotten.history.approvals, []);
    let mut recent = seen_at(30 * 24 * 60);
    recent.intent.annotations.approve = None;
    seen(&mut recent, &plan, now());
    assert_eq!(recent.history.approvals.len(), 1);
}

#[test]
fn a_change_of_the_spec_or_a_foreign_failover_voids_what_remains() {
    let mut scene = approving();
    annotate(&mut scene, &both());
    seen(&mut scene, &both(), now());
    scene.history = complete(scene.history, &move_primary("0001"));
    let rest = [move_primary("0002")];
    assert_eq!(waiting(&scene, &rest), 0);
    let spec = scene
        .clone()
        .with(|s| s.intent.canonical_spec = "{\"b\":2}".to_owned());
    assert_eq!(waiting(&spec, &rest), 1);
    let foreign = scene.clone().with(|s| {
        s.history
            .failovers
            .push(failover("f", "0003", minutes_ago(60), FailoverClass::Provider));
    });
    assert_eq!(waiting(&foreign, &rest), 1);
    let own = scene.with(|s| {
        s.history
            .failovers
            .push(failover("f", "0001", minutes_ago(1), FailoverClass::Own));
    });
    assert_eq!(waiting(&own, &rest), 0);
}

#[test]
fn taking_the_annotation_away_withdraws_the_approval() {
    let mut scene = approving();
    annotate(&mut scene, &both());
    seen(&mut scene, &both(), now());
    scene.intent.annotations.approve = None;
    assert_eq!(waiting(&scene, &both()), 2);
}

#[test]
fn just_before_acting_an_approval_must_be_on_record() {
    let mut scene = approving().acting();
    annotate(&mut scene, &both());
    assert_eq!(waiting(&scene, &both()), 2);
    seen(&mut scene, &both(), now());
    assert_eq!(waiting(&scene, &both()), 0);
}

#[test]
fn an_approval_of_another_plan_is_not_recorded_for_this_one() {
    let mut scene = approving();
    scene.intent.annotations.approve = Some("abcdefabcdef".to_owned());
    seen(&mut scene, &both(), now());
    assert_eq!(scene.history.approvals, []);
}

#[test]
fn an_additive_action_whose_policy_is_approve_waits_too() {
    let mut scene = scene("a c d", &["a:P c:r"]).with(|s| {
        s.intent.policy.insert(ActionType::AddReplica, Policy::Approve);
    });
    let plan = [add("0001", "d")];
    assert_eq!(waiting(&scene, &plan), 1);
    annotate(&mut scene, &plan);
    assert_eq!(waiting(&scene, &plan), 0);
    seen(&mut scene, &plan, now());
    scene.history = complete(scene.history, &plan[0]);
    assert_eq!(waiting(&scene, &plan), 1);
}
