//! The verdict table: for each zone and each component, would it survive the zone's loss now? Asked of the spec's zones
//! and of those in which nodes stand all the same.
//!
//! Called by `plan` for every look at a stack, before anything is proposed; [`findings`](super::findings) and the
//! report rest on it. A verdict is `Degraded` when the service goes on but a promise is missed: an objective, or AWS's
//! own promise, which it gives for Multi-AZ groups only. What can't be known (an incomplete observation, a member
//! count that doesn't match, unknown roles where they matter) is `Unknown` and never counts as surviving.
//! A minimum of 0 replicas makes a loss accepted, not survivable: the verdict stays `Lost`.

use super::text::{listed, plural, span};
use super::{Input, ZoneReport, estimate};
use crate::topology::survival::{Fate, Survival, Verdict, fate};
use crate::topology::{
    ClusterMode, Component, ComponentName, Durability, ResourceStatus, Shard, ShardId, SmallMap, Switch,
    Zone, ZoneName, ZoneState,
};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// The zones of the spec, and those outside it in which nodes of its components stand.
fn zones(input: &Input<'_>) -> BTreeSet<ZoneName> {
    let components = input.topology.components.iter();
    let nodes = components
        .filter(|(name, _)| input.intent.caches.contains_key(*name))
        .flat_map(|(_, component)| component.shards.values())
        .flat_map(|shard| shard.nodes.values());
    let elsewhere = nodes.map(|node| node.zone.clone());
    input.intent.zones.keys().cloned().chain(elsewhere).collect()
}

/// One verdict for each zone and each component of the intent, in that order.
pub fn verdicts(input: &Input<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for zone in zones(input) {
        for name in input.intent.caches.keys() {
            verdicts.push(verdict(input, &zone, name));
        }
    }
    verdicts
}

/// Each zone with the worst verdict over the components, and the sentences of those that have it.
pub fn zone_reports(input: &Input<'_>, verdicts: &[Verdict]) -> SmallMap<ZoneName, ZoneReport> {
    let report = |name: &ZoneName| {
        let here = || verdicts.iter().filter(|v| v.zone == *name);
        let worst = here().map(|v| v.verdict).max().unwrap_or(Survival::Unknown);
        ZoneReport {
            in_spec: input.intent.zones.contains_key(name),
            zone: input.topology.zones.get(name).cloned().unwrap_or(Zone {
                state: ZoneState::Healthy,
                since: None,
                reasons: Vec::new(),
            }),
            verdict: worst,
            reasons: here()
                .filter(|v| v.verdict == worst)
                .map(|v| format!("{}: {}", v.component, v.reason))
                .collect(),
        }
    };
    zones(input)
        .into_iter()
        .map(|name| {
            let report = report(&name);
            (name, report)
        })
        .collect()
}

/// An objective that a verdict says would be missed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// `None`: the service wouldn't recover by itself at all.
    RecoveryTime {
        wanted: SignedDuration,
        expected: Option<SignedDuration>,
    },
    RecoveryPoint {
        wanted: SignedDuration,
        expected: Option<SignedDuration>,
    },
    /// A recovery point of 0 on asynchronous replication, however small the lag is now.
    Asynchronous,
}

impl Miss {
    /// As a clause for a sentence.
    pub fn clause(&self) -> String {
        let clause = |what: &str, wanted: SignedDuration, expected: Option<SignedDuration>| match expected {
            Some(expected) => format!("{what} is {}, expected is {}", span(wanted), span(expected)),
            None => format!("{what} is {}, and the loss would not end by itself", span(wanted)),
        };
        match self {
            Self::RecoveryTime { wanted, expected } => clause("objectives.recoveryTime", *wanted, *expected),
            Self::RecoveryPoint { wanted, expected } => {
                clause("objectives.recoveryPoint", *wanted, *expected)
            }
            Self::Asynchronous => {
                "objectives.recoveryPoint is 0, which asynchronous replication can't promise".to_owned()
            }
        }
    }
}

