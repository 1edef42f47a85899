//! Manifests are accepted whole, or refused with every problem at once: where, which value, what to do.

#![allow(clippy::unwrap_used)]

mod fields;

use evenkeel::intake::{self, Manifests, Problem, Source};
use evenkeel::plan::ActionType;
use evenkeel::plan::intent::{Intent, Mode, Policy};
use jiff::SignedDuration;
use jiff::civil::{Weekday, time};
use rstest::rstest;

const GOOD: &str = r#"apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata:
  name: shop
  annotations: {}
spec:
  mode: Enforce
  policy: {MovePrimary: Approve}
  aws:
    region: ap-northeast-2
  zones:
    - name: ap-northeast-2a
      id: apne2-az1
    - name: ap-northeast-2c
      id: apne2-az3
  objectives: {recoveryTime: 2m, recoveryPoint: 5s}
  placement: {maxSkew: 1}
  guardrails:
    quietPeriod: 30m
    windows:
      - days: [Mon, Tue]
        from: "22:00"
        to: "05:00"
        timeZone: Asia/Seoul
  caches:
    - name: sessions
      replicationGroup: sessions
      minReplicasPerShard: 1
"#;

fn read(text: &str) -> Manifests {
    intake::read(&[Source {
        name: "shop.yaml".to_owned(),
        text: text.to_owned(),
    }])
}

fn good(text: &str) -> Intent {
    let Manifests { stacks, problems, .. } = read(text);
    assert_eq!(problems, [], "{text}");
    assert_eq!(stacks.len(), 1);
    stacks.into_iter().next().unwrap().intent
}

fn bad(text: &str) -> Vec<Problem> {
    let Manifests { stacks, problems, .. } = read(text);
    assert!(stacks.is_empty(), "accepted {text}");
    assert!(!problems.is_empty());
    problems
}

