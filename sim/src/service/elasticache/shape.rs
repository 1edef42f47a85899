//! How ReplicationGroup and CacheCluster look on the wire.
//!
//! What is absent matters as much as what is there: in cluster mode enabled no CurrentRole, no endpoints of a shard, no
//! ReadEndpoint; with it disabled no ConfigurationEndpoint and no Slots (botocore's elasticache model for the names;
//! recorded replies in the test data of cloud-custodian for presence).

use crate::units::stamp;
use crate::wire::xml::Xml;
use crate::world::model::{
    ClusterMode, Group, Life, Node, Operation, OperationKind, Phase, SettingsChange, Shard,
};
use crate::world::settings::{DeadStatus, Switches};
use crate::world::spec::DurabilitySpec;

/// The inside of a ReplicationGroup element.
pub fn replication_group(x: &mut Xml, group: &Group, switches: &Switches) {
    let echo = &group.echo;
    x.text("ReplicationGroupId", &group.key.id);
    x.text("Description", &group.description);
    x.node("GlobalReplicationGroupInfo", |x| {
        if let Some(global) = &group.global {
            x.text("GlobalReplicationGroupId", &global.id);
            x.text("GlobalReplicationGroupMemberRole", &global.role);
        }
    });
    x.text("Status", group.status(switches));
    x.node("PendingModifiedValues", |x| pending(x, group));
    let shown: Vec<&Node> = group.nodes().map(|(_, node)| node).collect();
    x.node("MemberClusters", |x| {
        for node in &shown {
            x.text("ClusterId", &node.id);
        }
    });
    let unborn = [Phase::Creating, Phase::Failed].contains(&group.phase);
    let visible = if unborn { None } else { Some(&group.shards) };
    x.list(
        "NodeGroups",
        "NodeGroup",
        visible.into_iter().flatten(),
        |x, (id, shard)| {
            node_group(x, group, id, shard, switches);
        },
    );
    x.text("AutomaticFailover", group.automatic_failover_word());
    x.text("MultiAZ", if group.multi_az { "enabled" } else { "disabled" });
    if group.mode != ClusterMode::Disabled && !unborn {
        x.node("ConfigurationEndpoint", |x| {
            endpoint(x, &configuration_host(group), echo.port);
        });
    }
    x.text("SnapshotRetentionLimit", echo.snapshot_retention);
    x.text("SnapshotWindow", &echo.snapshot_window);
    x.text("ClusterEnabled", group.mode != ClusterMode::Disabled);
    x.text("CacheNodeType", &echo.node_type);
    x.text("AuthTokenEnabled", echo.auth_token);
    x.text("TransitEncryptionEnabled", echo.transit_encryption);
    x.text("AtRestEncryptionEnabled", echo.at_rest_encryption);
    x.opt("KmsKeyId", echo.kms_key_id.as_ref());
    if let Some(arn) = &echo.outpost {
        x.node("MemberClustersOutpostArns", |x| {
            for _ in &shown {
                x.text("ReplicationGroupOutpostArn", arn);
            }
        });
    }
    x.text("ARN", group.arn());
    x.node("LogDeliveryConfigurations", |_| {});
    x.text("ReplicationGroupCreateTime", stamp(group.created));
    x.text("DataTiering", "disabled");
    x.text("AutoMinorVersionUpgrade", echo.auto_minor_version_upgrade);
    x.text("NetworkType", &echo.network_type);
    x.text("IpDiscovery", &echo.ip_discovery);
    x.opt("TransitEncryptionMode", echo.transit_encryption_mode.as_ref());
    x.text("ClusterMode", group.mode.word());
    x.text("Engine", &echo.engine);
    if let Some((asked, effective)) = echo.durability.map(DurabilitySpec::words) {
        x.text("Durability", asked);
        x.text("EffectiveDurability", effective);
    }
}

fn pending(x: &mut Xml, group: &Group) {
    let running = match &group.operation {
        Some(Operation {
            kind: OperationKind::Settings(change),
            ..
        }) => Some(change),
        _ => None,
    };
    for SettingsChange {
        automatic_failover,
        multi_az: _,
        primary,
        cluster_mode,
    } in running.into_iter().chain([&group.deferred])
    {
        x.opt("PrimaryClusterId", primary.as_ref());
        x.opt(
            "AutomaticFailoverStatus",
            automatic_failover.map(|on| if on { "enabled" } else { "disabled" }),
        );
        x.opt("ClusterMode", cluster_mode.map(ClusterMode::word));
    }
    if let Some(Operation {
        kind: OperationKind::AddShards | OperationKind::RemoveShards(_),
        waiting,
        ..
    }) = &group.operation
    {
        let progress = if waiting.is_empty() { 50 } else { 0 };
        x.node("Resharding", |x| {
            x.node("SlotMigration", |x| x.text("ProgressPercentage", progress));
        });
    }
}

