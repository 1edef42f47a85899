//! The JSON contracts: `evenkeel.plan/v1` and `evenkeel.snapshot/v1`.

#![allow(clippy::unwrap_used)]

use evenkeel::intake::{self, Problem, Source};
use evenkeel::plan::guardrails::Hold;
use evenkeel::plan::history::AddedNode;
use evenkeel::plan::{
    Action, ActionId, ActionKind, Decision, Finding, FindingCode, Fleet, Guardrail, History, Input, Intent,
    PlanId, Purpose, Severity, ZoneReport, plan,
};
use evenkeel::report::{plan_json, snapshot};
use evenkeel::topology::survival::{Survival, Verdict};
use evenkeel::topology::{
    CacheSettings, ClusterMode, Component, Durability, Failover, FailoverClass, Gap, Health, Manager, Node,
    NodeId, Owner, ResourceKey, ResourceKind, ResourceStatus, Role, RoleProof, RoleSource, Shard, ShardId,
    SmallMap, StackName, Switch, Topology, WeeklyWindow, Zone, ZoneState,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MANIFEST: &str = "
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: web, namespace: shop}
spec:
  mode: Enforce
  aws: {region: ap-northeast-2}
  zones: [{name: ap-northeast-2a}, {name: ap-northeast-2b}, {name: ap-northeast-2c}]
  caches: [{name: sessions, replicationGroup: sessions-prod}, {name: carts, replicationGroup: carts}]
";