/// (what is replaced in the good manifest, by what) → (path, value quoted or "-", part of the remedy)
#[rstest]
#[case::api_version(("evenkeel.dev/v1alpha1", "evenkeel.dev/v1"), "apiVersion", "\"evenkeel.dev/v1\"", "write apiVersion: evenkeel.dev/v1alpha1")]
#[case::kind(("kind: HAStack", "kind: Deployment"), "kind", "\"Deployment\"", "write kind: HAStack, or move this document out")]
#[case::kind_missing(("kind: HAStack\n", ""), "kind", "-", "write kind: HAStack")]
#[case::top_level_field(("spec:", "sepc: {}\nspec:"), "sepc", "\"sepc\"", "did you mean spec?")]
#[case::name_missing(("  name: shop\n", ""), "metadata.name", "-", "give the stack a name")]
#[case::name_not_dns(("name: shop", "name: My_Shop"), "metadata.name", "\"My_Shop\"", "lower case letters")]
#[case::name_number(("name: shop", "name: 12"), "metadata.name", "12", "lower case letters")]
#[case::namespace(("name: shop\n", "name: shop\n  namespace: Prod\n"), "metadata.namespace", "\"Prod\"", "leave it out")]
#[case::metadata_field(("name: shop", "name: shop\n  lables: {}"), "metadata.lables", "\"lables\"", "did you mean labels?")]
#[case::annotation_typo(("annotations: {}", "annotations: {evenkeel.dev/pause: \"true\"}"), "metadata.annotations[\"evenkeel.dev/pause\"]", "\"true\"", "did you mean evenkeel.dev/paused?")]
#[case::annotation_value(("annotations: {}", "annotations: {evenkeel.dev/paused: \"yes\"}"), "metadata.annotations[\"evenkeel.dev/paused\"]", "\"yes\"", "write \"true\" to pause")]
#[case::annotation_not_text(("annotations: {}", "annotations: {evenkeel.dev/paused: true}"), "metadata.annotations[\"evenkeel.dev/paused\"]", "true", "put it in quotes")]
#[case::annotation_empty(("annotations: {}", "annotations: {evenkeel.dev/approve: \"\"}"), "metadata.annotations[\"evenkeel.dev/approve\"]", "\"\"", "give it a value or remove it")]
#[case::team(("annotations: {}", "labels: {evenkeel.dev/team: \"a b\"}"), "metadata.labels[\"evenkeel.dev/team\"]", "\"a b\"", "up to 63 letters")]
#[case::spec_field(("mode: Enforce", "modes: Enforce"), "spec.modes", "\"modes\"", "did you mean mode?")]
#[case::mode(("mode: Enforce", "mode: enforced"), "spec.mode", "\"enforced\"", "did you mean Enforce? (write one of Observe, Approve, Enforce)")]
#[case::mode_unlike(("mode: Enforce", "mode: auto"), "spec.mode", "\"auto\"", "write one of Observe, Approve, Enforce")]
#[case::mode_empty(("mode: Enforce", "mode:"), "spec.mode", "nothing", "remove the line or give it a value")]
#[case::mode_twice(("mode: Enforce", "mode: Enforce\n  mode: Observe"), "spec.mode", "\"Observe\"", "keep one of the two lines")]
#[case::policy_action(("MovePrimary", "MovePrimaries"), "spec.policy.MovePrimaries", "\"MovePrimaries\"", "did you mean MovePrimary?")]
#[case::policy_value(("MovePrimary: Approve", "MovePrimary: Never"), "spec.policy.MovePrimary", "\"Never\"", "write one of Report, Approve, Auto")]
#[case::aws_missing(("  aws:\n    region: ap-northeast-2\n", ""), "spec.aws", "-", "add it: Where the resources live")]
#[case::region_missing(("    region: ap-northeast-2\n", "    accountRef: {name: prod}\n"), "spec.aws.region", "-", "add it: The AWS region")]
#[case::region_zone(("region: ap-northeast-2", "region: ap-northeast-2a"), "spec.aws.region", "\"ap-northeast-2a\"", "such as ap-northeast-2")]
#[case::account_ref(("region: ap-northeast-2", "region: ap-northeast-2\n    accountRef: {name: Prod}"), "spec.aws.accountRef.name", "\"Prod\"", "AWSAccount object")]
#[case::one_zone(("    - name: ap-northeast-2c\n      id: apne2-az3\n", ""), "spec.zones", "1 items", "list at least two zones")]
#[case::zone_twice(("ap-northeast-2c\n      id: apne2-az3", "ap-northeast-2a\n      id: apne2-az3"), "spec.zones[1].name", "\"ap-northeast-2a\"", "remove or rename one of the two")]
#[case::zone_elsewhere(("name: ap-northeast-2c", "name: ap-northeast-1c"), "spec.zones[1].name", "\"ap-northeast-1c\"", "name a zone as ap-northeast-2 and one letter")]
#[case::zone_local(("name: ap-northeast-2c", "name: ap-northeast-2-sel-1a"), "spec.zones[1].name", "\"ap-northeast-2-sel-1a\"", "the region and one letter")]
#[case::zone_id_as_name(("name: ap-northeast-2c", "name: apne2-az2"), "spec.zones[1].name", "\"apne2-az2\"", "move it to id")]
#[case::zone_id(("id: apne2-az3", "id: ap-northeast-2c"), "spec.zones[1].id", "\"ap-northeast-2c\"", "such as apne2-az1")]
#[case::zone_id_twice(("id: apne2-az3", "id: apne2-az1"), "spec.zones[1].id", "\"apne2-az1\"", "give each zone its own id")]
#[case::zone_as_text(("- name: ap-northeast-2c\n      id: apne2-az3", "- ap-northeast-2c"), "spec.zones[1]", "\"ap-northeast-2c\"", "write a mapping with the fields id, name")]
#[case::zone_field(("id: apne2-az3", "az: apne2-az3"), "spec.zones[1].az", "\"az\"", "the fields here are id, name")]
#[case::rto_without_unit(("recoveryTime: 2m", "recoveryTime: \"120\""), "spec.objectives.recoveryTime", "\"120\"", "write a duration such as 30m")]
#[case::rto_number(("recoveryTime: 2m", "recoveryTime: 120"), "spec.objectives.recoveryTime", "120", "write a duration such as 30m")]
#[case::rpo_days(("recoveryPoint: 5s", "recoveryPoint: 1d"), "spec.objectives.recoveryPoint", "\"1d\"", "write a duration such as 30m")]
#[case::quiet_negative(("quietPeriod: 30m", "quietPeriod: -30m"), "spec.guardrails.quietPeriod", "\"-30m\"", "write a duration such as 30m")]
#[case::quiet_iso(("quietPeriod: 30m", "quietPeriod: PT30M"), "spec.guardrails.quietPeriod", "\"PT30M\"", "write a duration such as 30m")]
#[case::quiet_too_long(("quietPeriod: 30m", "quietPeriod: 9000h"), "spec.guardrails.quietPeriod", "\"9000h\"", "at most a year")]
#[case::skew_zero(("maxSkew: 1", "maxSkew: 0"), "spec.placement.maxSkew", "0", "write a whole number from 1 to 100")]
#[case::skew_fraction(("maxSkew: 1", "maxSkew: 1.5"), "spec.placement.maxSkew", "1.5", "write a whole number from 1 to 100")]
#[case::skew_quoted(("maxSkew: 1", "maxSkew: \"1\""), "spec.placement.maxSkew", "\"1\"", "write it without quotes")]
#[case::disruptions_zero(("quietPeriod: 30m", "maxConcurrentDisruptions: 0"), "spec.guardrails.maxConcurrentDisruptions", "0", "from 1 to 100")]
#[case::added_negative(("quietPeriod: 30m", "maxAddedNodes: -1"), "spec.guardrails.maxAddedNodes", "-1", "from 0 to 1000")]
#[case::guardrail_field(("quietPeriod: 30m", "quitePeriod: 30m"), "spec.guardrails.quitePeriod", "\"quitePeriod\"", "did you mean quietPeriod?")]
#[case::window_day(("[Mon, Tue]", "[Monday, Tue]"), "spec.guardrails.windows[0].days[0]", "\"Monday\"", "did you mean Mon?")]
#[case::window_day_twice(("[Mon, Tue]", "[Mon, Mon]"), "spec.guardrails.windows[0].days[1]", "\"Mon\"", "remove or rename one")]
#[case::window_time(("from: \"22:00\"", "from: \"25:00\""), "spec.guardrails.windows[0].from", "\"25:00\"", "a time of day such as 22:00")]
#[case::window_time_short(("to: \"05:00\"", "to: \"5:00\""), "spec.guardrails.windows[0].to", "\"5:00\"", "two digits each")]
#[case::window_zone(("Asia/Seoul", "Asia/Soul"), "spec.guardrails.windows[0].timeZone", "\"Asia/Soul\"", "by its IANA name")]
#[case::window_zone_missing(("        timeZone: Asia/Seoul\n", ""), "spec.guardrails.windows[0].timeZone", "-", "add it: Time zone by its IANA name")]
#[case::window_not_list(("    windows:\n      - days: [Mon, Tue]\n        from: \"22:00\"\n        to: \"05:00\"\n        timeZone: Asia/Seoul\n", "    windows: nights\n"), "spec.guardrails.windows", "\"nights\"", "write a list")]
#[case::no_caches(("  caches:\n    - name: sessions\n      replicationGroup: sessions\n      minReplicasPerShard: 1\n", ""), "spec.caches", "-", "name at least one resource")]
#[case::cache_name(("name: sessions", "name: Sessions"), "spec.caches[0].name", "\"Sessions\"", "lower case letters, digits")]
#[case::cache_name_missing(("- name: sessions\n      replicationGroup", "- replicationGroup"), "spec.caches[0].name", "-", "add it: Name of this component within the stack")]
#[case::group_missing(("      replicationGroup: sessions\n", ""), "spec.caches[0].replicationGroup", "-", "add it: The ReplicationGroupId")]
#[case::group_form(("replicationGroup: sessions", "replicationGroup: my--sessions"), "spec.caches[0].replicationGroup", "\"my--sessions\"", "single hyphens")]
#[case::group_long(("replicationGroup: sessions", "replicationGroup: a123456789b123456789c123456789d123456789e"), "spec.caches[0].replicationGroup", "\"a123456789b123456789c123456789d123456789e\"", "40")]
#[case::group_number(("replicationGroup: sessions", "replicationGroup: 42"), "spec.caches[0].replicationGroup", "42", "write the ReplicationGroupId")]
#[case::replicas_many(("minReplicasPerShard: 1", "minReplicasPerShard: 6"), "spec.caches[0].minReplicasPerShard", "6", "from 0 to 5")]
#[case::replicas_negative(("minReplicasPerShard: 1", "minReplicasPerShard: -1"), "spec.caches[0].minReplicasPerShard", "-1", "from 0 to 5")]
#[case::cache_field(("minReplicasPerShard", "replicasPerShard"), "spec.caches[0].replicasPerShard", "\"replicasPerShard\"", "did you mean minReplicasPerShard?")]
#[case::preferred(("minReplicasPerShard: 1", "preferredPrimaryZones: [ap-northeast-2b]"), "spec.caches[0].preferredPrimaryZones[0]", "\"ap-northeast-2b\"", "name zones of spec.zones: ap-northeast-2a, ap-northeast-2c")]
#[case::cache_skew(("minReplicasPerShard: 1", "placement: {maxSkew: 0}"), "spec.caches[0].placement.maxSkew", "0", "from 1 to 100")]
#[case::cache_twice(("    - name: sessions\n", "    - name: sessions\n      replicationGroup: carts\n    - name: sessions\n"), "spec.caches[1].name", "\"sessions\"", "remove or rename one")]
#[case::group_twice(("    - name: sessions\n", "    - name: carts\n      replicationGroup: SESSIONS\n    - name: sessions\n"), "spec.caches[1].replicationGroup", "\"sessions\"", "identifiers ignore case")]
#[case::accepted_unknown(("  caches:\n", "  accepted: [{finding: SingelZone, until: 2027-03-31T00:00:00Z, reason: r}]\n  caches:\n"), "spec.accepted[0].finding", "\"SingelZone\"", "did you mean SingleZone?")]
#[case::accepted_not_a_risk(("  caches:\n", "  accepted: [{finding: AccessDenied, until: 2027-03-31T00:00:00Z, reason: r}]\n  caches:\n"), "spec.accepted[0].finding", "\"AccessDenied\"", "write one of SingleZone")]
#[case::accepted_for_ever(("  caches:\n", "  accepted: [{finding: SingleZone, reason: r}]\n  caches:\n"), "spec.accepted[0].until", "-", "add it: The moment from which it is a risk like any other")]
#[case::accepted_day(("  caches:\n", "  accepted: [{finding: SingleZone, until: 2027-03-31, reason: r}]\n  caches:\n"), "spec.accepted[0].until", "\"2027-03-31\"", "such as 2027-03-31T00:00:00Z")]
#[case::accepted_no_such_day(("  caches:\n", "  accepted: [{finding: SingleZone, until: 2027-02-31T00:00:00Z, reason: r}]\n  caches:\n"), "spec.accepted[0].until", "\"2027-02-31T00:00:00Z\"", "such as 2027-03-31T00:00:00Z")]
#[case::accepted_without_reason(("  caches:\n", "  accepted: [{finding: SingleZone, until: 2027-03-31T00:00:00Z}]\n  caches:\n"), "spec.accepted[0].reason", "-", "add it: Why it is accepted")]
#[case::accepted_of_nothing(("  caches:\n", "  accepted: [{finding: SingleZone, component: carts, until: 2027-03-31T00:00:00Z, reason: r}]\n  caches:\n"), "spec.accepted[0].component", "\"carts\"", "name one of spec.caches (sessions)")]
#[case::spec_list(("spec:\n", "spec: []\nx:\n"), "spec", "a list", "write a mapping with the fields accepted, aws, caches")]
fn a_bad_field_is_refused_with_path_value_and_remedy(
    #[case] (from, to): (&str, &str),
    #[case] path: &str,
    #[case] value: &str,
    #[case] remedy: &str,
) {
    assert_eq!(
        GOOD.matches(from).count().min(1),
        1,
        "{from:?} is not in the good manifest"
    );
    let text = GOOD.replacen(from, to, 1);
    let problems = bad(&text);
    let found: Vec<_> = problems.iter().filter(|p| p.path == path).collect();
    let others: Vec<_> = problems
        .iter()
        .filter(|p| p.path != path)
        .map(ToString::to_string)
        .collect();
    assert!(!found.is_empty(), "nothing at {path}: {others:#?}");
    assert!(
        found
            .iter()
            .any(|p| p.remedy.contains(remedy) && p.value.as_deref().unwrap_or("-") == value),
        "wanted {value} and {remedy:?}, found {found:#?}"
    );
    assert!(found.iter().all(|p| p.line.is_some() && p.file == "shop.yaml"));
}

