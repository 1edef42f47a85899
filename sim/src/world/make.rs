//! Replication groups that are made and ended.
//!
//! A [`NewGroup`] comes from a world file or from CreateReplicationGroup; either way it becomes the same [`Group`].

use std::collections::{BTreeMap, BTreeSet};

use super::change::automatic_failover_text;
use super::model::{
    ClusterMode, Echo, GlobalSpec, Group, GroupKey, Life, Node, Phase, SettingsChange, Shard,
};
use super::{Due, World};

/// A node to be.
#[derive(Clone, Debug)]
pub struct NewNode {
    /// Cache cluster id; the lowest free one when absent.
    pub id: Option<String>,
    /// Zone name.
    pub zone: String,
    /// Replication lag as a replica.
    pub lag: f64,
}

/// A shard to be; its first node is the primary.
#[derive(Clone, Debug)]
pub struct NewShard {
    /// Four digits.
    pub id: String,
    /// Key slots; even shares when absent.
    pub slots: Option<String>,
    /// The nodes, primary first. (A world file may number them otherwise, by giving ids.)
    pub nodes: Vec<NewNode>,
}

/// A replication group to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Its full name.
    pub key: GroupKey,
    /// Free text.
    pub description: String,
    /// Cluster mode.
    pub mode: ClusterMode,
    /// Automatic failover on?
    pub automatic_failover: bool,
    /// Multi-AZ on?
    pub multi_az: bool,
    /// Cache subnet group.
    pub subnet_group: String,
    /// Its shards.
    pub shards: Vec<NewShard>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Weekly window.
    pub window: String,
    /// Global datastore.
    pub global: Option<GlobalSpec>,
    /// Stored and repeated.
    pub echo: Echo,
}

/// Even shares of the 16,384 key slots.
pub(super) fn even_slots(share: usize, of: usize) -> String {
    let of = of.max(1);
    format!("{}-{}", share * 16384 / of, (share + 1) * 16384 / of - 1)
}

impl World {
    /// Starts to create a group.
    pub(crate) fn create_group(&mut self, new: NewGroup) {
        let key = new.key.clone();
        let group = self.assemble(new, Phase::Creating, Life::Starting);
        self.insert_group(group);
        let at = self.after(self.timings.group_creation);
        self.schedule(at, Due::GroupReady { key });
    }

    /// A group from its description.
    pub(super) fn assemble(&self, new: NewGroup, phase: Phase, life: Life) -> Group {
        let mut group = Group {
            sharded_names: new.mode == ClusterMode::Enabled,
            key: new.key,
            description: new.description,
            mode: new.mode,
            phase,
            operation: None,
            deferred: SettingsChange::default(),
            automatic_failover: new.automatic_failover,
            multi_az: new.multi_az,
            subnet_group: new.subnet_group,
            shards: BTreeMap::new(),
            tags: new.tags,
            window: new.window,
            global: new.global,
            created: self.now,
            echo: new.echo,
        };
        let count = new.shards.len();
        for (position, shard) in new.shards.into_iter().enumerate() {
            let slots = shard.slots.clone().unwrap_or_else(|| even_slots(position, count));
            let id = shard.id.clone();
            let made = self.assemble_shard(&group, shard, slots, life);
            group.shards.insert(id, made);
        }
        group
    }

    pub(super) fn assemble_shard(&self, group: &Group, new: NewShard, slots: String, life: Life) -> Shard {
        let mut taken: BTreeSet<String> = new.nodes.iter().filter_map(|node| node.id.clone()).collect();
        let mut nodes = BTreeMap::new();
        let mut primary = String::new();
        for node in new.nodes {
            let id = node.id.unwrap_or_else(|| group.free_node_id(&new.id, &taken));
            taken.insert(id.clone());
            if primary.is_empty() {
                primary.clone_from(&id);
            }
            let made = Node {
                id: id.clone(),
                zone: node.zone,
                life,
                lag: node.lag,
                created: self.now,
                told_created: None,
                epoch: 0,
            };
            nodes.insert(id, made);
        }
        let min_healthy = nodes.len();
        Shard {
            slots,
            nodes,
            primary,
            failover: None,
            test_recovering: None,
            min_healthy,
            data_lost: false,
            outages: Vec::new(),
        }
    }

    pub(super) fn group_ready(&mut self, key: &GroupKey) {
        let Some(group) = self.group_mut(key).filter(|group| group.phase == Phase::Creating) else {
            return;
        };
        group.phase = Phase::Running;
        let automatic = group.automatic_failover;
        let nodes: Vec<String> = group.nodes().map(|(_, node)| node.id.clone()).collect();
        self.emit_group(key, format!("Replication group {} created", key.id));
        if automatic {
            self.emit_group(key, automatic_failover_text(key, true));
        }
        for node in nodes {
            self.serve(key, &node);
        }
    }

    /// Starts to delete a group.
    pub(crate) fn delete_group(&mut self, key: &GroupKey) {
        let Some(group) = self.group_mut(key) else { return };
        group.phase = Phase::Deleting;
        group.operation = None;
        let at = self.after(self.timings.group_deletion);
        self.schedule(at, Due::GroupGone { key: key.clone() });
    }

    pub(super) fn group_gone(&mut self, key: &GroupKey) {
        let nodes: Vec<String> = self
            .group(key)
            .into_iter()
            .flat_map(Group::nodes)
            .map(|(_, node)| node.id.clone())
            .collect();
        let now = self.now;
        if let Some(cell) = self
            .stores
            .get_mut(&key.place)
            .and_then(|store| store.cells.get_mut(&key.id))
        {
            cell.keep(now);
            cell.current = None;
        }
        for node in nodes {
            self.trace_node(key, &node);
            self.emit_node(key, &node, "Cache cluster deleted");
        }
        self.emit_group(key, format!("Replication group {} deleted", key.id));
    }
}
