//! Over a thousand random stacks: whatever else is the case, an action that nothing holds is safe.
//!
//! What "safe" means is read off the scene here, without the code under test.

use crate::support::*;
use evenkeel::plan::history::AddedNode;
use evenkeel::plan::{Action, ActionClass, ActionKind, Guardrail, Purpose};
use evenkeel::topology::{Gap, Health, Node, NodeId, Owner, ResourceStatus, Role, Shard, Switch, ZoneState};
use proptest::prelude::*;
use std::collections::BTreeSet;

const ZONES: [&str; 3] = ["a", "c", "d"];

fn word() -> impl Strategy<Value = String> {
    let zone = prop::sample::select(ZONES.to_vec());
    let health = prop_oneof![12 => Just(""), 1 => Just("!"), 1 => Just("+")];
    let lag = prop_oneof![6 => Just(""), 1 => Just("~5000"), 1 => Just("~-")];
    let ours = prop_oneof![2 => Just(""), 1 => Just("*")];
    (zone, health, ours, lag).prop_map(|(zone, health, ours, lag)| format!("{zone}:r{health}{ours}{lag}"))
}

/// One primary as a rule; now and then none, two, or one that nobody knows.
fn shard() -> impl Strategy<Value = String> {
    let roles = prop_oneof![8 => Just("P"), 1 => Just("r"), 1 => Just("?")];
    (prop::collection::vec(word(), 1..=4), roles).prop_map(|(words, role)| {
        let words: Vec<String> = words
            .into_iter()
            .enumerate()
            .map(|(i, w)| {
                if i == 0 {
                    w.replacen(":r", &format!(":{role}"), 1)
                } else {
                    w
                }
            })
            .collect();
        words.join(" ")
    })
}

/// One kind of trouble in half of the scenes.
fn trouble(kind: u8, s: &mut Scene) {
    match kind {
        0 => s.cache().status = ResourceStatus::Modifying,
        1 => s.cache().members_match = false,
        2 => s.cache().gaps = vec![Gap::Metrics("blind".to_owned())],
        3 => s.cache().owner = Owner::Nobody,
        4 => s.zone("d", ZoneState::Impaired, None),
        5 => s.zone("a", ZoneState::Unknown, None),
        6 => s.cache().settings.automatic_failover = Switch::Disabled,
        7 => s.intent.annotations.paused = true,
        8 => s.topology.observed_at = minutes_ago(20),
        9 => s.nodes().for_each(|n| n.role_proof = None),
        10 => s.history.last_foreign_recovery = Some(minutes_ago(3)),
        _ => {}
    }
}

fn stack() -> impl Strategy<Value = Scene> {
    let shards = prop::collection::vec(shard(), 1..=3);
    (shards, 0..22u8, 0..=2u32, any::<bool>()).prop_map(|(shards, kind, min, acting)| {
        let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
        let mut scene = scene("a c d", &shards);
        scene.wanted().min_replicas_per_shard = min;
        own_what_is_marked(&mut scene);
        trouble(kind, &mut scene);
        if acting { scene.acting() } else { scene }
    })
}

/// Each node of ours replaces the first replica of its shard that isn't ours, if there is one.
fn own_what_is_marked(scene: &mut Scene) {
    let mut added = Vec::new();
    for (id, shard) in &scene.cache().shards {
        let replaced = shard
            .nodes
            .iter()
            .find(|(_, n)| !n.added_by_us && n.role == Role::Replica);
        for (node, _) in shard.nodes.iter().filter(|(_, n)| n.added_by_us) {
            let entry = AddedNode {
                component: "cache".into(),
                shard: id.clone(),
                at: minutes_ago(60),
                replaces: replaced.map(|(id, _)| id.clone()),
                created: None,
            };
            added.push((node.clone(), entry));
        }
    }
    scene.history.added_nodes.extend(added);
}

/// Everything that could be done to this stack.
fn everything(scene: &Scene) -> Vec<Action> {
    let mut actions = vec![enable_failover(), enable_multi_az()];
    for (id, shard) in &scene.topology.components[&"cache".into()].shards {
        actions.push(move_primary(id.as_str()));
        actions.extend(ZONES.map(|zone| add(id.as_str(), zone)));
        for node in shard.nodes.keys() {
            let kind = ActionKind::RemoveReplica {
                shard: id.clone(),
                node: node.clone(),
            };
            actions.push(action(&format!("remove-{node}"), kind));
        }
    }
    actions
}

fn healthy(shard: &Shard) -> Vec<&Node> {
    shard
        .nodes
        .values()
        .filter(|n| n.health == Health::Healthy)
        .collect()
}

fn zones<'n>(nodes: impl Iterator<Item = &'n Node>) -> usize {
    nodes.map(|n| &n.zone).collect::<BTreeSet<_>>().len()
}

