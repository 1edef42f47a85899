//! DescribeReplicationGroups and DescribeCacheClusters.

use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::world::Group;
use crate::world::model::Node;

use super::{ApiError, Ctx, Page, not_found, shape};

pub fn replication_groups(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let wanted = params.take("ReplicationGroupId").map(|id| id.to_lowercase());
    let page = Page::take(ctx, &mut params)?;
    params.finish()?;
    let then = ctx.as_of();
    let groups = ctx
        .world
        .groups_at(&ctx.caller.place, then)
        .filter(|group| wanted.as_ref().is_none_or(|id| group.key.id == *id));
    let (groups, marker) = page.cut(groups, |group| group.key.id.clone());
    if let (Some(id), true) = (wanted, groups.is_empty()) {
        return Err(not_found(&id));
    }
    let mut xml = Xml::default();
    xml.opt("Marker", marker);
    xml.list("ReplicationGroups", "ReplicationGroup", groups, |x, group| {
        shape::replication_group(x, group, &ctx.world.switches);
    });
    Ok(xml.finish())
}

pub fn cache_clusters(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let wanted = params.take("CacheClusterId").map(|id| id.to_lowercase());
    let with_nodes = params.boolean("ShowCacheNodeInfo")?.unwrap_or(false);
    let standalone_only = params
        .boolean("ShowCacheClustersNotInReplicationGroups")?
        .unwrap_or(false);
    let page = Page::take(ctx, &mut params)?;
    params.finish()?;
    let then = ctx.as_of();
    let mut clusters: Vec<(&Group, &Node)> = ctx
        .world
        .groups_at(&ctx.caller.place, then)
        .filter(|_| !standalone_only)
        .flat_map(|group: &Group| group.nodes().map(move |(_, node)| (group, node)))
        .filter(|(_, node)| wanted.as_ref().is_none_or(|id| node.id == *id))
        .filter(|(_, node)| page.after.as_ref().is_none_or(|after| node.id > *after))
        .collect();
    // Of thousands only one page is sorted.
    if clusters.len() > page.size + 1 {
        clusters.select_nth_unstable_by(page.size, |(_, a), (_, b)| a.id.cmp(&b.id));
        clusters.truncate(page.size + 1);
    }
    clusters.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
    let (clusters, marker) = page.cut(clusters.into_iter(), |(_, node)| node.id.clone());
    if let (Some(id), true) = (wanted, clusters.is_empty()) {
        return Err(ApiError::new(
            "CacheClusterNotFound",
            404,
            format!("CacheCluster {id} not found."),
        ));
    }
    let mut xml = Xml::default();
    xml.opt("Marker", marker);
    xml.list("CacheClusters", "CacheCluster", clusters, |x, (group, node)| {
        shape::cache_cluster(x, group, node, &ctx.world.switches, with_nodes);
    });
    Ok(xml.finish())
}