fn intent() -> Intent {
    let source = Source {
        name: "web".to_owned(),
        text: MANIFEST.to_owned(),
    };
    let read = intake::read(&[source]);
    assert_eq!(read.problems, []);
    read.stacks.into_iter().next().unwrap().intent
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decide(intent: &Intent, topology: &Topology, history: &History, now: Timestamp) -> Decision {
    plan(&Input {
        intent,
        topology,
        history,
        fleet: &Fleet::default(),
        purpose: &Purpose::Propose,
        now,
    })
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::validator_for(schema).unwrap()
}

fn assert_valid(validator: &jsonschema::Validator, value: &Value) {
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

// ---------------------------------------------------------------------------------------------- plan

/// One of everything, with every optional field empty once and filled once.
#[allow(clippy::too_many_lines)] // one decision with everything in it, written out
fn decision() -> Decision {
    let action = |id: &str, kind, from: Option<&str>, to: Option<&str>| Action {
        id: ActionId(id.to_owned()),
        component: "sessions".into(),
        kind,
        from_zone: from.map(Into::into),
        to_zone: to.map(Into::into),
        why: format!("why {id}"),
    };
    Decision {
        id: PlanId("4f9d".to_owned()),
        stack: StackName::new("shop", "web"),
        mode: evenkeel::plan::intent::Mode::Approve,
        observed_at: at("2026-03-01T10:00:00Z"),
        zones: SmallMap::from([(
            "ap-northeast-2a".into(),
            ZoneReport {
                in_spec: true,
                zone: Zone {
                    state: ZoneState::Impaired,
                    since: None,
                    reasons: vec!["evidence".to_owned()],
                },
                verdict: Survival::Degraded,
                reasons: vec!["sessions: reason".to_owned()],
            },
        )]),
        verdicts: vec![
            Verdict {
                zone: "ap-northeast-2a".into(),
                component: "sessions".into(),
                verdict: Survival::Survives,
                reason: "reason".to_owned(),
                expected_recovery: Some(SignedDuration::from_secs(90)),
                expected_loss: Some(SignedDuration::from_millis(250)),
            },
            Verdict {
                zone: "ap-northeast-2c".into(),
                component: "sessions".into(),
                verdict: Survival::Lost,
                reason: "reason".to_owned(),
                expected_recovery: None,
                expected_loss: None,
            },
        ],
        findings: vec![
            Finding {
                code: FindingCode::PrimarySkew,
                severity: Severity::Warning,
                component: Some("sessions".into()),
                subject: "sessions-prod".to_owned(),
                message: "message".to_owned(),
                accepted_until: Some(at("2026-04-01T00:00:00Z")),
            },
            Finding {
                code: FindingCode::ZoneImpaired,
                severity: Severity::Critical,
                component: None,
                subject: "ap-northeast-2a".to_owned(),
                message: "message".to_owned(),
                accepted_until: None,
            },
        ],
        actions: vec![
            action(
                "multi-az",
                ActionKind::EnableMultiAz {
                    identifier: "sessions-prod".to_owned(),
                },
                None,
                None,
            ),
            action(
                "add",
                ActionKind::AddReplica {
                    shard: "0001".into(),
                    zone: "ap-northeast-2b".into(),
                    replaces: None,
                },
                None,
                Some("ap-northeast-2b"),
            ),
            action(
                "remove",
                ActionKind::RemoveReplica {
                    shard: "0001".into(),
                    node: "sessions-prod-0001-002".into(),
                },
                Some("ap-northeast-2c"),
                None,
            ),
            action(
                "move",
                ActionKind::MovePrimary { shard: "0002".into() },
                Some("ap-northeast-2c"),
                None,
            ),
        ],
        holds: vec![
            Hold {
                id: "h1".to_owned(),
                guardrail: Guardrail::QuietPeriod,
                action: Some(ActionId("move".to_owned())),
                reason: "reason".to_owned(),
                retry_at: Some(at("2026-03-01T10:30:00Z")),
            },
            Hold {
                id: "h2".to_owned(),
                guardrail: Guardrail::Paused,
                action: None,
                reason: "reason".to_owned(),
                retry_at: None,
            },
        ],
        balanced: Some(false),
    }
}

fn node(zone: &str, role: Role) -> Node {
    Node {
        zone: zone.into(),
        role,
        role_proof: (role != Role::Unknown).then_some(RoleProof {
            source: RoleSource::Snapshot,
            at: at("2026-03-01T10:00:00Z"),
            read_at: at("2026-03-01T10:00:00Z"),
        }),
        health: Health::Healthy,
        health_since: None,
        lag: None,
        added_by_us: false,
    }
}

fn component(identifier: &str, shards: SmallMap<ShardId, Shard>) -> Component {
    Component {
        resource: ResourceKey {
            account: None,
            region: "ap-northeast-2".into(),
            kind: ResourceKind::Cache,
            identifier: identifier.to_owned(),
        },
        status: ResourceStatus::Available,
        observed_at: at("2026-03-01T10:00:00Z"),
        gaps: Vec::new(),
        settings: CacheSettings {
            cluster_mode: ClusterMode::Enabled,
            multi_az: Switch::Enabled,
            automatic_failover: Switch::Enabled,
            subnet_zones: BTreeSet::from(["ap-northeast-2a".into(), "ap-northeast-2c".into()]),
            durability: Durability::Disabled,
        },
        endpoints: SmallMap::from([("configuration".to_owned(), "sessions.example:6379".to_owned())]),
        shards,
        members_match: true,
        owner: Owner::Ours,
        managed_elsewhere: Vec::new(),
        maintenance_windows: Vec::new(),
    }
}

fn topology() -> Topology {
    let mut added = node("ap-northeast-2c", Role::Replica);
    added.lag = Some(SignedDuration::from_millis(250));
    added.added_by_us = true;
    added.health = Health::Creating;
    added.health_since = Some(at("2026-03-01T09:59:00Z"));
    let nodes = SmallMap::from([
        (
            "sessions-prod-0001-001".into(),
            node("ap-northeast-2a", Role::Primary),
        ),
        ("sessions-prod-0001-002".into(), added),
    ]);
    Topology {
        stack: StackName::new("shop", "web"),
        observed_at: at("2026-03-01T10:00:00Z"),
        zones: SmallMap::from([
            (
                "ap-northeast-2a".into(),
                Zone {
                    state: ZoneState::Impaired,
                    since: Some(at("2026-03-01T09:48:00Z")),
                    reasons: vec!["evidence".to_owned()],
                },
            ),
            (
                "ap-northeast-2c".into(),
                Zone {
                    state: ZoneState::Healthy,
                    since: None,
                    reasons: Vec::new(),
                },
            ),
        ]),
        components: SmallMap::from([(
            "sessions".into(),
            component(
                "sessions-prod",
                SmallMap::from([("0001".into(), Shard::new(nodes))]),
            ),
        )]),
    }
}

#[test]
fn a_plan_document_has_exactly_the_fields_of_the_contract() {
    let document = serde_json::to_value(plan_json::document(&decision(), &topology())).unwrap();
    assert_eq!(
        document,
        json!({
            "schema": "evenkeel.plan/v1",
            "id": "4f9d",
            "stack": {"namespace": "shop", "name": "web"},
            "mode": "Approve",
            "observedAt": "2026-03-01T10:00:00Z",
            "zones": [{"name": "ap-northeast-2a", "state": "Impaired", "verdict": "Degraded",
                       "reasons": ["sessions: reason"]}],
            "verdicts": [
                {"zone": "ap-northeast-2a", "component": "sessions", "verdict": "Survives", "reason": "reason",
                 "expectedRecoverySeconds": 90, "expectedLossSeconds": 0.25},
                {"zone": "ap-northeast-2c", "component": "sessions", "verdict": "Lost", "reason": "reason",
                 "expectedRecoverySeconds": null, "expectedLossSeconds": null},
            ],
            "components": [{
                "name": "sessions", "kind": "Cache", "identifier": "sessions-prod", "status": "Available",
                "endpoints": {"configuration": "sessions.example:6379"},
                "nodes": [
                    {"id": "sessions-prod-0001-001", "shard": "0001", "zone": "ap-northeast-2a", "role": "Primary",
                     "health": "Healthy"},
                    {"id": "sessions-prod-0001-002", "shard": "0001", "zone": "ap-northeast-2c", "role": "Replica",
                     "health": "Creating"},
                ],
            }],
            "findings": [
                {"code": "PrimarySkew", "severity": "Warning", "component": "sessions", "subject": "sessions-prod",
                 "message": "message", "acceptedUntil": "2026-04-01T00:00:00Z"},
                {"code": "ZoneImpaired", "severity": "Critical", "component": null, "subject": "ap-northeast-2a",
                 "message": "message", "acceptedUntil": null},
            ],
            "actions": [
                {"id": "multi-az", "type": "EnableMultiAz", "class": "Additive", "component": "sessions",
                 "subject": "sessions-prod", "fromZone": null, "toZone": null, "why": "why multi-az"},
                {"id": "add", "type": "AddReplica", "class": "Additive", "component": "sessions", "subject": "0001",
                 "fromZone": null, "toZone": "ap-northeast-2b", "why": "why add"},
                {"id": "remove", "type": "RemoveReplica", "class": "Disruptive", "component": "sessions",
                 "subject": "sessions-prod-0001-002", "fromZone": "ap-northeast-2c", "toZone": null,
                 "why": "why remove"},
                {"id": "move", "type": "MovePrimary", "class": "Disruptive", "component": "sessions",
                 "subject": "0002", "fromZone": "ap-northeast-2c", "toZone": null, "why": "why move"},
            ],
            "holds": [
                {"id": "h1", "guardrail": "quiet_period", "action": "move", "reason": "reason",
                 "retryAt": "2026-03-01T10:30:00Z"},
                {"id": "h2", "guardrail": "paused", "action": null, "reason": "reason", "retryAt": null},
            ],
        })
    );
    assert_valid(&validator(&plan_json::schema()), &document);
}

#[test]
fn the_plan_schema_refuses_what_is_no_plan() {
    let validator = validator(&plan_json::schema());
    let document = serde_json::to_value(plan_json::document(&decision(), &topology())).unwrap();
    for (pointer, value) in [
        ("/schema", json!("evenkeel.plan/v2")),
        ("/mode", json!("Auto")),
        ("/zones/0/verdict", json!("Maybe")),
        ("/verdicts/0/expectedRecoverySeconds", json!("90s")),
        ("/observedAt", json!(5)),
    ] {
        let mut broken = document.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
    let mut broken = document;
    broken["holds"][0].as_object_mut().unwrap().remove("retryAt");
    assert!(
        !validator.is_valid(&broken),
        "what is unknown is null, never absent"
    );
}

#[test]
fn one_stack_is_a_document_and_several_are_an_array() {
    let document = plan_json::document(&decision(), &topology());
    let read = |n: usize| -> Value {
        let text = plan_json::render(&vec![document.clone(); n]).unwrap();
        assert!(text.ends_with('\n'));
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(read(1)["schema"], "evenkeel.plan/v1");
    assert_eq!(read(2).as_array().unwrap().len(), 2);
    assert_eq!(read(0), json!([]));
}

// ---------------------------------------------------------------------------------------------- snapshot

#[test]
fn a_snapshot_has_exactly_the_fields_of_the_contract() {
    let history = History {
        failovers: vec![Failover {
            id: "fo-1".to_owned(),
            at: at("2026-03-01T09:49:00Z"),
            component: "sessions".into(),
            shard: "0001".into(),
            from: Some("sessions-prod-0001-002".into()),
            to: Some("sessions-prod-0001-001".into()),
            class: FailoverClass::Provider,
            duration_seconds: None,
        }],
        ..History::default()
    };
    let written = serde_json::to_value(snapshot::snapshot(&topology(), &history)).unwrap();
    assert_eq!(
        written,
        json!({
            "schema": "evenkeel.snapshot/v1",
            "observedAt": "2026-03-01T10:00:00Z",
            "stack": {"namespace": "shop", "name": "web"},
            "zones": [
                {"name": "ap-northeast-2a", "state": "Impaired", "since": "2026-03-01T09:48:00Z",
                 "reasons": ["evidence"]},
                {"name": "ap-northeast-2c", "state": "Healthy"},
            ],
            "components": [{
                "name": "sessions", "kind": "Cache", "identifier": "sessions-prod", "status": "Available",
                "settings": {"clusterMode": "enabled", "multiAz": "enabled", "automaticFailover": "enabled",
                             "subnetZones": ["ap-northeast-2a", "ap-northeast-2c"], "durability": "disabled"},
                "endpoints": {"configuration": "sessions.example:6379"},
                "shards": [{"id": "0001", "nodes": [
                    {"id": "sessions-prod-0001-001", "zone": "ap-northeast-2a", "role": "Primary",
                     "health": "Healthy", "addedByUs": false},
                    {"id": "sessions-prod-0001-002", "zone": "ap-northeast-2c", "role": "Replica",
                     "health": "Creating", "healthSince": "2026-03-01T09:59:00Z", "lagSeconds": 0.25,
                     "addedByUs": true},
                ]}],
            }],
            "failovers": [{"id": "fo-1", "at": "2026-03-01T09:49:00Z", "component": "sessions", "shard": "0001",
                           "from": "sessions-prod-0001-002", "to": "sessions-prod-0001-001", "class": "Provider"}],
        })
    );
    assert_valid(&validator(&snapshot::schema()), &written);
}

fn observed(text: &str) -> snapshot::Observed {
    let read = snapshot::read("s.yaml", text).unwrap();
    assert_eq!(read.len(), 1);
    snapshot::onto(&read[0], &intent(), read[0].observed_at.unwrap()).unwrap()
}

#[test]
fn a_snapshot_by_hand_needs_hardly_anything() {
    let seen = observed(
        "observedAt: 2026-03-01T10:00:00Z
components:
  - name: sessions
    shards:
      - nodes: [{zone: ap-northeast-2a, role: Primary}, {zone: ap-northeast-2c}]
      - nodes: [{zone: ap-northeast-2c}, {zone: ap-northeast-2a}]
",
    );
    let now = at("2026-03-01T10:00:00Z");
    let t = &seen.topology;
    assert_eq!((t.stack.to_string().as_str(), t.observed_at), ("shop/web", now));
    let zones: Vec<_> = t
        .zones
        .iter()
        .map(|(n, z)| (n.as_str(), z.state, z.since))
        .collect();
    assert_eq!(
        zones,
        [
            ("ap-northeast-2a", ZoneState::Healthy, None),
            ("ap-northeast-2b", ZoneState::Healthy, None),
            ("ap-northeast-2c", ZoneState::Healthy, None),
        ]
    );
    let sessions = &t.components[&"sessions".into()];
    assert_eq!(sessions.resource.identifier, "sessions-prod");
    assert_eq!(sessions.status, ResourceStatus::Available);
    assert_eq!(sessions.settings.cluster_mode, ClusterMode::Enabled);
    assert_eq!(
        (sessions.settings.multi_az, sessions.settings.automatic_failover),
        (Switch::Enabled, Switch::Enabled)
    );
    assert_eq!(sessions.settings.subnet_zones.len(), 3);
    assert_eq!(sessions.settings.durability, Durability::Disabled);
    assert_eq!(sessions.owner, Owner::Ours);
    assert!(sessions.members_match && sessions.gaps.is_empty());
    let roles: Vec<_> = sessions
        .shards
        .iter()
        .flat_map(|(s, shard)| {
            shard
                .nodes
                .iter()
                .map(move |(id, n)| (s.as_str(), id.as_str(), n.role))
        })
        .collect();
    assert_eq!(
        roles,
        [
            ("0001", "sessions-prod-0001-001", Role::Primary),
            ("0001", "sessions-prod-0001-002", Role::Replica),
            ("0002", "sessions-prod-0002-001", Role::Unknown),
            ("0002", "sessions-prod-0002-002", Role::Unknown),
        ]
    );
    let replica = &sessions.shards[&"0001".into()].nodes[&"sessions-prod-0001-002".into()];
    assert_eq!(
        (
            replica.health,
            replica.health_since,
            replica.lag,
            replica.added_by_us
        ),
        (Health::Healthy, None, None, false)
    );
    // What the snapshot doesn't hold is not known, and that is said.
    let carts = &t.components[&"carts".into()];
    assert_eq!(carts.status, ResourceStatus::Unknown);
    assert_eq!(
        carts.gaps,
        [Gap::Description("the snapshot does not hold it".to_owned())]
    );
    assert!(seen.history.failovers.is_empty() && seen.history.added_nodes.is_empty());
}

#[test]
fn what_a_snapshot_gives_is_taken() {
    let seen = observed(
        r#"{"schema": "evenkeel.snapshot/v1", "observedAt": "2026-03-01T10:00:00Z",
            "stack": {"namespace": "shop", "name": "web"},
            "zones": [{"name": "ap-northeast-2b", "state": "Unknown", "since": null}],
            "components": [{"name": "sessions", "identifier": "Sessions-Prod", "status": "Modifying",
              "settings": {"clusterMode": "compatible", "multiAz": false, "automaticFailover": "enabling",
                           "subnetZones": ["ap-northeast-2a"], "durability": "sync"},
              "membersMatch": false,
              "managedElsewhere": [{"kind": "GlobalDatastore", "name": "g", "role": "PRIMARY"},
                                   {"kind": "CloudFormation", "name": "stack-1"}],
              "maintenanceWindows": ["sun:23:00-mon:01:30"],
              "gaps": [{"kind": "Metrics", "reason": "blind"}],
              "shards": [{"id": "0007", "nodes": [
                {"id": "n1", "zone": "ap-northeast-2d", "role": "Replica", "health": "Down",
                 "healthSince": "2026-03-01T09:00:00Z", "lagSeconds": 1.5, "addedByUs": true, "replaces": "n0"}]}]}],
            "failovers": [{"at": "2026-03-01T09:49:00Z", "component": "sessions", "shard": "0007"}]}"#,
    );
    let t = &seen.topology;
    assert_eq!(t.zone_state(&"ap-northeast-2b".into()), ZoneState::Unknown);
    // A zone in which a node stands is a zone, also outside of the spec.
    assert_eq!(t.zones.len(), 4);
    let c = &t.components[&"sessions".into()];
    assert_eq!(
        (c.resource.identifier.as_str(), c.status),
        ("sessions-prod", ResourceStatus::Modifying)
    );
    assert_eq!(c.settings.cluster_mode, ClusterMode::Compatible);
    assert_eq!(
        (c.settings.multi_az, c.settings.automatic_failover),
        (Switch::Disabled, Switch::Enabling)
    );
    assert_eq!(c.settings.subnet_zones, ["ap-northeast-2a".into()].into());
    assert_eq!(c.settings.durability, Durability::Sync);
    assert!(!c.members_match);
    assert_eq!(c.gaps, [Gap::Metrics("blind".to_owned())]);
    assert_eq!(
        c.managed_elsewhere,
        [
            Manager::GlobalDatastore {
                id: "g".to_owned(),
                role: "PRIMARY".to_owned()
            },
            Manager::CloudFormation {
                stack: "stack-1".to_owned()
            },
        ]
    );
    let window = WeeklyWindow {
        start_minute: 6 * 1440 + 23 * 60,
        end_minute: 90,
    };
    assert_eq!(c.maintenance_windows, [window]);
    let n = &c.shards[&"0007".into()].nodes[&"n1".into()];
    assert_eq!(
        (n.zone.as_str(), n.role, n.health, n.lag, n.added_by_us),
        (
            "ap-northeast-2d",
            Role::Replica,
            Health::Down,
            Some(SignedDuration::from_millis(1500)),
            true
        )
    );
    let added: Vec<_> = seen.history.added_nodes.into_iter().collect();
    assert_eq!(
        added,
        [(
            NodeId::from("n1"),
            AddedNode {
                component: "sessions".into(),
                shard: "0007".into(),
                at: at("2026-03-01T09:00:00Z"),
                replaces: Some("n0".into()),
                created: None,
            }
        )]
    );
    let failover = &seen.history.failovers[0];
    assert_eq!(failover.id, "fo-sessions-0007-20260301T094900Z");
    assert_eq!(
        (failover.class, &failover.from, &failover.to),
        (FailoverClass::Unknown, &None, &None)
    );
}

#[rstest]
#[case::syntax("a: [", "", "correct the line")]
#[case::nothing("# nothing\n", "", "as `evenkeel snapshot` does")]
#[case::schema("schema: evenkeel.snapshot/v2", "schema", "write one of evenkeel.snapshot/v1")]
#[case::field("observed: x", "observed", "did you mean observedAt?")]
#[case::moment(
    "observedAt: yesterday",
    "observedAt",
    "write a moment such as 2026-03-01T10:00:00Z"
)]
#[case::stack("stack: web", "stack", "a mapping with the fields name, namespace")]
#[case::zone_state(
    "zones: [{name: a, state: Dead}]",
    "zones[0].state",
    "write one of Healthy, Impaired"
)]
#[case::zone_twice(
    "zones: [{name: a}, {name: a}]",
    "zones[1].name",
    "rename or remove one of the two"
)]
#[case::zone_name("zones: [{state: Healthy}]", "zones[0].name", "add it: Name of the zone")]
#[case::component_name(
    "components: [{status: Available}]",
    "components[0].name",
    "add it: Name of the component"
)]
#[case::component_twice(
    "components: [{name: a}, {name: a}]",
    "components[1].name",
    "rename or remove"
)]
#[case::status(
    "components: [{name: a, status: available}]",
    "components[0].status",
    "did you mean Available?"
)]
#[case::kind(
    "components: [{name: a, kind: Database}]",
    "components[0].kind",
    "write one of Cache"
)]
#[case::switch(
    "components: [{name: a, settings: {multiAz: on}}]",
    "components[0].settings.multiAz",
    "write one of enabled, enabling"
)]
#[case::mode(
    "components: [{name: a, settings: {clusterMode: true}}]",
    "components[0].settings.clusterMode",
    "write one of enabled, disabled, compatible"
)]
#[case::shards(
    "components: [{name: a, shards: {x: 1}}]",
    "components[0].shards",
    "write a list"
)]
#[case::shard_number(
    "components: [{name: a, shards: [{id: 0001}]}]",
    "components[0].shards[0].id",
    "put it in quotes"
)]
#[case::node_zone(
    "components: [{name: a, shards: [{nodes: [{role: Primary}]}]}]",
    "components[0].shards[0].nodes[0].zone",
    "add it: The zone in which it stands"
)]
#[case::node_twice(
    "components: [{name: a, shards: [{nodes: [{id: n, zone: z}]}, {nodes: [{id: n, zone: z}]}]}]",
    "components[0].shards[1].nodes[0].id",
    "rename or remove"
)]
#[case::role(
    "components: [{name: a, shards: [{nodes: [{zone: z, role: primary}]}]}]",
    "components[0].shards[0].nodes[0].role",
    "did you mean Primary?"
)]
#[case::health(
    "components: [{name: a, shards: [{nodes: [{zone: z, health: ok}]}]}]",
    "components[0].shards[0].nodes[0].health",
    "write one of Healthy"
)]
#[case::lag(
    "components: [{name: a, shards: [{nodes: [{zone: z, lagSeconds: -1}]}]}]",
    "components[0].shards[0].nodes[0].lagSeconds",
    "write a number from 0"
)]
#[case::lag_text(
    "components: [{name: a, shards: [{nodes: [{zone: z, lagSeconds: 1s}]}]}]",
    "components[0].shards[0].nodes[0].lagSeconds",
    "write a number from 0"
)]
#[case::window(
    "components: [{name: a, maintenanceWindows: [sunday]}]",
    "components[0].maintenanceWindows[0]",
    "sun:23:00-mon:01:30"
)]
#[case::endpoint(
    "components: [{name: a, endpoints: {primary: 6379}}]",
    "components[0].endpoints.primary",
    "put it in quotes"
)]
#[case::failover_component(
    "failovers: [{at: 2026-03-01T10:00:00Z, component: a, shard: '1'}]",
    "failovers[0].component",
    "name one of"
)]
#[case::failover_at(
    "components: [{name: a}]\nfailovers: [{component: a, shard: '1'}]",
    "failovers[0].at",
    "add it"
)]
#[case::failover_class(
    "components: [{name: a}]\nfailovers: [{at: 2026-03-01T10:00:00Z, component: a, shard: '1', class: Human}]",
    "failovers[0].class",
    "write one of Own, Person, Provider, Unknown"
)]
fn a_bad_snapshot_is_refused_with_path_and_remedy(
    #[case] text: &str,
    #[case] path: &str,
    #[case] remedy: &str,
) {
    let problems = snapshot::read("s.yaml", text).unwrap_err().0;
    let found = problems
        .iter()
        .any(|p| p.path == path && p.remedy.contains(remedy));
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(found, "{shown:#?}");
    assert!(problems.iter().all(|p| p.file == "s.yaml"));
}

