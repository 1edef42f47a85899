//! What one step asks of AWS: one call, as a value. Pure.

use crate::aws::ShardIncrease;
use crate::plan::{Action, ActionKind};
use crate::topology::{Component, NodeId, ShardId, ZoneName};
use std::collections::BTreeMap;

/// One mutating call on one replication group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// IncreaseReplicaCount, one or more shards in one call.
    Increase(Vec<ShardIncrease>),
    /// DecreaseReplicaCount(ReplicasToRemove).
    Decrease(NodeId),
    TestFailover(ShardId),
    EnableAutomaticFailover,
    EnableMultiAz,
}

/// A step that no single call can make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the step {0} can't be made with one call")]
pub struct NoSuchCall(pub String);

/// The one call that makes this step on the component as freshly read.
pub fn change(step: &[Action], component: &Component) -> Result<Change, NoSuchCall> {
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
        ActionKind::AddReplica { .. } => Change::Increase(increases(step, component).ok_or_else(refuse)?),
        ActionKind::RemoveReplica { node, .. } => Change::Decrease(node.clone()),
        ActionKind::MovePrimary { shard } => Change::TestFailover(shard.clone()),
        ActionKind::EnableAutomaticFailover { .. } => Change::EnableAutomaticFailover,
        ActionKind::EnableMultiAz { .. } => Change::EnableMultiAz,
    })
}

fn increases(step: &[Action], component: &Component) -> Option<Vec<ShardIncrease>> {
    let mut added: BTreeMap<&ShardId, Vec<ZoneName>> = BTreeMap::new();
    for action in step {
        let ActionKind::AddReplica { shard, zone, .. } = &action.kind else {
            return None;
        };
        added.entry(shard).or_default().push(zone.clone());
    }
    added
        .into_iter()
        .map(|(id, zones)| {
            let shard = component.shards.get(id)?;
            Some(ShardIncrease::new(id.clone(), shard, &zones))
        })
        .collect()
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
    fn adjacent_additions_share_one_call_with_one_entry_per_shard() {
        let component = cache("a b c", &["a:r c:P", "c:r a:P"]);
        let step = [add("0001", "b"), add("0002", "b")];
        let shards = ["0001", "0002"].map(|id| {
            let id: ShardId = id.into();
            ShardIncrease::new(id.clone(), &component.shards[&id], &["b".into()])
        });
        assert_eq!(
            change(&step, &component).unwrap(),
            Change::Increase(shards.to_vec())
        );
    }

    #[test]
    fn a_shard_that_is_gone_gets_no_call() {
        let component = cache("a b c", &["a:r c:P"]);
        assert!(change(&[add("0002", "b")], &component).is_err());
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
            Change::TestFailover("0001".into())
        );
        assert_eq!(
            call(ActionKind::RemoveReplica {
                shard: "0001".into(),
                node: "cache-0001-002".into()
            }),
            Change::Decrease("cache-0001-002".into())
        );
        assert_eq!(
            call(ActionKind::EnableMultiAz {
                identifier: identifier()
            }),
            Change::EnableMultiAz
        );
        assert_eq!(
            call(ActionKind::EnableAutomaticFailover {
                identifier: identifier()
            }),
            Change::EnableAutomaticFailover
        );
    }
}
