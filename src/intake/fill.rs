//! From a checked manifest to the complete [`Intent`]: defaults filled in, texts parsed, canonical form made.

use super::{duration, rules};
use crate::api::{self, v1alpha1 as v1};
use crate::plan::intent::{
    Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives, Policy, Window,
};
use crate::plan::{Acceptance, ActionType, FindingCode};
use crate::topology::{ComponentName, SmallMap, StackName, ZoneName};
use jiff::civil::Weekday;
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a manifest says outside of `spec`.
pub(super) struct Metadata {
    pub(super) stack: StackName,
    pub(super) created: Option<Timestamp>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
}

/// `Err` only for what the checks before should have refused.
pub(super) fn intent(metadata: Metadata, spec: v1::HAStackSpec) -> Result<Intent, String> {
    // No `..`: a field that is added to the spec must be read here.
    let v1::HAStackSpec {
        mode,
        policy,
        aws: v1::AwsSpec { region, account_ref },
        zones,
        objectives,
        placement: v1::PlacementSpec { max_skew },
        guardrails,
        caches,
        accepted,
    } = spec;
    let mut intent = Intent {
        stack: metadata.stack,
        created: metadata.created,
        canonical_spec: String::new(),
        mode: mode_of(mode),
        policy: policy_of(&policy),
        region: region.as_str().into(),
        account_ref: account_ref.map(|r| r.name),
        mode_limit: None,
        zones: zones
            .into_iter()
            .map(|z| (z.name.as_str().into(), z.id.as_deref().map(Into::into)))
            .collect(),
        objectives: Objectives {
            recovery_time: optional_duration(objectives.recovery_time.as_deref())?,
            recovery_point: optional_duration(objectives.recovery_point.as_deref())?,
        },
        max_skew,
        guardrails: guardrails_of(guardrails)?,
        caches: caches.into_iter().map(cache_of).collect(),
        accepted: accepted
            .into_iter()
            .map(acceptance_of)
            .collect::<Result<_, _>>()?,
        annotations: annotations_of(&metadata.annotations),
        team: metadata.labels.get(api::TEAM).cloned(),
    };
    intent.canonical_spec = canonical(&intent);
    Ok(intent)
}

fn mode_of(mode: v1::Mode) -> Mode {
    match mode {
        v1::Mode::Observe => Mode::Observe,
        v1::Mode::Approve => Mode::Approve,
        v1::Mode::Enforce => Mode::Enforce,
    }
}

fn policy_of(policy: &v1::PolicySpec) -> SmallMap<ActionType, Policy> {
    let v1::PolicySpec {
        enable_automatic_failover,
        enable_multi_az,
        add_replica,
        remove_replica,
        move_primary,
    } = policy;
    [
        (ActionType::EnableAutomaticFailover, enable_automatic_failover),
        (ActionType::EnableMultiAz, enable_multi_az),
        (ActionType::AddReplica, add_replica),
        (ActionType::RemoveReplica, remove_replica),
        (ActionType::MovePrimary, move_primary),
    ]
    .into_iter()
    .filter_map(|(action, policy)| {
        let policy = match (*policy)? {
            v1::Policy::Report => Policy::Report,
            v1::Policy::Approve => Policy::Approve,
            v1::Policy::Auto => Policy::Auto,
        };
        Some((action, policy))
    })
    .collect()
}

fn optional_duration(text: Option<&str>) -> Result<Option<SignedDuration>, String> {
    text.map(duration::parse).transpose()
}

fn guardrails_of(spec: v1::GuardrailsSpec) -> Result<GuardrailSettings, String> {
    let v1::GuardrailsSpec {
        quiet_period,
        max_replication_lag,
        replace_after,
        max_added_nodes,
        max_concurrent_disruptions,
        windows,
        deny_windows,
    } = spec;
    Ok(GuardrailSettings {
        quiet_period: duration::parse(&quiet_period)?,
        max_replication_lag: duration::parse(&max_replication_lag)?,
        replace_after: duration::parse(&replace_after)?,
        max_added_nodes,
        windows: windows.iter().map(window_of).collect::<Result<_, _>>()?,
        deny_windows: deny_windows.iter().map(window_of).collect::<Result<_, _>>()?,
        max_concurrent_disruptions,
    })
}

fn window_of(spec: &v1::WindowSpec) -> Result<Window, String> {
    let time = |text: &str| rules::time_of_day(text).ok_or_else(|| format!("{text:?} is no time of day"));
    let mut days: Vec<_> = spec.days.iter().map(|d| weekday(*d)).collect();
    if days.is_empty() {
        days = Weekday::Monday.cycle_forward().take(7).collect();
    }
    days.sort_by_key(|d| d.to_monday_zero_offset());
    Ok(Window {
        days,
        from: time(&spec.from)?,
        to: time(&spec.to)?,
        time_zone: TimeZoneDatabase::bundled()
            .get(&spec.time_zone)
            .map_err(|e| e.to_string())?,
    })
}

fn weekday(day: v1::Day) -> Weekday {
    match day {
        v1::Day::Mon => Weekday::Monday,
        v1::Day::Tue => Weekday::Tuesday,
        v1::Day::Wed => Weekday::Wednesday,
        v1::Day::Thu => Weekday::Thursday,
        v1::Day::Fri => Weekday::Friday,
        v1::Day::Sat => Weekday::Saturday,
        v1::Day::Sun => Weekday::Sunday,
    }
}

fn cache_of(spec: v1::CacheSpec) -> (ComponentName, CacheIntent) {
    let v1::CacheSpec {
        name,
        replication_group,
        min_replicas_per_shard,
        placement,
        preferred_primary_zones,
    } = spec;
    let cache = CacheIntent {
        replication_group: replication_group.to_lowercase(),
        min_replicas_per_shard: min_replicas_per_shard.unwrap_or(1),
        max_skew: placement.and_then(|p| p.max_skew),
        preferred_primary_zones: preferred_primary_zones
            .iter()
            .map(|z| ZoneName::from(z.as_str()))
            .collect(),
    };
    (name.as_str().into(), cache)
}

