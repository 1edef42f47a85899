//! Risks that the manifest accepts for a while (`spec.accepted`): they are seen, judged and mended as ever, and only told
//! more quietly. An acceptance that has run out while its risk is still there is a finding of its own.

use super::text::moment;
use super::{Decision, Finding, FindingCode, Intent, Severity};
use crate::topology::survival::Survival;
use crate::topology::{ComponentName, ZoneName};
use jiff::Timestamp;

/// One entry of `spec.accepted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    pub finding: FindingCode,
    /// `None`: of every component, and of the stack as a whole.
    pub component: Option<ComponentName>,
    /// From then on it counts for nothing.
    pub until: Timestamp,
    /// Why, in the words of whoever accepts it.
    pub reason: String,
}

impl Acceptance {
    pub fn covers(&self, finding: &Finding) -> bool {
        self.finding == finding.code && (self.component.is_none() || self.component == finding.component)
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}

/// When the next of them runs out.
pub fn next_expiry(intent: &Intent, now: Timestamp) -> Option<Timestamp> {
    let left = intent.accepted.iter().filter(|a| !a.has_expired(now));
    left.map(|a| a.until).min()
}

/// Marks what is accepted now, and adds a finding for each acceptance that no longer covers what it was meant for.
pub(super) fn apply(intent: &Intent, now: Timestamp, findings: &mut Vec<Finding>) {
    for finding in findings.iter_mut() {
        let covering = intent.accepted.iter().filter(|a| a.covers(finding));
        let in_force = covering.filter(|a| !a.has_expired(now));
        finding.accepted_until = in_force.map(|a| a.until).max();
    }
    let uncovered = |a: &&Acceptance| {
        let mut covered = findings.iter().filter(|f| a.covers(f));
        a.has_expired(now) && covered.any(|f| f.accepted_until.is_none())
    };
    let expired: Vec<Finding> = intent.accepted.iter().filter(uncovered).map(expired).collect();
    findings.extend(expired);
}

fn expired(acceptance: &Acceptance) -> Finding {
    let Acceptance {
        finding,
        component,
        until,
        reason,
    } = acceptance;
    let of = component.as_ref().map_or(String::new(), |c| format!(" of {c}"));
    Finding {
        code: FindingCode::AcceptanceExpired,
        severity: Severity::Warning,
        component: component.clone(),
        subject: format!("{finding:?}"),
        message: format!(
            "{finding:?}{of} was accepted until {} ({reason}), and is still there. Mend it, or move spec.accepted's \
             `until` on purpose.",
            moment(*until)
        ),
        accepted_until: None,
    }
}

/// What a `Lost` verdict may come from.
const LOSES: [FindingCode; 7] = [
    FindingCode::SingleZone,
    FindingCode::ShardColocated,
    FindingCode::AutomaticFailoverDisabled,
    FindingCode::ReplicaShortfall,
    FindingCode::ReplicaStranded,
    FindingCode::NoReplicaWanted,
    FindingCode::NoEligibleZone,
];

impl Decision {
    /// The loss of the zone would not be survived, and that is accepted: each component that would be lost has findings
    /// that say why, and all of them are accepted. What nobody knows is not accepted.
    pub fn accepts_loss_of(&self, zone: &ZoneName) -> bool {
        let here = self.verdicts.iter().filter(|v| v.zone == *zone);
        let mut worse = here.filter(|v| v.verdict > Survival::Degraded).peekable();
        worse.peek().is_some()
            && worse.all(|v| {
                let of_it = |f: &&Finding| f.component.as_ref() == Some(&v.component);
                v.verdict == Survival::Lost && self.accepts_all(of_it, &LOSES)
            })
    }

    /// The stack isn't balanced, and every skew of it is accepted.
    pub fn accepts_imbalance(&self) -> bool {
        let skews = [FindingCode::NodeSkew, FindingCode::PrimarySkew];
        self.balanced == Some(false) && self.accepts_all(|_| true, &skews)
    }

    /// There are such findings, and each is accepted.
    fn accepts_all(&self, which: impl Fn(&&Finding) -> bool, codes: &[FindingCode]) -> bool {
        let findings = self.findings.iter().filter(which);
        let mut findings = findings.filter(|f| codes.contains(&f.code)).peekable();
        findings.peek().is_some() && findings.all(|f| f.accepted_until.is_some())
    }
}
