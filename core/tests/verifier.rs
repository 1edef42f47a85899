//! The verifier agrees with sound plans and finds what is wrong with others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel_core::plan::verify::{Rule, held};
use evenkeel_core::plan::{Action, ActionId, ActionKind, Decision, Guardrail, next_step};
use evenkeel_core::topology::{Manager, Owner};
use evenkeel_core_test_support::random::{Drawn, drawn};
use evenkeel_core_test_support::stage::Stage;

/// A step as [`evenkeel_core_test_support::stage::say`] says it, without its dashes: `add 0001 c 002`, `remove 0001 002`.
fn step(words: &str) -> Action {
    let words: Vec<&str> = words.split(' ').collect();
    let node = |shard: &str, number: &str| format!("cache-{shard}-{number}").as_str().into();
    let kind = match words[..] {
        ["add", shard, zone] => ActionKind::AddReplica {
            shard: shard.into(),
            zone: zone.into(),
            replaces: None,
        },
        ["add", shard, zone, old] => ActionKind::AddReplica {
            shard: shard.into(),
            zone: zone.into(),
            replaces: Some(node(shard, old)),
        },
        ["remove", shard, number] => ActionKind::RemoveReplica {
            shard: shard.into(),
            node: node(shard, number),
        },
        ["move", shard] => ActionKind::MovePrimary { shard: shard.into() },
        ["multi-az"] => ActionKind::EnableMultiAz {
            identifier: "cache".to_owned(),
        },
        _ => panic!("{words:?}"),
    };
    Action {
        id: ActionId(words.join("-")),
        component: "cache".into(),
        kind,
        from_zone: None,
        to_zone: None,
        why: String::new(),
    }
}

