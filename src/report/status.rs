//! The status of one stack: what was seen, judged, planned and done, as the custom resource shows it. Pure.
//!
//! Nothing here changes while the stack is quiet: no "observed at", no ages. So a shell that writes only on change
//! writes nothing for a quiet stack.

use super::conditions::{Aspects, conditions};
use crate::api::conditions::Reason;
use crate::api::v1alpha1::{
    AcceptedStatus, ActionStatus, AddedNodeStatus, ComponentStatus, EffectiveSettings, FailoverStatus,
    HAStackStatus, HoldStatus, PlanStatus, TicketStatus, ZoneStatus,
};
use crate::plan::history::Ticket;
use crate::plan::{Acceptance, Action, Decision, History, Hold, Intent};
use crate::topology::{Component, Health, Region, Role, Shard, Topology, ZoneName, ZoneState};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// So many steps and holds are listed: a status must stay small (etcd refuses objects above 1.5 MiB, and every watcher
/// reads each change).
const MOST_ACTIONS: usize = 20;
const MOST_HOLDS: usize = 20;

/// Everything that a status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub intent: &'a Intent,
    pub generation: Option<i64>,
    /// The newest manifest can't be accepted; `intent` is the last good one.
    pub spec_problem: Option<&'a str>,
    /// AWS could not be read at all, and why.
    pub unobserved: Option<&'a str>,
    pub topology: Option<&'a Topology>,
    pub decision: Option<&'a Decision>,
    pub history: &'a History,
    pub now: Timestamp,
}

/// The stack's status. `before` lends its transition times.
pub fn status(subject: &Subject<'_>, before: Option<&HAStackStatus>) -> HAStackStatus {
    let aspects = Aspects::of(subject);
    let decision = subject.decision;
    HAStackStatus {
        observed_generation: subject.generation,
        conditions: conditions(
            &aspects,
            subject.generation,
            before.map(|s| s.conditions.as_slice()).unwrap_or_default(),
            subject.now,
        ),
        reconcile_at: subject.intent.annotations.reconcile_at.clone(),
        zone_summary: decision.map(zone_summary),
        skew: subject.topology.map(|t| skew(subject.intent, t)),
        last_failover: subject.history.failovers.iter().map(|f| f.at).max(),
        effective: Some(effective(subject.intent)),
        zones: decision
            .zip(subject.topology)
            .map(|(d, t)| zones(d, t))
            .unwrap_or_default(),
        components: subject
            .topology
            .map(|t| components(subject.intent, t))
            .unwrap_or_default(),
        accepted: decision
            .map(|d| accepted(subject.intent, d, subject.now))
            .unwrap_or_default(),
        plan: decision.map(plan),
        tickets: subject
            .history
            .tickets
            .iter()
            .filter(|t| t.phase.is_open())
            .map(ticket)
            .collect(),
        added_nodes: added_nodes(subject.history),
        failovers: failovers(subject.history),
        record: None,
    }
}

/// Why a stack isn't judged at all.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    pub reason: Reason,
    /// Only a change of a spec can help (kstatus).
    pub is_stalled: bool,
    /// Names the field and the remedy.
    pub message: &'a str,
}

impl<'a> Problem<'a> {
    /// The spec can't be accepted.
    pub fn of_spec(message: &'a str) -> Self {
        Self {
            reason: Reason::InvalidSpec,
            is_stalled: true,
            message,
        }
    }
}

/// The status of a stack that isn't judged: its spec was never acceptable, so that there is no intent to judge by, or it
/// may not call AWS.
pub fn refused(
    problem: &Problem<'_>,
    generation: Option<i64>,
    before: Option<&HAStackStatus>,
    now: Timestamp,
) -> HAStackStatus {
    HAStackStatus {
        observed_generation: generation,
        conditions: conditions(
            &Aspects::refused(problem),
            generation,
            before.map(|s| s.conditions.as_slice()).unwrap_or_default(),
            now,
        ),
        ..HAStackStatus::default()
    }
}

fn zone_summary(decision: &Decision) -> String {
    use crate::topology::survival::Survival;
    let survived = decision
        .zones
        .values()
        .filter(|z| matches!(z.verdict, Survival::Survives | Survival::Degraded))
        .count();
    format!("{survived}/{}", decision.zones.len())
}