#[test]
fn a_problem_reads_as_one_sentence_with_its_place() {
    let shown = |from: &str, to: &str| -> Vec<String> {
        bad(&GOOD.replacen(from, to, 1))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        shown("ap-northeast-2c\n", "us-east-1c\n"),
        [
            "shop.yaml:14: spec.zones[1].name: \"us-east-1c\" is not a zone of ap-northeast-2; \
          name a zone as ap-northeast-2 and one letter, such as ap-northeast-2a, or correct spec.aws.region"
        ]
    );
    assert_eq!(
        shown("quietPeriod: 30m", "quietPeriod: 30"),
        ["shop.yaml:19: spec.guardrails.quietPeriod: 30 is not a text; \
          write a duration such as 30m, 1h30m or 500ms (units: h, m, s, ms), at most a year"]
    );
    assert_eq!(
        shown("mode: Enforce", "mode: Enforce\n  mod: Observe"),
        ["shop.yaml:8: spec.mod: is no field that exists; did you mean mode?"]
    );
}

#[test]
fn all_problems_are_reported_together() {
    let problems = bad("apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: Shop}
spec:
  mode: Enfroce
  aws: {region: ap-northeast-2, acountRef: {name: x}}
  zones:
    - name: ap-northeast-1a
  guardrails: {quietPeriod: soon, windows: [{from: 9am, to: \"17:00\", timeZone: KST}]}
  caches:
    - {name: a, replicationGroup: x, minReplicasPerShard: 9}
    - {name: a, replicationGroup: x}
");
    let paths: Vec<_> = problems.iter().map(|p| p.path.as_str()).collect();
    for path in [
        "metadata.name",
        "spec.mode",
        "spec.aws.acountRef",
        "spec.zones",
        "spec.zones[0].name",
        "spec.guardrails.quietPeriod",
        "spec.guardrails.windows[0].from",
        "spec.guardrails.windows[0].timeZone",
        "spec.caches[0].minReplicasPerShard",
        "spec.caches[1].name",
        "spec.caches[1].replicationGroup",
    ] {
        assert_eq!(
            paths.iter().filter(|p| **p == path).count(),
            1,
            "{path} in {paths:#?}"
        );
    }
    assert_eq!(paths.len(), 11, "{paths:#?}");
}

#[test]
fn a_manifest_without_defaults_gets_them() {
    let intent = good(
        "apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: shop}
spec:
  aws: {region: ap-northeast-2}
  zones: [{name: ap-northeast-2c}, {name: ap-northeast-2a}]
  caches: [{name: sessions, replicationGroup: Sessions-A}]
",
    );
    assert_eq!(intent.stack.to_string(), "default/shop");
    assert_eq!(intent.mode, Mode::Observe);
    assert!(intent.policy.is_empty());
    assert_eq!(intent.max_skew, 1);
    assert_eq!(intent.objectives.recovery_time, None);
    let g = &intent.guardrails;
    assert_eq!(g.quiet_period, SignedDuration::from_mins(30));
    assert_eq!(g.max_replication_lag, SignedDuration::from_secs(1));
    assert_eq!(g.replace_after, SignedDuration::from_mins(15));
    assert_eq!((g.max_added_nodes, g.max_concurrent_disruptions), (20, 1));
    assert!(g.windows.is_empty() && g.deny_windows.is_empty());
    let cache = &intent.caches[&"sessions".into()];
    assert_eq!(cache.replication_group, "sessions-a");
    assert_eq!(cache.min_replicas_per_shard, 1);
    assert_eq!(cache.max_skew, None);
    assert!(!intent.annotations.paused);
    assert_eq!(
        (intent.team, intent.created, intent.account_ref),
        (None, None, None)
    );
    // The planner's own defaults are the same.
    assert_eq!(
        intent.guardrails,
        evenkeel::plan::intent::GuardrailSettings::default()
    );
}

#[test]
fn every_field_arrives_where_it_belongs() {
    let intent = good(
        "apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata:
  name: shop.eu
  namespace: prod
  creationTimestamp: 2026-03-01T10:00:00Z
  labels: {evenkeel.dev/team: storefront, app: x}
  annotations:
    evenkeel.dev/paused: 'true'
    evenkeel.dev/reconcile-at: now-3
    evenkeel.dev/approve: ' 4f9d '
    evenkeel.dev/acknowledge: fo-1, block-2,
    kubectl.kubernetes.io/last-applied-configuration: '{}'
spec:
  mode: Approve
  policy: {AddReplica: Report, MovePrimary: Auto}
  aws: {region: eu-central-1, accountRef: {name: shop-prod}}
  zones: [{name: eu-central-1b, id: euc1-az3}, {name: eu-central-1a}]
  objectives: {recoveryTime: 1m30s, recoveryPoint: 250ms}
  placement: {maxSkew: 2}
  guardrails:
    quietPeriod: 1.5h
    maxReplicationLag: 2s
    replaceAfter: 10m
    maxAddedNodes: 3
    maxConcurrentDisruptions: 2
    windows: [{days: [Sun, Fri], from: '22:30', to: '06:00', timeZone: Asia/Seoul}]
    denyWindows: [{from: '00:00', to: '23:59', timeZone: UTC}]
  caches:
    - name: sessions
      replicationGroup: sessions
      minReplicasPerShard: 0
      placement: {maxSkew: 4}
      preferredPrimaryZones: [eu-central-1a]
status: {anything: [goes]}
",
    );
    assert_eq!(intent.stack.to_string(), "prod/shop.eu");
    assert_eq!(intent.created, Some("2026-03-01T10:00:00Z".parse().unwrap()));
    assert_eq!(intent.team.as_deref(), Some("storefront"));
    assert!(intent.annotations.paused);
    assert_eq!(intent.annotations.reconcile_at.as_deref(), Some("now-3"));
    assert_eq!(intent.annotations.approve.as_deref(), Some("4f9d"));
    let acknowledged: Vec<_> = intent
        .annotations
        .acknowledge
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(acknowledged, ["block-2", "fo-1"]);
    assert_eq!(intent.mode, Mode::Approve);
    let policy: Vec<_> = intent.policy.into_iter().collect();
    assert_eq!(
        policy,
        [
            (ActionType::AddReplica, Policy::Report),
            (ActionType::MovePrimary, Policy::Auto)
        ]
    );
    assert_eq!(intent.region.as_str(), "eu-central-1");
    assert_eq!(intent.account_ref.as_deref(), Some("shop-prod"));
    let zones: Vec<_> = intent
        .zones
        .iter()
        .map(|(n, id)| (n.as_str(), id.as_ref().map(evenkeel::topology::ZoneId::as_str)))
        .collect();
    assert_eq!(
        zones,
        [("eu-central-1a", None), ("eu-central-1b", Some("euc1-az3"))]
    );
    assert_eq!(
        intent.objectives.recovery_time,
        Some(SignedDuration::from_secs(90))
    );
    assert_eq!(
        intent.objectives.recovery_point,
        Some(SignedDuration::from_millis(250))
    );
    assert_eq!(intent.max_skew, 2);
    let g = &intent.guardrails;
    assert_eq!(g.quiet_period, SignedDuration::from_mins(90));
    assert_eq!(g.max_replication_lag, SignedDuration::from_secs(2));
    assert_eq!(g.replace_after, SignedDuration::from_mins(10));
    assert_eq!((g.max_added_nodes, g.max_concurrent_disruptions), (3, 2));
    assert_eq!(g.windows[0].days, [Weekday::Friday, Weekday::Sunday]);
    assert_eq!(
        (g.windows[0].from, g.windows[0].to),
        (time(22, 30, 0, 0), time(6, 0, 0, 0))
    );
    assert_eq!(g.windows[0].time_zone.iana_name(), Some("Asia/Seoul"));
    assert_eq!(g.deny_windows[0].days.len(), 7);
    let cache = &intent.caches[&"sessions".into()];
    assert_eq!((cache.min_replicas_per_shard, cache.max_skew), (0, Some(4)));
    assert_eq!(cache.preferred_primary_zones, ["eu-central-1a".into()].into());
}

#[test]
fn two_spellings_of_one_intent_have_one_canonical_form() {
    let short = good(
        &GOOD
            .replacen("  placement: {maxSkew: 1}\n", "", 1)
            .replacen("2m,", "120s,", 1),
    );
    let long = good(
        &GOOD
            .replacen("recoveryTime: 2m", "recoveryTime: 1m60s", 1)
            .replacen("[Mon, Tue]", "[Tue, Mon]", 1)
            .replacen("      minReplicasPerShard: 1\n", "", 1)
            .replacen("replicationGroup: sessions", "replicationGroup: SESSIONS", 1),
    );
    assert_eq!(short.canonical_spec, long.canonical_spec);
    assert!(
        short
            .canonical_spec
            .starts_with("{\"account\":null,\"caches\":[{")
    );
    // Annotations, labels and names are not part of the spec.
    let paused = good(&GOOD.replacen(
        "annotations: {}",
        "annotations: {evenkeel.dev/paused: \"true\"}",
        1,
    ));
    assert_eq!(paused.canonical_spec, good(GOOD).canonical_spec);
}

#[rstest]
#[case("mode: Enforce", "mode: Approve")]
#[case("MovePrimary: Approve", "MovePrimary: Auto")]
#[case("apne2-az3", "apne2-az2")]
#[case("recoveryTime: 2m", "recoveryTime: 3m")]
#[case("recoveryPoint: 5s", "recoveryPoint: 6s")]
#[case("maxSkew: 1", "maxSkew: 2")]
#[case("quietPeriod: 30m", "quietPeriod: 31m")]
#[case("quietPeriod: 30m", "replaceAfter: 16m")]
#[case("quietPeriod: 30m", "maxReplicationLag: 2s")]
#[case("quietPeriod: 30m", "maxAddedNodes: 21")]
#[case("quietPeriod: 30m", "maxConcurrentDisruptions: 2")]
#[case("[Mon, Tue]", "[Mon]")]
#[case("22:00", "22:01")]
#[case("05:00", "05:01")]
#[case("Asia/Seoul", "Asia/Tokyo")]
#[case("windows:", "denyWindows:")]
#[case("name: sessions", "name: carts")]
#[case("replicationGroup: sessions", "replicationGroup: carts")]
#[case("minReplicasPerShard: 1", "minReplicasPerShard: 2")]
#[case("minReplicasPerShard: 1", "placement: {maxSkew: 1}")]
#[case("minReplicasPerShard: 1", "preferredPrimaryZones: [ap-northeast-2a]")]
#[case("region: ap-northeast-2", "region: ap-northeast-2\n    accountRef: {name: x}")]
fn every_change_of_the_spec_changes_the_canonical_form(#[case] from: &str, #[case] to: &str) {
    let changed = good(&GOOD.replacen(from, to, 1));
    assert_ne!(changed.canonical_spec, good(GOOD).canonical_spec);
}

#[test]
fn a_file_may_hold_several_stacks_and_empty_documents() {
    let text = format!(
        "---\n{GOOD}---\n# nothing\n---\n{}",
        GOOD.replacen("name: shop", "name: other", 1)
    );
    let Manifests { stacks, problems, .. } = read(&text);
    assert_eq!(problems, []);
    let names: Vec<_> = stacks.iter().map(|s| s.intent.stack.to_string()).collect();
    assert_eq!(names, ["default/shop", "default/other"]);
}

#[test]
fn one_bad_document_refuses_its_whole_file_and_no_other() {
    let bad_second = format!(
        "{GOOD}---\n{}",
        GOOD.replacen("name: shop", "name: other", 1)
            .replacen("Enforce", "x", 1)
    );
    let fine = GOOD.replacen("name: shop", "name: fine", 1);
    let sources = [("a.yaml", bad_second), ("b.yaml", fine)].map(|(name, text)| Source {
        name: name.to_owned(),
        text,
    });
    let Manifests {
        stacks,
        problems,
        refused,
    } = intake::read(&sources);
    assert_eq!(stacks.len(), 1);
    assert_eq!(
        (stacks[0].source.as_str(), stacks[0].intent.stack.name.as_str()),
        ("b.yaml", "fine")
    );
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].file.as_str(), problems[0].document, problems[0].line),
        ("a.yaml", 2, Some(36))
    );
    let refused: Vec<_> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, ["default/other", "default/shop"]);
}

