//! `evenkeel.plan/v1`: one decision as JSON, documented in `docs/plan-format.md`.
//!
//! A contract: fields are added, never renamed or removed. What is unknown is `null`, never absent.

use super::words::{self, Seconds, StackRef};
use crate::plan::intent::Mode;
use crate::plan::{
    Action, ActionClass, ActionType, Decision, Finding, FindingCode, Guardrail, Hold, Severity,
};
use crate::topology::survival::{Survival, Verdict};
use crate::topology::{Component, Health, ResourceKind, ResourceStatus, Role, Topology, ZoneState};
use jiff::Timestamp;
use schemars::{JsonSchema, generate::Contract};
use serde::Serialize;
use std::collections::BTreeMap;

/// The value of `schema`.
pub const SCHEMA: &str = "evenkeel.plan/v1";

/// One stack at one moment: can it lose a zone, what is wrong, what would be done, what waits.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanDocument {
    /// Always `evenkeel.plan/v1`.
    #[schemars(schema_with = "schema_word")]
    pub schema: &'static str,
    /// The plan's id, which the annotation `evenkeel.dev/approve` names.
    pub id: String,
    pub stack: StackRef,
    /// What Evenkeel may do on its own.
    #[schemars(schema_with = "words::mode")]
    pub mode: Mode,
    /// The moment of the oldest read that this rests on.
    pub observed_at: Timestamp,
    /// Each zone of the stack: its state and whether the stack would survive its loss.
    pub zones: Vec<PlanZone>,
    /// The verdict for each zone and component.
    pub verdicts: Vec<PlanVerdict>,
    pub components: Vec<PlanComponent>,
    /// What is wrong, worst first.
    pub findings: Vec<PlanFinding>,
    /// The whole sequence that would bring the stack to its goal if each step succeeded, held steps included.
    pub actions: Vec<PlanAction>,
    /// Why steps wait.
    pub holds: Vec<PlanHold>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanZone {
    pub name: String,
    /// What evidence says of the zone.
    #[schemars(schema_with = "words::zone_state")]
    pub state: ZoneState,
    /// The worst verdict over the components.
    #[schemars(schema_with = "words::verdict")]
    pub verdict: Survival,
    /// Sentences that explain state and verdict.
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanVerdict {
    pub zone: String,
    pub component: String,
    /// `Survives`; `Degraded`: it goes on but a promise is missed; `Lost`; `Unknown`: nothing proves that it survives.
    #[schemars(schema_with = "words::verdict")]
    pub verdict: Survival,
    pub reason: String,
    /// From the loss of the zone until writes are accepted again; null when unknown or never.
    pub expected_recovery_seconds: Option<Seconds>,
    /// Span of acknowledged writes that would be lost; null when unknown or everything.
    pub expected_loss_seconds: Option<Seconds>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanComponent {
    pub name: String,
    #[schemars(schema_with = "words::kind")]
    pub kind: ResourceKind,
    /// AWS's identifier, lower case.
    pub identifier: String,
    /// The resource's own status, or why it has none.
    #[schemars(schema_with = "words::status")]
    pub status: ResourceStatus,
    /// Name (`configuration`, `primary`, `reader`) to `host:port`.
    pub endpoints: BTreeMap<String, String>,
    /// By shard, then by id.
    pub nodes: Vec<PlanNode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanNode {
    pub id: String,
    pub shard: String,
    pub zone: String,
    #[schemars(schema_with = "words::role")]
    pub role: Role,
    #[schemars(schema_with = "words::health")]
    pub health: Health,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanFinding {
    /// From the catalogue in `docs/findings.md`, which may grow.
    #[schemars(with = "String")]
    pub code: FindingCode,
    #[schemars(schema_with = "words::severity")]
    pub severity: Severity,
    /// Null for findings on a zone or the whole stack.
    pub component: Option<String>,
    /// The shard, node, zone or identifier that it is about.
    pub subject: String,
    pub message: String,
    /// Until when the manifest accepts it; null where it doesn't.
    pub accepted_until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanAction {
    /// The same step has the same id in every plan.
    pub id: String,
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    pub action_type: ActionType,
    /// `Additive` adds redundancy, `Disruptive` fails over or removes.
    #[schemars(schema_with = "words::class")]
    pub class: ActionClass,
    pub component: String,
    /// Shard id for AddReplica and MovePrimary, node id for RemoveReplica, identifier for settings.
    pub subject: String,
    pub from_zone: Option<String>,
    /// Of MovePrimary: the expected winner's zone, null when unknown.
    pub to_zone: Option<String>,
    /// Which promise it serves, what it costs and interrupts.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanHold {
    /// Stable while the hold lasts.
    pub id: String,
    /// From the catalogue in `docs/guardrails.md`, which may grow.
    #[schemars(with = "String")]
    pub guardrail: Guardrail,
    /// The action held; null: all of them.
    pub action: Option<String>,
    pub reason: String,
    /// When to look again; null when only a person can lift it.
    pub retry_at: Option<Timestamp>,
}

fn schema_word(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "const": SCHEMA})
}

/// The JSON Schema of one document (`docs/schemas/plan.v1.schema.json`).
pub fn schema() -> serde_json::Value {
    words::schema_of::<PlanDocument>(SCHEMA, Contract::Serialize)
}

/// The document of one decision on one topology.
pub fn document(decision: &Decision, topology: &Topology) -> PlanDocument {
    // No `..`: what is decided must be told.
    let Decision {
        id,
        stack,
        mode,
        observed_at,
        zones,
        verdicts,
        findings,
        actions,
        holds,
        balanced: _,
    } = decision;
    PlanDocument {
        schema: SCHEMA,
        id: id.0.clone(),
        stack: stack.into(),
        mode: *mode,
        observed_at: *observed_at,
        zones: zones
            .iter()
            .map(|(name, report)| PlanZone {
                name: name.to_string(),
                state: report.zone.state,
                verdict: report.verdict,
                reasons: report.reasons.clone(),
            })
            .collect(),
        verdicts: verdicts.iter().map(verdict).collect(),
        components: topology
            .components
            .iter()
            .map(|(name, c)| component(name.as_str(), c))
            .collect(),
        findings: findings.iter().map(finding).collect(),
        actions: actions.iter().map(action).collect(),
        holds: holds.iter().map(hold).collect(),
    }
}

/// One stack: its document. Several: an array of documents.
pub fn render(documents: &[PlanDocument]) -> Result<String, serde_json::Error> {
    let mut text = match documents {
        [one] => serde_json::to_string_pretty(one)?,
        several => serde_json::to_string_pretty(several)?,
    };
    text.push('\n');
    Ok(text)
}

fn verdict(verdict: &Verdict) -> PlanVerdict {
    PlanVerdict {
        zone: verdict.zone.to_string(),
        component: verdict.component.to_string(),
        verdict: verdict.verdict,
        reason: verdict.reason.clone(),
        expected_recovery_seconds: verdict.expected_recovery.map(Seconds),
        expected_loss_seconds: verdict.expected_loss.map(Seconds),
    }
}

fn component(name: &str, component: &Component) -> PlanComponent {
    let nodes = component.shards.iter().flat_map(|(shard, s)| {
        s.nodes.iter().map(move |(id, node)| PlanNode {
            id: id.to_string(),
            shard: shard.to_string(),
            zone: node.zone.to_string(),
            role: node.role,
            health: node.health,
        })
    });
    PlanComponent {
        name: name.to_owned(),
        kind: component.resource.kind,
        identifier: component.resource.identifier.clone(),
        status: component.status,
        endpoints: component.endpoints.clone().into_iter().collect(),
        nodes: nodes.collect(),
    }
}

fn finding(finding: &Finding) -> PlanFinding {
    PlanFinding {
        code: finding.code,
        severity: finding.severity,
        component: finding.component.as_ref().map(ToString::to_string),
        subject: finding.subject.clone(),
        message: finding.message.clone(),
        accepted_until: finding.accepted_until,
    }
}

fn action(action: &Action) -> PlanAction {
    PlanAction {
        id: action.id.to_string(),
        action_type: action.kind.action_type(),
        class: action.kind.class(),
        component: action.component.to_string(),
        subject: action.kind.subject().to_owned(),
        from_zone: action.from_zone.as_ref().map(ToString::to_string),
        to_zone: action.to_zone.as_ref().map(ToString::to_string),
        why: action.why.clone(),
    }
}

fn hold(hold: &Hold) -> PlanHold {
    PlanHold {
        id: hold.id.clone(),
        guardrail: hold.guardrail,
        action: hold.action.as_ref().map(ToString::to_string),
        reason: hold.reason.clone(),
        retry_at: hold.retry_at,
    }
}
