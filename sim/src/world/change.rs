//! What the API set in motion: nodes and shards that come and go, settings that change.
//!
//! Callers have validated. Every accepted change makes the group `modifying` for the world's timings, shows in
//! DescribeEvents, and may be marked to be rolled back, as ElastiCache does without telling anybody but the event log.
//! Texts of node events are AWS's own; texts about counts and shards are the simulator's.

use std::collections::BTreeSet;

use crate::units::Span;

use super::make::{NewNode, NewShard, even_slots};
use super::model::{Group, GroupKey, Life, Node, Operation, OperationKind, Phase, SettingsChange};
use super::traces::Reading;
use super::{Due, World, window};

impl World {
    /// A new node serves from now on.
    pub(super) fn serve(&mut self, key: &GroupKey, node: &str) {
        let Some(found) = self.group_mut(key).and_then(|group| group.node_mut(node)) else {
            return;
        };
        found.life = Life::Up;
        let zone = found.zone.clone();
        self.trace_node(key, node);
        self.emit_node(key, node, "Cache cluster created");
        self.emit_node(
            key,
            node,
            format!("Added cache node 0001 in availability zone {zone}"),
        );
    }

    /// Starts to add replicas: for each shard, the zones of the new ones.
    pub(crate) fn begin_increase(&mut self, key: &GroupKey, adds: &[(String, Vec<NewNode>)], rollback: bool) {
        let mut waiting = BTreeSet::new();
        let now = self.now;
        let Some(group) = self.group_mut(key) else { return };
        for (shard_id, nodes) in adds {
            for node in nodes {
                let id = node
                    .id
                    .clone()
                    .unwrap_or_else(|| group.free_node_id(shard_id, &waiting));
                let Some(shard) = group.shards.get_mut(shard_id) else {
                    continue;
                };
                waiting.insert(id.clone());
                let zone = node.zone.clone();
                let made = Node {
                    id: id.clone(),
                    zone,
                    life: Life::Starting,
                    lag: node.lag,
                    created: now,
                    told_created: None,
                    epoch: 0,
                };
                shard.nodes.insert(id, made);
            }
        }
        let shards = adds.iter().map(|(shard, _)| shard.clone()).collect();
        self.begin(key, OperationKind::Increase, shards, waiting.clone(), rollback);
        for node in waiting {
            let at = self.after(self.timings.node_creation);
            self.schedule(
                at,
                Due::NodeReady {
                    key: key.clone(),
                    node,
                },
            );
        }
    }

    pub(super) fn node_ready(&mut self, key: &GroupKey, node: &str) {
        let Some(group) = self.group(key) else { return };
        let Some(found) = group.node(node).filter(|found| found.life == Life::Starting) else {
            return;
        };
        let zone = found.zone.clone();
        let shard = group
            .shard_of(node)
            .map(|(id, _)| id.to_owned())
            .unwrap_or_default();
        let undone = group.operation.as_ref().is_some_and(|op| op.rollback) || !self.zone_alive(&zone);
        if undone {
            self.remove_node(key, node);
            self.emit_group(
                key,
                format!(
                    "Failed to add replica node {node} to replication group {}: insufficient capacity in \
                     availability zone {zone}. The change was rolled back.",
                    key.id
                ),
            );
        } else {
            self.serve(key, node);
            self.reconsider(key, &shard);
        }
        self.one_less_to_wait_for(key, node);
    }

    /// Starts to remove replicas.
    pub(crate) fn begin_decrease(&mut self, key: &GroupKey, victims: &BTreeSet<String>, rollback: bool) {
        let Some(group) = self.group_mut(key) else { return };
        let mut shards = BTreeSet::new();
        for victim in victims {
            if let Some((shard_id, shard)) = group.shard_of_mut(victim) {
                shards.insert(shard_id);
                if let Some(node) = shard.nodes.get_mut(victim) {
                    node.life = Life::Leaving;
                    node.epoch += 1;
                }
            }
        }
        self.begin(key, OperationKind::Decrease, shards, victims.clone(), rollback);
        for node in victims {
            self.count_copies(key, node);
            let at = self.after(self.timings.node_deletion);
            self.schedule(
                at,
                Due::NodeGone {
                    key: key.clone(),
                    node: node.clone(),
                },
            );
        }
    }