#[test]
fn two_manifests_of_one_stack_refuse_each_other() {
    let sources = ["a.yaml", "b.yaml"].map(|name| Source {
        name: name.to_owned(),
        text: GOOD.to_owned(),
    });
    let Manifests { stacks, problems, .. } = intake::read(&sources);
    assert!(stacks.is_empty());
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "a.yaml: metadata.name: stack default/shop is given in b.yaml too; rename or remove one of the two",
            "b.yaml: metadata.name: stack default/shop is given in a.yaml too; rename or remove one of the two",
        ]
    );
    // The same name in another namespace is another stack.
    let other = Source {
        name: "c.yaml".to_owned(),
        text: GOOD.replacen("name: shop", "name: shop\n  namespace: b", 1),
    };
    assert_eq!(intake::read(&[sources[0].clone(), other]).stacks.len(), 2);
    // In one file, too.
    let problems = bad(&format!("{GOOD}---\n{GOOD}"));
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].message,
        "stack default/shop is given in this file too"
    );
}

#[rstest]
#[case::not_yaml("a: [1,\n", "can't be read as YAML")]
#[case::tab("spec:\n\tmode: x\n", "can't be read as YAML")]
#[case::text("just words", "is no HAStack")]
#[case::list("- a\n- b\n", "is no HAStack")]
fn a_text_that_is_no_manifest_is_refused_with_its_line(#[case] text: &str, #[case] message: &str) {
    let problems = bad(text);
    assert!(problems[0].message.contains(message), "{problems:#?}");
    assert!(problems[0].line.is_some(), "{problems:#?}");
    assert!(!problems[0].remedy.is_empty());
}

