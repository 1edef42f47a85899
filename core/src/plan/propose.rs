//! The whole ordered sequence of actions that would bring a stack to its goals, before any guardrail.
//!
//! Components share no nodes, so each is placed by itself ([`super::place`]); their steps are put into one order
//! ([`super::order`]) and into words ([`super::why`]).
//!
//! Nothing is planned for a component whose description is missing or contradicts itself (not found, being created or
//! deleted, no shards, members that don't add up), nor for a member of a Global Datastore or nodes on an Outpost. What
//! CloudFormation owns keeps its settings.

use super::goals::Violations;
use super::order::{Task, Tasks, Turn, order};
use super::place::ground::Ground;
use super::place::options::{Step, arriving};
use super::place::{Placement, cost, options::Cost, place};
use super::{Action, ActionId, ActionKind, Input, goals, why};
use crate::topology::{Component, Gap, Manager, ResourceStatus, Switch};
use std::collections::BTreeSet;

/// What should be done, and how well it would leave things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    pub actions: Vec<Action>,
    /// Goals 4 and 5 are met now; `None` where that can't be known.
    pub balanced: Option<bool>,
    /// Of all components that can be planned: violations now, and after the actions.
    pub before: Violations,
    pub after: Violations,
    pub cost: Cost,
}

/// One component on its way through planning.
pub(super) struct Plan<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) identifier: &'a str,
    pub(super) placement: Placement,
    tasks: Tasks,
    settings: SettingsViolations,
}

/// The least costly sequence that leaves the goals as well met as can be.
pub fn propose(input: &Input<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let mut plans = Vec::new();
    let mut balanced = Some(true);
    for (name, cache) in &input.intent.caches {
        let component = input.topology.components.get(name).filter(|c| observed_whole(c));
        let Some(component) = component else {
            balanced = balanced.filter(|b| !*b);
            continue;
        };
        let mut ground = Ground::new(input, name, cache, component);
        let settings = Settings::of(component, &ground);
        ground.can_move |= settings.automatic_failover;
        let placement = place(&ground);
        balanced = both(balanced, is_balanced(&ground, &placement));
        if component.managed_elsewhere.iter().any(Manager::forbids_all) {
            continue;
        }
        plans.push(Plan::new(component, ground, settings, placement));
    }
    let tasks: Vec<Tasks> = plans.iter().map(|p| p.tasks.clone()).collect();
    let turns = order(&tasks);
    proposal.actions = turns.iter().map(|turn| action(&plans, turn)).collect();
    distinguish(&mut proposal.actions);
    for plan in &plans {
        add(&mut proposal.before, &plan.placement.before, plan.settings.before);
        add(&mut proposal.after, &plan.placement.after, plan.settings.after);
        proposal.cost = proposal.cost.plus(cost(&plan.placement.chosen), 1);
    }
    proposal.balanced = balanced;
    proposal
}

/// The observation is one that a plan can rest on.
fn observed_whole(component: &Component) -> bool {
    let status = matches!(
        component.status,
        ResourceStatus::Available | ResourceStatus::Modifying | ResourceStatus::Snapshotting
    );
    let described = !component.gaps.iter().any(|g| matches!(g, Gap::Description(_)));
    status && described && component.members_match && !component.shards.is_empty()
}

fn is_balanced(ground: &Ground<'_>, placement: &Placement) -> Option<bool> {
    let roles_known = ground.cells.iter().all(|c| goals::primary(&c.members).is_some());
    match (placement.before.nodes_spread, placement.before.primaries_spread) {
        (1.., _) => Some(false),
        _ if !roles_known => None,
        (_, primaries) => Some(primaries <= 0),
    }
}

/// False when either is, else unknown when either is.
fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Settings to be turned on.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    automatic_failover: bool,
    multi_az_wanted: bool,
    /// Off, and can't be turned on by us.
    left_off: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct SettingsViolations {
    before: i64,
    after: i64,
}

impl Settings {
    /// Automatic failover needs a replica in every shard, now or after the additions
    /// (`InvalidParameterCombination: … there must be at least 2 cache clusters in the replication group`).
    fn of(component: &Component, ground: &Ground<'_>) -> Self {
        let off = |s: Switch| matches!(s, Switch::Disabled | Switch::Disabling);
        let failover_off = off(component.settings.automatic_failover);
        let multi_az_off = off(component.settings.multi_az);
        let ours = !component
            .managed_elsewhere
            .iter()
            .any(|m| matches!(m, Manager::CloudFormation { .. }));
        let replicated = ground.cells.iter().all(|c| arriving(ground, c) >= 2);
        let accepted = ground.min_count == 1 && !replicated;
        let can = ours && replicated;
        let wanted = i64::from(failover_off) + i64::from(multi_az_off);
        Self {
            automatic_failover: failover_off && can,
            multi_az_wanted: multi_az_off && can,
            left_off: if accepted || can { 0 } else { wanted },
        }
    }
}

