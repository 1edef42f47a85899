//! How much may be under way, how much we may have added, and what AWS lets us have.

use crate::support::*;
use evenkeel::plan::history::{AddedNode, Phase, TicketOutcome};
use evenkeel::plan::{ActionType, Guardrail};
use evenkeel::topology::NodeId;
use jiff::Timestamp;

#[test]
fn only_so_many_disruptions_are_under_way_in_a_stack_and_in_the_whole_controller() {
    let open = |n: usize| {
        skewed().with(|s| {
            s.history.tickets = (0..n)
                .map(|i| {
                    ticket(
                        &format!("t{i}"),
                        move_primary("0002"),
                        Phase::Settling,
                        minutes_ago(3),
                    )
                })
                .collect();
        })
    };
    let budget = |scene: &Scene| scene.held_by(&move_primary("0001")).contains(&Guardrail::Budget);
    assert!(!budget(&open(0)));
    assert!(budget(&open(1)));
    assert!(!budget(
        &open(1).with(|s| s.intent.guardrails.max_concurrent_disruptions = 2)
    ));
    assert!(budget(
        &open(2).with(|s| s.intent.guardrails.max_concurrent_disruptions = 2)
    ));
    let fleet = |others: u32, limit: u32| {
        open(0).with(|s| {
            s.fleet.disruptions_in_flight = others;
            s.fleet.max_concurrent_disruptions = limit;
        })
    };
    assert!(!budget(&fleet(2, 3)));
    assert!(budget(&fleet(3, 3)));
    assert!(budget(&fleet(0, 0)));
    // Additive actions disrupt nothing.
    assert!(
        !fleet(3, 3)
            .held_by(&add("0001", "a"))
            .contains(&Guardrail::Budget)
    );
    // Our own ticket, still only prepared, is the one that asks.
    let own = skewed().acting().with(|s| {
        s.history.tickets = vec![ticket("own", move_primary("0001"), Phase::Prepared, now())];
    });
    assert!(!budget(&own));
}

fn standing(n: usize) -> Scene {
    scene("a c d", &["a:P c:r", "a:P c:r", "a:P c:r"]).with(|s| {
        for i in 0..n {
            let node = AddedNode {
                component: "other".into(),
                shard: "0001".into(),
                at: minutes_ago(60),
                replaces: None,
                created: None,
            };
            s.history
                .added_nodes
                .insert(NodeId::new(format!("other-{i}")), node);
        }
    })
}

#[test]
fn only_so_many_added_nodes_stand_in_a_stack_and_the_plan_itself_counts() {
    let three = [add("0001", "d"), add("0002", "d"), add("0003", "d")];
    let held = |scene: &Scene| -> Vec<String> {
        let holds = scene.holds(&three).into_iter();
        holds
            .filter(|h| h.guardrail == Guardrail::Budget)
            .map(|h| h.action.unwrap().0)
            .collect()
    };
    assert_eq!(held(&standing(17)), Vec::<String>::new());
    assert_eq!(held(&standing(18)), ["add-0003-d"]);
    assert_eq!(held(&standing(20)), ["add-0001-d", "add-0002-d", "add-0003-d"]);
    let fleet = standing(0).with(|s| {
        s.fleet.added_nodes = 99;
        s.fleet.max_added_nodes = 100;
    });
    assert_eq!(held(&fleet), ["add-0002-d", "add-0003-d"]);
}

#[test]
fn an_addition_held_by_something_else_takes_no_budget_from_the_next() {
    let scene = standing(19).with(|s| {
        let zones = [("d".into(), minutes_ago(1))].into();
        s.history.capacity_misses.insert("cache".into(), zones);
        let zone = s.topology.zones[&"a".into()].clone();
        s.topology.zones.insert("e".into(), zone);
        s.intent.zones.insert("e".into(), None);
    });
    let holds = scene.holds(&[add("0001", "d"), add("0002", "e")]);
    let held: Vec<(Guardrail, &str)> = holds
        .iter()
        .map(|h| (h.guardrail, h.action.as_ref().unwrap().0.as_str()))
        .collect();
    assert_eq!(held, [(Guardrail::Capacity, "add-0001-d")]);
}

