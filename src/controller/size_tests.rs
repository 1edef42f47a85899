//! How large a HAStack's status can become: etcd refuses objects above 1.5 MiB, and every watcher reads each change.

use super::record;
use crate::plan::history::{
    AddedNode, Approval, DegradedBy, Phase, SeenPrimary, ShardBefore, Ticket, ZoneMemory,
};
use crate::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives};
use crate::plan::{
    Action, ActionId, ActionKind, ActionType, Decision, Fleet, History, Input, PlanId, Purpose, plan,
};
use crate::report::status::{Subject, status};
use crate::topology::shorthand::topology;
use crate::topology::{ComponentName, Failover, FailoverClass, StackName, Topology, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The largest group that AWS allows: 500 nodes, 166 shards of three.
const SHARDS: usize = 166;

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn component(i: usize) -> ComponentName {
    format!("component-number-{i:02}").as_str().into()
}

/// Groups of the largest size, zone a down, nothing else where the copies could go.
fn world(groups: usize) -> (Intent, Topology) {
    let cache = |i: usize| CacheIntent {
        replication_group: format!("replication-group-number-{i:02}"),
        min_replicas_per_shard: 2,
        max_skew: None,
        preferred_primary_zones: BTreeSet::new(),
    };
    let guardrails = GuardrailSettings {
        max_added_nodes: 1000,
        ..GuardrailSettings::default()
    };
    let intent = Intent {
        stack: StackName::new("shop", "web"),
        created: None,
        canonical_spec: String::new(),
        mode: Mode::Approve,
        policy: [].into(),
        region: "test-region-1".into(),
        account_ref: None,
        mode_limit: None,
        zones: ["a", "b", "c", "d"].map(|z| (z.into(), None)).into(),
        objectives: Objectives {
            recovery_time: Some(SignedDuration::from_secs(1)),
            recovery_point: Some(SignedDuration::ZERO),
        },
        max_skew: 1,
        guardrails,
        caches: (0..groups).map(|i| (component(i), cache(i))).collect(),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    };
    let drawn: Vec<&str> = ["a:r! b:P c:r", "b:P a:r! c:r"]
        .into_iter()
        .cycle()
        .take(SHARDS)
        .collect();
    let mut topology = topology(now(), "a! b c d", &drawn);
    let one = topology.components.remove(&"cache".into()).unwrap();
    for i in 0..groups {
        topology.components.insert(component(i), one.clone());
    }
    (intent, topology)
}

/// A record in which everything has happened that can have.
fn history(topology: &Topology) -> History {
    let mut history = History {
        began: Some(now()),
        zones: ["a", "b", "c", "d"]
            .map(|z| {
                let memory = ZoneMemory {
                    state: ZoneState::Impaired,
                    left_trouble: Some(now()),
                };
                (z.into(), memory)
            })
            .into(),
        ..History::default()
    };
    for (name, component) in &topology.components {
        let shards = &component.shards;
        let primary = |shard: &crate::topology::Shard| shard.nodes.keys().next().cloned().unwrap();
        history.primaries.insert(
            name.clone(),
            shards
                .iter()
                .map(|(id, s)| {
                    let seen = SeenPrimary {
                        node: primary(s),
                        replaced_by: Some((primary(s), now())),
                    };
                    (id.clone(), seen)
                })
                .collect(),
        );
        history.degraded.insert(
            name.clone(),
            shards
                .keys()
                .map(|id| (id.clone(), DegradedBy::SomethingElse))
                .collect(),
        );
    }
    add_what_happened(&mut history, topology);
    history
}

/// Tickets, approvals, failovers and nodes of ours, all on the first component.
fn add_what_happened(history: &mut History, topology: &Topology) {
    let (name, component) = topology.components.iter().next().unwrap();
    let add = |id: &crate::topology::ShardId| Action {
        id: ActionId(format!("add-replica-{name}-{id}-test-region-1a")),
        component: name.clone(),
        kind: ActionKind::AddReplica {
            shard: id.clone(),
            zone: "d".into(),
            replaces: None,
        },
        from_zone: None,
        to_zone: Some("d".into()),
        why: "It restores redundancy, as a long sentence tells that people like to read. ".repeat(3),
    };
    for i in 0..3 {
        history.tickets.push(Ticket {
            id: format!("20260302T12000{i}Z-add-replica"),
            actions: component.shards.keys().map(add).collect(),
            phase: if i == 0 { Phase::Settling } else { Phase::Done },
            prepared_at: now(),
            called_at: Some(now()),
            deadline: now(),
            before: component
                .shards
                .iter()
                .map(|(id, s)| {
                    let before = ShardBefore {
                        members: s.nodes.keys().cloned().collect(),
                        primary: s.nodes.keys().next().cloned(),
                    };
                    (id.clone(), before)
                })
                .collect(),
            finished_at: None,
            outcome: None,
            holder: "evenkeel-7f9c8b6d5-x2x4z_0b1c2d3e".to_owned(),
            incarnation: None,
        });
    }
    history.approvals = (0..10)
        .map(|i| Approval {
            plan: PlanId(format!("{i:012}")),
            first_seen: now(),
            covers: component
                .shards
                .keys()
                .map(|id| (ActionType::MovePrimary, name.clone(), id.to_string()))
                .collect(),
            done: 0,
            spent: false,
        })
        .collect();
    history.failovers = (0..History::MAX_FAILOVERS)
        .map(|i| Failover {
            id: format!("{name}-0001-20260302T1200{i:02}Z"),
            at: now(),
            component: name.clone(),
            shard: "0001".into(),
            from: Some("cache-0001-001".into()),
            to: Some("cache-0001-002".into()),
            class: FailoverClass::Provider,
            duration_seconds: Some(63),
        })
        .collect();
    history.added_nodes = (0..20)
        .map(|i| {
            let added = AddedNode {
                component: name.clone(),
                shard: "0001".into(),
                at: now(),
                replaces: Some("cache-0001-001".into()),
                created: None,
            };
            (format!("cache-0001-{i:03}").as_str().into(), added)
        })
        .collect();
}

fn judged(intent: &Intent, topology: &Topology, history: &History) -> Decision {
    plan(&Input {
        intent,
        topology,
        history,
        fleet: &Fleet {
            installation: Some("demo".to_owned()),
            max_added_nodes: 10_000,
            ..Fleet::default()
        },
        purpose: &Purpose::Propose,
        now: now(),
    })
}

/// Bytes of `status` with its record, as JSON.
fn size(groups: usize) -> usize {
    let (intent, topology) = world(groups);
    let history = history(&topology);
    let decision = judged(&intent, &topology, &history);
    assert!(
        decision.actions.len() >= SHARDS,
        "{} actions",
        decision.actions.len()
    );
    let mut status = status(
        &Subject {
            intent: &intent,
            generation: Some(7),
            spec_problem: None,
            unobserved: None,
            topology: Some(&topology),
            decision: Some(&decision),
            history: &history,
            now: now(),
        },
        None,
    );
    let plan = status.plan.as_ref().unwrap();
    assert!(plan.more_actions.is_some());
    status.record = Some(record::encode(&history, "evenkeel-7f9c8b6d5-x2x4z_0b1c2d3e").unwrap());
    serde_json::to_string(&status).unwrap().len()
}

#[test]
fn the_status_of_the_largest_group_in_its_worst_hour_stays_under_64_kib() {
    let bytes = size(1);
    assert!(bytes < 64 * 1024, "{bytes} bytes");
}

#[test]
fn ten_such_groups_stay_under_512_kib() {
    let bytes = size(10);
    assert!(bytes < 512 * 1024, "{bytes} bytes");
}
