//! One stack reduced to the numbers that metrics show. Pure.

use super::metrics::{StackSample, role_label};
use crate::api::conditions::{Condition, ConditionStatus};
use crate::api::v1alpha1::{AWSAccountStatus, HAStackStatus};
use crate::plan::{Decision, Intent};
use crate::topology::{SmallMap, Topology};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The numbers of one stack.
pub fn sample(
    intent: &Intent,
    topology: Option<&Topology>,
    decision: Option<&Decision>,
    status: &HAStackStatus,
) -> StackSample {
    let mut sample = StackSample {
        mode: format!("{:?}", intent.effective_mode()),
        team: intent.team.clone().unwrap_or_default(),
        conditions: conditions(&status.conditions),
        last_failover: status
            .failovers
            .first()
            .map(|f| (f.at.as_second(), f.duration_seconds)),
        ..StackSample::default()
    };
    if let Some(topology) = topology {
        count_nodes(topology, &mut sample);
    }
    if let Some(decision) = decision {
        sample.zones = decision
            .zones
            .iter()
            .map(|(zone, report)| (zone.clone(), report.verdict))
            .collect();
        let accepted = decision
            .zones
            .keys()
            .filter(|zone| decision.accepts_loss_of(zone));
        sample.losses_accepted = accepted.cloned().collect();
        sample.imbalance_accepted = decision.accepts_imbalance();
        for finding in &decision.findings {
            let counts = match finding.accepted_until {
                Some(_) => &mut sample.findings_accepted,
                None => &mut sample.findings,
            };
            *counts.entry(format!("{:?}", finding.code)).or_default() += 1;
        }
        for hold in &decision.holds {
            *sample.holds.entry(hold.guardrail).or_default() += 1;
        }
    }
    sample
}

/// The numbers of one AWSAccount: its conditions.
pub fn account(status: &AWSAccountStatus) -> BTreeMap<String, i8> {
    conditions(&status.conditions)
}

/// Type → 1, 0, -1.
fn conditions<T: Debug, R, M: FromIterator<(String, i8)>>(conditions: &[Condition<T, R>]) -> M {
    let value = |status| match status {
        ConditionStatus::True => 1,
        ConditionStatus::False => 0,
        ConditionStatus::Unknown => -1,
    };
    let named = conditions.iter();
    named
        .map(|c| (format!("{:?}", c.kind), value(c.status)))
        .collect()
}

fn count_nodes(topology: &Topology, sample: &mut StackSample) {
    let mut lag = SmallMap::new();
    for (name, component) in &topology.components {
        let nodes = component.shards.values().flat_map(|s| s.nodes.values());
        for node in nodes {
            let key = (name.to_string(), node.zone.clone(), role_label(node.role));
            *sample.nodes.entry(key).or_default() += 1;
            if let Some(seconds) = node.lag.map(|l| l.as_secs_f64()) {
                let largest = lag.entry(name.to_string()).or_insert(seconds);
                *largest = largest.max(seconds);
            }
        }
    }
    sample.lag = lag;
}
