//! Describing groups and members: the whole region by pages, or one group by its id.

use super::calls::endless;
use super::pollers::{Observer, PATIENT};
use crate::aws::described::{ClusterDescription, GroupDescription};
use crate::aws::limits::{Budget, Patience};
use crate::aws::types::{AwsError, ErrorClass};
use crate::clock::Clock;
use crate::topology::NodeId;
use std::collections::BTreeSet;

/// No region holds this many pages; a listing that goes on longer never ends.
const MOST_PAGES: usize = 10_000;

impl Observer {
    /// Lists all groups and members; replaces what was known only when every page came. The identifiers that changed.
    pub(super) async fn list_groups<C: Clock>(&mut self, clock: &C) -> Result<BTreeSet<String>, AwsError> {
        let effort = Self::effort(clock, PATIENT);
        let listed = self.all_groups_and_members(clock).await;
        match listed {
            Ok((groups, clusters)) => {
                self.store.replace(groups, clusters, effort.started);
                let changed = self.store.publish(&mut self.view);
                self.view.listed.complete_at = Some(effort.started);
                self.view.listed.error = None;
                Ok(changed)
            }
            Err(error) => {
                self.view.listed.error = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn all_groups_and_members<C: Clock>(
        &mut self,
        clock: &C,
    ) -> Result<(Vec<GroupDescription>, Vec<ClusterDescription>), AwsError> {
        let effort = Self::effort(clock, PATIENT);
        let read = self.read.clone();
        let page = |marker: Option<String>| {
            let read = read.clone();
            async move { read.describe_replication_groups(marker.as_deref()).await }
        };
        let groups = self
            .caller
            .pages(clock, Budget::ElastiCacheReads, effort, MOST_PAGES, page)
            .await?;
        if groups.cut {
            return Err(endless("DescribeReplicationGroups", groups.pages));
        }
        Ok((groups.items, self.all_members(PATIENT, clock).await?))
    }

    async fn all_members<C: Clock>(
        &mut self,
        patience: Patience,
        clock: &C,
    ) -> Result<Vec<ClusterDescription>, AwsError> {
        let effort = Self::effort(clock, patience);
        let read = self.read.clone();
        let page = |marker: Option<String>| {
            let read = read.clone();
            async move { read.describe_cache_clusters(marker.as_deref()).await }
        };
        let clusters = self
            .caller
            .pages(clock, Budget::ElastiCacheReads, effort, MOST_PAGES, page)
            .await?;
        if clusters.cut {
            return Err(endless("DescribeCacheClusters", clusters.pages));
        }
        self.store.cluster_pages = clusters.pages;
        Ok(clusters.items)
    }

    /// Lists all subnet groups. The identifiers of groups that changed by it.
    pub(super) async fn list_subnets<C: Clock>(&mut self, clock: &C) -> Result<BTreeSet<String>, AwsError> {
        let effort = Self::effort(clock, PATIENT);
        let read = self.read.clone();
        let page = |marker: Option<String>| {
            let read = read.clone();
            async move { read.describe_cache_subnet_groups(marker.as_deref()).await }
        };
        let subnets = self
            .caller
            .pages(clock, Budget::ElastiCacheReads, effort, MOST_PAGES, page)
            .await?;
        if subnets.cut {
            return Err(endless("DescribeCacheSubnetGroups", subnets.pages));
        }
        self.store.replace_subnets(subnets.items);
        Ok(self.store.publish(&mut self.view))
    }

    /// Reads one group and its members again; both or neither come into the view. The identifiers that changed.
    ///
    /// A group that doesn't exist any more leaves the view, and is the error.
    pub(super) async fn refresh<C: Clock>(
        &mut self,
        identifier: &str,
        patience: Patience,
        clock: &C,
    ) -> Result<BTreeSet<String>, AwsError> {
        let effort = Self::effort(clock, patience);
        let read = self.read.clone();
        let group = self
            .caller
            .ask(clock, Budget::ElastiCacheReads, effort, || {
                read.describe_replication_group(identifier)
            })
            .await;
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                if error.class == ErrorClass::NotFound {
                    self.store.forget(identifier);
                    self.store.publish(&mut self.view);
                }
                return Err(error);
            }
        };
        // By id costs one call a member, the whole listing one call a page.
        if group.member_clusters.len() > self.store.cluster_pages.max(1) {
            let clusters = self.all_members(patience, clock).await?;
            self.store.replace_clusters(clusters);
            self.store.update_group(group, effort.started);
        } else {
            let members = self
                .members_by_id(&group.member_clusters, patience, clock)
                .await?;
            self.store.update(group, members, effort.started);
        }
        Ok(self.store.publish(&mut self.view))
    }

    async fn members_by_id<C: Clock>(
        &mut self,
        ids: &BTreeSet<NodeId>,
        patience: Patience,
        clock: &C,
    ) -> Result<Vec<ClusterDescription>, AwsError> {
        let effort = Self::effort(clock, patience);
        let mut found = Vec::new();
        for id in ids {
            let read = &self.read;
            let asked = self.caller.ask(clock, Budget::ElastiCacheReads, effort, || {
                read.describe_cache_cluster(id)
            });
            match asked.await {
                Ok(member) => found.push(member),
                // It went in between; the group then has a member that nobody describes.
                Err(error) if error.class == ErrorClass::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}
