//! What holds of every plan, over many random stacks. What the verifier knows too is in `verifier.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel_core::plan::goals::Violations;
use evenkeel_core::plan::place::options::Cost;
use evenkeel_core::plan::{Action, ActionClass, ActionKind, Proposal};
use evenkeel_core::topology::{NodeId, Role, ShardId, ZoneName};
use evenkeel_core_test_support::oracle::Oracle;
use evenkeel_core_test_support::random::{Dice, Drawn, drawn};
use evenkeel_core_test_support::stage::{Stage, expected_winner, say, spoken};
use std::collections::{BTreeMap, BTreeSet};

/// Healthy copies and the zones they stand in, by shard.
fn redundancy(stage: &Stage) -> BTreeMap<ShardId, (usize, usize)> {
    let of = |shard: &evenkeel_core::topology::Shard| {
        let zones: BTreeSet<&ZoneName> = shard.healthy().map(|(_, n)| &n.zone).collect();
        (shard.healthy().count(), zones.len())
    };
    stage
        .shards()
        .iter()
        .map(|(id, shard)| (id.clone(), of(shard)))
        .collect()
}

/// Every replica that could win this move; nobody for other actions.
fn winners(stage: &Stage, action: &Action) -> Vec<Option<NodeId>> {
    match &action.kind {
        ActionKind::MovePrimary { shard } => {
            let replicas = stage
                .shard(shard)
                .nodes
                .iter()
                .filter(|(_, n)| n.role == Role::Replica);
            replicas.map(|(id, _)| Some(id.clone())).collect()
        }
        _ => vec![None],
    }
}

/// A settled state is no worse than the one before: no shard has fewer healthy copies or zones than before unless it
/// had more than it wants, and goals 1 to 3 are as well met.
fn assert_no_worse(before: &Stage, after: &Stage, words: &str) {
    let (then, now) = (redundancy(before), redundancy(after));
    for (id, (copies, zones)) in &then {
        let wanted = wanted(before, id);
        let (copies_now, zones_now) = now[id];
        assert!(
            copies_now >= *copies.min(&wanted),
            "{words}: shard {id} has {copies_now} copies of {copies}"
        );
        assert!(
            zones_now >= *zones.min(&wanted),
            "{words}: shard {id} stands in {zones_now} of {zones} zones"
        );
    }
    let (then, now) = (Oracle::new(before).now(), Oracle::new(after).now());
    for goal in 0..3 {
        assert!(
            now[goal] <= then[goal],
            "{words}: goal {} goes from {} to {}",
            goal + 1,
            then[goal],
            now[goal]
        );
    }
}

/// The count that the shard should keep: its members less our open additions, or the minimum.
fn wanted(stage: &Stage, id: &ShardId) -> usize {
    let nodes = &stage.shard(id).nodes;
    let open = |node: &NodeId| {
        let added = stage.history.added_nodes.get(node);
        added
            .and_then(|a| a.replaces.as_ref())
            .is_some_and(|old| nodes.contains_key(old))
    };
    let min = stage.intent.caches[&"cache".into()].min_replicas_per_shard as usize + 1;
    min.max(nodes.len() - nodes.keys().filter(|n| open(n)).count())
}

#[test]
fn redundancy_is_never_worse_from_settled_state_to_settled_state_whoever_wins() {
    let mut disruptions = 0;
    for Drawn { words, stage } in drawn(0..10_000) {
        let mut state = stage.clone();
        for action in stage.propose().actions {
            for winner in winners(&state, &action) {
                let after = state.after(&action, winner.as_ref());
                assert_no_worse(&state, &after, &format!("{words}\n at {}", say(&action)));
            }
            disruptions += usize::from(action.kind.class() == ActionClass::Disruptive);
            state = state.after(&action, None);
        }
    }
    assert!(disruptions > 5000, "{disruptions}");
}

#[test]
fn no_move_makes_any_goal_worse_whoever_wins_and_the_expected_winner_improves_one() {
    let mut moves = 0;
    for Drawn { words, stage } in drawn(10_000..20_000) {
        let mut state = stage.clone();
        for action in stage.propose().actions {
            if matches!(action.kind, ActionKind::MovePrimary { .. }) {
                moves += 1;
                let before = Oracle::new(&state).now();
                for winner in winners(&state, &action) {
                    let after = Oracle::new(&state.after(&action, winner.as_ref())).now();
                    let worse = before.iter().zip(after).position(|(b, a)| a > *b);
                    assert_eq!(worse, None, "{words}\n {} won by {winner:?}", say(&action));
                }
                let after = Oracle::new(&state.after(&action, None)).now();
                assert!(after < before, "{words}\n {} gains nothing", say(&action));
            }
            state = state.after(&action, None);
        }
    }
    assert!(moves > 2000, "{moves}");
}

#[test]
fn no_shard_ends_below_the_nodes_it_had_surplus_of_ours_aside() {
    for Drawn { words, stage } in drawn(20_000..30_000) {
        let actions = stage.propose().actions;
        let mut state = stage.clone();
        for action in &actions {
            state = state.after(action, None);
            for id in state.shards().keys() {
                let (had, has) = (stage.shard(id).nodes.len(), state.shard(id).nodes.len());
                assert!(
                    has >= wanted(&stage, id).min(had),
                    "{words}\n shard {id} has {has} of {had} at {}",
                    say(action)
                );
            }
        }
        for (id, shard) in stage.shards() {
            let gone = |n: &NodeId| !state.shard(id).nodes.contains_key(n);
            let of_others = shard
                .nodes
                .iter()
                .filter(|(n, node)| gone(n) && !node.added_by_us)
                .count();
            let added = actions
                .iter()
                .filter(|a| a.kind.shard() == Some(id) && say(a).starts_with("add"))
                .count();
            let open = shard
                .nodes
                .keys()
                .filter(|n| stage.history.added_nodes.contains_key(n))
                .count();
            assert!(
                of_others <= added + open,
                "{words}\n shard {id} lost {of_others} nodes that were not ours"
            );
        }
    }
}

