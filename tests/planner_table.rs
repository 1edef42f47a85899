//! Small stacks and what is planned for them, named by their topology.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "planner/stage.rs"]
#[allow(dead_code)]
mod stage;

use stage::{Stage, spoken};

fn plan(zones: &str, shards: &[&str]) -> Vec<String> {
    spoken(&Stage::new(zones, shards).propose())
}

#[test]
fn scratch() {
    for (zones, shards) in [
        ("a c", &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"][..]),
        ("a c", &["a:P c:r", "c:P a:r"]),
        ("a! b c", &["a:r! c:P", "b:P a:r!"]),
        ("a b c", &["a:r c:P b:r*1", "b:P a:r c:r*2"]),
        ("a c", &["a:P a:r", "a:P a:r"]),
        ("a b", &["x:P a:r"]),
        ("a b c", &["a:P b:r c:r", "a:P b:r c:r", "a:P b:r c:r"]),
        ("a b c", &["a:P b:r", "a:P b:r", "a:P b:r"]),
        (
            "a b c",
            &["a:P b:r", "a:P b:r", "a:P b:r", "a:P b:r", "a:P b:r", "a:P b:r"],
        ),
    ] {
        println!("{zones} | {shards:?} -> {:?}", plan(zones, shards));
    }
}