/// The rules that this plan breaks.
fn broken(stage: &Stage, steps: &[&str]) -> Vec<Rule> {
    let faults = stage.faults_of(steps.iter().map(|s| step(s)).collect());
    let mut rules: Vec<Rule> = faults.into_iter().map(|f| f.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn stage(zones: &str, shards: &[&str]) -> Stage {
    Stage::new(zones, shards).component(|c| c.owner = Owner::Ours)
}

#[test]
fn every_plan_of_ours_passes() {
    let mut steps = 0;
    for Drawn { words, stage } in drawn(100_000..110_000) {
        let decision = stage.component(|c| c.owner = Owner::Ours).decide();
        let faults: Vec<_> = decision
            .holds
            .iter()
            .filter(|h| h.guardrail == Guardrail::Verifier)
            .collect();
        assert!(faults.is_empty(), "{words}\n {faults:#?}");
        steps += decision.actions.len();
    }
    assert!(steps > 5_000, "{steps}");
}

#[test]
fn what_is_not_ours_is_not_removed() {
    let two = stage("a b c", &["a:P b:r c:r"]);
    assert_eq!(
        broken(&two, &["remove 0001 003"]),
        [Rule::Removal, Rule::Redundancy]
    );
    let ours = stage("a b c", &["a:P b:r c:r*2"]);
    assert_eq!(broken(&ours, &["remove 0001 003"]), []);
    assert_eq!(broken(&ours, &["remove 0001 002"]), []);
    // One of the two, not both.
    assert_eq!(
        broken(&ours, &["remove 0001 003", "remove 0001 002"]),
        [Rule::Removal, Rule::Redundancy]
    );
    assert!(broken(&ours, &["remove 0001 001"]).contains(&Rule::Removal));
    let unknown = stage("a b c", &["a:? b:? c:?*2"]);
    assert!(broken(&unknown, &["remove 0001 003"]).contains(&Rule::Removal));
}

#[test]
fn a_copy_is_not_added_where_it_helps_nobody() {
    let one = stage("a b! c", &["a:P c:r"]);
    assert_eq!(broken(&one, &["add 0001 b"]), [Rule::Place]);
    assert_eq!(broken(&one, &["add 0001 c"]), [Rule::Place]);
    assert_eq!(broken(&one, &["add 0001 x"]), [Rule::Place]);
    let well = stage("a b c d", &["a:P c:r"]);
    assert_eq!(broken(&well, &["add 0001 b"]), []);
    assert_eq!(
        broken(&well, &["add 0001 b 002", "add 0001 d 001"]),
        [Rule::Place]
    );
    let far = well.component(|c| {
        c.settings.subnet_zones.remove(&"b".into());
    });
    assert_eq!(broken(&far, &["add 0001 b"]), [Rule::Place]);
}

#[test]
fn a_local_zone_is_no_second_zone() {
    let local = "us-west-2-lax-1a";
    let in_spec = stage(&format!("a {local}"), &["a:P"]);
    assert_eq!(broken(&in_spec, &[&format!("add 0001 {local}")]), [Rule::Place]);
    // Ours in c may not go while only the one in the Local Zone would be left beside the primary.
    let beside = stage(&format!("a c {local}"), &[&format!("a:P {local}:r c:r*2")]);
    assert_eq!(broken(&beside, &["remove 0001 003"]), [Rule::Redundancy]);
    assert_eq!(broken(&beside, &["remove 0001 002"]), []);
    let on_outpost = stage("a b", &["a:P b:r"]).component(|c| {
        c.managed_elsewhere = vec![Manager::Outpost {
            arn: "op-1".to_owned(),
        }];
    });
    assert_eq!(broken(&on_outpost, &["move 0001"]), [Rule::Permission]);
}

#[test]
fn a_primary_is_moved_only_where_any_winner_will_do() {
    let sound = stage("a b", &["a:P b:r"]);
    assert_eq!(broken(&sound, &["move 0001"]), []);
    assert!(broken(&sound, &["move 0001", "move 0001"]).contains(&Rule::Order));
    for unfit in ["a:P b:r!", "a:P b:r x:r", "a:? b:?", "a:P"] {
        let stage = stage("a b", &[unfit]);
        assert!(broken(&stage, &["move 0001"]).contains(&Rule::Winner), "{unfit}");
    }
    let lost = stage("a b!", &["a:P b:r"]);
    assert_eq!(broken(&lost, &["move 0001"]), [Rule::Winner, Rule::Disruption]);
}

#[test]
fn redundancy_comes_before_disruption() {
    let stage = stage("a b c", &["a:P b:r", "a:P b:r"]);
    assert_eq!(broken(&stage, &["move 0001", "add 0002 c"]), [Rule::Order]);
    assert_eq!(broken(&stage, &["move 0001", "multi-az"]), [Rule::Order]);
    assert_eq!(broken(&stage, &["add 0002 c", "move 0001"]), []);
}

#[test]
fn a_step_needs_leave_and_calm() {
    let permitted = || stage("a b", &["a:P b:r", "a:P b:r"]);
    let moves = ["move 0001"];
    assert_eq!(broken(&permitted(), &moves), []);
    let nobodys = permitted().component(|c| c.owner = Owner::Nobody);
    assert_eq!(broken(&nobodys, &moves), [Rule::Permission]);
    let half_seen = permitted().component(|c| c.members_match = false);
    assert_eq!(broken(&half_seen, &moves), [Rule::Permission]);
    let mut paused = permitted();
    paused.intent.annotations.paused = true;
    assert_eq!(broken(&paused, &moves), [Rule::Permission]);
    let mut observing = permitted();
    observing.intent.mode = evenkeel_core::plan::intent::Mode::Observe;
    assert_eq!(broken(&observing, &moves), [Rule::Permission]);
    let mut approving = permitted();
    approving.intent.mode = evenkeel_core::plan::intent::Mode::Approve;
    assert_eq!(broken(&approving, &moves), [Rule::Permission]);
    let degraded = stage("a b", &["a:P b:r", "a:P b:r!"]);
    assert_eq!(broken(&degraded, &moves), [Rule::Disruption]);
    let elsewhere = stage("a b c!", &["a:P b:r"]);
    assert_eq!(broken(&elsewhere, &moves), [Rule::Disruption]);
    let mut busy = permitted();
    busy.intent.guardrails.max_concurrent_disruptions = 0;
    assert_eq!(broken(&busy, &moves), [Rule::Budget]);
    let mut full = stage("a b c", &["a:P b:r"]);
    full.intent.guardrails.max_added_nodes = 0;
    assert_eq!(broken(&full, &["add 0001 c"]), [Rule::Budget]);
}

#[test]
fn what_it_finds_is_held_and_so_never_the_next_step() {
    let stage = stage("a b c", &["a:P b:r", "a:P b:r"]);
    let unsound = Decision {
        actions: ["add 0001 a", "add 0002 c"].map(step).into(),
        holds: Vec::new(),
        ..stage.decide()
    };
    let held = stage.with_input(|input| held(input, unsound));
    let next: Vec<&str> = next_step(&held)
        .unwrap()
        .iter()
        .map(|a| a.id.0.as_str())
        .collect();
    assert_eq!(next, ["add-0002-c"]);
    let [hold] = &held.holds[..] else {
        panic!("{:?}", held.holds);
    };
    assert_eq!(hold.id, "verifier:add-0001-a");
    assert!(
        hold.reason.contains("a copy of the shard stands in a already"),
        "{}",
        hold.reason
    );
}
