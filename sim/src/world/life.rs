//! Loss, promotion and recovery of nodes.
//!
//! Rules (ElastiCache user guide, *Minimizing downtime with Multi-AZ* and *Mitigating failures*; AWS FIS,
//! *replicationgroup-interrupt-az-power*): the replica with the least lag is promoted; a lost node is rebuilt in its own
//! zone under its own id, and only when that zone is back; roles aren't moved back; a shard whose copies are all dead
//! comes back empty.

use jiff::{SignedDuration, Timestamp};

use crate::units::{Span, stamp};

use super::journal::{DataLoss, Failover};
use super::model::{Cause, ClusterMode, GroupKey, Life, OperationKind, Outage, PendingFailover, SourceType};
use super::settings::EventForm;
use super::{Due, World};

/// When AWS reacts to a loss.
#[derive(Clone, Copy)]
struct Reaction {
    cause: Cause,
    promote_after: Span,
    /// Start and end of the recovery, if it can be foreseen.
    recovery: Option<(Span, Span)>,
}

impl World {
    /// A zone dies: its nodes stop, and nothing can be created there until it returns.
    pub fn fail_zone(&mut self, name: &str) -> Result<(), String> {
        let now = self.now;
        let zone = self
            .zones
            .get_mut(name)
            .ok_or_else(|| format!("there is no zone {name}"))?;
        if zone.failed_since.is_some() {
            return Ok(());
        }
        zone.failed_since = Some(now);
        zone.epoch += 1;
        let keys: Vec<GroupKey> = self
            .groups()
            .filter(|group| group.nodes().any(|(_, node)| node.zone == name))
            .map(|group| group.key.clone())
            .collect();
        for key in keys {
            self.lose_zone_of_group(&key, name);
        }
        Ok(())
    }

    /// A zone dies and returns by itself.
    pub fn fail_zone_for(&mut self, name: &str, duration: Span) -> Result<(), String> {
        self.fail_zone(name)?;
        let epoch = self.zones.get(name).map_or(0, |zone| zone.epoch);
        self.schedule(
            self.now + duration.0,
            Due::ZoneReturns {
                zone: name.to_owned(),
                epoch,
            },
        );
        Ok(())
    }

    /// A zone returns: its lost nodes are rebuilt.
    pub fn recover_zone(&mut self, name: &str) -> Result<(), String> {
        let zone = self
            .zones
            .get_mut(name)
            .ok_or_else(|| format!("there is no zone {name}"))?;
        if zone.failed_since.take().is_none() {
            return Ok(());
        }
        let lost: Vec<(GroupKey, String)> = self
            .groups()
            .flat_map(|group| group.nodes().map(move |(_, node)| (&group.key, node)))
            .filter(|(_, node)| node.zone == name && node.life.is_lost())
            .map(|(key, node)| (key.clone(), node.id.clone()))
            .collect();
        let (start, finish) = (
            self.timings.zone_rebuild_start,
            self.timings.zone_rebuild_finished,
        );
        for (key, node) in lost {
            self.plan_recovery(&key, &node, (start, finish));
        }
        Ok(())
    }

    /// One node dies. AWS rebuilds it after the world's timing or `recover_after`, unless its zone is dead.
    pub fn fail_node(&mut self, node: &str, recover_after: Option<Span>) -> Result<(), String> {
        let key = self
            .key_of_node(node)
            .ok_or_else(|| format!("there is no node {node}"))?;
        self.fail_node_of(&key, node, recover_after)
    }

    pub(super) fn fail_node_of(
        &mut self,
        key: &GroupKey,
        node: &str,
        recover_after: Option<Span>,
    ) -> Result<(), String> {
        let life = self
            .group(key)
            .and_then(|group| group.node(node))
            .map(|node| node.life);
        match life {
            Some(Life::Up) => {}
            Some(life) => return Err(format!("{node} is {}; only a healthy node can fail", life.word())),
            None => return Err(format!("there is no node {node}")),
        }
        let finish = recover_after.unwrap_or(self.timings.lone_recovery_finished);
        let start = Span(self.timings.lone_recovery_start.0.min(finish.0 / 2));
        let reaction = Reaction {
            cause: Cause::Node,
            promote_after: self.timings.provider_failover,
            recovery: Some((start, finish)),
        };
        self.lose(key, &[node.to_owned()], reaction);
        Ok(())
    }