impl<'a> Plan<'a> {
    fn new(component: &'a Component, ground: Ground<'a>, settings: Settings, placement: Placement) -> Self {
        let spanning = placement.chosen.iter().all(|c| c.ends.survivable == 0);
        let multi_az = settings.multi_az_wanted && spanning;
        let shards = placement.chosen.iter().zip(&ground.cells).map(|(choice, cell)| {
            let before = goals::of_shard(&ground, &cell.members);
            let short = usize::try_from(before.complete).unwrap_or_default();
            let survival = before.survivable > 0;
            Task {
                choice: choice.clone(),
                survival,
                copies: short.saturating_sub(usize::from(survival)),
            }
        });
        let tasks = Tasks {
            shards: shards.collect(),
            automatic_failover: settings.automatic_failover,
            multi_az,
        };
        let planned = i64::from(settings.automatic_failover) + i64::from(settings.multi_az_wanted);
        let done = i64::from(tasks.automatic_failover) + i64::from(tasks.multi_az);
        Self {
            identifier: &component.resource.identifier,
            ground,
            placement,
            tasks,
            settings: SettingsViolations {
                before: settings.left_off + planned,
                after: settings.left_off + planned - done,
            },
        }
    }
}

fn add(sum: &mut Violations, part: &Violations, settings: i64) {
    let Violations {
        survivable,
        complete,
        apart,
        nodes_spread,
        primaries_spread,
        tidy,
    } = *part;
    sum.survivable += survivable + settings;
    sum.complete += complete;
    sum.apart += apart;
    sum.nodes_spread += nodes_spread;
    sum.primaries_spread += primaries_spread;
    sum.tidy += tidy;
}

fn action(plans: &[Plan<'_>], turn: &Turn) -> Action {
    match *turn {
        Turn::AutomaticFailover { component } => setting(&plans[component], true),
        Turn::MultiAz { component } => setting(&plans[component], false),
        Turn::Shard {
            component,
            shard,
            step,
        } => shard_action(&plans[component], shard, step),
    }
}

fn setting(plan: &Plan<'_>, automatic_failover: bool) -> Action {
    let identifier = plan.identifier.to_owned();
    let (slug, kind, why) = if automatic_failover {
        (
            "enable-automatic-failover",
            ActionKind::EnableAutomaticFailover { identifier },
            why::AUTOMATIC_FAILOVER,
        )
    } else {
        (
            "enable-multi-az",
            ActionKind::EnableMultiAz { identifier },
            why::MULTI_AZ,
        )
    };
    Action {
        id: ActionId(format!("{slug}-{}", plan.ground.name)),
        component: plan.ground.name.clone(),
        kind,
        from_zone: None,
        to_zone: None,
        why: why.to_owned(),
    }
}

fn shard_action(plan: &Plan<'_>, shard: usize, step: Step) -> Action {
    let ground = &plan.ground;
    let (name, (shard_id, observed)) = (ground.name, ground.shards[shard]);
    let zone_of = |member: u8| {
        let id = ground.node_id(shard, member);
        id.and_then(|id| observed.nodes.get(id)).map(|n| n.zone.clone())
    };
    let (id, kind, from_zone, to_zone) = match step {
        Step::Add { zone, replaces } => {
            let zone = ground.zone_name(zone).clone();
            let old = replaces.and_then(|m| ground.node_id(shard, m)).cloned();
            (
                format!("add-{name}-{shard_id}-{zone}"),
                ActionKind::AddReplica {
                    shard: shard_id.clone(),
                    zone: zone.clone(),
                    replaces: old,
                },
                replaces.and_then(zone_of),
                Some(zone),
            )
        }
        Step::Remove { member } => {
            let node = ground
                .node_id(shard, member)
                .cloned()
                .unwrap_or_else(|| "".into());
            (
                format!("remove-{name}-{node}"),
                ActionKind::RemoveReplica {
                    shard: shard_id.clone(),
                    node,
                },
                zone_of(member),
                None,
            )
        }
        Step::Move => (
            format!("move-primary-{name}-{shard_id}"),
            ActionKind::MovePrimary {
                shard: shard_id.clone(),
            },
            goals::primary(&ground.cells[shard].members).map(|p| ground.zone_name(p.zone).clone()),
            why::winners_zone(plan, shard),
        ),
    };
    Action {
        id: ActionId(id),
        component: name.clone(),
        kind,
        from_zone,
        to_zone,
        why: why::sentence(plan, shard, step),
    }
}

/// Names may contain hyphens, so two ids could read the same: the later one gets a number.
fn distinguish(actions: &mut [Action]) {
    let mut seen = BTreeSet::new();
    for action in actions {
        let plain = action.id.0.clone();
        let mut number = 2;
        while !seen.insert(action.id.0.clone()) {
            action.id.0 = format!("{plain}-{number}");
            number += 1;
        }
    }
}
