//! What the status says of one stack.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel::api::conditions::{ConditionStatus, ConditionType, Reason};
use evenkeel::api::v1alpha1::HAStackStatus;
use evenkeel::plan::guardrails::{Guardrail, Hold};
use evenkeel::plan::history::{History, Phase, Ticket, TicketOutcome};
use evenkeel::plan::intent::{
    Annotations, CacheIntent, GuardrailSettings, Intent, Mode, ModeLimit, Objectives, Policy,
};
use evenkeel::plan::{
    Acceptance, Action, ActionId, ActionKind, ActionType, Decision, Finding, FindingCode, PlanId, Severity,
    ZoneReport,
};
use evenkeel::report::events::{EventReason, events};
use evenkeel::report::sample::sample;
use evenkeel::report::status::{Subject, drawn, status};
use evenkeel::topology::survival::{Survival, Verdict};
use evenkeel::topology::{Failover, FailoverClass, Manager, StackName, Topology, shorthand};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

fn at(seconds: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn intent() -> Intent {
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
                replication_group: "cache".to_owned(),
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

fn topology() -> Topology {
    shorthand::topology(at(0), "a b", &["a:P b:r!", "b:? a:?*"])
}

fn move_first() -> Action {
    Action {
        id: ActionId("move-0001".to_owned()),
        component: "cache".into(),
        kind: ActionKind::MovePrimary { shard: "0001".into() },
        from_zone: Some("a".into()),
        to_zone: Some("b".into()),
        why: "both primaries stand in zone a".to_owned(),
    }
}

fn decision(verdicts: [Survival; 2]) -> Decision {
    let zones = ["a", "b"].into_iter().zip(verdicts).map(|(name, verdict)| {
        let zone = topology().zones[&name.into()].clone();
        let reasons = vec![format!("It is {verdict:?}.")];
        (
            name.into(),
            ZoneReport {
                in_spec: true,
                zone,
                verdict,
                reasons,
            },
        )
    });
    Decision {
        id: PlanId("abc".to_owned()),
        stack: StackName::new("shop", "web"),
        mode: Mode::Enforce,
        observed_at: at(0),
        zones: zones.collect(),
        verdicts: Vec::new(),
        findings: Vec::new(),
        actions: Vec::new(),
        holds: Vec::new(),
        balanced: Some(true),
    }
}

fn good() -> Decision {
    decision([Survival::Survives, Survival::Degraded])
}

fn hold(guardrail: Guardrail, action: Option<&str>) -> Hold {
    Hold {
        id: "h".to_owned(),
        guardrail,
        action: action.map(|a| ActionId(a.to_owned())),
        reason: format!("because of {guardrail:?}"),
        retry_at: None,
    }
}

fn of(intent: &Intent, decision: &Decision, history: &History) -> HAStackStatus {
    of_topology(&topology(), intent, decision, history)
}

fn of_topology(
    topology: &Topology,
    intent: &Intent,
    decision: &Decision,
    history: &History,
) -> HAStackStatus {
    let subject = Subject {
        intent,
        generation: Some(7),
        spec_problem: None,
        unobserved: None,
        topology: Some(topology),
        decision: Some(decision),
        history,
        now: at(0),
    };
    status(&subject, None)
}

fn condition(status: &HAStackStatus, kind: ConditionType) -> (ConditionStatus, Reason, String) {
    let c = status.conditions.iter().find(|c| c.kind == kind).unwrap();
    assert_eq!(c.observed_generation, Some(7));
    (c.status, c.reason, c.message.clone())
}

fn short(status: &HAStackStatus, kind: ConditionType) -> (ConditionStatus, Reason) {
    let (s, r, _) = condition(status, kind);
    (s, r)
}

#[test]
fn a_stack_is_zone_redundant_only_if_every_zone_s_loss_is_survived() {
    use ConditionStatus as S;
    use Survival as V;
    let table = [
        ([V::Survives, V::Survives], S::True, "2/2"),
        ([V::Survives, V::Degraded], S::True, "2/2"),
        ([V::Survives, V::Unknown], S::Unknown, "1/2"),
        ([V::Unknown, V::Lost], S::False, "0/2"),
        ([V::Survives, V::Lost], S::False, "1/2"),
    ];
    for (verdicts, expected, summary) in table {
        let status = of(&intent(), &decision(verdicts), &History::default());
        assert_eq!(
            condition(&status, ConditionType::ZoneRedundant).0,
            expected,
            "{verdicts:?}"
        );
        assert_eq!(status.zone_summary.as_deref(), Some(summary), "{verdicts:?}");
        // The state of AWS never makes Ready false.
        assert_eq!(
            short(&status, ConditionType::Ready),
            (S::True, Reason::Judged),
            "{verdicts:?}"
        );
    }
    let lost = of(&intent(), &decision([V::Survives, V::Lost]), &History::default());
    assert_eq!(condition(&lost, ConditionType::ZoneRedundant).2, "b: It is Lost.");
}

#[test]
fn a_lost_zone_is_told_with_its_evidence_and_with_what_the_lost_copies_wait_for() {
    let waits = |shard: &str| Finding {
        code: FindingCode::NoEligibleZone,
        severity: Severity::Warning,
        component: Some("cache".into()),
        subject: shard.to_owned(),
        message: format!("Shard {shard} waits for zone a."),
        accepted_until: None,
    };
    let mut outage = decision([Survival::Survives, Survival::Lost]);
    outage.findings = vec![waits("0001"), waits("0002"), waits("0003")];
    let a = outage.zones.get_mut(&"a".into()).unwrap();
    a.zone.reasons = vec!["Its two nodes are down.".to_owned()];
    let status = of(&intent(), &outage, &History::default());
    assert_eq!(
        status.zones[0].reasons,
        ["Its two nodes are down.", "It is Survives."]
    );
    assert_eq!(
        condition(&status, ConditionType::ZoneRedundant).2,
        "b: It is Lost. Shard 0001 waits for zone a. (2 more likewise)"
    );
}

#[test]
fn what_is_wrong_with_a_member_of_a_global_datastore_is_told_with_why_nothing_is_done() {
    let mut topology = topology();
    let mut decision = decision([Survival::Survives, Survival::Lost]);
    decision.balanced = Some(false);
    let finding = |code, message: &str| Finding {
        code,
        severity: Severity::Warning,
        component: Some("cache".into()),
        subject: "cache".to_owned(),
        message: message.to_owned(),
        accepted_until: None,
    };
    decision.findings = vec![
        finding(FindingCode::PrimarySkew, "Primaries are uneven."),
        finding(FindingCode::ManagedElsewhere, "It is only reported on."),
    ];
    let told = |topology: &Topology| {
        let status = of_topology(topology, &intent(), &decision, &History::default());
        [ConditionType::ZoneRedundant, ConditionType::Balanced].map(|kind| condition(&status, kind).2)
    };
    let stack = Manager::CloudFormation {
        stack: "shop".to_owned(),
    };
    let mut managed_by = |manager| {
        let cache = topology.components.get_mut(&"cache".into()).unwrap();
        cache.managed_elsewhere = vec![manager];
        told(&topology)
    };
    assert_eq!(managed_by(stack), ["b: It is Lost.", "Primaries are uneven."]);
    let global = Manager::GlobalDatastore {
        id: "gd-1".to_owned(),
        role: "PRIMARY".to_owned(),
    };
    assert_eq!(
        managed_by(global),
        [
            "b: It is Lost. It is only reported on.",
            "Primaries are uneven. It is only reported on."
        ]
    );
}

#[test]
fn before_anything_was_read_every_aspect_of_aws_is_unknown() {
    let intent = intent();
    let history = History::default();
    let subject = Subject {
        intent: &intent,
        generation: Some(7),
        spec_problem: None,
        unobserved: None,
        topology: None,
        decision: None,
        history: &history,
        now: at(0),
    };
    let pending = status(&subject, None);
    for kind in [
        ConditionType::Ready,
        ConditionType::ZoneRedundant,
        ConditionType::Balanced,
    ] {
        assert_eq!(
            short(&pending, kind),
            (ConditionStatus::Unknown, Reason::Pending),
            "{kind:?}"
        );
    }
    let denied = Subject {
        unobserved: Some("no credentials"),
        ..subject
    };
    let (ready, reason, message) = condition(&status(&denied, None), ConditionType::Ready);
    assert_eq!((ready, reason), (ConditionStatus::False, Reason::NotObserved));
    assert_eq!(message, "no credentials");
}

#[test]
fn a_broken_manifest_is_stalled_but_still_judged() {
    let (intent, decision, history, topology) = (intent(), good(), History::default(), topology());
    let subject = Subject {
        intent: &intent,
        generation: Some(7),
        spec_problem: Some("spec.zones: one zone is too few"),
        unobserved: None,
        topology: Some(&topology),
        decision: Some(&decision),
        history: &history,
        now: at(0),
    };
    let status = status(&subject, None);
    assert_eq!(
        short(&status, ConditionType::Ready),
        (ConditionStatus::False, Reason::InvalidSpec)
    );
    assert_eq!(
        short(&status, ConditionType::Stalled),
        (ConditionStatus::True, Reason::InvalidSpec)
    );
    assert_eq!(
        condition(&status, ConditionType::ZoneRedundant).0,
        ConditionStatus::True
    );
}

#[test]
fn a_hold_is_not_reconciling_and_only_what_waits_for_a_person_is_blocked() {
    use ConditionStatus as S;
    let table = [
        (Guardrail::QuietPeriod, S::False, Reason::NothingBlocked),
        (Guardrail::Window, S::False, Reason::NothingBlocked),
        (Guardrail::Flapping, S::True, Reason::Flapping),
        (Guardrail::Acknowledgement, S::True, Reason::AwaitsAcknowledgement),
        (Guardrail::Ownership, S::True, Reason::NotOwned),
        (Guardrail::Quota, S::True, Reason::RefusedByAws),
        (Guardrail::Capacity, S::True, Reason::RefusedByAws),
        // Enforce says nothing of approval; this is somebody's Report.
        (Guardrail::Mode, S::False, Reason::NothingBlocked),
    ];
    for (guardrail, expected, reason) in table {
        let held = Decision {
            actions: vec![move_first()],
            holds: vec![hold(guardrail, Some("move-0001"))],
            ..good()
        };
        let status = of(&intent(), &held, &History::default());
        assert_eq!(
            short(&status, ConditionType::ActionBlocked),
            (expected, reason),
            "{guardrail:?}"
        );
        assert_eq!(
            short(&status, ConditionType::Reconciling),
            (S::False, Reason::Idle),
            "{guardrail:?}"
        );
    }
}

#[test]
fn an_action_that_waits_for_approval_is_blocked_and_one_that_is_only_reported_is_not() {
    let held = Decision {
        actions: vec![move_first()],
        holds: vec![hold(Guardrail::Mode, Some("move-0001"))],
        ..good()
    };
    let blocked = |mode, policy: Option<Policy>| {
        let intent = Intent {
            mode,
            policy: policy.map(|p| (ActionType::MovePrimary, p)).into_iter().collect(),
            ..intent()
        };
        let status = of(&intent, &held, &History::default());
        condition(&status, ConditionType::ActionBlocked).0 == ConditionStatus::True
    };
    assert!(blocked(Mode::Approve, None));
    assert!(blocked(Mode::Enforce, Some(Policy::Approve)));
    assert!(!blocked(Mode::Observe, None));
    assert!(!blocked(Mode::Approve, Some(Policy::Report)));
}

#[test]
fn an_action_that_the_account_lets_be_reported_only_is_blocked_by_it() {
    let held = Decision {
        actions: vec![move_first()],
        holds: vec![hold(Guardrail::Mode, Some("move-0001"))],
        ..good()
    };
    let reason = |mode, limit| {
        let intent = Intent {
            mode,
            mode_limit: Some(ModeLimit {
                account: "prod".to_owned(),
                mode: limit,
            }),
            ..intent()
        };
        let status = of(&intent, &held, &History::default());
        let blocked = condition(&status, ConditionType::ActionBlocked).1;
        (blocked, status.effective.unwrap().mode)
    };
    let of_account = (Reason::LimitedByAccount, "Observe".to_owned());
    assert_eq!(reason(Mode::Enforce, Mode::Observe), of_account);
    let approval = (Reason::AwaitsApproval, "Approve".to_owned());
    assert_eq!(reason(Mode::Enforce, Mode::Approve), approval);
    let own = (Reason::NothingBlocked, "Observe".to_owned());
    assert_eq!(reason(Mode::Observe, Mode::Approve), own);
}

fn ticket(phase: Phase, outcome: Option<TicketOutcome>) -> Ticket {
    Ticket {
        id: "t1".to_owned(),
        actions: vec![move_first()],
        phase,
        prepared_at: at(0),
        called_at: Some(at(1)),
        deadline: at(1500),
        before: [].into(),
        finished_at: outcome.as_ref().map(|_| at(60)),
        outcome,
        holder: "me".to_owned(),
        incarnation: None,
    }
}

#[test]
fn an_open_ticket_is_reconciling_and_a_finished_one_is_not() {
    let with = |ticket| History {
        tickets: vec![ticket],
        ..History::default()
    };
    let open = of(&intent(), &good(), &with(ticket(Phase::Settling, None)));
    assert_eq!(
        condition(&open, ConditionType::Reconciling),
        (
            ConditionStatus::True,
            Reason::ActionInFlight,
            "move-0001 is Settling, until 2026-03-02T00:25:00Z at the latest".to_owned()
        )
    );
    assert_eq!(open.tickets.len(), 1);
    let done = of(
        &intent(),
        &good(),
        &with(ticket(Phase::Done, Some(TicketOutcome::Succeeded))),
    );
    assert_eq!(
        condition(&done, ConditionType::Reconciling).0,
        ConditionStatus::False
    );
    assert!(done.tickets.is_empty());
}

#[test]
fn a_back_off_is_blocked_when_aws_refused_and_not_when_the_plan_merely_changed() {
    let held = Decision {
        actions: vec![move_first()],
        holds: vec![hold(Guardrail::BackOff, Some("move-0001"))],
        ..good()
    };
    let blocked = |outcome| {
        let history = History {
            tickets: vec![ticket(Phase::GaveUp, Some(outcome))],
            ..History::default()
        };
        condition(&of(&intent(), &held, &history), ConditionType::ActionBlocked).0
    };
    assert_eq!(blocked(TicketOutcome::Overtaken), ConditionStatus::False);
    assert_eq!(blocked(TicketOutcome::NoEffect), ConditionStatus::True);
}

#[test]
fn objectives_are_met_missed_absent_or_not_measurable() {
    use ConditionStatus as S;
    let none = of(&intent(), &good(), &History::default());
    assert_eq!(
        short(&none, ConditionType::ObjectivesMet),
        (S::True, Reason::NoObjectives)
    );
    let wanted = Intent {
        objectives: Objectives {
            recovery_time: Some(SignedDuration::from_mins(2)),
            recovery_point: None,
        },
        ..intent()
    };
    let missed = Decision {
        findings: vec![Finding {
            code: FindingCode::ObjectiveUnmet,
            severity: Severity::Warning,
            component: Some("cache".into()),
            subject: "cache".to_owned(),
            message: "Recovery takes 4 min, 2 min are wanted.".to_owned(),
            accepted_until: None,
        }],
        ..good()
    };
    assert_eq!(
        condition(
            &of(&wanted, &missed, &History::default()),
            ConditionType::ObjectivesMet
        ),
        (
            S::False,
            Reason::Missed,
            "Recovery takes 4 min, 2 min are wanted.".to_owned()
        )
    );
    assert_eq!(
        short(
            &of(&wanted, &good(), &History::default()),
            ConditionType::ObjectivesMet
        ),
        (S::Unknown, Reason::NotMeasurable)
    );
}

#[test]
fn a_transition_time_moves_only_when_the_status_flips() {
    let (intent, history, topology) = (intent(), History::default(), topology());
    let at_time = |now, decision: &Decision, before: Option<&HAStackStatus>| {
        let subject = Subject {
            intent: &intent,
            generation: Some(7),
            spec_problem: None,
            unobserved: None,
            topology: Some(&topology),
            decision: Some(decision),
            history: &history,
            now,
        };
        status(&subject, before)
    };
    let since = |status: &HAStackStatus| {
        let c = status
            .conditions
            .iter()
            .find(|c| c.kind == ConditionType::ZoneRedundant);
        c.unwrap().last_transition_time
    };
    let first = at_time(at(0), &good(), None);
    let second = at_time(
        at(60),
        &decision([Survival::Survives, Survival::Survives]),
        Some(&first),
    );
    assert_eq!(since(&second), at(0));
    assert_eq!(second, first.clone_with_zones(&second));
    let third = at_time(
        at(120),
        &decision([Survival::Lost, Survival::Survives]),
        Some(&second),
    );
    assert_eq!(since(&third), at(120));
}

trait CloneWithZones {
    fn clone_with_zones(&self, other: &Self) -> Self;
}

impl CloneWithZones for HAStackStatus {
    /// Everything of this but the zones.
    fn clone_with_zones(&self, other: &Self) -> Self {
        Self {
            zones: other.zones.clone(),
            ..self.clone()
        }
    }
}

#[test]
fn what_is_accepted_is_told_with_whether_it_still_counts() {
    let accepts = |finding, seconds| Acceptance {
        finding,
        component: Some("cache".into()),
        until: at(seconds),
        reason: "moves in spring".to_owned(),
    };
    let found = |code, accepted_until| Finding {
        code,
        severity: Severity::Critical,
        component: Some("cache".into()),
        subject: "cache".to_owned(),
        message: String::new(),
        accepted_until,
    };
    let mut intent = intent();
    intent.accepted = vec![
        accepts(FindingCode::SingleZone, 60),
        accepts(FindingCode::PrimarySkew, 60),
        accepts(FindingCode::ZoneMissing, 60),
        accepts(FindingCode::NodeSkew, 0),
    ];
    let mut decision = decision([Survival::Survives, Survival::Lost]);
    decision.balanced = Some(false);
    decision.verdicts = vec![Verdict {
        zone: "b".into(),
        component: "cache".into(),
        verdict: Survival::Lost,
        reason: String::new(),
        expected_recovery: None,
        expected_loss: None,
    }];
    decision.findings = vec![
        found(FindingCode::SingleZone, Some(at(60))),
        found(FindingCode::PrimarySkew, Some(at(60))),
    ];
    let status = of(&intent, &decision, &History::default());
    let states: Vec<_> = status
        .accepted
        .iter()
        .map(|a| (a.finding.as_str(), a.state.as_str()))
        .collect();
    assert_eq!(
        states,
        [
            ("SingleZone", "InForce"),
            ("PrimarySkew", "InForce"),
            ("ZoneMissing", "Unused"),
            ("NodeSkew", "Expired"),
        ]
    );
    let told = |kind| condition(&status, kind);
    let redundant = told(ConditionType::ZoneRedundant);
    assert_eq!(
        redundant.0,
        ConditionStatus::False,
        "accepted, and lost all the same"
    );
    assert_eq!(
        redundant.2,
        "b: It is Lost. spec.accepted accepts the loss of b for now."
    );
    let balanced = told(ConditionType::Balanced).2;
    assert!(
        balanced.ends_with("spec.accepted accepts that for now."),
        "{balanced}"
    );

    let numbers = sample(&intent, Some(&topology()), Some(&decision), &status);
    assert_eq!(numbers.findings, [].into());
    let counted = [("PrimarySkew".to_owned(), 1), ("SingleZone".to_owned(), 1)];
    assert_eq!(numbers.findings_accepted, counted.into());
    assert_eq!(numbers.losses_accepted, ["b".into()].into());
    assert!(numbers.imbalance_accepted);

    // From its moment on it is told once, however often the status is written.
    let mut later = status.clone();
    later.accepted[0].state = "Expired".to_owned();
    let told: Vec<_> = events(Some(&status), &later)
        .into_iter()
        .map(|e| (e.reason, e.warning, e.message))
        .collect();
    let sentence = "SingleZone of cache is no longer accepted, since 2026-03-02T00:01:00Z";
    assert_eq!(
        told,
        [(EventReason::AcceptanceExpired, true, sentence.to_owned())]
    );
    assert_eq!(events(Some(&later), &later), []);
}

#[test]
fn placement_reads_as_a_person_would_draw_it() {
    let status = of(&intent(), &good(), &History::default());
    assert_eq!(
        status.components[0].placement,
        ["0001  a:P  b:r!", "0002  a:unknown*  b:unknown"]
    );
    let name = &status.components[0].name;
    assert_eq!(
        drawn(&status),
        format!("{name} [0001 a:P b:r!] [0002 a:unknown* b:unknown]")
    );
    assert_eq!(status.zones[0].nodes, 2);
    assert_eq!(status.zones[0].primaries, 1);
    assert_eq!(status.skew.as_deref(), Some("nodes 0, primaries unknown"));
}

#[test]
fn failovers_come_newest_first() {
    let failover = |seconds| Failover {
        id: format!("fo-{seconds}"),
        at: at(seconds),
        component: "cache".into(),
        shard: "0001".into(),
        from: None,
        to: None,
        class: FailoverClass::Person,
        duration_seconds: Some(63),
    };
    let history = History {
        failovers: vec![failover(10), failover(20)],
        ..History::default()
    };
    let status = of(&intent(), &good(), &history);
    let ids: Vec<_> = status.failovers.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["fo-20", "fo-10"]);
    assert_eq!(status.last_failover, Some(at(20)));
    let numbers = sample(&intent(), Some(&topology()), Some(&good()), &status);
    assert_eq!(numbers.last_failover, Some((at(20).as_second(), Some(63))));
}
