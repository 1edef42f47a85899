//! A second opinion on every decision: what must hold of a plan, and of the step that it begins with, however it was
//! made.
//!
//! Written apart from placing, ordering and the guardrails, and as plainly as can be, so that a fault there is not
//! repeated here. [`plan`](super::plan) asks it of every decision, and so does the executor, which plans again from a
//! fresh look just before it sends. What fails is held ([`Guardrail::Verifier`]) and never done.
//!
//! *Of the plan*, each step taken as if all before it had succeeded, and each move won by any replica that could:
//! - **Removal**: a replica that our own record says was added and isn't needed any more, or that a healthy node of
//!   ours has replaced. Never a primary, never anybody else's node.
//! - **Redundancy**: no settled state is worse than the one before. No shard has fewer healthy copies, or has them in
//!   fewer zones, than before (or than it wants), and goals 1 to 3 are as well met.
//! - **Place**: a copy goes into an Availability Zone of the spec that the subnet group reaches, that is Healthy, and in
//!   which no other copy of the shard stands; a shard has at most six members and at most one copy too many.
//! - **Winner**: whoever wins a failover, every copy of the shard was healthy, and the primary ends in a Healthy zone,
//!   never further outside the spec than it was.
//! - **Order**: what adds redundancy comes before what disrupts; a primary moves once.
//!
//! *Of the step*, beside what stands now:
//! - **Permission**: nothing is paused, stopped or only to be reported; what needs an approval has one; the resource
//!   bears our tag, is claimed by no elder stack, and is completely observed.
//! - **Disruption**: alone, while no other call is in flight, every shard of the component is complete and every zone
//!   of the stack is Healthy.
//! - **Budget**: no more nodes are added, and no more is disrupted at a time, than stack and controller allow.

use super::guardrails::mode::effective_policy;
use super::history::Phase;
use super::intent::{CacheIntent, Policy};
use super::{
    Action, ActionClass, ActionId, ActionKind, Decision, Guardrail, Hold, Input, Intent, PlanId, Purpose,
    ZoneReport, copies, next_step,
};
use crate::topology::survival::Survival;
use crate::topology::{
    Component, Health, Manager, NodeId, Owner, Role, Shard, ShardId, Zone, ZoneName, ZoneState,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// ElastiCache: one primary and five replicas.
const MOST_MEMBERS: usize = 6;

/// What a decision breaks, and with which of its actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Removal,
    Redundancy,
    Place,
    Winner,
    Order,
    Permission,
    Disruption,
    Budget,
}

/// One action that must not be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub action: ActionId,
    pub rule: Rule,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
}

impl Fault {
    fn of(action: &Action, rule: Rule, what: String) -> Self {
        Self {
            action: action.id.clone(),
            rule,
            what,
        }
    }
}

/// Everything that is wrong with this decision; empty for a sound one.
pub fn verify(input: &Input<'_>, decision: &Decision) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut walk = Walk::default();
    for action in &decision.actions {
        walk.take(input, action, &mut faults);
    }
    if let Some(step) = next_step(decision) {
        of_step(input, &step, &mut faults);
    }
    faults
}

/// Holds every action that [`verify`] finds wrong.
pub fn held(input: &Input<'_>, mut decision: Decision) -> Decision {
    let mut by_action: BTreeMap<ActionId, Vec<String>> = BTreeMap::new();
    for fault in verify(input, &decision) {
        by_action.entry(fault.action).or_default().push(fault.what);
    }
    decision
        .holds
        .extend(by_action.into_iter().map(|(action, what)| Hold {
            id: format!("{}:{action}", Guardrail::Verifier.as_str()),
            guardrail: Guardrail::Verifier,
            action: Some(action),
            reason: format!(
                "This step breaks a rule that every step has to keep: {}. It is a fault of Evenkeel: please report it with \
                 the output of `evenkeel snapshot`.",
                what.join("; ")
            ),
            retry_at: None,
        }));
    decision
}

