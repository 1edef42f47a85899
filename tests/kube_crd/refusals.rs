//! What is refused, and that the sentence says what to do.

use crate::support::{GOOD, cluster, json, submit};
use evenkeel::intake;

/// All of them, as the good manifest lists them.
const CACHES: &str = "  caches:
    - name: sessions
      replicationGroup: sessions
      minReplicasPerShard: 1
      placement: {maxSkew: 2}
      preferredPrimaryZones: [ap-northeast-2a]
";

/// (what is replaced in the good manifest, by what, the field that the server names, what it says of it)
const BAD: &[(&str, &str, &str, &str)] = &[
    (
        "  mode: Enforce",
        "  mode: enforced",
        "spec.mode",
        r#"Unsupported value: "enforced": supported values: "Observe", "Approve", "Enforce""#,
    ),
    (
        "  mode: Enforce",
        "  modes: Enforce",
        "spec.modes",
        "unknown field",
    ),
    (
        "MovePrimary: Approve",
        "MovePrimary: Never",
        "spec.policy.MovePrimary",
        r#"supported values: "Report", "Approve", "Auto""#,
    ),
    (
        "MovePrimary: Approve",
        "MovePrimaries: Auto",
        "spec.policy.MovePrimaries",
        "unknown field",
    ),
    (
        "    region: ap-northeast-2\n",
        "",
        "spec.aws.region",
        "Required value",
    ),
    (
        "    region: ap-northeast-2\n",
        "    region: Seoul\n",
        "spec.aws.region",
        "write the region as AWS names it, such as ap-northeast-2",
    ),
    (
        "    region: ap-northeast-2\n",
        "    region: us-east-1\n",
        "spec.zones",
        "every zone must belong to spec.aws.region: its name is the region and one letter",
    ),
    (
        "accountRef: {name: shop-prod}",
        "accountRef: {name: Shop}",
        "spec.aws.accountRef.name",
        "write the name of an AWSAccount object: lower case letters, digits, '-' and '.'",
    ),
    (
        "accountRef: {name: shop-prod}",
        "accountRef: {name: shop..prod}",
        "spec.aws.accountRef.name",
        "write the name of an AWSAccount object: lower case letters, digits, '-' and '.'",
    ),
    (
        "    - name: ap-northeast-2c\n      id: apne2-az3\n",
        "",
        "spec.zones",
        "list at least two zones: with one zone there is nothing to fail over to",
    ),
    (
        "name: ap-northeast-2c\n",
        "name: ap-northeast-2a\n",
        "spec.zones[1]",
        "Duplicate value",
    ),
    (
        "name: ap-northeast-2c\n",
        "name: ap-northeast-1c\n",
        "spec.zones",
        "every zone must belong to spec.aws.region",
    ),
    (
        "name: ap-northeast-2c\n",
        "name: ap-northeast-2-sel-1a\n",
        "spec.zones[1].name",
        "Local Zones and Wavelength Zones can't take part",
    ),
    (
        "id: apne2-az3",
        "id: ap-northeast-2c",
        "spec.zones[1].id",
        "write the zone's id, such as apne2-az1 (the name goes into name)",
    ),
    (
        "id: apne2-az3",
        "id: apne2-az1",
        "spec.zones",
        "two zones have the same id: give each zone its own",
    ),
    (
        "id: apne2-az3",
        "az: apne2-az3",
        "spec.zones[1].az",
        "unknown field",
    ),
    (
        "recoveryTime: 2m",
        "recoveryTime: \"120\"",
        "spec.objectives.recoveryTime",
        "write a duration such as 30m, 1h30m or 500ms (units: h, m, s, ms), at most a year",
    ),
    (
        "recoveryTime: 2m",
        "recoveryTime: 120",
        "spec.objectives.recoveryTime",
        "must be of type string",
    ),
    (
        "recoveryPoint: 5s",
        "recoveryPoint: 1d",
        "spec.objectives.recoveryPoint",
        "write a duration such as 30m",
    ),
    (
        "quietPeriod: 30m",
        "quietPeriod: -30m",
        "spec.guardrails.quietPeriod",
        "write a duration such as 30m",
    ),
    (
        "quietPeriod: 30m",
        "quietPeriod: PT30M",
        "spec.guardrails.quietPeriod",
        "write a duration such as 30m",
    ),
    (
        "quietPeriod: 30m",
        "quietPeriod: 9000h",
        "spec.guardrails.quietPeriod",
        "at most a year",
    ),
    (
        "quietPeriod: 30m",
        "quitePeriod: 30m",
        "spec.guardrails.quitePeriod",
        "unknown field",
    ),
    (
        "maxReplicationLag: 1s",
        "maxReplicationLag: \"\"",
        "spec.guardrails.maxReplicationLag",
        "write a duration such as 30m",
    ),
    (
        "replaceAfter: 15m",
        "replaceAfter: 15min",
        "spec.guardrails.replaceAfter",
        "write a duration such as 30m",
    ),
    (
        "maxAddedNodes: 20",
        "maxAddedNodes: -1",
        "spec.guardrails.maxAddedNodes",
        "should be greater than or equal to 0",
    ),
    (
        "maxAddedNodes: 20",
        "maxAddedNodes: 1001",
        "spec.guardrails.maxAddedNodes",
        "should be less than or equal to 1000",
    ),
    (
        "maxConcurrentDisruptions: 1",
        "maxConcurrentDisruptions: 0",
        "spec.guardrails.maxConcurrentDisruptions",
        "should be greater than or equal to 1",
    ),
    (
        "placement: {maxSkew: 1}",
        "placement: {maxSkew: 0}",
        "spec.placement.maxSkew",
        "should be greater than or equal to 1",
    ),
    (
        "placement: {maxSkew: 1}",
        "placement: {maxSkew: 1.5}",
        "spec.placement.maxSkew",
        "must be of type integer",
    ),
    (
        "[Mon, Tue]",
        "[Monday, Tue]",
        "spec.guardrails.windows[0].days[0]",
        r#"supported values: "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun""#,
    ),
    (
        "[Mon, Tue]",
        "[Mon, Mon]",
        "spec.guardrails.windows[0].days[1]",
        "Duplicate value",
    ),
    (
        "from: \"22:00\"",
        "from: \"25:00\"",
        "spec.guardrails.windows[0].from",
        "write a time of day such as 22:00 (24 hours, two digits each)",
    ),
    (
        "to: \"12:00\"",
        "to: noon",
        "spec.guardrails.denyWindows[0].to",
        "write a time of day such as 22:00",
    ),
    (
        "timeZone: Asia/Seoul",
        "timeZone: \"+09:00\"",
        "spec.guardrails.windows[0].timeZone",
        "write a time zone by its IANA name, such as Asia/Seoul, Europe/Berlin or UTC",
    ),
    (
        "        timeZone: UTC\n",
        "",
        "spec.guardrails.denyWindows[0].timeZone",
        "Required value",
    ),
    (
        "- name: sessions\n      replicationGroup",
        "- replicationGroup",
        "spec.caches[0].name",
        "Required value",
    ),
    (
        "name: sessions\n",
        "name: Sessions\n",
        "spec.caches[0].name",
        "a component's name is made of lower case letters, digits and '-', and starts and ends with a letter or digit",
    ),
    (
        "      replicationGroup: sessions\n",
        "",
        "spec.caches[0].replicationGroup",
        "Required value",
    ),
    (
        "replicationGroup: sessions",
        "replicationGroup: my--sessions",
        "spec.caches[0].replicationGroup",
        "write the ReplicationGroupId: up to 40 letters, digits and single hyphens",
    ),
    (
        "replicationGroup: sessions",
        "replicationGroup: a123456789b123456789c123456789d123456789e",
        "spec.caches[0].replicationGroup",
        "may not be more than 40 bytes",
    ),
    (
        "minReplicasPerShard: 1",
        "minReplicasPerShard: 6",
        "spec.caches[0].minReplicasPerShard",
        "should be less than or equal to 5",
    ),
    (
        "minReplicasPerShard: 1",
        "minReplicasPerShard: two",
        "spec.caches[0].minReplicasPerShard",
        "must be of type integer",
    ),
    (
        "placement: {maxSkew: 2}",
        "placement: {maxSkew: 0}",
        "spec.caches[0].placement.maxSkew",
        "should be greater than or equal to 1",
    ),
    (
        "[ap-northeast-2a]",
        "[ap-northeast-2b]",
        "spec.caches",
        "preferredPrimaryZones may only name zones of spec.zones",
    ),
    (
        "  caches:\n",
        "  caches:\n    - {name: sessions, replicationGroup: carts}\n",
        "spec.caches[1]",
        "Duplicate value",
    ),
    (
        "  caches:\n",
        "  caches:\n    - {name: carts, replicationGroup: SESSIONS}\n",
        "spec.caches",
        "two caches name the same replicationGroup: keep one of them (identifiers ignore case)",
    ),
    (
        CACHES,
        "  caches: []\n",
        "spec.caches",
        "name at least one resource to look after: add an entry to spec.caches",
    ),
    (
        CACHES,
        "",
        "spec.caches",
        "name at least one resource to look after: add an entry to spec.caches",
    ),
    (
        "quietPeriod: 30m",
        "quietPeriod: 999999999h",
        "spec.guardrails.quietPeriod",
        "write a duration such as 30m",
    ),
    (
        "finding: SingleZone",
        "finding: AccessDenied",
        "spec.accepted[0].finding",
        r#"Unsupported value: "AccessDenied": supported values: "SingleZone""#,
    ),
    (
        "until: 2027-03-31T00:00:00Z",
        "until: 2027-03-31",
        "spec.accepted[0].until",
        "write a date and time with its offset, such as 2027-03-31T00:00:00Z",
    ),
    (
        "      until: 2027-03-31T00:00:00Z\n",
        "",
        "spec.accepted[0].until",
        "Required value",
    ),
    (
        "reason: moves in spring",
        "reason: \"\"",
        "spec.accepted[0].reason",
        "should be at least 1 chars long",
    ),
    (
        "component: sessions",
        "component: carts",
        "spec.accepted",
        "must be the name of one of spec.caches; omit it to accept the finding of all of them",
    ),
    (
        "name: sessions\n",
        "name: \"\"\n",
        "spec.caches[0].name",
        "should be at least 1 chars long",
    ),
];

#[tokio::test]
async fn a_bad_spec_is_refused_with_a_sentence_that_says_what_to_do_and_intake_refuses_it_too() {
    let client = cluster().await.admin().client().await.unwrap();
    let mut wrong = Vec::new();
    for (from, to, path, sentence) in BAD {
        assert!(GOOD.contains(from), "{from:?} is not in the good manifest");
        let text = GOOD.replacen(from, to, 1);
        match submit(&client, &json(&text)).await {
            Ok(_) => wrong.push(format!("{to:?} was accepted")),
            Err(said) if said.contains(path) && said.contains(sentence) => {}
            Err(said) => wrong.push(format!("{to:?}: {said}")),
        }
        let source = intake::Source {
            name: String::new(),
            text,
        };
        if intake::read(&[source]).problems.is_empty() {
            wrong.push(format!("intake accepts {to:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
