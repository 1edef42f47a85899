//! The lists of IAM actions against the calls in the source.

use super::*;
use crate::topology::{ShardId, ZoneName, shorthand};
use std::collections::BTreeSet;

/// The client calls in a source text: `self.elasticache.describe_events()` → `elasticache:DescribeEvents`.
fn calls(source: &str) -> BTreeSet<String> {
    let squeezed: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = BTreeSet::new();
    for client in ["elasticache", "cloudwatch", "sts"] {
        for part in squeezed.split(&format!("self.{client}.")).skip(1) {
            let method = part.split('(').next().unwrap();
            let name: String = method.split('_').map(capitalised).collect();
            found.insert(format!("{client}:{name}"));
        }
    }
    found
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

fn listed(actions: &[Operation]) -> BTreeSet<String> {
    actions.iter().map(|action| action.iam_action()).collect()
}

#[test]
fn the_iam_actions_are_exactly_the_calls_made() {
    assert_eq!(calls(include_str!("read.rs")), listed(READ_ACTIONS));
    let write = [WRITE_ACTIONS, CLAIM_ACTIONS].concat();
    assert_eq!(calls(include_str!("write.rs")), listed(&write));
    assert_eq!(calls(include_str!("assume.rs")), listed(ASSUME_ACTIONS));
}

/// The catalogue's constants in a source text: `actions::DESCRIBE_EVENTS` → `DescribeEvents`.
fn named(source: &str) -> BTreeSet<String> {
    let ends = |c: char| !c.is_ascii_uppercase() && c != '_';
    let constants = source.split("actions::").skip(1);
    constants
        .filter_map(|rest| rest.split(ends).next().filter(|name| !name.is_empty()))
        .map(|name| name.to_lowercase().split('_').map(capitalised).collect())
        .collect()
}

#[test]
fn every_call_is_counted_under_its_own_name() {
    let sources = [
        include_str!("read.rs"),
        include_str!("write.rs"),
        include_str!("assume.rs"),
    ];
    let functions = sources
        .iter()
        .flat_map(|source| source.split("async fn ").skip(1));
    let mut checked = 0;
    for function in functions {
        for call in calls(function) {
            let (_, operation) = call.split_once(':').unwrap();
            assert_eq!(
                named(function),
                BTreeSet::from([operation.to_owned()]),
                "{function}"
            );
            checked += 1;
        }
    }
    assert_eq!(
        checked,
        READ_ACTIONS.len() + WRITE_ACTIONS.len() + CLAIM_ACTIONS.len() + ASSUME_ACTIONS.len()
    );
}

fn increase(shard: &str, added: &[&str]) -> ShardIncrease {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let topology = shorthand::topology(now, "a b c", &[shard]);
    let shard = &topology.components[&"cache".into()].shards[&ShardId::from("0001")];
    let added: Vec<ZoneName> = added.iter().map(|z| ZoneName::from(*z)).collect();
    ShardIncrease::new("0001".into(), shard, &added)
}

fn zones(increase: &ShardIncrease) -> (Vec<String>, Option<i32>) {
    let sdk = increase.clone().into_sdk();
    (
        sdk.preferred_availability_zones().to_vec(),
        sdk.new_replica_count(),
    )
}

#[test]
fn an_increase_names_the_primarys_zone_first_then_the_replicas_then_the_new_nodes() {
    let (names, count) = zones(&increase("b:r c:P", &["a"]));
    assert_eq!(
        (names, count),
        (vec!["c".into(), "b".into(), "a".into()], Some(2))
    );
    let (names, count) = zones(&increase("a:P", &["c", "b"]));
    assert_eq!(
        (names, count),
        (vec!["a".into(), "c".into(), "b".into()], Some(2))
    );
}

#[test]
fn an_increase_without_a_known_primary_names_all_members_before_the_new_nodes() {
    let (names, count) = zones(&increase("b:? c:?", &["a"]));
    assert_eq!(
        (names, count),
        (vec!["b".into(), "c".into(), "a".into()], Some(2))
    );
}

#[test]
fn an_increase_counts_members_that_are_down_or_being_built() {
    let (names, count) = zones(&increase("a:r! c:P b:r+", &["b"]));
    assert_eq!(
        (names, count),
        (vec!["c".into(), "a".into(), "b".into(), "b".into()], Some(3))
    );
}
