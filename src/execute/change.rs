//! What one step asks of AWS: one call, as a value. Pure.

use crate::plan::{Action, ActionKind};
use crate::topology::{Component, NodeId, ShardId, ZoneName};
use std::collections::BTreeMap;

/// One mutating call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// IncreaseReplicaCount, several shards in one call.
    Increase {
        identifier: String,
        shards: BTreeMap<ShardId, Increase>,
    },
    /// DecreaseReplicaCount(ReplicasToRemove). AWS wants to know the count that remains, per shard.
    Decrease {
        identifier: String,
        shard: ShardId,
        node: NodeId,
    },
    TestFailover {
        identifier: String,
        shard: ShardId,
    },
    EnableAutomaticFailover {
        identifier: String,
    },
    EnableMultiAz {
        identifier: String,
    },
}

/// ConfigureShard of one shard. ElastiCache wants a zone for the primary and for each replica, old and new: the
/// primary's first, then those of the replicas that stand, then the new ones (shape `ConfigureShard`,
/// `PreferredAvailabilityZones`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Increase {
    pub new_replica_count: usize,
    pub zones: Vec<ZoneName>,
}

/// A step that no single call can make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the step {0} can't be made with one call")]
pub struct NoSuchCall(pub String);

/// The one call that makes this step on the component as freshly read.
pub fn change(step: &[Action], component: &Component) -> Result<Change, NoSuchCall> {
    let identifier = component.resource.identifier.clone();
    let refuse = || {
        let ids: Vec<&str> = step.iter().map(|a| a.id.0.as_str()).collect();
        NoSuchCall(ids.join(", "))
    };
    let one = match step {
        [one] => &one.kind,
        [first, ..] if matches!(first.kind, ActionKind::AddReplica { .. }) => &first.kind,
        _ => return Err(refuse()),
    };
    Ok(match one {
        ActionKind::AddReplica { .. } => Change::Increase {
            identifier,
            shards: increases(step, component).ok_or_else(refuse)?,
        },
        ActionKind::RemoveReplica { shard, node } => Change::Decrease {
            identifier,
            shard: shard.clone(),
            node: node.clone(),
        },
        ActionKind::MovePrimary { shard } => Change::TestFailover {
            identifier,
            shard: shard.clone(),
        },
        ActionKind::EnableAutomaticFailover { .. } => Change::EnableAutomaticFailover { identifier },
        ActionKind::EnableMultiAz { .. } => Change::EnableMultiAz { identifier },
    })
}

fn increases(step: &[Action], component: &Component) -> Option<BTreeMap<ShardId, Increase>> {
    let mut shards: BTreeMap<ShardId, Increase> = BTreeMap::new();
    for action in step {
        let ActionKind::AddReplica { shard: id, zone, .. } = &action.kind else {
            return None;
        };
        let shard = component.shards.get(id)?;
        let increase = shards.entry(id.clone()).or_insert_with(|| {
            let primary = shard.primary().map(|(id, _)| id);
            let mut standing: Vec<_> = shard.nodes.iter().collect();
            // Roles unknown: any order does, since all members' zones come before the new ones.
            standing.sort_by_key(|(id, _)| (Some(*id) != primary, *id));
            Increase {
                new_replica_count: shard.nodes.len().saturating_sub(1),
                zones: standing.into_iter().map(|(_, n)| n.zone.clone()).collect(),
            }
        });
        increase.new_replica_count += 1;
        increase.zones.push(zone.clone());
    }
    Some(shards)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::support::{action, cache};

    fn add(shard: &str, zone: &str) -> Action {
        let kind = ActionKind::AddReplica {
            shard: shard.into(),
            zone: zone.into(),
            replaces: None,
        };
        action("add", kind)
    }

    #[test]
    fn an_increase_names_the_primary_s_zone_first_then_all_replicas_then_the_new_ones() {
        let component = cache("a b c", &["a:r c:P", "c:r a:P"]);
        let change = change(&[add("0001", "b"), add("0002", "b")], &component).unwrap();
        let Change::Increase { identifier, shards } = change else {
            panic!("{change:?}")
        };
        assert_eq!(identifier, "cache");
        let zones = |id: &str| {
            let increase = &shards[&id.into()];
            let names: Vec<_> = increase.zones.iter().map(ZoneName::as_str).collect();
            (increase.new_replica_count, names.join(" "))
        };
        assert_eq!(zones("0001"), (2, "c a b".to_owned()));
        assert_eq!(zones("0002"), (2, "a c b".to_owned()));
    }

    #[test]
    fn with_unknown_roles_every_standing_member_still_comes_before_the_new_one() {
        let component = cache("a b c", &["a:? c:?"]);
        let Change::Increase { shards, .. } = change(&[add("0001", "b")], &component).unwrap() else {
            panic!()
        };
        let increase = &shards[&"0001".into()];
        assert_eq!(increase.zones, ["a".into(), "c".into(), "b".into()]);
        assert_eq!(increase.new_replica_count, 2);
    }

    #[test]
    fn two_disruptions_never_share_a_call() {
        let component = cache("a b", &["a:P b:r", "a:P b:r"]);
        let moves = ["0001", "0002"].map(|s| action(s, ActionKind::MovePrimary { shard: s.into() }));
        assert_eq!(
            change(&moves, &component).unwrap_err().to_string(),
            "the step 0001, 0002 can't be made with one call"
        );
        let mixed = [add("0001", "b"), moves[0].clone()];
        assert!(change(&mixed, &component).is_err());
        assert!(change(&[], &component).is_err());
    }

    #[test]
    fn each_kind_of_step_has_its_call() {
        let component = cache("a b", &["a:P b:r"]);
        let call = |kind| change(&[action("x", kind)], &component).unwrap();
        let identifier = || "cache".to_owned();
        assert_eq!(
            call(ActionKind::MovePrimary { shard: "0001".into() }),
            Change::TestFailover {
                identifier: identifier(),
                shard: "0001".into()
            }
        );
        assert_eq!(
            call(ActionKind::RemoveReplica {
                shard: "0001".into(),
                node: "cache-0001-002".into()
            }),
            Change::Decrease {
                identifier: identifier(),
                shard: "0001".into(),
                node: "cache-0001-002".into()
            }
        );
        assert_eq!(
            call(ActionKind::EnableMultiAz {
                identifier: identifier()
            }),
            Change::EnableMultiAz {
                identifier: identifier()
            }
        );
        assert_eq!(
            call(ActionKind::EnableAutomaticFailover {
                identifier: identifier()
            }),
            Change::EnableAutomaticFailover {
                identifier: identifier()
            }
        );
    }
}
