//! `ReplicationGroup` → [`GroupDescription`].

use super::{resource_status, timestamp};
use crate::aws::described::{GroupDescription, MemberDescription, ShardDescription};
use crate::topology::{
    ClusterMode, Durability, Manager, NodeId, ResourceStatus, Role, ShardId, SmallMap, Switch, ZoneName,
};
use aws_sdk_elasticache::types::{
    AutomaticFailoverStatus, ClusterMode as SdkMode, EffectiveDurability, Endpoint, MultiAzStatus, NodeGroup,
    NodeGroupMember, ReplicationGroup, ReplicationGroupPendingModifiedValues,
};
use std::collections::BTreeSet;

/// `None` for a group without an identifier (AWS always sends one).
pub fn group(sdk: &ReplicationGroup) -> Option<GroupDescription> {
    let identifier = sdk.replication_group_id()?.to_ascii_lowercase();
    let multi_az = switch(sdk.multi_az().map(MultiAzStatus::as_str));
    let failover = switch(sdk.automatic_failover().map(AutomaticFailoverStatus::as_str));
    let mode = cluster_mode(sdk);
    let understood = multi_az.is_some() && failover.is_some() && mode.is_some();
    Some(GroupDescription {
        identifier,
        arn: sdk.arn().unwrap_or_default().to_owned(),
        created: sdk.replication_group_create_time().and_then(timestamp),
        status: if understood {
            resource_status(sdk.status())
        } else {
            ResourceStatus::Unknown
        },
        cluster_mode: mode.unwrap_or(ClusterMode::Enabled),
        multi_az: multi_az.unwrap_or(Switch::Disabled),
        automatic_failover: failover.unwrap_or(Switch::Disabled),
        durability: durability(sdk),
        endpoints: endpoints(sdk),
        shards: sdk.node_groups().iter().filter_map(shard).collect(),
        member_clusters: sdk
            .member_clusters()
            .iter()
            .map(|id| node_id(id))
            .collect::<BTreeSet<_>>(),
        managed_elsewhere: global_datastore(sdk).into_iter().chain(outposts(sdk)).collect(),
        node_type: sdk.cache_node_type().map(str::to_owned),
        pending_changes: sdk.pending_modified_values().is_some_and(|p| !is_empty(p)),
    })
}

fn node_id(id: &str) -> NodeId {
    NodeId::new(id.to_ascii_lowercase())
}

/// `None` for an unknown word. An absent `MultiAZ` or `AutomaticFailover` is `disabled`: old groups lack the first.
fn switch(word: Option<&str>) -> Option<Switch> {
    match word {
        None | Some("disabled") => Some(Switch::Disabled),
        Some("enabled") => Some(Switch::Enabled),
        Some("enabling") => Some(Switch::Enabling),
        Some("disabling") => Some(Switch::Disabling),
        Some(_) => None,
    }
}

/// `ClusterMode` is the younger field; `ClusterEnabled` is always there.
fn cluster_mode(sdk: &ReplicationGroup) -> Option<ClusterMode> {
    match (sdk.cluster_mode().map(SdkMode::as_str), sdk.cluster_enabled()) {
        (Some("enabled"), _) | (None, Some(true)) => Some(ClusterMode::Enabled),
        (Some("disabled"), _) | (None, Some(false)) => Some(ClusterMode::Disabled),
        (Some("compatible"), _) => Some(ClusterMode::Compatible),
        _ => None,
    }
}

/// Anything but a known promise promises nothing.
fn durability(sdk: &ReplicationGroup) -> Durability {
    match sdk.effective_durability().map(EffectiveDurability::as_str) {
        Some("sync") => Durability::Sync,
        Some("async") => Durability::Async,
        _ => Durability::Disabled,
    }
}

fn endpoints(sdk: &ReplicationGroup) -> SmallMap<String, String> {
    let single = match sdk.node_groups() {
        [one] => Some(one),
        _ => None,
    };
    [
        ("configuration", sdk.configuration_endpoint()),
        ("primary", single.and_then(NodeGroup::primary_endpoint)),
        ("reader", single.and_then(NodeGroup::reader_endpoint)),
    ]
    .into_iter()
    .filter_map(|(name, endpoint)| Some((name.to_owned(), host_port(endpoint?)?)))
    .collect()
}

fn host_port(endpoint: &Endpoint) -> Option<String> {
    let host = endpoint.address()?;
    Some(
        endpoint
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

fn shard(sdk: &NodeGroup) -> Option<(ShardId, ShardDescription)> {
    let members = sdk.node_group_members().iter().filter_map(member).collect();
    let shard = ShardDescription {
        status: resource_status(sdk.status()),
        members,
    };
    Some((ShardId::new(sdk.node_group_id()?), shard))
}

fn member(sdk: &NodeGroupMember) -> Option<(NodeId, MemberDescription)> {
    let member = MemberDescription {
        zone: sdk.preferred_availability_zone().map(ZoneName::new),
        role: sdk.current_role().map(|word| match word {
            "primary" => Role::Primary,
            "replica" => Role::Replica,
            _ => Role::Unknown,
        }),
    };
    Some((node_id(sdk.cache_cluster_id()?), member))
}

fn global_datastore(sdk: &ReplicationGroup) -> Option<Manager> {
    let info = sdk.global_replication_group_info()?;
    Some(Manager::GlobalDatastore {
        id: info.global_replication_group_id()?.to_owned(),
        role: info
            .global_replication_group_member_role()
            .unwrap_or("unknown")
            .to_ascii_lowercase(),
    })
}

fn outposts(sdk: &ReplicationGroup) -> impl Iterator<Item = Manager> {
    let arns: BTreeSet<&String> = sdk.member_clusters_outpost_arns().iter().collect();
    arns.into_iter().map(|arn| Manager::Outpost { arn: arn.clone() })
}

/// True when nothing waits: the element is there and empty in many answers.
fn is_empty(pending: &ReplicationGroupPendingModifiedValues) -> bool {
    let ReplicationGroupPendingModifiedValues {
        primary_cluster_id,
        automatic_failover_status,
        resharding,
        auth_token_status,
        user_groups,
        log_delivery_configurations,
        transit_encryption_enabled,
        transit_encryption_mode,
        cluster_mode,
        ..
    } = pending;
    primary_cluster_id.is_none()
        && automatic_failover_status.is_none()
        && resharding.is_none()
        && auth_token_status.is_none()
        && user_groups.is_none()
        && log_delivery_configurations.as_ref().is_none_or(Vec::is_empty)
        && transit_encryption_enabled.is_none()
        && transit_encryption_mode.is_none()
        && cluster_mode.is_none()
}

#[cfg(test)]
mod tests;
