//! Fixtures shared by the tests of this module.

use crate::plan::history::{Phase, Ticket};
use crate::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives};
use crate::plan::{Action, ActionId, ActionKind, Decision, PlanId};
use crate::topology::StackName;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Seconds after 2026-03-02T00:00:00Z.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// A stack `shop/web` over zones a and b with one cache on this group.
pub(crate) fn intent(group: &str) -> Intent {
    Intent {
        stack: StackName::new("shop", "web"),
        created: None,
        canonical_spec: String::new(),
        mode: Mode::Enforce,
        policy: [].into(),
        region: "test-region-1".into(),
        account_ref: None,
        mode_limit: None,
        zones: ["a", "b"].map(|z| (z.into(), None)).into(),
        objectives: Objectives::default(),
        max_skew: 1,
        guardrails: GuardrailSettings::default(),
        caches: [(
            "cache".into(),
            CacheIntent {
                replication_group: group.to_owned(),
                min_replicas_per_shard: 1,
                max_skew: None,
                preferred_primary_zones: BTreeSet::new(),
            },
        )]
        .into(),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    }
}

pub(crate) fn ticket(kind: ActionKind, phase: Phase) -> Ticket {
    Ticket {
        id: "t1".to_owned(),
        actions: vec![Action {
            id: ActionId("x".to_owned()),
            component: "cache".into(),
            kind,
            from_zone: None,
            to_zone: None,
            why: "a test wants it".to_owned(),
        }],
        phase,
        prepared_at: at(0),
        called_at: Some(at(1)),
        deadline: at(1500),
        before: [].into(),
        finished_at: None,
        outcome: None,
        holder: "me".to_owned(),
        incarnation: None,
    }
}

/// A decision that finds nothing.
pub(crate) fn decision() -> Decision {
    Decision {
        id: PlanId("none".to_owned()),
        stack: StackName::new("shop", "web"),
        mode: Mode::Enforce,
        observed_at: at(0),
        zones: [].into(),
        verdicts: Vec::new(),
        findings: Vec::new(),
        actions: Vec::new(),
        holds: Vec::new(),
        balanced: None,
    }
}
