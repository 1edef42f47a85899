//! The planner against an oracle that tries everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "planner/oracle.rs"]
#[allow(dead_code, clippy::cast_possible_wrap)]
mod oracle;
#[path = "planner/random.rs"]
#[allow(dead_code, clippy::cast_possible_truncation)]
mod random;
#[path = "planner/stage.rs"]
#[allow(dead_code)]
mod stage;

use evenkeel::plan::ActionKind;
use evenkeel::topology::ShardId;
use oracle::Oracle;
use random::{Shape, draw};
use stage::Stage;

/// The steps of a plan, shard by shard.
fn by_shard(stage: &Stage) -> Vec<(ShardId, ActionKind)> {
    let mut list: Vec<(ShardId, ActionKind)> = stage
        .propose()
        .actions
        .into_iter()
        .filter_map(|a| Some((a.kind.shard()?.clone(), a.kind)))
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list
}

fn assert_best(stage: &Stage, words: &str) {
    let oracle = Oracle::new(stage);
    println!("{words}");
    let (vector, list) = oracle.best();
    let proposal = stage.propose();
    let planned = oracle.worth(&proposal.actions, &stage.after_all(&proposal.actions));
    assert_eq!(
        planned,
        vector,
        "{words}\n planned {:?}\n oracle {list:?}",
        stage::spoken(&proposal)
    );
    assert_eq!(by_shard(stage), list, "{words}");
}

#[test]
fn small_odd_stacks_are_planned_as_the_oracle_would() {
    let shape = Shape {
        shards: 3,
        zones: 4,
        nodes: 4,
        odd: 6,
    };
    let mut compared = 0;
    for seed in 0..3000 {
        let drawn = draw(seed, shape);
        if Oracle::new(&drawn.stage).combinations() <= 20_000 {
            assert_best(&drawn.stage, &drawn.words);
            compared += 1;
        }
    }
    println!("compared {compared}");
    assert!(compared > 2000);
}