#[test]
fn a_shard_has_at_most_one_extra_copy_at_a_time() {
    let mut scene = scene("a c d e", &["a:P c:r d:r*"]);
    let relocation = AddedNode {
        component: "cache".into(),
        shard: "0001".into(),
        at: minutes_ago(5),
        replaces: Some("cache-0001-002".into()),
        created: None,
    };
    scene
        .history
        .added_nodes
        .insert("cache-0001-003".into(), relocation);
    assert_eq!(
        scene.hold(Guardrail::Budget, &add("0001", "e")).reason,
        "Shard 0001 has an extra copy already, and more than one at a time is never made."
    );
    // Nor does one plan make two.
    let two = self::scene("a c d e", &["a:P c:r"]).holds(&[add("0001", "d"), add("0001", "e")]);
    let held: Vec<_> = two
        .iter()
        .map(|h| (h.guardrail, h.action.clone().unwrap().0))
        .collect();
    assert_eq!(held, [(Guardrail::Budget, "add-0001-e".to_owned())]);
    // Copies that are wanted aren't extra.
    let short = self::scene("a c d e", &["a:P c:r"]).with(|s| s.wanted().min_replicas_per_shard = 3);
    assert_eq!(short.holds(&[add("0001", "d"), add("0001", "e")]), []);
}

fn used(times: &[Timestamp]) -> Scene {
    skewed().with(|s| {
        s.cache().resource.account = Some("123456789012".into());
        let key = (Some("123456789012".into()), "test-region-1".into());
        s.fleet.test_failovers.insert(key, times.to_vec());
        s.fleet.test_failover_limit = 3;
    })
}

#[test]
fn test_failovers_of_everybody_in_the_account_and_region_are_counted_over_24_hours() {
    let (h23, h22, h1) = (minutes_ago(23 * 60), minutes_ago(22 * 60), minutes_ago(60));
    assert_eq!(used(&[h23, h22]).held_by(&move_primary("0001")), []);
    let full = used(&[h23, h22, h1]);
    assert_eq!(full.held_by(&move_primary("0001")), [Guardrail::Quota]);
    // The oldest falls out in an hour; with one more used, the second oldest must fall out too.
    let retry = |scene: &Scene| scene.hold(Guardrail::Quota, &move_primary("0001")).retry_at;
    assert_eq!(retry(&full), Some(at("2026-03-02T13:00:00Z")));
    assert_eq!(
        retry(&used(&[h1, h23, h22, h1])),
        Some(at("2026-03-02T14:00:00Z"))
    );
    // Older ones and other accounts and regions don't count.
    assert_eq!(
        used(&[minutes_ago(24 * 60), h22, h1]).held_by(&move_primary("0001")),
        []
    );
    let elsewhere = full
        .clone()
        .with(|s| s.cache().resource.account = Some("210987654321".into()));
    assert_eq!(elsewhere.held_by(&move_primary("0001")), []);
    assert_eq!(full.held_by(&add("0001", "a")), []);
    let none = used(&[]).with(|s| s.fleet.test_failover_limit = 0);
    assert_eq!(none.hold(Guardrail::Quota, &move_primary("0001")).retry_at, None);
}