/// One try per shard and 24 h (guardrail `quota`): a second move of a shard is not for now.
fn second_move(first: &[Action], then: &Action) -> bool {
    let moves = |a: &&Action| matches!(a.kind, ActionKind::MovePrimary { .. });
    moves(&then)
        && first
            .iter()
            .filter(moves)
            .any(|a| a.kind.shard() == then.kind.shard())
}

#[test]
fn planning_after_applying_is_a_no_op() {
    for Drawn { words, stage } in drawn(60_000..70_000) {
        let proposal = stage.propose();
        let after = stage.after_all(&proposal.actions);
        let mut again = after.propose();
        again.actions.retain(|then| !second_move(&proposal.actions, then));
        assert_eq!(spoken(&again), [""; 0], "{words}\n after {:?}", spoken(&proposal));
    }
}

/// What a plan leaves and what it costs, the less the better.
fn worth(after: Violations, cost: Cost) -> (Violations, [i64; 3]) {
    (after, [cost.disruptive, cost.nodes, cost.foreign])
}

#[test]
fn after_each_step_what_is_planned_is_at_least_as_good_as_what_remained() {
    let (mut steps, mut same) = (0, 0);
    for Drawn { words, stage } in drawn(70_000..74_000) {
        let Proposal {
            actions,
            after,
            mut cost,
            ..
        } = stage.propose();
        let mut state = stage.clone();
        for (i, action) in actions.iter().enumerate() {
            let ours = |node: &NodeId| {
                state.topology.components[&action.component]
                    .shards
                    .values()
                    .any(|s| s.nodes.get(node).is_some_and(|n| n.added_by_us))
            };
            match &action.kind {
                ActionKind::AddReplica { .. } => cost.nodes -= 1,
                ActionKind::RemoveReplica { node, .. } => {
                    cost.disruptive -= 1;
                    cost.nodes -= 1;
                    cost.foreign -= i64::from(!ours(node));
                }
                ActionKind::MovePrimary { .. } => cost.disruptive -= 1,
                _ => {}
            }
            state = state.after(action, None);
            let now = state.propose();
            assert!(
                worth(now.after, now.cost) <= worth(after, cost),
                "{words}\n after {:?}\n {:?} {:?}\n {after:?} {cost:?}",
                actions[..=i].iter().map(say).collect::<Vec<_>>(),
                now.after,
                now.cost
            );
            let rest: Vec<String> = actions[i + 1..].iter().map(say).collect();
            same += usize::from(spoken(&now) == rest);
            steps += 1;
        }
    }
    assert!(steps > 12_000, "{steps}");
    assert!(same * 100 > steps * 95, "{same} of {steps}");
}

#[test]
fn no_step_is_needless() {
    for Drawn { words, stage } in drawn(80_000..90_000) {
        let proposal = stage.propose();
        let all = Oracle::new(&stage.after_all(&proposal.actions)).now();
        let shards: BTreeSet<&ShardId> = proposal.actions.iter().filter_map(|a| a.kind.shard()).collect();
        for shard in shards {
            let without: Vec<Action> = proposal
                .actions
                .iter()
                .filter(|a| a.kind.shard() != Some(shard))
                .cloned()
                .collect();
            let less = Oracle::new(&stage.after_all(&without)).now();
            assert!(
                all < less,
                "{words}\n shard {shard} acts for nothing: {:?}",
                spoken(&proposal)
            );
        }
    }
}

#[test]
fn the_order_in_which_things_are_listed_changes_nothing() {
    for Drawn { words, stage } in drawn(90_000..92_000) {
        let mut shuffled = stage.clone();
        let mut dice = Dice::new(1);
        let component = shuffled.topology.components.get_mut(&"cache".into()).unwrap();
        let mut shards: Vec<_> = std::mem::take(&mut component.shards).into_iter().collect();
        while !shards.is_empty() {
            let (id, mut shard) = shards.swap_remove(dice.below(shards.len()));
            let nodes: Vec<_> = std::mem::take(&mut shard.nodes).into_iter().rev().collect();
            shard.nodes.extend(nodes);
            component.shards.insert(id, shard);
        }
        assert_eq!(shuffled.propose(), stage.propose(), "{words}");
    }
}

#[test]
fn a_loop_that_plans_after_each_step_settles_whoever_wins() {
    for Drawn { words, mut stage } in drawn(92_000..96_000) {
        let mut dice = Dice::new(7);
        let mut taken = Vec::new();
        let mut moves: BTreeMap<ShardId, usize> = BTreeMap::new();
        while let Some(action) = stage.propose().actions.first().cloned() {
            let winners = winners(&stage, &action);
            let winner = dice.pick(&winners).clone();
            if let ActionKind::MovePrimary { shard } = &action.kind {
                let tries = moves.entry(shard.clone()).or_default();
                *tries += 1;
                // Chance may go against us for long, but not for ever.
                let lucky = *tries > 8;
                let winner = if lucky {
                    expected_winner(stage.shard(shard))
                } else {
                    winner
                };
                let after = stage.after(&action, winner.as_ref());
                assert_no_worse(&stage, &after, &words);
                stage = after;
            } else {
                stage = stage.after(&action, None);
            }
            taken.push(say(&action));
            assert!(taken.len() < 400, "{words}\n goes on and on: {taken:?}");
        }
    }
}