fn node_group(x: &mut Xml, group: &Group, id: &str, shard: &Shard, switches: &Switches) {
    let hidden = group.hides_roles(switches);
    let port = group.echo.port;
    x.text("NodeGroupId", id);
    x.text("Status", group.shard_status(id));
    if !hidden {
        x.node("PrimaryEndpoint", |x| {
            endpoint(x, &shard_host(group, false), port);
        });
        x.node("ReaderEndpoint", |x| endpoint(x, &shard_host(group, true), port));
    }
    if group.mode != ClusterMode::Disabled && !shard.slots.is_empty() {
        x.text("Slots", &shard.slots);
    }
    let shown = |node: &&Node| node.life != Life::Starting || switches.creating_nodes_in_node_groups;
    x.list(
        "NodeGroupMembers",
        "NodeGroupMember",
        shard.nodes.values().filter(shown),
        |x, node| {
            x.text("CacheClusterId", &node.id);
            x.text("CacheNodeId", "0001");
            if !hidden && node.life != Life::Starting {
                x.node("ReadEndpoint", |x| endpoint(x, &node_host(group, node), port));
            }
            x.text("PreferredAvailabilityZone", &node.zone);
            x.opt("PreferredOutpostArn", group.echo.outpost.as_ref());
            if !hidden {
                x.text(
                    "CurrentRole",
                    if shard.primary == node.id {
                        "primary"
                    } else {
                        "replica"
                    },
                );
            }
        },
    );
}

/// The inside of a CacheCluster element.
pub fn cache_cluster(x: &mut Xml, group: &Group, node: &Node, switches: &Switches, with_nodes: bool) {
    let echo = &group.echo;
    let place = &group.key.place;
    let settled = !matches!(node.life, Life::Starting | Life::Leaving) && group.phase == Phase::Running;
    x.text("CacheClusterId", &node.id);
    x.text(
        "ClientDownloadLandingPage",
        "https://console.aws.amazon.com/elasticache/home#client-download:",
    );
    x.text("CacheNodeType", &echo.node_type);
    x.text("Engine", &echo.engine);
    x.text("EngineVersion", &echo.engine_version);
    x.text("CacheClusterStatus", cluster_status(group, node, switches));
    x.text("NumCacheNodes", 1);
    x.text("PreferredAvailabilityZone", &node.zone);
    x.opt("PreferredOutpostArn", echo.outpost.as_ref());
    if settled {
        x.text(
            "CacheClusterCreateTime",
            stamp(node.told_created.unwrap_or(node.created)),
        );
    }
    x.text("PreferredMaintenanceWindow", &group.window);
    x.node("PendingModifiedValues", |_| {});
    if let Some(topic) = &echo.notification_topic {
        x.node("NotificationConfiguration", |x| {
            x.text("TopicArn", topic);
            x.text("TopicStatus", "active");
        });
    }
    x.node("CacheSecurityGroups", |_| {});
    x.node("CacheParameterGroup", |x| {
        x.text("CacheParameterGroupName", &echo.parameter_group);
        x.text("ParameterApplyStatus", "in-sync");
        x.node("CacheNodeIdsToReboot", |_| {});
    });
    x.text("CacheSubnetGroupName", &group.subnet_group);
    if with_nodes && settled {
        x.list("CacheNodes", "CacheNode", [node], |x, node| {
            x.text("CacheNodeId", "0001");
            x.text("CacheNodeStatus", node_status(node, switches));
            x.text(
                "CacheNodeCreateTime",
                stamp(node.told_created.unwrap_or(node.created)),
            );
            x.node("Endpoint", |x| endpoint(x, &node_host(group, node), echo.port));
            x.text("ParameterGroupStatus", "in-sync");
            x.text("CustomerAvailabilityZone", &node.zone);
        });
    }
    x.text("AutoMinorVersionUpgrade", echo.auto_minor_version_upgrade);
    x.list("SecurityGroups", "member", &echo.security_groups, |x, id| {
        x.text("SecurityGroupId", id);
        x.text("Status", "active");
    });
    x.text("ReplicationGroupId", &group.key.id);
    x.text("SnapshotRetentionLimit", echo.snapshot_retention);
    x.text("SnapshotWindow", &echo.snapshot_window);
    x.text("AuthTokenEnabled", echo.auth_token);
    x.text("TransitEncryptionEnabled", echo.transit_encryption);
    x.text("AtRestEncryptionEnabled", echo.at_rest_encryption);
    x.text(
        "ARN",
        format!(
            "arn:aws:elasticache:{}:{}:cluster:{}",
            place.region, place.account, node.id
        ),
    );
    x.text("ReplicationGroupLogDeliveryEnabled", false);
    x.node("LogDeliveryConfigurations", |_| {});
    x.text("NetworkType", &echo.network_type);
    x.text("IpDiscovery", &echo.ip_discovery);
    x.opt("TransitEncryptionMode", echo.transit_encryption_mode.as_ref());
}