fn acceptance_of(spec: v1::AcceptedSpec) -> Result<Acceptance, String> {
    let v1::AcceptedSpec {
        finding,
        component,
        until,
        reason,
    } = spec;
    Ok(Acceptance {
        finding: finding_of(finding),
        component: component.map(|c| c.as_str().into()),
        until: rules::moment(&until).ok_or_else(|| format!("{until:?} is no date and time"))?,
        reason,
    })
}

fn finding_of(finding: v1::AcceptableFinding) -> FindingCode {
    use v1::AcceptableFinding as Acceptable;
    match finding {
        Acceptable::SingleZone => FindingCode::SingleZone,
        Acceptable::ZoneMissing => FindingCode::ZoneMissing,
        Acceptable::MultiAzDisabled => FindingCode::MultiAzDisabled,
        Acceptable::AutomaticFailoverDisabled => FindingCode::AutomaticFailoverDisabled,
        Acceptable::ShardColocated => FindingCode::ShardColocated,
        Acceptable::ReplicaShortfall => FindingCode::ReplicaShortfall,
        Acceptable::FailoverMayBeSlow => FindingCode::FailoverMayBeSlow,
        Acceptable::ManagedElsewhere => FindingCode::ManagedElsewhere,
        Acceptable::OnOutposts => FindingCode::OnOutposts,
        Acceptable::NodeOutsideZones => FindingCode::NodeOutsideZones,
        Acceptable::NodeInLocalZone => FindingCode::NodeInLocalZone,
        Acceptable::NodeSkew => FindingCode::NodeSkew,
        Acceptable::PrimarySkew => FindingCode::PrimarySkew,
        Acceptable::PrimaryOutOfPreferredZone => FindingCode::PrimaryOutOfPreferredZone,
        Acceptable::ReplicationLagHigh => FindingCode::ReplicationLagHigh,
        Acceptable::ObjectiveUnmet => FindingCode::ObjectiveUnmet,
        Acceptable::NoReplicaWanted => FindingCode::NoReplicaWanted,
        Acceptable::NoEligibleZone => FindingCode::NoEligibleZone,
        Acceptable::SurplusReplica => FindingCode::SurplusReplica,
    }
}

fn annotations_of(annotations: &BTreeMap<String, String>) -> Annotations {
    let text = |name: &str| annotations.get(name).map(|t| t.trim().to_owned());
    Annotations {
        paused: text(api::PAUSED).is_some_and(|t| t == "true"),
        reconcile_at: text(api::RECONCILE_AT),
        approve: text(api::APPROVE),
        acknowledge: text(api::ACKNOWLEDGE)
            .iter()
            .flat_map(|t| t.split(','))
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty())
            .collect(),
    }
}

/// The spec as JSON with every default filled in and keys in order: two spellings of one intent give the same text.
/// Part of the plan id, so whatever is added here voids approvals given before.
fn canonical(intent: &Intent) -> String {
    // No `..`, for the same reason; what stands outside of the spec is named and left out.
    let Intent {
        stack: _,
        created: _,
        canonical_spec: _,
        annotations: _,
        team: _,
        // It silences alerts and plans nothing: to accept a risk must not void an approval.
        accepted: _,
        mode,
        policy,
        region,
        account_ref,
        // Not of the manifest; where it asks for a person, the steps in the id say so.
        mode_limit: _,
        zones,
        objectives,
        max_skew,
        guardrails,
        caches,
    } = intent;
    let seconds = |d: &SignedDuration| d.as_secs_f64();
    let windows = |list: &[Window]| list.iter().map(canonical_window).collect::<Vec<_>>();
    let value = json!({
        "mode": mode,
        "policy": policy.iter().map(|(a, p)| json!([a, p])).collect::<Vec<_>>(),
        "region": region,
        "account": account_ref,
        "zones": zones.iter().map(|(name, id)| json!([name, id])).collect::<Vec<_>>(),
        "recoveryTime": objectives.recovery_time.as_ref().map(seconds),
        "recoveryPoint": objectives.recovery_point.as_ref().map(seconds),
        "maxSkew": max_skew,
        "quietPeriod": seconds(&guardrails.quiet_period),
        "maxReplicationLag": seconds(&guardrails.max_replication_lag),
        "replaceAfter": seconds(&guardrails.replace_after),
        "maxAddedNodes": guardrails.max_added_nodes,
        "maxConcurrentDisruptions": guardrails.max_concurrent_disruptions,
        "windows": windows(&guardrails.windows),
        "denyWindows": windows(&guardrails.deny_windows),
        "caches": caches.iter().map(|(name, c)| canonical_cache(name, c)).collect::<Vec<_>>(),
    });
    sorted(&value).to_string()
}

fn canonical_window(window: &Window) -> Value {
    json!({
        "days": window.days.iter().map(|d| d.to_monday_zero_offset()).collect::<Vec<_>>(),
        "from": window.from.to_string(),
        "to": window.to.to_string(),
        "timeZone": window.time_zone.iana_name(),
    })
}

fn canonical_cache(name: &ComponentName, cache: &CacheIntent) -> Value {
    json!({
        "name": name,
        "replicationGroup": cache.replication_group,
        "minReplicasPerShard": cache.min_replicas_per_shard,
        "maxSkew": cache.max_skew,
        "preferredPrimaryZones": cache.preferred_primary_zones,
    })
}

/// Keys in order, whichever map serde_json is built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            ordered.into_iter().collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