#[test]
fn all_problems_of_a_snapshot_are_reported_together() {
    let problems = snapshot::read(
        "s.yaml",
        "observedAt: now\nzones: [{name: a, state: x}]\ncomponents: [{name: c, shards: [{nodes: [{role: Primary}]}]}]\n",
    )
    .unwrap_err()
    .0;
    let paths: Vec<_> = problems.iter().map(|p| (p.line, p.path.as_str())).collect();
    assert_eq!(
        paths,
        [
            (Some(1), "observedAt"),
            (Some(2), "zones[0].state"),
            (Some(3), "components[0].shards[0].nodes[0].zone"),
        ]
    );
}

#[rstest]
#[case::component(
    "components: [{name: sesions}]",
    "components[0].name",
    "name one of carts, sessions"
)]
#[case::identifier(
    "components: [{name: carts, identifier: sessions-prod}]",
    "components[0].identifier",
    "write \"carts\""
)]
fn a_snapshot_of_something_else_is_refused(#[case] text: &str, #[case] path: &str, #[case] remedy: &str) {
    let read = snapshot::read("s.yaml", text).unwrap();
    let problems: Vec<Problem> = snapshot::onto(&read[0], &intent(), at("2026-03-01T10:00:00Z")).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, path);
    assert!(problems[0].remedy.contains(remedy), "{}", problems[0]);
}