/// What is told of a stack that can't be judged, because judging it ended in a fault of ours: that nobody knows what it
/// survives, and that nothing is done.
pub fn undecided(intent: &Intent, why: &str, now: Timestamp) -> Decision {
    let reason = format!(
        "Judging this stack failed: {}. It is a fault of Evenkeel: please report it with the output of `evenkeel \
         snapshot`.",
        why.trim_end_matches('.')
    );
    let zone = |name: &ZoneName| {
        let report = ZoneReport {
            in_spec: true,
            zone: Zone {
                state: ZoneState::Unknown,
                since: None,
                reasons: Vec::new(),
            },
            verdict: Survival::Unknown,
            reasons: vec![reason.clone()],
        };
        (name.clone(), report)
    };
    Decision {
        id: PlanId(String::new()),
        stack: intent.stack.clone(),
        mode: intent.mode,
        observed_at: now,
        zones: intent.zones.keys().map(zone).collect(),
        verdicts: Vec::new(),
        findings: Vec::new(),
        actions: Vec::new(),
        holds: vec![Hold {
            id: Guardrail::Verifier.as_str().to_owned(),
            guardrail: Guardrail::Verifier,
            action: None,
            reason,
            retry_at: None,
        }],
        balanced: None,
    }
}

/// One copy of a shard.
#[derive(Clone, Debug)]
struct Copy {
    zone: ZoneName,
    role: Role,
    health: Health,
    missing: bool,
    ours: bool,
    replaces: Option<NodeId>,
    lag: Option<SignedDuration>,
}

type Copies = BTreeMap<NodeId, Copy>;

/// The shards as they will be after the steps so far.
#[derive(Default)]
struct Walk<'a> {
    shards: BTreeMap<(&'a str, &'a ShardId), Copies>,
    added: usize,
    disrupted: bool,
    /// Shards with a step before, and those whose primary has moved.
    touched: BTreeSet<(&'a str, &'a ShardId)>,
    moved: BTreeSet<(&'a str, &'a ShardId)>,
}

impl<'a> Walk<'a> {
    fn take(&mut self, input: &Input<'a>, action: &'a Action, faults: &mut Vec<Fault>) {
        let mut fault = |rule, what| faults.push(Fault::of(action, rule, what));
        let Some((component, wanted)) = known(input, action) else {
            return fault(
                Rule::Permission,
                format!("{} is not observed, or not in the spec", action.component),
            );
        };
        let Some(id) = action.kind.shard() else {
            if self.disrupted {
                fault(
                    Rule::Order,
                    "a setting is changed after something was disrupted".to_owned(),
                );
            }
            return;
        };
        let Some(shard) = component.shards.get(id) else {
            return fault(Rule::Permission, format!("there is no shard {id}"));
        };
        let key = (action.component.as_str(), id);
        let before = self
            .shards
            .entry(key)
            .or_insert_with(|| copies_of(input, shard))
            .clone();
        let site = Site {
            input,
            component,
            min_count: 1 + wanted.min_replicas_per_shard as usize,
        };
        let mut after = before.clone();
        match &action.kind {
            ActionKind::AddReplica { zone, replaces, .. } => {
                if self.disrupted && !(replaces.is_some() && self.touched.contains(&key)) {
                    fault(
                        Rule::Order,
                        "it adds redundancy only after something was disrupted".to_owned(),
                    );
                }
                site.place(&before, zone, &mut fault);
                self.added += 1;
                after.insert(
                    NodeId::new(format!("new-{}", self.added)),
                    Copy {
                        zone: zone.clone(),
                        role: Role::Replica,
                        health: Health::Healthy,
                        missing: false,
                        ours: true,
                        replaces: replaces.clone(),
                        lag: None,
                    },
                );
                let (healthy, wanted) = (healthy(&after).count(), site.wanted(&after));
                if healthy > wanted + 1 || after.len() > MOST_MEMBERS {
                    fault(
                        Rule::Place,
                        format!("shard {id} would have {healthy} healthy copies of {wanted}"),
                    );
                }
            }
            ActionKind::RemoveReplica { node, .. } => {
                removal(&before, node, &mut fault);
                after.remove(node);
                for other in after.values_mut().filter(|c| c.replaces.as_ref() == Some(node)) {
                    other.replaces = None;
                }
                site.no_worse(&before, &after, &mut fault);
            }
            ActionKind::MovePrimary { .. } => {
                if !self.moved.insert(key) {
                    fault(Rule::Order, format!("the primary of shard {id} moves twice"));
                }
                for winner in site.winners(&before, &mut fault) {
                    site.no_worse(&before, &with_primary(&before, &winner), &mut fault);
                }
                if let Some(winner) = expected_winner(&before) {
                    after = with_primary(&before, &winner);
                }
            }
            ActionKind::EnableAutomaticFailover { .. } | ActionKind::EnableMultiAz { .. } => {}
        }
        self.disrupted |= action.kind.class() == ActionClass::Disruptive;
        self.touched.insert(key);
        self.shards.insert(key, after);
    }
}