    /// Accepts a decrease that cannot work, because it names a primary; it ends in an error event.
    pub(crate) fn begin_impossible_decrease(&mut self, key: &GroupKey, shards: BTreeSet<String>) {
        let operation = self.begin(
            key,
            OperationKind::ImpossibleDecrease,
            shards,
            BTreeSet::new(),
            false,
        );
        let at = self.after(Span::mins(1));
        self.schedule(
            at,
            Due::OperationDone {
                key: key.clone(),
                operation,
            },
        );
    }

    pub(super) fn node_gone(&mut self, key: &GroupKey, node: &str) {
        let now = self.now;
        let alive = self.zone_of_node_alive(key, node);
        let Some(group) = self.group_mut(key) else { return };
        let undone = group.operation.as_ref().is_some_and(|op| op.rollback);
        let Some(found) = group.node_mut(node).filter(|found| found.life == Life::Leaving) else {
            return;
        };
        if undone {
            found.life = if alive {
                Life::Up
            } else {
                Life::Lost { since: now }
            };
            self.trace_node(key, node);
            self.emit_group(
                key,
                format!("Failed to remove replica node {node} from replication group {}. The change was rolled back.", key.id),
            );
        } else {
            self.emit_node(key, node, "Removed cache node 0001");
            self.emit_node(key, node, "Cache cluster deleted");
            self.remove_node(key, node);
        }
        self.one_less_to_wait_for(key, node);
    }

    fn remove_node(&mut self, key: &GroupKey, node: &str) {
        if let Some((_, shard)) = self.group_mut(key).and_then(|group| group.shard_of_mut(node)) {
            shard.nodes.remove(node);
            if shard.test_recovering.as_deref() == Some(node) {
                shard.test_recovering = None;
            }
        }
        let now = self.now;
        let traces = self.traces.entry(key.place.clone()).or_default();
        traces
            .entry(node.to_owned())
            .or_default()
            .record(now, Reading::Absent);
    }

    /// Starts a change of settings.
    pub(crate) fn begin_settings(&mut self, key: &GroupKey, change: SettingsChange, rollback: bool) {
        let kind = OperationKind::Settings(change);
        let operation = self.begin(key, kind, BTreeSet::new(), BTreeSet::new(), rollback);
        let at = self.after(self.timings.modify);
        self.schedule(
            at,
            Due::OperationDone {
                key: key.clone(),
                operation,
            },
        );
    }

    /// Keeps a change of settings for the maintenance window.
    pub(crate) fn defer_settings(&mut self, key: &GroupKey, change: SettingsChange) {
        let now = self.now;
        let Some(group) = self.group_mut(key) else { return };
        let old = std::mem::take(&mut group.deferred);
        group.deferred = SettingsChange {
            automatic_failover: change.automatic_failover.or(old.automatic_failover),
            multi_az: change.multi_az.or(old.multi_az),
            primary: change.primary.or(old.primary),
            cluster_mode: change.cluster_mode.or(old.cluster_mode),
        };
        if let Some(at) = window::next_opening(&group.window, now) {
            self.schedule(at, Due::WindowOpens { key: key.clone() });
        }
    }

    pub(super) fn window_opens(&mut self, key: &GroupKey) {
        let Some(group) = self.group_mut(key).filter(|group| !group.deferred.is_empty()) else {
            return;
        };
        if group.phase == Phase::Running && group.operation.is_none() {
            let change = std::mem::take(&mut group.deferred);
            self.begin_settings(key, change, false);
        } else {
            self.schedule(self.now + Span::mins(1).0, Due::WindowOpens { key: key.clone() });
        }
    }

