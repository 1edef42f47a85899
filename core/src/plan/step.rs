//! The next step of a decision: what may be taken now, one thing at a time.

use super::{Action, ActionClass, ActionKind, Decision};
use std::collections::BTreeSet;

/// The first action without holds whose predecessors are done, or nothing.
///
/// - A hold on everything (`action: None`) holds all.
/// - An earlier action of the same shard is a predecessor; so is an earlier setting of the component for a setting.
/// - A disruptive action waits for every earlier action of its component, held or not.
/// - A held additive action blocks no other additive one.
/// - Adjacent additions of one component that nothing holds are one step: they share one IncreaseReplicaCount.
pub fn next_step(decision: &Decision) -> Option<Vec<&Action>> {
    if decision.holds.iter().any(|h| h.action.is_none()) {
        return None;
    }
    let held: BTreeSet<_> = decision.holds.iter().filter_map(|h| h.action.as_ref()).collect();
    let ready = |i: usize| {
        let action = &decision.actions[i];
        !held.contains(&action.id)
            && decision.actions[..i]
                .iter()
                .all(|earlier| !precedes(earlier, action))
    };
    let first = (0..decision.actions.len()).find(|i| ready(*i))?;
    let together = |i: &usize| {
        *i == first
            || (ready(*i)
                && is_addition(&decision.actions[*i])
                && is_addition(&decision.actions[first])
                && decision.actions[*i].component == decision.actions[first].component)
    };
    Some(
        (first..decision.actions.len())
            .take_while(together)
            .map(|i| &decision.actions[i])
            .collect(),
    )
}

fn is_addition(action: &Action) -> bool {
    matches!(action.kind, ActionKind::AddReplica { .. })
}

/// The later action waits until the earlier one is done.
fn precedes(earlier: &Action, later: &Action) -> bool {
    earlier.component == later.component
        && (later.kind.class() == ActionClass::Disruptive || earlier.kind.shard() == later.kind.shard())
}