/// What an action is about, as seen and as wanted.
fn known<'a>(input: &Input<'a>, action: &Action) -> Option<(&'a Component, &'a CacheIntent)> {
    let component = input.topology.components.get(&action.component)?;
    Some((component, input.intent.caches.get(&action.component)?))
}

/// Where a step happens.
struct Site<'i, 'a> {
    input: &'i Input<'a>,
    component: &'a Component,
    min_count: usize,
}

impl Site<'_, '_> {
    fn in_spec(&self, zone: &ZoneName) -> bool {
        self.input.intent.zones.contains_key(zone)
    }

    fn is_healthy(&self, zone: &ZoneName) -> bool {
        self.input.topology.zone_state(zone) == ZoneState::Healthy
    }

    /// The members, less those that stand in for one that is still there; never below the minimum.
    fn wanted(&self, copies: &Copies) -> usize {
        let stands_in = |c: &&Copy| c.replaces.as_ref().is_some_and(|old| copies.contains_key(old));
        self.min_count
            .max(copies.len() - copies.values().filter(stands_in).count())
    }

    fn place(&self, before: &Copies, zone: &ZoneName, fault: &mut impl FnMut(Rule, String)) {
        let reached = self.component.settings.subnet_zones.contains(zone);
        let proper = zone.is_availability_zone() && self.in_spec(zone);
        if !proper || !reached || !self.is_healthy(zone) {
            fault(
                Rule::Place,
                format!("{zone} is not a healthy zone of the spec that the subnet group reaches"),
            );
        }
        if before.values().any(|c| c.zone == *zone) {
            fault(
                Rule::Place,
                format!("a copy of the shard stands in {zone} already"),
            );
        }
    }

    fn no_worse(&self, before: &Copies, after: &Copies, fault: &mut impl FnMut(Rule, String)) {
        let wanted = self.wanted(before);
        for (what, count) in [
            (
                "healthy copies",
                (|copies| healthy(copies).count()) as fn(&Copies) -> usize,
            ),
            ("zones with a healthy copy", |copies| {
                distinct(counted(healthy(copies).map(|c| &c.zone)))
            }),
        ] {
            let (then, now) = (count(before), count(after));
            if now < then.min(wanted) {
                fault(
                    Rule::Redundancy,
                    format!("the shard would have {now} {what}, now {then}, wanted {wanted}"),
                );
            }
        }
        let (then, now) = (self.goals(before), self.goals(after));
        for goal in 0..3 {
            if now[goal] > then[goal] {
                fault(
                    Rule::Redundancy,
                    format!("goal {} would be worse than it is", goal + 1),
                );
            }
        }
    }

    /// Violations of goals 1 to 3 by one shard.
    fn goals(&self, copies: &Copies) -> [usize; 3] {
        let standing = || copies.values().filter(|c| !c.missing);
        // Where one copy is all that is wanted, a second one in its zone makes things no worse.
        let alone = self.wanted(copies) == 1;
        let inside = || copies.values().map(|c| &c.zone).filter(|z| self.in_spec(z));
        let primary_outside = primary(copies).is_some_and(|p| !self.in_spec(&p.zone));
        [
            usize::from(distinct(counted(standing().map(|c| &c.zone))) < 2 && !alone),
            self.wanted(copies).saturating_sub(standing().count()),
            copies.len() - distinct(inside()) + usize::from(primary_outside),
        ]
    }

