//! Accepted risks: told more quietly, and neither judged nor mended otherwise.

use crate::support::*;
use evenkeel::plan::{Acceptance, Decision, Finding, FindingCode, Severity, plan};
use evenkeel::topology::survival::Survival;
use evenkeel::topology::{Health, Switch};

fn accepts(code: FindingCode, component: Option<&str>, minutes_left: i64) -> Acceptance {
    Acceptance {
        finding: code,
        component: component.map(Into::into),
        until: minutes_ago(-minutes_left),
        reason: "moves next quarter".to_owned(),
    }
}

/// Both shards in `a` alone.
fn colocated() -> Scene {
    scene("a c", &["a:P a:r", "a:P a:r"])
}

fn decided(scene: &Scene) -> Decision {
    plan(&scene.input())
}

fn of(decision: &Decision, code: FindingCode) -> Vec<&Finding> {
    decision.findings.iter().filter(|f| f.code == code).collect()
}

#[test]
fn an_accepted_finding_is_marked_and_nothing_else_changes() {
    let before = decided(&colocated());
    let accepted = colocated().with(|s| {
        s.intent.accepted = vec![
            accepts(FindingCode::SingleZone, Some("cache"), 10),
            accepts(FindingCode::SingleZone, None, 60),
        ];
    });
    let mut after = decided(&accepted);
    let marked = of(&after, FindingCode::SingleZone)[0].accepted_until;
    assert_eq!(marked, Some(minutes_ago(-60)), "the longer of the two counts");
    for finding in &mut after.findings {
        finding.accepted_until = None;
    }
    assert_eq!(after, before, "verdicts, plan, holds and plan id stay");
    assert!(!before.actions.is_empty(), "and what can be mended is");
}

#[test]
fn an_acceptance_of_another_component_or_finding_accepts_nothing() {
    for other in [
        accepts(FindingCode::SingleZone, Some("other"), 10),
        accepts(FindingCode::ShardColocated, Some("cache"), 10),
    ] {
        let decision = decided(&colocated().with(|s| s.intent.accepted = vec![other]));
        assert!(decision.findings.iter().all(|f| f.accepted_until.is_none()));
        assert!(!decision.accepts_loss_of(&"a".into()));
    }
}

#[test]
fn an_acceptance_ends_at_its_moment_and_says_so_while_the_risk_is_there() {
    let at = |minutes_left| {
        decided(&colocated().with(|s| {
            s.intent.accepted = vec![accepts(FindingCode::SingleZone, Some("cache"), minutes_left)];
        }))
    };
    assert_eq!(of(&at(1), FindingCode::AcceptanceExpired), Vec::<&Finding>::new());
    let ended = at(0);
    assert_eq!(of(&ended, FindingCode::SingleZone)[0].accepted_until, None);
    let expired = of(&ended, FindingCode::AcceptanceExpired);
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].severity, Severity::Warning);
    assert_eq!(expired[0].subject, "SingleZone");
    assert_eq!(
        expired[0].message,
        "SingleZone of cache was accepted until 2026-03-02T12:00:00Z (moves next quarter), and is still there. Mend it, \
         or move spec.accepted's `until` on purpose."
    );
    let mended = decided(&scene("a c", &["a:P c:r", "c:P a:r"]).with(|s| {
        s.intent.accepted = vec![accepts(FindingCode::SingleZone, Some("cache"), 0)];
    }));
    assert_eq!(
        of(&mended, FindingCode::AcceptanceExpired),
        Vec::<&Finding>::new()
    );
    let renewed = decided(&colocated().with(|s| {
        s.intent.accepted = vec![
            accepts(FindingCode::SingleZone, None, 0),
            accepts(FindingCode::SingleZone, Some("cache"), 9),
        ];
    }));
    assert_eq!(
        of(&renewed, FindingCode::AcceptanceExpired),
        Vec::<&Finding>::new()
    );
}

/// (shards, automatic failover, what is accepted, is the loss of `a` then accepted?)
#[test]
fn a_loss_is_accepted_only_if_all_that_brings_it_about_is() {
    use FindingCode::{AutomaticFailoverDisabled as Off, ReplicaShortfall as Short, SingleZone as Single};
    type Row<'a> = (&'a [&'a str], Switch, &'a [FindingCode], bool);
    let rows: [Row<'_>; 7] = [
        (&["a:P a:r"], Switch::Enabled, &[], false),
        (&["a:P a:r"], Switch::Enabled, &[Single], true),
        (&["a:P a:r"], Switch::Disabled, &[Single], false),
        (&["a:P a:r"], Switch::Disabled, &[Single, Off], true),
        (&["a:P c:r!"], Switch::Enabled, &[Single], false),
        (&["a:P c:r!"], Switch::Enabled, &[Short], true),
        // Nothing to accept where the loss is survived.
        (&["a:P c:r"], Switch::Enabled, &[Single, Short, Off], false),
    ];
    for (shards, failover, codes, expected) in rows {
        let decision = decided(&scene("a c", shards).with(|s| {
            s.cache().settings.automatic_failover = failover;
            s.intent.accepted = codes.iter().map(|code| accepts(*code, None, 5)).collect();
        }));
        let verdict = decision.zones[&"a".into()].verdict;
        assert_eq!(
            decision.accepts_loss_of(&"a".into()),
            expected,
            "{shards:?} {codes:?}: {verdict:?} {:?}",
            decision.findings
        );
        assert!(!expected || verdict == Survival::Lost);
    }
}

#[test]
fn what_nobody_knows_is_not_accepted() {
    let decision = decided(&scene("a c", &["a:P c:r"]).with(|s| {
        let nodes = s
            .cache()
            .shards
            .values_mut()
            .flat_map(|shard| shard.nodes.values_mut());
        for node in nodes.filter(|node| node.zone.as_str() == "c") {
            node.health = Health::Unknown;
        }
        s.intent.accepted = FindingCode::ALL.map(|code| accepts(code, None, 5)).into();
    }));
    assert_eq!(decision.zones[&"a".into()].verdict, Survival::Unknown);
    assert!(!decision.accepts_loss_of(&"a".into()));
    assert!(!decision.accepts_imbalance());
}

#[test]
fn an_imbalance_is_accepted_only_if_every_skew_is() {
    let with = |codes: &[FindingCode]| {
        decided(&skewed().with(|s| {
            s.intent.accepted = codes.iter().map(|code| accepts(*code, None, 5)).collect();
        }))
    };
    assert_eq!(with(&[]).balanced, Some(false));
    assert!(!with(&[]).accepts_imbalance());
    assert!(!with(&[FindingCode::NodeSkew]).accepts_imbalance());
    assert!(with(&[FindingCode::PrimarySkew]).accepts_imbalance());
}