fn cluster_status(group: &Group, node: &Node, switches: &Switches) -> &'static str {
    match (group.phase, node.life) {
        (Phase::Deleting, _) | (_, Life::Leaving) => "deleting",
        (Phase::Creating, _) | (_, Life::Starting) => "creating",
        (_, Life::Up) if group.is_snapshotted(&node.id) => "snapshotting",
        (_, Life::Up) => "available",
        (_, Life::Lost { .. } | Life::Recovering { .. }) => match switches.dead_node_status {
            DeadStatus::Available => "available",
            DeadStatus::Creating => "creating",
            DeadStatus::Rebooting => "rebooting cluster nodes",
            DeadStatus::Modifying => "modifying",
        },
    }
}

fn node_status(node: &Node, switches: &Switches) -> &'static str {
    match (node.life.is_lost(), switches.dead_node_status) {
        (true, DeadStatus::Creating) => "creating",
        (true, DeadStatus::Rebooting) => "rebooting",
        _ => "available",
    }
}

fn endpoint(x: &mut Xml, host: &str, port: i64) {
    x.text("Address", host);
    x.text("Port", port);
}

fn domain(group: &Group) -> String {
    format!("{}.cache.amazonaws.com", short_region(&group.key.place.region))
}

/// Six letters that stand for the account and region, as in real host names.
fn token(group: &Group) -> String {
    let place = &group.key.place;
    let mut hash = place
        .account
        .bytes()
        .chain(place.region.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| {
            (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (0..6)
        .map(|_| {
            let letter = u8::try_from(hash % 26).unwrap_or_default() + b'a';
            hash /= 26;
            char::from(letter)
        })
        .collect()
}

fn configuration_host(group: &Group) -> String {
    let (id, token, domain) = (&group.key.id, token(group), domain(group));
    if group.echo.transit_encryption {
        format!("clustercfg.{id}.{token}.{domain}")
    } else {
        format!("{id}.{token}.clustercfg.{domain}")
    }
}

fn shard_host(group: &Group, reader: bool) -> String {
    let (id, token, domain) = (&group.key.id, token(group), domain(group));
    match (group.echo.transit_encryption, reader) {
        (true, false) => format!("master.{id}.{token}.{domain}"),
        (true, true) => format!("replica.{id}.{token}.{domain}"),
        (false, false) => format!("{id}.{token}.ng.0001.{domain}"),
        (false, true) => format!("{id}-ro.{token}.ng.0001.{domain}"),
    }
}

fn node_host(group: &Group, node: &Node) -> String {
    let (id, token, domain) = (&group.key.id, token(group), domain(group));
    if group.echo.transit_encryption {
        format!("{}.{id}.{token}.{domain}", node.id)
    } else {
        format!("{}.{token}.0001.{domain}", node.id)
    }
}

/// `ap-northeast-2` → `apn2`, `us-east-1` → `use1`.
fn short_region(region: &str) -> String {
    match region {
        "ap-northeast-1" => return "apne1".to_owned(),
        "ap-northeast-2" => return "apn2".to_owned(),
        _ => {}
    }
    let mut parts = region.split('-');
    let head = parts.next().unwrap_or_default();
    let middle: String = parts.next().map(compass).unwrap_or_default();
    format!("{head}{middle}{}", parts.next().unwrap_or_default())
}

fn compass(word: &str) -> String {
    match word {
        "northeast" => "ne".to_owned(),
        "southeast" => "se".to_owned(),
        "northwest" => "nw".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other.chars().take(1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_shortened_as_in_host_names() {
        assert_eq!(short_region("ap-northeast-2"), "apn2");
        assert_eq!(short_region("us-east-1"), "use1");
        assert_eq!(short_region("eu-central-1"), "euc1");
        assert_eq!(short_region("ap-southeast-1"), "apse1");
    }
}