    /// All that could win; none of them may be unfit.
    fn winners(&self, before: &Copies, fault: &mut impl FnMut(Rule, String)) -> Vec<NodeId> {
        let replicas = || before.iter().filter(|(_, c)| c.role == Role::Replica);
        let Some(old) = primary(before) else {
            fault(Rule::Winner, "the primary is not known".to_owned());
            return Vec::new();
        };
        if replicas().next().is_none() {
            fault(Rule::Winner, "nobody could take over".to_owned());
        }
        if before.values().any(|c| c.health != Health::Healthy) {
            fault(Rule::Winner, "a copy of the shard is not healthy".to_owned());
        }
        for (node, copy) in replicas() {
            if !self.is_healthy(&copy.zone) || (self.in_spec(&old.zone) && !self.in_spec(&copy.zone)) {
                fault(
                    Rule::Winner,
                    format!("{node} in {} could become the primary", copy.zone),
                );
            }
        }
        replicas().map(|(id, _)| id.clone()).collect()
    }
}

/// Those that fail by themselves: a Local Zone may go with any of them.
fn counted<'z>(zones: impl Iterator<Item = &'z ZoneName>) -> impl Iterator<Item = &'z ZoneName> {
    zones.filter(|zone| zone.is_availability_zone())
}

fn removal(before: &Copies, node: &NodeId, fault: &mut impl FnMut(Rule, String)) {
    let Some(leaving) = before.get(node) else {
        return fault(Rule::Removal, format!("{node} is no member of the shard"));
    };
    if leaving.role != Role::Replica || primary(before).is_none() {
        fault(
            Rule::Removal,
            format!("{node} is, or may be, the primary of its shard"),
        );
    }
    let replaced = before
        .values()
        .any(|c| c.ours && c.health == Health::Healthy && c.replaces.as_ref() == Some(node));
    let open = leaving.ours && leaving.replaces.is_some();
    if !replaced && !open {
        fault(
            Rule::Removal,
            format!("{node} was not added by us for a time, and no node of ours has replaced it"),
        );
    }
}

/// What stands in the way of the step that would be taken first.
fn of_step(input: &Input<'_>, step: &[&Action], faults: &mut Vec<Fault>) {
    for action in step {
        let mut fault = |rule, what| faults.push(Fault::of(action, rule, what));
        let Some((component, wanted)) = known(input, action) else {
            continue;
        };
        for what in forbidden(input, action, component) {
            fault(Rule::Permission, what);
        }
        if action.kind.class() == ActionClass::Disruptive {
            for what in no_time_to_disrupt(input, component, wanted) {
                fault(Rule::Disruption, what);
            }
            if step.len() > 1 {
                fault(Rule::Disruption, "it would not be done alone".to_owned());
            }
        }
        for what in over_budget(input, step, action) {
            fault(Rule::Budget, what);
        }
    }
}

fn forbidden(input: &Input<'_>, action: &Action, component: &Component) -> Vec<String> {
    let (intent, fleet) = (input.intent, input.fleet);
    let acting = matches!(input.purpose, Purpose::Act { .. });
    let policy = effective_policy(intent, action.kind.action_type());
    let wrong = [
        (intent.annotations.paused, "the stack is paused"),
        (fleet.stop.is_some(), "everything is stopped"),
        (fleet.not_leader.is_some(), "another process leads"),
        (policy == Policy::Report, "it may only be reported"),
        (
            policy == Policy::Approve && intent.annotations.approve.is_none(),
            "nobody approved it",
        ),
        (
            component.owner != Owner::Ours || (acting && fleet.installation.is_none()),
            "the resource doesn't bear our tag",
        ),
        (
            fleet.claimed_by_elder.contains_key(&action.component),
            "an older stack decides about the resource",
        ),
        (
            component.managed_elsewhere.iter().any(Manager::forbids_all),
            "the resource is only reported on",
        ),
        (
            !component.gaps.is_empty() || !component.members_match,
            "the resource is not observed completely",
        ),
    ];
    let found = wrong.into_iter().filter(|(is_wrong, _)| *is_wrong);
    found.map(|(_, what)| what.to_owned()).collect()
}