/// The objectives that this verdict misses. What isn't known is not missed.
pub fn misses(input: &Input<'_>, verdict: &Verdict) -> Vec<Miss> {
    let objectives = &input.intent.objectives;
    let lost = verdict.verdict == Survival::Lost;
    let missed = |wanted: Option<SignedDuration>, expected: Option<SignedDuration>| {
        wanted.filter(|wanted| lost || expected.is_some_and(|e| e > *wanted))
    };
    let mut found = Vec::new();
    if let Some(wanted) = missed(objectives.recovery_time, verdict.expected_recovery) {
        let expected = verdict.expected_recovery;
        found.push(Miss::RecoveryTime { wanted, expected });
    }
    if let Some(wanted) = missed(objectives.recovery_point, verdict.expected_loss) {
        let expected = verdict.expected_loss;
        found.push(Miss::RecoveryPoint { wanted, expected });
    } else if objectives.recovery_point.is_some_and(|wanted| wanted.is_zero())
        && verdict.expected_recovery.is_some_and(|r| r.is_positive())
        && durability(input, &verdict.component) == Some(Durability::Disabled)
    {
        found.push(Miss::Asynchronous);
    }
    found
}

fn durability(input: &Input<'_>, name: &ComponentName) -> Option<Durability> {
    let component = input.topology.components.get(name)?;
    Some(component.settings.durability)
}

/// Half or more of the primaries of a group with cluster mode enabled are known to stand in this zone. The cluster
/// protocol elects by the majority of primaries; without one, ElastiCache itself has to promote, which is slower (AWS
/// advises three shards or more).
pub fn failover_may_be_slow(component: &Component, zone: &ZoneName) -> bool {
    let here = component
        .shards
        .values()
        .filter(|s| s.primary().is_some_and(|(_, n)| n.zone == *zone))
        .count();
    component.settings.cluster_mode == ClusterMode::Enabled && here > 0 && 2 * here >= component.shards.len()
}

fn verdict(input: &Input<'_>, zone: &ZoneName, name: &ComponentName) -> Verdict {
    let unknown = |reason: String| Verdict {
        zone: zone.clone(),
        component: name.clone(),
        verdict: Survival::Unknown,
        reason,
        expected_recovery: None,
        expected_loss: None,
    };
    let Some(component) = input.topology.components.get(name) else {
        return unknown("It has not been observed.".to_owned());
    };
    match unjudgeable(component) {
        Some(reason) => unknown(reason),
        None => judge(input, zone, name, component),
    }
}

/// Why nothing can be said of this component, if so.
fn unjudgeable(component: &Component) -> Option<String> {
    let id = &component.resource.identifier;
    match component.status {
        ResourceStatus::Missing => return Some(format!("AWS has no replication group {id}.")),
        ResourceStatus::Denied => return Some(format!("AWS refuses to describe replication group {id}.")),
        ResourceStatus::Deleting => return Some(format!("Replication group {id} is being deleted.")),
        ResourceStatus::CreateFailed => {
            return Some(format!("The creation of replication group {id} failed."));
        }
        ResourceStatus::Unknown => {
            return Some(format!("The status of replication group {id} is not known."));
        }
        ResourceStatus::Available
        | ResourceStatus::Creating
        | ResourceStatus::Modifying
        | ResourceStatus::Snapshotting => {}
    }
    if let Some(gap) = component.gaps.first() {
        return Some(format!("The observation is incomplete: {}.", gap.sentence()));
    }
    if component.shards.is_empty() {
        return Some(format!("Replication group {id} has no shards yet."));
    }
    if !component.members_match {
        return Some("AWS's lists of members disagree: a change is half done.".to_owned());
    }
    None
}

