//! What makes a plan another plan, and what doesn't.

use crate::support::*;
use evenkeel::plan::id::plan_id;
use evenkeel::plan::intent::{Mode, Policy};
use evenkeel::plan::{Action, ActionType};
use evenkeel::topology::{FailoverClass, Owner, StackName};

fn id(scene: &Scene, actions: &[Action]) -> String {
    plan_id(&scene.input(), actions).0
}

#[test]
fn an_id_is_twelve_hex_digits_and_the_same_for_the_same_plan() {
    let id = id(&skewed(), &[move_primary("0001")]);
    assert_eq!(id.len(), 12);
    assert!(id.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(id, self::id(&skewed(), &[move_primary("0001")]));
}

#[test]
fn namespace_name_spec_latest_foreign_failover_and_disruptive_steps_in_order_change_it() {
    let base = skewed();
    let plan = [move_primary("0001"), remove("0002", "001")];
    let same = id(&base, &plan);
    let changed: Vec<(&str, String)> = vec![
        (
            "namespace",
            id(
                &base
                    .clone()
                    .with(|s| s.intent.stack = StackName::new("shop2", "web")),
                &plan,
            ),
        ),
        (
            "name",
            id(
                &base
                    .clone()
                    .with(|s| s.intent.stack = StackName::new("shop", "web2")),
                &plan,
            ),
        ),
        (
            "a letter moved from namespace to name",
            id(
                &base
                    .clone()
                    .with(|s| s.intent.stack = StackName::new("sho", "pweb")),
                &plan,
            ),
        ),
        (
            "spec",
            id(
                &base
                    .clone()
                    .with(|s| s.intent.canonical_spec = "{\"a\":1}".to_owned()),
                &plan,
            ),
        ),
        ("fewer steps", id(&base, &plan[..1])),
        (
            "other order",
            id(&base, &[remove("0002", "001"), move_primary("0001")]),
        ),
        (
            "other subject",
            id(&base, &[move_primary("0002"), remove("0002", "001")]),
        ),
        (
            "other component",
            id(&base, &[elsewhere(move_primary("0001")), remove("0002", "001")]),
        ),
    ];
    for (what, id) in &changed {
        assert_ne!(*id, same, "{what}");
    }
    let ids: std::collections::BTreeSet<_> = changed.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), changed.len());
    for class in [
        FailoverClass::Person,
        FailoverClass::Provider,
        FailoverClass::Unknown,
    ] {
        let foreign = base.clone().with(|s| {
            s.history
                .failovers
                .push(failover("f", "0001", minutes_ago(900), class));
        });
        assert_ne!(id(&foreign, &plan), same, "{class:?}");
    }
}

fn elsewhere(mut action: Action) -> Action {
    action.component = "other".into();
    action
}

#[test]
fn lag_holds_the_expected_winner_additive_steps_and_our_own_failovers_do_not_change_it() {
    let base = skewed();
    let same = id(&base, &[move_primary("0001")]);
    let lag = base
        .clone()
        .with(|s| s.node("cache-0001-001").lag = Some(seconds(9)));
    assert_eq!(id(&lag, &[move_primary("0001")]), same);
    let held = base.clone().with(|s| {
        s.intent.annotations.paused = true;
        s.cache().owner = Owner::Nobody;
        s.now = now() + minutes(600);
    });
    assert_eq!(id(&held, &[move_primary("0001")]), same);
    let mut other_winner = move_primary("0001");
    other_winner.to_zone = Some("a".into());
    other_winner.from_zone = Some("c".into());
    other_winner.why = "for another reason".to_owned();
    assert_eq!(id(&base, &[other_winner]), same);
    assert_eq!(
        id(
            &base,
            &[add("0001", "a"), enable_multi_az(), move_primary("0001")]
        ),
        same
    );
    let own = base.with(|s| {
        s.history
            .failovers
            .push(failover("f", "0002", minutes_ago(9), FailoverClass::Own));
    });
    assert_eq!(id(&own, &[move_primary("0001")]), same);
}

#[test]
fn only_the_latest_foreign_failover_counts() {
    let with = |ids: &[(&str, i64)]| {
        let scene = skewed().with(|s| {
            for (id, ago) in ids {
                let f = failover(id, "0001", minutes_ago(*ago), FailoverClass::Provider);
                s.history.failovers.push(f);
            }
        });
        id(&scene, &[move_primary("0001")])
    };
    assert_eq!(with(&[("new", 10)]), with(&[("new", 10), ("old", 20)]));
    assert_eq!(with(&[("new", 10)]), with(&[("old", 20), ("new", 10)]));
    assert_ne!(with(&[("new", 10)]), with(&[("old", 20)]));
}

#[test]
fn an_additive_step_counts_where_its_policy_is_approve() {
    let scene = skewed().with(|s| {
        s.intent.mode = Mode::Enforce;
        s.intent.policy.insert(ActionType::AddReplica, Policy::Approve);
    });
    assert_ne!(id(&scene, &[add("0001", "a")]), id(&scene, &[]));
    assert_ne!(id(&scene, &[add("0001", "a")]), id(&scene, &[add("0002", "a")]));
    assert_eq!(id(&scene, &[enable_multi_az()]), id(&scene, &[]));
}
