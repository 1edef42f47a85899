//! The raw descriptions of one region, joined into the view and diffed against what it showed before. Pure.

use super::view::{RegionView, Seen};
use crate::aws::described::{ClusterDescription, GroupDescription, SubnetGroup, join};
use crate::aws::types::{CacheEvent, EventSource};
use crate::topology::NodeId;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the describe calls last told.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    groups: BTreeMap<String, Seen<GroupDescription>>,
    clusters: BTreeMap<NodeId, ClusterDescription>,
    subnets: BTreeMap<String, SubnetGroup>,
    /// Pages of the last whole listing of cache clusters.
    pub cluster_pages: usize,
}

impl Store {
    /// A whole listing: what isn't in it is gone.
    pub fn replace(
        &mut self,
        groups: Vec<GroupDescription>,
        clusters: Vec<ClusterDescription>,
        read_at: Timestamp,
    ) {
        self.groups = groups
            .into_iter()
            .map(|value| (value.identifier.clone(), Seen { value, read_at }))
            .collect();
        self.replace_clusters(clusters);
    }

    pub fn replace_clusters(&mut self, clusters: Vec<ClusterDescription>) {
        self.clusters = clusters.into_iter().map(|c| (c.id.clone(), c)).collect();
    }

    /// One group re-read; its members come from elsewhere.
    pub fn update_group(&mut self, group: GroupDescription, read_at: Timestamp) {
        let identifier = group.identifier.clone();
        let seen = Seen {
            value: group,
            read_at,
        };
        self.groups.insert(identifier, seen);
    }

    /// One group re-read with its members; members that it no longer has are forgotten.
    pub fn update(&mut self, group: GroupDescription, members: Vec<ClusterDescription>, read_at: Timestamp) {
        if let Some(old) = self.groups.get(&group.identifier) {
            for id in &old.value.member_clusters {
                self.clusters.remove(id);
            }
        }
        for id in &group.member_clusters {
            self.clusters.remove(id);
        }
        self.clusters
            .extend(members.into_iter().map(|c| (c.id.clone(), c)));
        self.update_group(group, read_at);
    }

    /// One group is certainly gone.
    pub fn forget(&mut self, identifier: &str) {
        self.groups.remove(identifier);
    }

    pub fn replace_subnets(&mut self, groups: Vec<SubnetGroup>) {
        self.subnets = groups.into_iter().map(|g| (g.name.clone(), g)).collect();
    }

    /// A cluster names a subnet group that isn't known yet.
    pub fn lacks_subnets(&self) -> bool {
        let mut named = self.clusters.values().filter_map(|c| c.subnet_group.as_ref());
        named.any(|name| !self.subnets.contains_key(name))
    }

    /// Brings the view up to date; the identifiers of groups that appeared, went or changed.
    pub fn publish(&self, view: &mut RegionView) -> BTreeSet<String> {
        let mut changed: BTreeSet<String> = view
            .groups
            .keys()
            .filter(|id| !self.groups.contains_key(*id))
            .cloned()
            .collect();
        let mut groups = BTreeMap::new();
        for (id, seen) in &self.groups {
            let value = join(&seen.value, &self.clusters, &self.subnets);
            if view.groups.get(id).is_none_or(|old| old.value != value) {
                changed.insert(id.clone());
            }
            let read_at = seen.read_at;
            groups.insert(id.clone(), Seen { value, read_at });
        }
        view.groups = groups;
        changed
    }
}

/// The groups that events speak of.
pub(super) fn groups_of<'a>(
    view: &RegionView,
    events: impl IntoIterator<Item = &'a CacheEvent>,
) -> BTreeSet<String> {
    let mut members: Option<BTreeMap<&NodeId, &String>> = None;
    let mut found = BTreeSet::new();
    for event in events {
        match &event.source {
            EventSource::ReplicationGroup(id) => {
                found.extend(view.groups.get_key_value(id).map(|(id, _)| id));
            }
            EventSource::CacheCluster(node) => {
                let members = members.get_or_insert_with(|| {
                    view.groups
                        .iter()
                        .flat_map(|(id, seen)| seen.value.member_clusters.iter().map(move |n| (n, id)))
                        .collect()
                });
                found.extend(members.get(node).copied());
            }
            EventSource::Other(_) => {}
        }
    }
    found.into_iter().cloned().collect()
}