    /// Starts to add shards.
    pub(crate) fn begin_add_shards(&mut self, key: &GroupKey, shards: Vec<NewShard>, rollback: bool) {
        let Some(group) = self.group(key).cloned() else {
            return;
        };
        let mut waiting = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let mut made = Vec::new();
        for shard in shards {
            let id = shard.id.clone();
            let assembled = self.assemble_shard(&group, shard, String::new(), Life::Starting);
            waiting.extend(assembled.nodes.keys().cloned());
            ids.insert(id.clone());
            made.push((id, assembled));
        }
        if let Some(group) = self.group_mut(key) {
            group.shards.extend(made);
        }
        self.begin(key, OperationKind::AddShards, ids, waiting.clone(), rollback);
        for node in waiting {
            let at = self.after(self.timings.node_creation);
            self.schedule(
                at,
                Due::NodeReady {
                    key: key.clone(),
                    node,
                },
            );
        }
    }

    /// Starts to remove shards.
    pub(crate) fn begin_remove_shards(&mut self, key: &GroupKey, shards: BTreeSet<String>, rollback: bool) {
        let kind = OperationKind::RemoveShards(shards.clone());
        let operation = self.begin(key, kind, shards, BTreeSet::new(), rollback);
        let at = self.after(Span(self.timings.resharding.0 + self.timings.node_deletion.0));
        self.schedule(
            at,
            Due::OperationDone {
                key: key.clone(),
                operation,
            },
        );
    }

    /// AWS begins to patch a group.
    pub(crate) fn begin_maintenance(&mut self, key: &GroupKey) -> Result<(), String> {
        match self.group(key) {
            Some(group) if group.phase == Phase::Running && group.operation.is_none() => {}
            Some(_) => return Err(format!("{} is busy", key.id)),
            None => return Err(format!("there is no group {}", key.id)),
        }
        self.begin(key, OperationKind::Patch, BTreeSet::new(), BTreeSet::new(), false);
        self.schedule(
            self.now,
            Due::PatchNext {
                key: key.clone(),
                patched: Vec::new(),
            },
        );
        Ok(())
    }

    /// AWS begins to take a snapshot.
    pub(crate) fn begin_backup(&mut self, key: &GroupKey, duration: Span) -> Result<(), String> {
        match self.group(key) {
            Some(group) if group.phase == Phase::Running && group.operation.is_none() => {}
            Some(_) => return Err(format!("{} is busy", key.id)),
            None => return Err(format!("there is no group {}", key.id)),
        }
        let operation = self.begin(
            key,
            OperationKind::Backup,
            BTreeSet::new(),
            BTreeSet::new(),
            false,
        );
        let at = self.after(duration);
        self.schedule(
            at,
            Due::OperationDone {
                key: key.clone(),
                operation,
            },
        );
        Ok(())
    }

    fn begin(
        &mut self,
        key: &GroupKey,
        kind: OperationKind,
        shards: BTreeSet<String>,
        waiting: BTreeSet<String>,
        rollback: bool,
    ) -> u64 {
        let id = self.number();
        if let Some(group) = self.group_mut(key) {
            group.operation = Some(Operation {
                id,
                kind,
                shards,
                waiting,
                rollback,
            });
        }
        id
    }

    fn one_less_to_wait_for(&mut self, key: &GroupKey, node: &str) {
        let Some(operation) = self.group_mut(key).and_then(|group| group.operation.as_mut()) else {
            return;
        };
        if !operation.waiting.remove(node) || !operation.waiting.is_empty() {
            return;
        }
        let id = operation.id;
        let wait = match operation.kind {
            OperationKind::AddShards if !operation.rollback => self.timings.resharding,
            _ => Span::default(),
        };
        let at = self.after(wait);
        self.schedule(
            at,
            Due::OperationDone {
                key: key.clone(),
                operation: id,
            },
        );
    }

