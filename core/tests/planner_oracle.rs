//! The planner against an oracle that tries everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel_core::plan::{Action, ActionKind};
use evenkeel_core::topology::ShardId;
use evenkeel_core_test_support::oracle::Oracle;
use evenkeel_core_test_support::random::{Shape, draw};
use evenkeel_core_test_support::solver;
use evenkeel_core_test_support::stage::{self, Stage};

/// The steps of a plan, shard by shard.
fn by_shard(actions: &[Action]) -> Vec<(ShardId, ActionKind)> {
    let mut list: Vec<(ShardId, ActionKind)> = actions
        .iter()
        .filter_map(|a| Some((a.kind.shard()?.clone(), a.kind.clone())))
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list
}

fn assert_best(stage: &Stage, words: &str) {
    let oracle = Oracle::new(stage);
    let (vector, list) = oracle.best();
    let proposal = stage.propose();
    let planned = oracle.worth(&proposal.actions, &stage.after_all(&proposal.actions));
    assert_eq!(
        planned,
        vector,
        "{words}\n planned {:?}\n oracle {list:?}",
        stage::spoken(&proposal)
    );
    assert_eq!(by_shard(&proposal.actions), list, "{words}");
}

/// Every shard of one to three nodes in three zones, colocated ones included; the primary is the first node, and of
/// two replicas the first one wins a failover.
fn every_shard() -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    for nodes in 1..=3 {
        for code in 0..3_usize.pow(nodes) {
            all.push((0..nodes).map(|i| code / 3_usize.pow(i) % 3).collect());
        }
    }
    all
}

/// The same stack with zones called otherwise, shards in the smallest order: equal for stacks that differ by names
/// alone.
fn canonical(shards: &[&Vec<usize>]) -> bool {
    let renamed = |names: [usize; 3]| {
        let mut all: Vec<Vec<usize>> = shards
            .iter()
            .map(|s| s.iter().map(|z| names[*z]).collect())
            .collect();
        all.sort();
        all
    };
    let own = renamed([0, 1, 2]);
    [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        .into_iter()
        .all(|names| own <= renamed(names))
}

fn words(shard: &[usize]) -> String {
    let node =
        |(i, z): (usize, &usize)| format!("{}:{}", ["a", "b", "c"][*z], if i == 0 { "P" } else { "r" });
    shard.iter().enumerate().map(node).collect::<Vec<_>>().join(" ")
}

/// Compares every stack whose smallest shard is one of those that `mine` picks; how many there were.
fn compare_all(count: usize, mine: impl Fn(usize) -> bool) -> usize {
    let shards = every_shard();
    let mut compared = 0;
    let mut pick = vec![0; count];
    loop {
        let drawn: Vec<&Vec<usize>> = pick.iter().map(|i| &shards[*i]).collect();
        if mine(pick[0]) && canonical(&drawn) {
            let lines: Vec<String> = drawn.iter().map(|s| words(s)).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_best(&Stage::new("a b c", &lines), &format!("{lines:?}"));
            compared += 1;
        }
        // The next multiset: not falling from left to right.
        let Some(at) = (0..count).rev().find(|i| pick[*i] + 1 < shards.len()) else {
            return compared;
        };
        let next = pick[at] + 1;
        pick[at..].fill(next);
    }
}

#[test]
fn every_stack_of_up_to_three_shards_in_three_zones_with_three_nodes_is_planned_best() {
    assert_eq!(
        compare_all(1, |_| true) + compare_all(2, |_| true) + compare_all(3, |_| true),
        1963
    );
}

#[test]
fn every_stack_of_four_shards_in_three_zones_with_three_nodes_is_planned_best() {
    assert_eq!(compare_all(4, |_| true), 18_802);
}

/// Few enough combinations to try them all.
const SMALL_AND_ODD: Shape = Shape {
    shards: 3,
    zones: 4,
    nodes: 4,
    odd: 6,
};

#[test]
fn small_odd_stacks_are_planned_as_the_oracle_would() {
    let mut compared = 0;
    for seed in 0..3000 {
        let drawn = draw(seed, SMALL_AND_ODD);
        if Oracle::new(&drawn.stage).combinations() <= 20_000 {
            assert_best(&drawn.stage, &drawn.words);
            compared += 1;
        }
    }
    assert_eq!(compared, 3000);
}

/// Compares what plans of these stacks are worth with what a solver finds; how many there were.
fn compare_with_solver(seeds: std::ops::Range<u64>, shape: Shape) -> usize {
    let mut compared = 0;
    for seed in seeds {
        let drawn = draw(seed, shape);
        let oracle = Oracle::new(&drawn.stage);
        let Some(best) = solver::best(&oracle) else {
            continue;
        };
        let proposal = drawn.stage.propose();
        let planned = oracle.worth(&proposal.actions, &drawn.stage.after_all(&proposal.actions));
        assert_eq!(planned, best, "{}", drawn.words);
        compared += 1;
    }
    compared
}

#[test]
fn a_solver_finds_what_trying_everything_finds() {
    let mut compared = 0;
    for seed in 0..300 {
        let drawn = draw(seed, SMALL_AND_ODD);
        let oracle = Oracle::new(&drawn.stage);
        let Some(best) = solver::best(&oracle) else {
            continue;
        };
        assert_eq!(best, oracle.best().0, "{}", drawn.words);
        compared += 1;
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn random_stacks_of_up_to_250_shards_are_planned_best() {
    let shape = Shape {
        shards: 250,
        zones: 3,
        nodes: 3,
        odd: 0,
    };
    assert_eq!(compare_with_solver(0..200, shape), 200);
}

#[test]
fn odd_stacks_of_up_to_250_shards_are_planned_best() {
    let shape = Shape {
        shards: 250,
        zones: 3,
        nodes: 3,
        odd: 6,
    };
    let compared = compare_with_solver(0..200, shape);
    assert!(compared > 100, "{compared}");
}