    /// TestFailover on a shard whose preconditions were checked: the primary goes, and is replaced.
    pub(crate) fn test_failover(&mut self, key: &GroupKey, shard: &str) {
        self.emit_group(key, format!("Test Failover API called for node group {shard}"));
        let Some(found) = self.group_mut(key).and_then(|group| group.shards.get_mut(shard)) else {
            return;
        };
        let primary = found.primary.clone();
        found.test_recovering = Some(primary.clone());
        let timings = &self.timings;
        let reaction = Reaction {
            cause: Cause::TestFailover,
            promote_after: timings.test_failover_promotion,
            recovery: Some((timings.test_failover_recovering, timings.test_failover_finished)),
        };
        self.lose(key, &[primary], reaction);
    }

    /// AWS patches the next node of a group: in each shard the replicas, then, after a failover, the old primary.
    pub(super) fn patch_next(&mut self, key: &GroupKey, mut patched: Vec<String>) {
        if let Some(last) = patched.last().cloned() {
            self.emit_node(key, &last, "Cache cluster patched");
        }
        let Some(group) = self.group_mut(key) else { return };
        let next = group.shards.values().find_map(|shard| {
            let open = |id: &&String| !patched.contains(id) && shard.nodes[*id].life == Life::Up;
            shard
                .nodes
                .keys()
                .filter(|id| **id != shard.primary)
                .find(open)
                .or_else(|| {
                    let replicated = shard.successor().is_some();
                    Some(&shard.primary)
                        .filter(|id| shard.nodes.contains_key(*id))
                        .filter(open)
                        .filter(|_| replicated)
                })
        });
        let Some(node) = next.cloned() else {
            if group
                .operation
                .as_ref()
                .is_some_and(|op| matches!(op.kind, OperationKind::Patch))
            {
                group.operation = None;
            }
            return;
        };
        patched.push(node.clone());
        let reaction = Reaction {
            cause: Cause::Maintenance,
            promote_after: self.timings.patch_failover,
            recovery: Some((Span::secs(0), self.timings.patch_node)),
        };
        self.lose(key, &[node], reaction);
        // The slowest that jitter allows, so that never two nodes of a group are patched at once.
        let slowest = self.timings.patch_node.0.as_secs_f64() * (1.0 + self.timings.jitter) + 30.0;
        let next = self.now + SignedDuration::try_from_secs_f64(slowest).unwrap_or_default();
        self.schedule(
            next,
            Due::PatchNext {
                key: key.clone(),
                patched,
            },
        );
    }

    fn lose_zone_of_group(&mut self, key: &GroupKey, zone: &str) {
        let Some(group) = self.group_mut(key) else { return };
        let mut lost = Vec::new();
        for shard in group.shards.values_mut() {
            for node in shard.nodes.values_mut().filter(|node| node.zone == zone) {
                match node.life {
                    Life::Up => lost.push(node.id.clone()),
                    // It was dead or being rebuilt: now it waits for its zone.
                    Life::Lost { since } | Life::Recovering { since } => {
                        node.life = Life::Lost { since };
                        node.epoch += 1;
                    }
                    Life::Starting | Life::Leaving => {}
                }
            }
        }
        let primaries_lost = group
            .shards
            .values()
            .filter(|shard| lost.contains(&shard.primary))
            .count();
        let majority = group.mode == ClusterMode::Enabled && primaries_lost * 2 >= group.shards.len().max(1);
        let extra = if majority {
            self.timings.majority_loss_extra
        } else {
            Span::default()
        };
        let promote_after = Span(self.timings.provider_failover.0 + extra.0);
        let announced = if self.switches.recovering_event_during_outage {
            lost.clone()
        } else {
            Vec::new()
        };
        self.lose(
            key,
            &lost,
            Reaction {
                cause: Cause::Zone,
                promote_after,
                recovery: None,
            },
        );
        for node in announced {
            let due = Due::Announce {
                place: key.place.clone(),
                source: SourceType::CacheCluster,
                id: node,
                message: RECOVERING.to_owned(),
            };
            self.schedule(self.now + promote_after.0, due);
        }
    }

