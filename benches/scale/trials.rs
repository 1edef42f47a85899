//! From evidence to call: somebody takes a replica of each shard away from one stack; when a poll has seen it, how long
//! until the call that adds them again?

use crate::fleet::STACKS;
use evenkeel::clock::Stopwatch;
use evenkeel_sim::{Call, Sim};
use std::time::Duration;

/// Pages of one poll: 100 groups, 100 members.
const GROUP_PAGES: usize = STACKS / 100;
const MEMBER_PAGES: usize = STACKS * 6 / 100;

/// Milliseconds of each trial, one stack after the other.
pub async fn run(sim: &Sim, trials: usize) -> Vec<f64> {
    settled(sim).await;
    let mut delays = Vec::new();
    for trial in 1..=trials {
        let delay = one(sim, &format!("cache-{trial:04}")).await;
        delays.push(delay);
        if trial % 10 == 0 {
            eprintln!("trial {trial}: {delay:.0} ms");
        }
    }
    delays.sort_by(f64::total_cmp);
    delays
}

/// A few polls have passed, so that roles and owner's tags are known.
async fn settled(sim: &Sim) {
    let polls = || list_calls(&sim.calls(), "DescribeReplicationGroups").len() / GROUP_PAGES;
    wait("polls", async || polls() >= 6).await;
}

async fn one(sim: &Sim, group: &str) -> f64 {
    let actor = format!("does:\n  terraform: {{group: {group}, replicas: 1}}\n");
    sim.actor_yaml(&actor).unwrap();
    wait("nodes removed", async || {
        sim.with_world(|w| {
            let cells = w.stores.values().flat_map(|s| &s.cells);
            let current = cells
                .filter(|(id, _)| *id == group)
                .find_map(|(_, cell)| cell.current.as_ref());
            current.is_some_and(|g| g.operation.is_none() && g.shards.values().all(|s| s.nodes.len() == 2))
        })
    })
    .await;
    let gone = sim.mark();
    let adds = |c: &Call| {
        c.operation == "IncreaseReplicaCount"
            && c.params.get("ReplicationGroupId").is_some_and(|g| g == group)
    };
    wait("IncreaseReplicaCount", async || {
        sim.calls_since(gone).iter().any(adds)
    })
    .await;
    let calls = sim.calls_since(gone);
    let call = calls.iter().find(|c| adds(c)).unwrap();
    let seen = first_poll(&calls).expect("a call follows a poll");
    call.real_at.duration_since(seen.real_at).as_secs_f64() * 1e3
}

/// The last page of the first poll that began since.
fn first_poll(calls: &[Call]) -> Option<&Call> {
    let groups = list_calls(calls, "DescribeReplicationGroups");
    let begins = groups.iter().position(|c| !c.params.contains_key("Marker"))?;
    let start = groups[begins];
    let last_groups = groups.get(begins + GROUP_PAGES - 1)?;
    let members = list_calls(calls, "DescribeCacheClusters");
    let last_members = members
        .iter()
        .filter(|c| c.seq > start.seq)
        .nth(MEMBER_PAGES - 1)?;
    [*last_groups, *last_members].into_iter().max_by_key(|c| c.seq)
}

/// Calls that list everything.
fn list_calls<'c>(calls: &'c [Call], operation: &str) -> Vec<&'c Call> {
    let of_one = ["ReplicationGroupId", "CacheClusterId"];
    calls
        .iter()
        .filter(|c| c.operation == operation && !of_one.iter().any(|p| c.params.contains_key(*p)))
        .collect()
}

async fn wait(what: &str, met: impl AsyncFn() -> bool) {
    let waited = Stopwatch::start();
    while !met().await {
        assert!(waited.elapsed() < Duration::from_mins(2), "waited for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Of sorted values, by the nearest rank; the share in percent.
pub fn quantile(sorted: &[f64], share: usize) -> f64 {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}