#[test]
fn arrays_and_several_documents_are_several_snapshots() {
    let count = |text: &str| snapshot::read("s", text).unwrap().len();
    assert_eq!(count("[{\"components\": []}, {\"components\": []}]"), 2);
    assert_eq!(count("components: []\n---\ncomponents: []\n"), 2);
    assert_eq!(count("components: []"), 1);
}

// ---------------------------------------------------------------------------------------------- round trip

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..86_400_i64).prop_map(|s| at("2026-03-01T00:00:00Z") + SignedDuration::from_secs(s))
}

fn some_node() -> impl Strategy<Value = Node> {
    (
        prop::sample::select(vec![
            "ap-northeast-2a",
            "ap-northeast-2b",
            "ap-northeast-2c",
            "ap-northeast-2d",
        ]),
        prop::sample::select(vec![Role::Primary, Role::Replica, Role::Replica, Role::Unknown]),
        prop::sample::select(vec![
            Health::Healthy,
            Health::Healthy,
            Health::Creating,
            Health::Down,
            Health::Unknown,
        ]),
        prop::option::of(moment()),
        prop::option::of(0..20_000_i64),
        any::<bool>(),
    )
        .prop_map(|(zone, role, health, since, lag, ours)| Node {
            health,
            health_since: since,
            lag: lag.map(SignedDuration::from_millis),
            added_by_us: ours,
            ..node(zone, role)
        })
}