    fn lose(&mut self, key: &GroupKey, nodes: &[String], reaction: Reaction) {
        let now = self.now;
        let Some(group) = self.group_mut(key) else { return };
        let mut headless = Vec::new();
        for id in nodes {
            let Some((shard_id, shard)) = group.shard_of_mut(id) else {
                continue;
            };
            if let Some(node) = shard.nodes.get_mut(id) {
                node.life = Life::Lost { since: now };
                node.epoch += 1;
            }
            if shard.primary == *id {
                let outage = Outage {
                    from: now,
                    to: None,
                    seconds: None,
                    cause: reaction.cause.word(),
                };
                shard.outages.push(outage);
                headless.push(shard_id);
            }
        }
        for id in nodes {
            self.trace_node(key, id);
            self.count_copies(key, id);
            if let Some(plan) = reaction.recovery {
                self.plan_recovery(key, id, plan);
            }
        }
        for shard in headless {
            let at = self.after(reaction.promote_after);
            self.plan_promotion(key, &shard, reaction.cause, at);
        }
    }

    /// Keeps the fewest copies seen, and notices when the last one died.
    pub(super) fn count_copies(&mut self, key: &GroupKey, node: &str) {
        let now = self.now;
        let Some((shard_id, shard)) = self.group_mut(key).and_then(|group| group.shard_of_mut(node)) else {
            return;
        };
        let healthy = shard.healthy();
        shard.min_healthy = shard.min_healthy.min(healthy);
        if healthy > 0 {
            return;
        }
        shard.data_lost = true;
        let loss = DataLoss {
            at: now,
            group: key.id.clone(),
            shard: shard_id,
        };
        let known =
            |seen: &DataLoss| (&seen.at, &seen.group, &seen.shard) == (&loss.at, &loss.group, &loss.shard);
        if !self.journal.data_losses.iter().any(known) {
            self.journal.data_losses.push(loss);
        }
    }

    fn plan_recovery(&mut self, key: &GroupKey, node: &str, (start, finish): (Span, Span)) {
        let Some(epoch) = self
            .group(key)
            .and_then(|group| group.node(node))
            .map(|node| node.epoch)
        else {
            return;
        };
        let (key, node) = (key.clone(), node.to_owned());
        let starts = self.after(start);
        let finishes = self.after(finish).max(starts);
        self.schedule(
            starts,
            Due::RecoverStart {
                key: key.clone(),
                node: node.clone(),
                epoch,
            },
        );
        self.schedule(finishes, Due::RecoverDone { key, node, epoch });
    }

    fn plan_promotion(&mut self, key: &GroupKey, shard: &str, cause: Cause, at: Timestamp) {
        let id = self.number();
        let Some(found) = self.group_mut(key).and_then(|group| group.shards.get_mut(shard)) else {
            return;
        };
        found.failover = Some(PendingFailover { id, cause });
        self.schedule(
            at,
            Due::Promote {
                key: key.clone(),
                shard: shard.to_owned(),
                failover: id,
            },
        );
    }

    /// A shard without a living primary gets one as soon as somebody can be promoted.
    pub(super) fn reconsider(&mut self, key: &GroupKey, shard: &str) {
        let Some(group) = self.group(key) else { return };
        let Some(found) = group.shards.get(shard) else {
            return;
        };
        if group.automatic_failover
            && !found.primary_up()
            && found.failover.is_none()
            && found.successor().is_some()
        {
            self.plan_promotion(key, shard, Cause::Node, self.now);
        }
    }

    pub(super) fn promotion_due(&mut self, key: &GroupKey, shard: &str, failover: u64) {
        let Some(group) = self.group_mut(key) else { return };
        let automatic = group.automatic_failover;
        let Some(found) = group.shards.get_mut(shard) else {
            return;
        };
        let Some(pending) = found.failover.filter(|pending| pending.id == failover) else {
            return;
        };
        found.failover = None;
        if !automatic || found.primary_up() {
            return;
        }
        let Some(winner) = found.successor().map(|node| node.id.clone()) else {
            return;
        };
        let cause = match found.outages.last() {
            Some(outage) if pending.cause == Cause::Node => outage.cause,
            _ => pending.cause.word(),
        };
        self.promote(key, shard, &winner, cause);
    }