/// Most minus fewest over the spec's zones that aren't impaired, the largest of all components.
fn skew(intent: &Intent, topology: &Topology) -> String {
    let zones: Vec<&ZoneName> = intent
        .zones
        .keys()
        .filter(|z| topology.zone_state(z) != ZoneState::Impaired)
        .collect();
    let spread = |counts: &BTreeMap<&ZoneName, usize>| {
        let of = |z: &&ZoneName| counts.get(*z).copied().unwrap_or(0);
        let most = zones.iter().map(of).max().unwrap_or(0);
        most - zones.iter().map(of).min().unwrap_or(0)
    };
    let mut nodes = 0;
    let mut primaries = Some(0);
    for component in topology.components.values() {
        let mut standing: BTreeMap<&ZoneName, usize> = BTreeMap::new();
        let mut leading: BTreeMap<&ZoneName, usize> = BTreeMap::new();
        let mut known = true;
        for shard in component.shards.values() {
            for node in shard.nodes.values() {
                *standing.entry(&node.zone).or_default() += 1;
            }
            match shard.primary() {
                Some((_, node)) => *leading.entry(&node.zone).or_default() += 1,
                None => known = false,
            }
        }
        nodes = nodes.max(spread(&standing));
        primaries = primaries.filter(|_| known).map(|p| p.max(spread(&leading)));
    }
    let primaries = primaries.map_or("unknown".to_owned(), |p| p.to_string());
    format!("nodes {nodes}, primaries {primaries}")
}

fn effective(intent: &Intent) -> EffectiveSettings {
    let guardrails = &intent.guardrails;
    EffectiveSettings {
        mode: format!("{:?}", intent.effective_mode()),
        max_skew: intent.max_skew,
        quiet_period: format!("{:#}", guardrails.quiet_period),
        max_replication_lag: format!("{:#}", guardrails.max_replication_lag),
        replace_after: format!("{:#}", guardrails.replace_after),
        max_added_nodes: guardrails.max_added_nodes,
        max_concurrent_disruptions: guardrails.max_concurrent_disruptions,
        min_replicas_per_shard: intent
            .caches
            .iter()
            .map(|(name, c)| (name.to_string(), c.min_replicas_per_shard))
            .collect(),
    }
}

