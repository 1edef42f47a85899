//! What every shell logs and counts alike: decisions, tickets that ended, failovers.

use crate::api::v1alpha1::HAStackStatus;
use crate::engine::Happening;
use crate::plan::history::TicketOutcome;
use crate::plan::{Decision, Finding};
use crate::report::metrics::Metrics;

/// The inputs of the verdict, as far as a change in them is worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    plan: String,
    zones: String,
    placement: String,
    findings: String,
    actions: String,
    holds: String,
}

impl Logged {
    /// `status` is what is published of the same decision.
    pub fn of(decision: &Decision, status: &HAStackStatus) -> Self {
        let join = |parts: Vec<String>| parts.join(" ");
        let shards = |name: &str, lines: &[String]| {
            let drawn = lines.iter().map(|l| format!("[{}]", l.replace("  ", " ")));
            join([name.to_owned()].into_iter().chain(drawn).collect())
        };
        Self {
            plan: decision.id.0.clone(),
            zones: join(
                decision
                    .zones
                    .iter()
                    .map(|(name, z)| format!("{name}={:?}/{:?}", z.zone.state, z.verdict))
                    .collect(),
            ),
            placement: join(
                status
                    .components
                    .iter()
                    .map(|c| shards(&c.name, &c.placement))
                    .collect(),
            ),
            findings: join(decision.findings.iter().map(brief).collect()),
            actions: join(decision.actions.iter().map(|a| a.id.to_string()).collect()),
            holds: join(decision.holds.iter().map(|h| h.id.clone()).collect()),
        }
    }

    /// One line with every input of the verdict.
    pub fn log(&self, decision: &Decision) {
        let Self {
            plan,
            zones,
            placement,
            findings,
            actions,
            holds,
        } = self;
        tracing::info!(
            stack = %decision.stack,
            mode = ?decision.mode,
            observed_at = %decision.observed_at,
            plan,
            zones,
            placement,
            findings,
            actions,
            holds,
            balanced = ?decision.balanced,
            "Decision changed"
        );
    }
}

fn brief(finding: &Finding) -> String {
    format!("{:?}:{}", finding.code, finding.subject)
}

/// Counts and logs what happened.
pub fn happened(metrics: &Metrics, happening: &Happening) {
    match happening {
        Happening::Finished { stack, ticket } => {
            if let (Some(first), Some(outcome)) = (ticket.actions.first(), &ticket.outcome) {
                for _ in &ticket.actions {
                    metrics.action(first.kind.action_type(), outcome_label(outcome));
                }
            }
            tracing::info!(%stack, ticket = %ticket.id, outcome = ?ticket.outcome, "Ticket ended");
        }
        Happening::Failover { stack, failover } => {
            metrics.failover(failover.class, failover.duration_seconds);
            tracing::info!(
                %stack,
                id = failover.id,
                at = %failover.at,
                component = %failover.component,
                shard = %failover.shard,
                class = ?failover.class,
                seconds = failover.duration_seconds,
                "Failover seen"
            );
        }
    }
}

fn outcome_label(outcome: &TicketOutcome) -> &'static str {
    match outcome {
        TicketOutcome::Succeeded => "succeeded",
        TicketOutcome::Overtaken => "overtaken",
        TicketOutcome::Refused { .. } => "refused",
        TicketOutcome::NoEffect => "no_effect",
        TicketOutcome::NeverArrived => "never_arrived",
        TicketOutcome::Undone { .. } => "undone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::ComponentStatus;
    use crate::engine::support::decision;

    fn status(placement: &[&str]) -> HAStackStatus {
        HAStackStatus {
            components: vec![ComponentStatus {
                name: "sessions".to_owned(),
                kind: "Cache".to_owned(),
                identifier: "sessions".to_owned(),
                status: "available".to_owned(),
                placement: placement.iter().map(ToString::to_string).collect(),
            }],
            ..HAStackStatus::default()
        }
    }

    #[test]
    fn a_line_holds_where_each_node_stands_and_another_placement_is_another_line() {
        let before = Logged::of(&decision(), &status(&["0001  a:P  c:r", "0002  a:r  c:P"]));
        assert_eq!(before.placement, "sessions [0001 a:P c:r] [0002 a:r c:P]");
        let after = Logged::of(&decision(), &status(&["0001  c:P", "0002  a:r  c:P"]));
        assert_ne!(before, after);
    }
}