#[test]
fn problems_before_a_syntax_error_are_reported_with_it() {
    let text = format!("{}---\nspec: [\n", GOOD.replacen("Enforce", "x", 1));
    let problems = bad(&text);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_eq!(problems[0].path, "spec.mode");
    assert!(problems[1].message.starts_with("can't be read as YAML: "));
    assert_eq!(problems[1].document, 2);
}

#[test]
fn what_kubectl_prints_is_read() {
    let json: serde_json::Value = serde_json::json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
        "items": [{
            "apiVersion": "evenkeel.dev/v1alpha1", "kind": "HAStack",
            "metadata": {"name": "shop", "namespace": "prod", "uid": "u", "generation": 3, "managedFields": [],
                         "creationTimestamp": "2026-03-01T10:00:00Z", "resourceVersion": "9"},
            "spec": {"mode": "Observe", "aws": {"region": "ap-northeast-2"},
                     "zones": [{"name": "ap-northeast-2a"}, {"name": "ap-northeast-2c"}],
                     "caches": [{"name": "s", "replicationGroup": "s"}]},
            "status": {"conditions": []},
        }],
    });
    let intent = good(&serde_json::to_string_pretty(&json).unwrap());
    assert_eq!(intent.stack.to_string(), "prod/shop");
    assert_eq!(intake::read_object(&json["items"][0]).unwrap(), intent);
}

