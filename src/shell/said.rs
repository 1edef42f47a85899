//! What every shell logs and counts alike: decisions, tickets that ended, failovers.

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
    /// `placement` is [drawn](crate::report::status::drawn) of the same decision.
    pub fn of(decision: &Decision, placement: String) -> Self {
        let join = |parts: Vec<String>| parts.join(" ");
        Self {
            plan: decision.id.0.clone(),
            zones: join(
                decision
                    .zones
                    .iter()
                    .map(|(name, z)| format!("{name}={:?}/{:?}", z.zone.state, z.verdict))
                    .collect(),
            ),
            placement,
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
        Happening::FailoverMeasured { stack, failover } => {
            if let Some(seconds) = failover.duration_seconds {
                metrics.failover_took(failover.class, seconds);
            }
            tracing::info!(%stack, id = failover.id, seconds = failover.duration_seconds, "Failover measured");
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
    use crate::engine::support::decision;

    #[test]
    fn another_placement_is_another_line() {
        let line = |placement: &str| Logged::of(&decision(), placement.to_owned());
        assert_eq!(line("sessions [0001 a:P c:r]"), line("sessions [0001 a:P c:r]"));
        assert_ne!(line("sessions [0001 a:P c:r]"), line("sessions [0001 c:P]"));
    }
}