fn some_component(identifier: &'static str) -> impl Strategy<Value = Component> {
    let shards = prop::collection::vec(prop::collection::vec(some_node(), 0..4), 0..4);
    (
        shards,
        prop::sample::select(vec![
            ResourceStatus::Available,
            ResourceStatus::Available,
            ResourceStatus::Modifying,
            ResourceStatus::Missing,
        ]),
        prop::sample::select(vec![
            ClusterMode::Enabled,
            ClusterMode::Disabled,
            ClusterMode::Compatible,
        ]),
        prop::sample::select(vec![
            Switch::Enabled,
            Switch::Disabled,
            Switch::Enabling,
            Switch::Disabling,
        ]),
        prop::sample::select(vec![Durability::Disabled, Durability::Async, Durability::Sync]),
        any::<bool>(),
        prop::option::of("[a-z ]{1,12}"),
        prop::option::of((0..10_080_u16, 0..10_080_u16)),
        any::<bool>(),
    )
        .prop_map(
            move |(shards, status, mode, switch, durability, members_match, gap, window, managed)| {
                let shards = shards.into_iter().enumerate().map(|(i, nodes)| {
                    let id = format!("{:04}", i + 1);
                    let nodes = nodes.into_iter().enumerate();
                    let nodes =
                        nodes.map(|(j, n)| (NodeId::new(format!("{identifier}-{id}-{:03}", j + 1)), n));
                    let nodes = nodes.collect();
                    (ShardId::new(id), Shard::new(nodes))
                });
                let mut component = component(identifier, shards.collect());
                component.status = status;
                component.settings.cluster_mode = mode;
                component.settings.multi_az = switch;
                component.settings.durability = durability;
                component.members_match = members_match;
                component.gaps = gap.map(Gap::Events).into_iter().collect();
                component.maintenance_windows = window
                    .map(|(start_minute, end_minute)| WeeklyWindow {
                        start_minute,
                        end_minute,
                    })
                    .into_iter()
                    .collect();
                if managed {
                    component.managed_elsewhere.push(Manager::CloudFormation {
                        stack: "s".to_owned(),
                    });
                }
                component
            },
        )
}