fn zones(decision: &Decision, topology: &Topology) -> Vec<ZoneStatus> {
    let nodes = || {
        let shards = topology.components.values().flat_map(|c| c.shards.values());
        shards.flat_map(|s| s.nodes.values())
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    decision
        .zones
        .iter()
        .map(|(name, report)| {
            let here = nodes().filter(|n| n.zone == *name);
            let primaries = here.clone().filter(|n| n.role == Role::Primary);
            ZoneStatus {
                name: name.to_string(),
                state: format!("{:?}", report.zone.state),
                verdict: format!("{:?}", report.verdict),
                reasons: report
                    .zone
                    .reasons
                    .iter()
                    .chain(&report.reasons)
                    .cloned()
                    .collect(),
                nodes: count(here.clone().count()),
                primaries: count(primaries.count()),
            }
        })
        .collect()
}

/// Where everything stands, as one line: `sessions [0001 a:P c:r] [0002 a:r c:P]`.
pub fn drawn(status: &HAStackStatus) -> String {
    let shard = |line: &String| format!(" [{}]", line.replace("  ", " "));
    let components = status
        .components
        .iter()
        .map(|c| c.name.clone() + &c.placement.iter().map(shard).collect::<String>());
    components.collect::<Vec<_>>().join(" ")
}

fn components(intent: &Intent, topology: &Topology) -> Vec<ComponentStatus> {
    topology
        .components
        .iter()
        .map(|(name, component)| ComponentStatus {
            name: name.to_string(),
            kind: format!("{:?}", component.resource.kind),
            identifier: component.resource.identifier.clone(),
            status: format!("{:?}", component.status),
            placement: placement(component, &intent.region),
        })
        .collect()
}

/// One line per shard: `0001  a:P  c:r`. Marks: `!` down, `+` being built, `?` health unknown, `*` added by us.
pub fn placement(component: &Component, region: &Region) -> Vec<String> {
    let line = |shard: &Shard| {
        let mut nodes: Vec<_> = shard.nodes.iter().collect();
        nodes.sort_by_key(|(id, n)| (&n.zone, *id));
        nodes
            .into_iter()
            .map(|(_, node)| {
                let zone = node.zone.as_str();
                let zone = zone
                    .strip_prefix(region.as_str())
                    .filter(|z| !z.is_empty())
                    .unwrap_or(zone);
                let role = match node.role {
                    Role::Primary => "P",
                    Role::Replica => "r",
                    Role::Standby => "s",
                    Role::Unknown => "unknown",
                };
                let health = match node.health {
                    Health::Healthy => "",
                    Health::Creating => "+",
                    Health::Down => "!",
                    Health::Unknown => "?",
                };
                let ours = if node.added_by_us { "*" } else { "" };
                format!("{zone}:{role}{health}{ours}")
            })
            .collect::<Vec<_>>()
            .join("  ")
    };
    component
        .shards
        .iter()
        .map(|(id, shard)| format!("{id}  {}", line(shard)))
        .collect()
}

fn accepted(intent: &Intent, decision: &Decision, now: Timestamp) -> Vec<AcceptedStatus> {
    let state = |acceptance: &Acceptance| {
        if acceptance.has_expired(now) {
            "Expired"
        } else if decision.findings.iter().any(|f| acceptance.covers(f)) {
            "InForce"
        } else {
            "Unused"
        }
    };
    intent
        .accepted
        .iter()
        .map(|a| AcceptedStatus {
            finding: format!("{:?}", a.finding),
            component: a.component.as_ref().map(ToString::to_string),
            until: a.until,
            state: state(a).to_owned(),
        })
        .collect()
}

fn plan(decision: &Decision) -> PlanStatus {
    let holds = shown_holds(&decision.holds);
    let more = |all: usize, shown: usize| u32::try_from(all - shown).ok().filter(|n| *n > 0);
    PlanStatus {
        id: decision.id.0.clone(),
        actions: decision.actions.iter().take(MOST_ACTIONS).map(action).collect(),
        more_actions: more(decision.actions.len(), decision.actions.len().min(MOST_ACTIONS)),
        more_holds: more(decision.holds.len(), holds.len()),
        holds: holds.into_iter().map(hold).collect(),
    }
}

/// The first holds, and the first of each guardrail that is not among them, in their order.
fn shown_holds(holds: &[Hold]) -> Vec<&Hold> {
    let mut seen = BTreeSet::new();
    holds
        .iter()
        .enumerate()
        .filter(|(i, hold)| seen.insert(hold.guardrail) || *i < MOST_HOLDS)
        .map(|(_, hold)| hold)
        .collect()
}

fn action(action: &Action) -> ActionStatus {
    ActionStatus {
        id: action.id.to_string(),
        action_type: format!("{:?}", action.kind.action_type()),
        class: format!("{:?}", action.kind.class()),
        component: action.component.to_string(),
        subject: action.kind.subject().to_owned(),
        from_zone: action.from_zone.as_ref().map(ToString::to_string),
        to_zone: action.to_zone.as_ref().map(ToString::to_string),
        why: action.why.clone(),
    }
}

fn hold(hold: &Hold) -> HoldStatus {
    HoldStatus {
        id: hold.id.clone(),
        guardrail: hold.guardrail.as_str().to_owned(),
        action: hold.action.as_ref().map(ToString::to_string),
        reason: hold.reason.clone(),
        retry_at: hold.retry_at,
    }
}

fn ticket(ticket: &Ticket) -> TicketStatus {
    TicketStatus {
        id: ticket.id.clone(),
        actions: ticket.action_ids().map(ToString::to_string).collect(),
        phase: format!("{:?}", ticket.phase),
        prepared_at: ticket.prepared_at,
        called_at: ticket.called_at,
        deadline: ticket.deadline,
    }
}

fn added_nodes(history: &History) -> Vec<AddedNodeStatus> {
    history
        .added_nodes
        .iter()
        .map(|(id, added)| AddedNodeStatus {
            id: id.to_string(),
            component: added.component.to_string(),
            shard: added.shard.to_string(),
            at: added.at,
            replaces: added.replaces.as_ref().map(ToString::to_string),
        })
        .collect()
}

/// The newest first.
fn failovers(history: &History) -> Vec<FailoverStatus> {
    let mut newest_first: Vec<_> = history.failovers.iter().collect();
    newest_first.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    newest_first
        .into_iter()
        .map(|f| FailoverStatus {
            id: f.id.clone(),
            at: f.at,
            component: f.component.to_string(),
            shard: f.shard.to_string(),
            from: f.from.as_ref().map(ToString::to_string),
            to: f.to.as_ref().map(ToString::to_string),
            class: format!("{:?}", f.class),
            duration_seconds: f.duration_seconds,
        })
        .collect()
}