    pub(super) fn operation_done(&mut self, key: &GroupKey, operation: u64) {
        let Some(group) = self.group_mut(key) else { return };
        let Some(done) = group.operation.take_if(|op| op.id == operation) else {
            return;
        };
        match done.kind {
            OperationKind::Increase | OperationKind::Decrease if done.rollback => {}
            OperationKind::Increase => {
                self.emit_group(key, format!("Replica count increased for replication group {}", key.id));
            }
            OperationKind::Decrease => {
                self.emit_group(key, format!("Replica count decreased for replication group {}", key.id));
            }
            OperationKind::ImpossibleDecrease => self.emit_group(
                key,
                format!("Failed to decrease replica count for replication group {}: a primary node cannot be removed.", key.id),
            ),
            OperationKind::Settings(_) if done.rollback => {
                self.emit_group(key, format!("Failed to modify replication group {}. The change was rolled back.", key.id));
            }
            OperationKind::Settings(change) => self.apply_settings(key, change),
            OperationKind::AddShards => self.shards_added(key, &done.shards, done.rollback),
            OperationKind::RemoveShards(shards) if !done.rollback => self.shards_removed(key, &shards),
            OperationKind::RemoveShards(_) | OperationKind::Patch | OperationKind::Backup => {}
        }
    }

    fn apply_settings(&mut self, key: &GroupKey, change: SettingsChange) {
        let Some(group) = self.group_mut(key) else { return };
        let failover_before = group.automatic_failover;
        group.automatic_failover = change.automatic_failover.unwrap_or(failover_before);
        group.multi_az = change.multi_az.unwrap_or(group.multi_az);
        group.mode = change.cluster_mode.unwrap_or(group.mode);
        let failover_now = group.automatic_failover;
        let shards: Vec<String> = group.shards.keys().cloned().collect();
        if failover_now != failover_before {
            self.emit_group(key, automatic_failover_text(key, failover_now));
        }
        if let Some(winner) = change.primary {
            let lives = self
                .group(key)
                .and_then(|group| group.node(&winner))
                .is_some_and(|n| n.life == Life::Up);
            if lives {
                self.promote(key, &shards[0], &winner, "promotion");
            }
        }
        for shard in shards {
            self.reconsider(key, &shard);
        }
    }

    fn shards_added(&mut self, key: &GroupKey, added: &BTreeSet<String>, rollback: bool) {
        let Some(group) = self.group_mut(key) else { return };
        group
            .shards
            .retain(|id, shard| !added.contains(id) || !(rollback || shard.nodes.is_empty()));
        share_slots(group);
        let text = if rollback {
            "Failed to add shards to"
        } else {
            "Shards were added to"
        };
        self.emit_group(key, format!("{text} replication group {}", key.id));
    }

    fn shards_removed(&mut self, key: &GroupKey, removed: &BTreeSet<String>) {
        let Some(group) = self.group_mut(key) else { return };
        let gone: Vec<String> = removed
            .iter()
            .filter_map(|id| group.shards.remove(id))
            .flat_map(|shard| shard.nodes.into_keys())
            .collect();
        share_slots(group);
        for node in gone {
            self.trace_node(key, &node);
            self.emit_node(key, &node, "Cache cluster deleted");
        }
        self.emit_group(
            key,
            format!("Shards were removed from replication group {}", key.id),
        );
    }
}

fn share_slots(group: &mut Group) {
    let count = group.shards.len();
    for (share, shard) in group.shards.values_mut().enumerate() {
        shard.slots = even_slots(share, count);
    }
}

pub(super) fn automatic_failover_text(key: &GroupKey, on: bool) -> String {
    let word = if on { "on" } else { "off" };
    format!(
        "Automatic failover has been turned {word} for replication group {}",
        key.id
    )
}