fn check_free(scene: &Scene, action: &Action) {
    let cache = &scene.topology.components[&"cache".into()];
    assert_eq!(cache.status, ResourceStatus::Available);
    assert!(cache.members_match && cache.gaps.is_empty() && cache.owner == Owner::Ours);
    assert!(!scene.intent.annotations.paused);
    assert!(scene.topology.observed_at > minutes_ago(6));
    if let Some(shard) = action.kind.shard() {
        let built = cache.shards[shard]
            .nodes
            .values()
            .any(|n| n.health == Health::Creating);
        assert!(!built, "a node of the shard is being built");
    }
    match &action.kind {
        ActionKind::AddReplica { zone, .. } => {
            assert_eq!(scene.topology.zones[zone].state, ZoneState::Healthy);
        }
        ActionKind::RemoveReplica { shard, node } => check_removal(scene, &cache.shards[shard], node),
        ActionKind::MovePrimary { shard } => check_failover(scene, &cache.shards[shard]),
        ActionKind::EnableAutomaticFailover { .. } => {
            assert!(cache.shards.values().all(|s| healthy(s).len() >= 2));
        }
        ActionKind::EnableMultiAz { .. } => {
            assert!(cache.shards.values().all(|s| zones(healthy(s).into_iter()) >= 2));
        }
    }
    if action.kind.class() == ActionClass::Disruptive {
        assert!(
            scene
                .topology
                .zones
                .values()
                .all(|z| z.state == ZoneState::Healthy)
        );
        assert!(cache.shards.values().all(|s| healthy(s).len() == s.nodes.len()));
        let least = 1 + scene.intent.caches[&"cache".into()].min_replicas_per_shard as usize;
        assert!(cache.shards.values().all(|s| s.nodes.len() >= least));
        assert!(scene.history.last_foreign_recovery.is_none());
    }
}

fn is_acting(scene: &Scene) -> bool {
    matches!(scene.purpose, Purpose::Act { .. })
}

fn check_removal(scene: &Scene, shard: &Shard, node: &NodeId) {
    let least = 1 + scene.intent.caches[&"cache".into()].min_replicas_per_shard as usize;
    assert_eq!(shard.nodes[node].role, Role::Replica);
    assert_eq!(
        shard.nodes.values().filter(|n| n.role == Role::Primary).count(),
        1
    );
    let left = || shard.nodes.iter().filter(|(id, _)| *id != node).map(|(_, n)| n);
    assert!(left().count() >= least);
    assert!(
        zones(left()) >= least.min(zones(shard.nodes.values())),
        "fewer zones than before"
    );
    // What goes is ours, or has a healthy replacement of ours.
    let replaced = scene
        .history
        .added_nodes
        .iter()
        .any(|(new, added)| added.replaces.as_ref() == Some(node) && shard.nodes.contains_key(new));
    let open = scene.history.added_nodes.iter().any(|(new, added)| {
        shard.nodes.contains_key(new)
            && added
                .replaces
                .as_ref()
                .is_some_and(|old| shard.nodes.contains_key(old))
    });
    assert!(replaced || open, "a node goes that nothing replaces");
    if is_acting(scene) {
        assert!(shard.nodes.values().all(|n| n.role_proof.is_some()));
    }
}

fn check_failover(scene: &Scene, shard: &Shard) {
    assert!(shard.nodes.len() >= 2);
    assert!(shard.nodes.values().all(|n| n.health == Health::Healthy));
    assert_eq!(
        shard.nodes.values().filter(|n| n.role == Role::Primary).count(),
        1
    );
    assert!(shard.nodes.values().all(|n| n.role != Role::Unknown));
    let acting = is_acting(scene);
    let lags = shard
        .nodes
        .values()
        .filter(|n| n.role == Role::Replica)
        .map(|n| n.lag);
    for lag in lags {
        assert!(lag.is_none_or(|lag| lag <= seconds(1)));
        assert!(lag.is_some() || !acting);
    }
    let settings = &scene.topology.components[&"cache".into()].settings;
    assert_eq!(settings.automatic_failover, Switch::Enabled);
    assert!(!acting || shard.nodes.values().all(|n| n.role_proof.is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_action_that_nothing_holds_is_safe(scene in stack()) {
        for action in everything(&scene) {
            if scene.held_by(&action).is_empty() {
                check_free(&scene, &action);
            }
        }
    }

    #[test]
    fn additive_actions_are_never_held_by_what_keeps_disruption_back(scene in stack()) {
        let keeps_disruption_back = [
            Guardrail::ProviderMaintenance,
            Guardrail::Redundancy,
            Guardrail::ReplicationLag,
            Guardrail::QuietPeriod,
            Guardrail::Acknowledgement,
            Guardrail::Window,
            Guardrail::DenyWindow,
            Guardrail::Quota,
        ];
        let additive = everything(&scene).into_iter().filter(|a| a.kind.class() == ActionClass::Additive);
        for action in additive {
            for guardrail in scene.held_by(&action) {
                prop_assert!(!keeps_disruption_back.contains(&guardrail), "{:?} {:?}", guardrail, action.id);
            }
        }
    }

    #[test]
    fn what_holds_an_action_does_not_depend_on_the_others_but_for_the_budget(scene in stack()) {
        let actions = everything(&scene);
        let together = scene.holds(&actions);
        for action in &actions {
            let of = |holds: Vec<evenkeel::plan::Hold>| -> Vec<_> {
                let mine = holds.into_iter().filter(|h| h.action.as_ref() == Some(&action.id));
                mine.filter(|h| h.guardrail != Guardrail::Budget).collect()
            };
            prop_assert_eq!(of(together.clone()), of(scene.holds(std::slice::from_ref(action))));
        }
    }
}

/// The scenes are worth their name: of the disruptive actions tried, some are free and most are held.
#[test]
fn random_stacks_have_free_and_held_disruptions() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut free_moves, mut free_removals, mut held) = (0, 0, 0);
    for _ in 0..500 {
        let scene = stack().new_tree(&mut runner).unwrap().current();
        for action in everything(&scene) {
            match (&action.kind, scene.held_by(&action).is_empty()) {
                (ActionKind::MovePrimary { .. }, true) => free_moves += 1,
                (ActionKind::RemoveReplica { .. }, true) => free_removals += 1,
                (_, false) => held += 1,
                _ => {}
            }
        }
    }
    assert!(free_moves > 50, "{free_moves}");
    assert!(free_removals > 10, "{free_removals}");
    assert!(held > 1_000, "{held}");
}