#[test]
fn a_shard_is_tried_once_in_24_hours_and_only_real_tries_count() {
    let refused = |counts: bool| TicketOutcome::Refused {
        code: "X".to_owned(),
        message: "x".to_owned(),
        counts,
    };
    let tried = |outcome: TicketOutcome, ago: i64| {
        skewed().with(|s| s.history.tickets = vec![finished(move_primary("0001"), minutes_ago(ago), outcome)])
    };
    for outcome in [
        TicketOutcome::Succeeded,
        TicketOutcome::NoEffect,
        TicketOutcome::Undone { by: "AWS".to_owned() },
        refused(true),
    ] {
        let scene = tried(outcome.clone(), 60);
        assert_eq!(
            scene.held_by(&move_primary("0001")),
            [Guardrail::Quota],
            "{outcome:?}"
        );
        let retry = scene.hold(Guardrail::Quota, &move_primary("0001")).retry_at;
        assert_eq!(retry, Some(at("2026-03-03T11:00:00Z")));
        assert_eq!(scene.held_by(&move_primary("0002")), []);
        assert_eq!(tried(outcome, 24 * 60).held_by(&move_primary("0001")), []);
    }
    for outcome in [
        TicketOutcome::Overtaken,
        TicketOutcome::NeverArrived,
        refused(false),
    ] {
        assert_eq!(
            tried(outcome.clone(), 60).held_by(&move_primary("0001")),
            [],
            "{outcome:?}"
        );
    }
}

#[test]
fn a_zone_without_capacity_is_asked_again_after_ten_minutes() {
    let missed = |ago: i64| {
        scene("a c d", &["a:P c:r"]).with(|s| {
            let zones = [("d".into(), minutes_ago(ago))].into();
            s.history.capacity_misses.insert("cache".into(), zones);
        })
    };
    assert_eq!(missed(9).held_by(&add("0001", "d")), [Guardrail::Capacity]);
    let hold = missed(9).hold(Guardrail::Capacity, &add("0001", "d"));
    assert_eq!(hold.retry_at, Some(at("2026-03-02T12:01:00Z")));
    assert_eq!(missed(9).held_by(&add("0001", "a")), []);
    assert_eq!(missed(10).held_by(&add("0001", "d")), []);
}

#[test]
fn an_account_allows_at_most_its_mode_whatever_mode_and_policy_say() {
    use evenkeel::plan::intent::{Mode, ModeLimit, Policy};
    let (additive, disruptive) = (add("0001", "a"), move_primary("0001"));
    let limited = |mode: Mode, limit: Mode, policy: Option<Policy>| {
        skewed().with(|s| {
            s.intent.mode = mode;
            let types = [ActionType::AddReplica, ActionType::MovePrimary];
            s.intent
                .policy
                .extend(policy.iter().flat_map(|p| types.map(|t| (t, *p))));
            s.intent.mode_limit = Some(ModeLimit {
                account: "prod".to_owned(),
                mode: limit,
            });
        })
    };
    let held = |scene: &Scene| {
        let is_held = |action| scene.held_by(action) == [Guardrail::Mode];
        (is_held(&additive), is_held(&disruptive))
    };
    for policy in [None, Some(Policy::Auto)] {
        assert_eq!(held(&limited(Mode::Enforce, Mode::Observe, policy)), (true, true));
        assert_eq!(
            held(&limited(Mode::Enforce, Mode::Approve, policy)),
            (false, true)
        );
        assert_eq!(
            held(&limited(Mode::Enforce, Mode::Enforce, policy)),
            (false, false)
        );
    }
    // The more careful of the two holds, and the hold says whose it is.
    assert_eq!(held(&limited(Mode::Observe, Mode::Enforce, None)), (true, true));
    let reason = |mode, limit| {
        limited(mode, limit, None)
            .hold(Guardrail::Mode, &disruptive)
            .reason
    };
    assert_eq!(
        reason(Mode::Enforce, Mode::Observe),
        "AWSAccount prod allows at most the mode Observe: MovePrimary is only reported. Whoever manages it can raise \
         its spec.mode."
    );
    let waits = reason(Mode::Enforce, Mode::Approve);
    assert!(
        waits.starts_with("AWSAccount prod allows at most the mode Approve: MovePrimary waits for approval."),
        "{waits}"
    );
    assert!(reason(Mode::Observe, Mode::Observe).starts_with("spec.mode is Observe"));
}