fn some_scene() -> impl Strategy<Value = (Topology, History)> {
    let failover =
        (moment(), 1..4_u8, prop::option::of(0..300_i64)).prop_map(|(at, shard, seconds)| Failover {
            id: format!("fo-{shard}-{at}"),
            at,
            component: "sessions".into(),
            shard: ShardId::new(format!("{shard:04}")),
            from: None,
            to: Some("n".into()),
            class: FailoverClass::Provider,
            duration_seconds: seconds,
        });
    let zone = (
        prop::sample::select(vec![ZoneState::Healthy, ZoneState::Impaired, ZoneState::Unknown]),
        prop::option::of(moment()),
    );
    (
        some_component("sessions-prod"),
        some_component("carts"),
        prop::collection::vec(zone, 4),
        prop::collection::vec(failover, 0..4),
    )
        .prop_map(|(sessions, carts, zones, mut failovers)| {
            failovers.sort_by_key(|f| (f.at, f.id.clone()));
            failovers.dedup_by_key(|f| f.id.clone());
            let names = [
                "ap-northeast-2a",
                "ap-northeast-2b",
                "ap-northeast-2c",
                "ap-northeast-2d",
            ];
            let zones = names.iter().zip(zones).map(|(name, (state, since))| {
                let zone = Zone {
                    state,
                    since,
                    reasons: Vec::new(),
                };
                ((*name).into(), zone)
            });
            let topology = Topology {
                zones: zones.collect(),
                components: SmallMap::from([("sessions".into(), sessions), ("carts".into(), carts)]),
                ..topology()
            };
            let history = History {
                failovers,
                ..History::default()
            };
            (topology, history)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What is written is read back as it was, as JSON and as YAML, is valid by the schema, and is judged alike.
    #[test]
    fn a_snapshot_survives_the_round_trip((topology, history) in some_scene()) {
        let written = snapshot::snapshot(&topology, &history);
        let json = serde_json::to_string_pretty(&written).unwrap();
        assert_valid(&validator(&snapshot::schema()), &serde_json::from_str(&json).unwrap());
        let yaml = serde_saphyr::to_string(&written).unwrap();
        let intent = intent();
        for text in [&json, &yaml] {
            let read = snapshot::read("s", text).unwrap();
            prop_assert_eq!(&read[..], std::slice::from_ref(&written));
            let seen = snapshot::onto(&read[0], &intent, topology.observed_at).unwrap();
            prop_assert_eq!(&seen.topology, &topology);
            prop_assert_eq!(&seen.history.failovers, &history.failovers);
            let again = serde_json::to_string_pretty(&snapshot::snapshot(&seen.topology, &seen.history)).unwrap();
            prop_assert_eq!(&again, &json);
            let decision = decide(&intent, &seen.topology, &seen.history, topology.observed_at);
            let document = serde_json::to_value(plan_json::document(&decision, &seen.topology)).unwrap();
            assert_valid(&validator(&plan_json::schema()), &document);
        }
    }
}
