//! Why a step is planned: which goal it serves, what it costs, what it interrupts. Sentences only.

use super::goals;
use super::place::options::Step;
use super::propose::Plan;
use crate::topology::{Role, ZoneName};

pub const AUTOMATIC_FAILOVER: &str = "Automatic failover is off: without it no replica is promoted when a primary's zone is lost. Interrupts nothing.";
pub const MULTI_AZ: &str =
    "Multi-AZ is off: with it AWS promises promotion in another zone. Interrupts nothing.";

/// The sentence for one step.
pub(super) fn sentence(plan: &Plan<'_>, shard: usize, step: Step) -> String {
    match step {
        Step::Add { zone, replaces } => addition(plan, shard, zone, replaces),
        Step::Remove { member } => removal(plan, shard, member),
        Step::Move => primary_move(plan, shard),
    }
}

fn addition(plan: &Plan<'_>, shard: usize, zone: u8, replaces: Option<u8>) -> String {
    let ground = &plan.ground;
    let cell = &ground.cells[shard];
    let id = ground.shards[shard].0;
    let to = ground.zone_name(zone);
    let Some(old) = replaces.and_then(|m| cell.members.iter().find(|n| n.id == m)) else {
        let (have, want) = (
            goals::standing(&cell.members),
            goals::target(&cell.members, ground.min_count),
        );
        return format!(
            "Shard {id} has {have} of {want} copies: one more in {to} restores redundancy. Costs one node more for good."
        );
    };
    let from = ground.zone_name(old.zone);
    let name = ground
        .node_id(shard, old.id)
        .map(ToString::to_string)
        .unwrap_or_default();
    if old.missing {
        return format!(
            "Shard {id} lost {name} with zone {from}: a copy in {to} takes its place until {from} is back. \
             Costs one node more until then."
        );
    }
    let reason = relocation(plan, shard);
    format!(
        "{reason}: a copy in {to} replaces {name} in {from}. Costs one node more until that one is removed."
    )
}

/// What a relocation in this shard is good for: the first goal that it serves.
fn relocation(plan: &Plan<'_>, shard: usize) -> String {
    let ground = &plan.ground;
    let id = ground.shards[shard].0;
    let members = &ground.cells[shard].members;
    let before = goals::of_shard(ground, members);
    let after = plan.placement.chosen[shard].ends;
    let nodes = |v: &goals::Violations| v.nodes_spread;
    let all_alone = members.iter().all(|m| ground.place(m.zone).fails_alone);
    if after.survivable < before.survivable && !all_alone {
        format!("Shard {id} has copies in fewer than two Availability Zones, Local Zones not counted")
    } else if after.survivable < before.survivable {
        format!("All copies of shard {id} stand in one zone")
    } else if after.apart < before.apart {
        format!("Shard {id} has copies outside the stack's zones or two in one zone")
    } else if nodes(&plan.placement.after) < nodes(&plan.placement.before) {
        format!("Nodes are spread unevenly over the zones, and shard {id} can even that out")
    } else {
        format!("Primaries are spread unevenly over the zones, and shard {id} can take one where it lacks")
    }
}

fn removal(plan: &Plan<'_>, shard: usize, member: u8) -> String {
    let ground = &plan.ground;
    let (id, cell) = (ground.shards[shard].0, &ground.cells[shard]);
    let name = ground
        .node_id(shard, member)
        .map(ToString::to_string)
        .unwrap_or_default();
    let ours = cell
        .members
        .iter()
        .any(|m| m.id == member && m.ours && m.replaces.is_some());
    let reason = if ours {
        format!("Shard {id} is complete without {name}, which was added for a time")
    } else {
        format!("{name} of shard {id} has been replaced in another zone")
    };
    format!("{reason}. Frees one node; readers connected to it reconnect.")
}

fn primary_move(plan: &Plan<'_>, shard: usize) -> String {
    let ground = &plan.ground;
    let id = ground.shards[shard].0;
    let from = goals::primary(&ground.cells[shard].members).map(|p| ground.place(p.zone));
    let zone = from.map(|p| p.name.to_string()).unwrap_or_default();
    let reason = match from {
        Some(place) if !place.in_spec => {
            format!("The primary of shard {id} stands outside the stack's zones, in {zone}")
        }
        _ => format!("Primaries are spread unevenly over the zones: shard {id} moves its own out of {zone}"),
    };
    format!(
        "{reason}. Writes to the shard fail for seconds to about a minute, and AWS rebuilds the old primary as a \
         replica: one copy less for about ten minutes."
    )
}

/// The zone of the expected winner, where it is known: one candidate zone, or known lag.
pub(super) fn winners_zone(plan: &Plan<'_>, shard: usize) -> Option<ZoneName> {
    let ground = &plan.ground;
    let choice = &plan.placement.chosen[shard];
    let to = choice.shift?.to;
    let place = ground.places.iter().find(|p| p.measured == Some(to))?;
    let removed = |id: u8| {
        let before_move = choice.steps.iter().take_while(|s| !matches!(s, Step::Move));
        before_move.clone().any(|s| *s == Step::Remove { member: id })
    };
    let stays: Vec<_> = ground.cells[shard]
        .members
        .iter()
        .filter(|m| m.role == Role::Replica && !removed(m.id))
        .collect();
    let lag_known = stays.iter().any(|m| {
        let id = ground.node_id(shard, m.id);
        id.and_then(|id| ground.shards[shard].1.nodes.get(id))
            .is_some_and(|n| n.lag.is_some())
    });
    let added: Vec<u8> = choice
        .steps
        .iter()
        .take_while(|s| !matches!(s, Step::Move))
        .filter_map(|s| match s {
            Step::Add { zone, .. } => Some(*zone),
            _ => None,
        })
        .collect();
    let one_zone = stays
        .iter()
        .map(|m| m.zone)
        .chain(added)
        .all(|z| ground.place(z).measured == Some(to));
    (lag_known || one_zone).then(|| place.name.clone())
}