fn no_time_to_disrupt(input: &Input<'_>, component: &Component, wanted: &CacheIntent) -> Vec<String> {
    let mut wrong = Vec::new();
    let own = match input.purpose {
        Purpose::Propose => None,
        Purpose::Act { ticket } => Some(ticket),
    };
    let mut open = input.history.tickets.iter().filter(|t| t.phase.is_open());
    if open.any(|t| t.phase != Phase::Prepared || own != Some(&t.id)) {
        wrong.push("another call is in flight".to_owned());
    }
    let site = Site {
        input,
        component,
        min_count: 1 + wanted.min_replicas_per_shard as usize,
    };
    for (id, shard) in &component.shards {
        let copies = copies_of(input, shard);
        if healthy(&copies).count() < site.wanted(&copies) {
            wrong.push(format!("shard {id} lacks a healthy copy"));
        }
    }
    let zones = input.intent.zones.keys();
    wrong.extend(
        zones
            .filter(|z| !site.is_healthy(z))
            .map(|z| format!("{z} is not healthy")),
    );
    wrong
}

fn over_budget(input: &Input<'_>, step: &[&Action], action: &Action) -> Vec<String> {
    let (fleet, limits) = (input.fleet, &input.intent.guardrails);
    let is_add = |a: &Action| matches!(a.kind, ActionKind::AddReplica { .. });
    let mut wrong = Vec::new();
    if is_add(action) {
        let adding = step.iter().filter(|a| is_add(a)).count();
        let standing = input.history.added_nodes.len();
        if standing + adding > limits.max_added_nodes as usize
            || fleet.added_nodes as usize + adding > fleet.max_added_nodes as usize
        {
            wrong.push("more nodes would be added than are allowed".to_owned());
        }
    }
    if action.kind.class() == ActionClass::Disruptive
        && (limits.max_concurrent_disruptions == 0
            || fleet.disruptions_in_flight >= fleet.max_concurrent_disruptions)
    {
        wrong.push("more would be disrupted at a time than is allowed".to_owned());
    }
    wrong
}

fn copies_of(input: &Input<'_>, shard: &Shard) -> Copies {
    let of = |id: &NodeId, node: &crate::topology::Node| Copy {
        zone: node.zone.clone(),
        role: node.role,
        health: node.health,
        missing: copies::missing(
            input.topology,
            node,
            input.intent.guardrails.replace_after,
            input.now,
        ),
        ours: node.added_by_us,
        replaces: copies::replaces(input.history, shard, id).cloned(),
        lag: node.lag,
    };
    let nodes = shard.nodes.iter();
    nodes.map(|(id, node)| (id.clone(), of(id, node))).collect()
}

fn healthy(copies: &Copies) -> impl Iterator<Item = &Copy> {
    copies.values().filter(|c| c.health == Health::Healthy)
}

fn distinct<'a>(zones: impl Iterator<Item = &'a ZoneName>) -> usize {
    zones.collect::<BTreeSet<_>>().len()
}

fn primary(copies: &Copies) -> Option<&Copy> {
    let known = copies.values().all(|c| c.role != Role::Unknown);
    let mut primaries = copies.values().filter(|c| c.role == Role::Primary);
    match (primaries.next(), primaries.next()) {
        (Some(one), None) if known => Some(one),
        _ => None,
    }
}

/// The replica with the least lag; one whose lag isn't known after those, then by id.
fn expected_winner(copies: &Copies) -> Option<NodeId> {
    let replicas = copies.iter().filter(|(_, c)| c.role == Role::Replica);
    replicas
        .min_by_key(|(id, c)| (c.lag.is_none(), c.lag, *id))
        .map(|(id, _)| id.clone())
}

fn with_primary(copies: &Copies, winner: &NodeId) -> Copies {
    let mut after = copies.clone();
    for (id, copy) in &mut after {
        if id == winner {
            copy.role = Role::Primary;
            copy.lag = None;
        } else if copy.role == Role::Primary {
            copy.role = Role::Replica;
            copy.lag = Some(SignedDuration::ZERO);
        }
    }
    after
}