fn judge(input: &Input<'_>, zone: &ZoneName, name: &ComponentName, component: &Component) -> Verdict {
    let failover = component.settings.automatic_failover;
    let fates: Vec<(&ShardId, &Shard, Fate)> = component
        .shards
        .iter()
        .map(|(id, shard)| (id, shard, fate(shard, zone, failover)))
        .collect();
    let worst = fates.iter().map(|f| f.2).max().unwrap_or(Fate::Empty);
    let of = |fate: Fate| -> Vec<&ShardId> { fates.iter().filter(|f| f.2 == fate).map(|f| f.0).collect() };
    let survival = fates
        .iter()
        .map(|f| f.2.survival())
        .max()
        .unwrap_or(Survival::Unknown);
    let mut verdict = Verdict {
        zone: zone.clone(),
        component: name.clone(),
        verdict: survival,
        reason: match survival {
            Survival::Lost => lost(zone, &of(Fate::NoCopy), &of(Fate::FailoverOff)),
            Survival::Unknown => unknown(zone, worst_unknown(&fates), &fates),
            Survival::Survives | Survival::Degraded => survives(zone, &of(Fate::Promotes)),
        },
        expected_recovery: None,
        expected_loss: None,
    };
    if survival == Survival::Survives {
        let shards: Vec<_> = fates.iter().map(|(_, shard, fate)| (*shard, *fate)).collect();
        verdict.expected_recovery = Some(match worst {
            Fate::Promotes => estimate::recovery(input.history, name),
            _ => SignedDuration::ZERO,
        });
        verdict.expected_loss = estimate::loss(component, zone, &shards);
        qualify(input, component, worst == Fate::Promotes, &mut verdict);
    }
    verdict
}

/// Adds to a surviving verdict what it costs: missed promises make it `Degraded`, a slow failover is only noted.
fn qualify(input: &Input<'_>, component: &Component, promotes: bool, verdict: &mut Verdict) {
    let mut missed: Vec<String> = misses(input, verdict).iter().map(Miss::clause).collect();
    if promotes && component.settings.multi_az != Switch::Enabled {
        missed.push("Multi-AZ is off, and AWS promises a failover between zones only with it".to_owned());
    }
    if promotes && failover_may_be_slow(component, &verdict.zone) {
        verdict.reason += " Half or more of the primaries stand there: the failover may be slow.";
    }
    if !missed.is_empty() {
        verdict.verdict = Survival::Degraded;
        verdict.reason = format!("{} A promise is missed: {}.", verdict.reason, missed.join("; "));
    }
}

fn survives(zone: &ZoneName, promoted: &[&ShardId]) -> String {
    if promoted.is_empty() {
        return format!("No primary stands in {zone}: every shard keeps its primary.");
    }
    format!(
        "{} {} over to a healthy copy outside {zone}.",
        listed("Shard", promoted),
        plural(promoted.len(), "fails", "fail")
    )
}

fn lost(zone: &ZoneName, no_copy: &[&ShardId], failover_off: &[&ShardId]) -> String {
    let mut sentences = Vec::new();
    if !no_copy.is_empty() {
        sentences.push(format!(
            "{} {} no healthy copy outside {zone}.",
            listed("Shard", no_copy),
            plural(no_copy.len(), "has", "have")
        ));
    }
    if !failover_off.is_empty() {
        sentences.push(format!(
            "Automatic failover is off: nothing would promote the healthy copy of {} outside {zone}.",
            listed("shard", failover_off)
        ));
    }
    sentences.join(" ")
}

fn worst_unknown(fates: &[(&ShardId, &Shard, Fate)]) -> Fate {
    fates
        .iter()
        .map(|f| f.2)
        .filter(|f| f.survival() == Survival::Unknown)
        .min()
        .unwrap_or(Fate::Empty)
}

fn unknown(zone: &ZoneName, fate: Fate, fates: &[(&ShardId, &Shard, Fate)]) -> String {
    let ids: Vec<&ShardId> = fates.iter().filter(|f| f.2 == fate).map(|f| f.0).collect();
    let shards = listed("shard", &ids);
    match fate {
        Fate::RoleDecides => {
            format!("Which node is the primary is not known of {shards}, and the loss of {zone} turns on it.")
        }
        Fate::HealthDecides => {
            format!("Outside {zone}, {shards} would have only copies whose health is not known.")
        }
        Fate::FailoverChanging => {
            format!("Automatic failover is being changed, and {shards} would need it without {zone}.")
        }
        Fate::Empty | Fate::Keeps | Fate::Promotes | Fate::NoCopy | Fate::FailoverOff => {
            format!("No nodes are known of {shards}.")
        }
    }
}