#[test]
fn an_object_of_an_api_server_is_refused_with_paths() {
    let mut object = serde_json::json!({
        "apiVersion": "evenkeel.dev/v1alpha1", "kind": "HAStack", "metadata": {"name": "shop"},
        "spec": {"aws": {"region": "ap-northeast-2"}, "zones": [{"name": "ap-northeast-2a"}],
                 "caches": [{"name": "s", "replicationGroup": "s"}]},
    });
    let problems = intake::read_object(&object).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].path.as_str(), problems[0].line),
        ("spec.zones", None)
    );
    object["spec"]["zones"] = serde_json::json!([{"name": "ap-northeast-2a"}, {"name": "ap-northeast-2b"}]);
    assert!(intake::read_object(&object).is_ok());
}

#[test]
fn only_manifests_of_a_folder_are_read() {
    for name in ["a.yaml", "b.yml", "c.json", "x.y.yaml"] {
        assert!(intake::is_manifest(name), "{name}");
    }
    for name in [".a.yaml", ".yaml", "a.yaml~", "README.md", "a.yaml.bak", "yaml"] {
        assert!(!intake::is_manifest(name), "{name}");
    }
}

#[test]
fn the_examples_are_accepted() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut read_any = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "yaml") && text.contains("kind: HAStack") {
            good(&text);
            read_any += 1;
        }
    }
    assert!(read_any >= 2);
}