    /// Makes `winner` the primary and announces it.
    pub(super) fn promote(&mut self, key: &GroupKey, shard: &str, winner: &str, cause: &'static str) {
        let now = self.now;
        let Some(found) = self.group_mut(key).and_then(|group| group.shards.get_mut(shard)) else {
            return;
        };
        let loser = std::mem::replace(&mut found.primary, winner.to_owned());
        let seconds = close_outage(&mut found.outages, now).unwrap_or_default();
        self.journal.failovers.push(Failover {
            at: now,
            group: key.id.clone(),
            shard: shard.to_owned(),
            from: loser.clone(),
            to: winner.to_owned(),
            cause,
            failover_seconds: seconds,
        });
        self.trace_node(key, &loser);
        self.trace_node(key, winner);
        self.announce_failover(key, &loser, winner);
        tracing::info!(group = %key.id, shard, from = %loser, to = %winner, cause, at = %stamp(now), "Replica promoted");
    }

    fn announce_failover(&mut self, key: &GroupKey, from: &str, to: &str) {
        let form = match self.switches.failover_event_form {
            EventForm::Seeded => {
                [EventForm::Documented, EventForm::Observed, EventForm::Maintenance][self.choose(3)]
            }
            form => form,
        };
        let short = format!("Failover to replica node {to} completed");
        let long = |word| format!("Failover from {word} node {from} to replica node {to} completed");
        match form {
            EventForm::Documented | EventForm::Seeded => {
                self.emit_node(key, from, long("primary"));
                self.emit_group(key, long("primary"));
            }
            EventForm::Observed => self.emit_group(key, short),
            EventForm::Maintenance => {
                self.emit_group(key, short);
                let due = Due::Announce {
                    place: key.place.clone(),
                    source: SourceType::ReplicationGroup,
                    id: key.id.clone(),
                    message: long("master"),
                };
                self.schedule(self.now + Span::secs(1).0, due);
            }
        }
    }

    pub(super) fn recovery_starts(&mut self, key: &GroupKey, node: &str, epoch: u64) {
        let Some(found) = self.group_mut(key).and_then(|group| group.node_mut(node)) else {
            return;
        };
        let Life::Lost { since } = found.life else { return };
        if found.epoch != epoch || !self.zone_of_node_alive(key, node) {
            return;
        }
        if let Some(found) = self.group_mut(key).and_then(|group| group.node_mut(node)) {
            found.life = Life::Recovering { since };
        }
        self.emit_node(key, node, RECOVERING);
    }

    pub(super) fn recovery_finished(&mut self, key: &GroupKey, node: &str, epoch: u64) {
        let now = self.now;
        let renewed = self.switches.rebuild_changes_create_time;
        let Some((shard_id, shard)) = self.group_mut(key).and_then(|group| group.shard_of_mut(node)) else {
            return;
        };
        let Some(found) = shard.nodes.get_mut(node) else {
            return;
        };
        if found.epoch != epoch || !matches!(found.life, Life::Recovering { .. }) {
            return;
        }
        found.life = Life::Up;
        if renewed {
            found.told_created = Some(now);
        }
        if shard.test_recovering.as_deref() == Some(node) {
            shard.test_recovering = None;
        }
        if shard.primary == node {
            close_outage(&mut shard.outages, now);
        }
        self.trace_node(key, node);
        self.emit_node(key, node, "Finished recovery for cache nodes 0001");
        self.reconsider(key, &shard_id);
    }

    pub(super) fn zone_of_node_alive(&self, key: &GroupKey, node: &str) -> bool {
        self.group(key)
            .and_then(|group| group.node(node))
            .is_some_and(|node| self.zone_alive(&node.zone))
    }
}

/// The text of the event that announces a recovery.
const RECOVERING: &str = "Recovering cache nodes 0001";

fn close_outage(outages: &mut [Outage], now: Timestamp) -> Option<f64> {
    let last = outages.last_mut().filter(|outage| outage.to.is_none())?;
    let seconds = now.duration_since(last.from).as_secs_f64();
    last.to = Some(now);
    last.seconds = Some(seconds);
    Some(seconds)
}
