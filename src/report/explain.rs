//! Codes as sentences, for people.

use crate::plan::text::{moment, span};
use crate::plan::{Action, ActionClass, ActionKind, Guardrail, Severity};
use crate::topology::survival::Survival;
use crate::topology::{Component, ResourceKind, ResourceStatus, Switch, ZoneState};
use jiff::{SignedDuration, Timestamp};

/// The answer to "can we lose this zone right now?".
pub fn answer(verdict: Survival) -> &'static str {
    match verdict {
        Survival::Survives => "yes",
        Survival::Degraded => "degraded",
        Survival::Unknown => "unknown",
        Survival::Lost => "NO",
    }
}

/// What a step does, as a title.
pub fn title(action: &Action) -> String {
    let component = &action.component;
    let zone = |zone: &Option<_>, before: &str| match zone {
        Some(zone) => format!(" {before} {zone}"),
        None => String::new(),
    };
    match &action.kind {
        ActionKind::EnableAutomaticFailover { .. } => format!("turn on automatic failover of {component}"),
        ActionKind::EnableMultiAz { .. } => format!("turn on Multi-AZ of {component}"),
        ActionKind::AddReplica { shard, zone, .. } => {
            format!("add a replica to {component}/{shard} in {zone}")
        }
        ActionKind::RemoveReplica { shard, node } => {
            format!(
                "remove {node} of {component}/{shard}{}",
                zone(&action.from_zone, "from")
            )
        }
        ActionKind::MovePrimary { shard } => format!(
            "move the primary of {component}/{shard}{}{}",
            zone(&action.from_zone, "from"),
            zone(&action.to_zone, "to")
        ),
    }
}

/// Lower case, as in a sentence.
pub fn class(class: ActionClass) -> &'static str {
    match class {
        ActionClass::Additive => "additive",
        ActionClass::Disruptive => "disruptive",
    }
}

/// The guardrail's name as it is written in JSON and in the documentation.
pub fn guardrail(guardrail: Guardrail) -> String {
    serde_json::to_value(guardrail)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Lower case, as in a sentence.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// Why a zone needs a word beside its name; `None` for a healthy one.
pub fn zone_state(state: ZoneState) -> Option<&'static str> {
    match state {
        ZoneState::Healthy => None,
        ZoneState::Impaired => Some("impaired"),
        ZoneState::Evacuating => Some("being evacuated"),
        ZoneState::Unknown => Some("state unknown"),
    }
}

/// What a component is and how it is set, in one line.
pub fn component(component: &Component) -> String {
    let ResourceKind::Cache = component.resource.kind;
    let id = &component.resource.identifier;
    let status = status(component.status);
    if component.shards.is_empty() {
        return format!("cache {id}, {status}");
    }
    let mode = match component.settings.cluster_mode {
        crate::topology::ClusterMode::Enabled => "cluster mode enabled",
        crate::topology::ClusterMode::Disabled => "cluster mode disabled",
        crate::topology::ClusterMode::Compatible => "cluster mode compatible",
    };
    format!(
        "cache {id}, {status}, {mode}, Multi-AZ {}, automatic failover {}",
        switch(component.settings.multi_az),
        switch(component.settings.automatic_failover)
    )
}

fn switch(switch: Switch) -> &'static str {
    match switch {
        Switch::Enabled => "on",
        Switch::Enabling => "turning on",
        Switch::Disabled => "OFF",
        Switch::Disabling => "turning off",
    }
}

fn status(status: ResourceStatus) -> &'static str {
    match status {
        ResourceStatus::Available => "available",
        ResourceStatus::Creating => "being created",
        ResourceStatus::Modifying => "being modified",
        ResourceStatus::Deleting => "being deleted",
        ResourceStatus::Snapshotting => "making a backup",
        ResourceStatus::CreateFailed => "creation failed",
        ResourceStatus::Missing => "NOT FOUND",
        ResourceStatus::Denied => "access denied",
        ResourceStatus::Unknown => "status unknown",
    }
}

/// What the loss of a zone would cost, where it would be survived.
pub fn cost(recovery: Option<SignedDuration>, loss: Option<SignedDuration>) -> Option<String> {
    let recovery = recovery?;
    let loss = match loss {
        Some(loss) if loss.is_zero() => "no writes lost".to_owned(),
        Some(loss) => format!("up to {} of writes lost", span(loss)),
        None => "loss of writes unknown (lag not known)".to_owned(),
    };
    if recovery.is_zero() {
        return Some("no interruption".to_owned());
    }
    Some(format!("writes back in about {}, {loss}", span(recovery)))
}

/// When to look again.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_positive() {
        format!("until {} (in {})", moment(at), rough(left))
    } else {
        "until the next look".to_owned()
    }
}

/// A span of time to two units at most: `3d 4h`, `12m`, `45s`.
pub fn rough(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<_> = parts
        .iter()
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, shown) in [
            (0, "0s"),
            (45, "45s"),
            (720, "12m"),
            (725, "12m 5s"),
            (3600, "1h"),
            (7_230, "2h"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(rough(SignedDuration::from_secs(seconds)), shown);
        }
    }
}
