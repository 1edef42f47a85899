//! The server's defaults are intake's, and what it stores is what was written.

use crate::support::{GOOD, MINIMAL, cluster, json, submit};
use evenkeel::api::v1alpha1::HAStack;
use evenkeel::intake;
use evenkeel::plan::intent::Intent;
use kube::Client;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

const DURATIONS: &[&str] = &["0s", "250ms", "1.5h", "1h30m", "30m", "8784h", "0.5s"];
const POLICIES: &[&str] = &["Report", "Approve", "Auto"];
const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LETTERS: &[&str] = &["a", "b", "c", "d"];
const TIME_ZONES: &[&str] = &[
    "UTC",
    "Asia/Seoul",
    "Europe/Berlin",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+9",
];

/// An object with some of these fields.
fn some_of(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let mut object = Just(Map::new()).boxed();
    for (name, value) in fields {
        object = (object, proptest::option::of(value))
            .prop_map(move |(mut object, value)| {
                if let Some(value) = value {
                    object.insert(name.to_owned(), value);
                }
                object
            })
            .boxed();
    }
    object.prop_map(Value::Object).boxed()
}

fn text(from: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(from).prop_map(Value::from).boxed()
}

fn number(range: std::ops::RangeInclusive<u32>) -> BoxedStrategy<Value> {
    range.prop_map(Value::from).boxed()
}

fn windows() -> BoxedStrategy<Value> {
    let window = (
        proptest::option::of(proptest::sample::subsequence(DAYS, 0..=7)),
        0..24_u8,
        0..60_u8,
        text(TIME_ZONES),
    )
        .prop_map(|(days, hour, minute, zone)| {
            let mut window = json!({
                "from": format!("{hour:02}:{minute:02}"),
                "to": format!("{:02}:00", 23 - hour),
                "timeZone": zone,
            });
            if let Some(days) = days {
                window["days"] = json!(days);
            }
            window
        });
    proptest::collection::vec(window, 0..3)
        .prop_map(Value::from)
        .boxed()
}

fn caches(zones: &[String]) -> BoxedStrategy<Value> {
    let preferred = proptest::sample::subsequence(zones.to_owned(), 0..=zones.len());
    let options = some_of(vec![
        ("minReplicasPerShard", number(0..=5)),
        ("placement", some_of(vec![("maxSkew", number(1..=100))])),
        ("preferredPrimaryZones", preferred.prop_map(|z| json!(z)).boxed()),
    ]);
    proptest::collection::vec((options, any::<bool>()), 1..4)
        .prop_map(|all| {
            let named = all.into_iter().enumerate().map(|(i, (mut cache, loud))| {
                cache["name"] = json!(format!("cache-{i}"));
                cache["replicationGroup"] = json!(format!("{}-{i}", if loud { "Group" } else { "group" }));
                cache
            });
            named.collect()
        })
        .boxed()
}

/// Any spec that is good, with any choice of the fields that may be left out.
fn good_spec() -> impl Strategy<Value = Value> {
    let region = select(&["ap-northeast-2", "us-gov-west-1", "eu-central-1"][..]);
    let letters = proptest::sample::subsequence(LETTERS, 2..=4);
    (region, letters, any::<bool>()).prop_flat_map(|(region, letters, ids)| {
        let names: Vec<String> = letters.iter().map(|l| format!("{region}{l}")).collect();
        let zones: Value = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                if ids {
                    json!({"name": name, "id": format!("xyz1-az{i}")})
                } else {
                    json!({"name": name})
                }
            })
            .collect();
        let policies = [
            "EnableAutomaticFailover",
            "EnableMultiAz",
            "AddReplica",
            "RemoveReplica",
            "MovePrimary",
        ];
        let optional = some_of(vec![
            ("mode", text(&["Observe", "Approve", "Enforce"])),
            ("policy", some_of(policies.map(|p| (p, text(POLICIES))).to_vec())),
            (
                "objectives",
                some_of(vec![
                    ("recoveryTime", text(DURATIONS)),
                    ("recoveryPoint", text(DURATIONS)),
                ]),
            ),
            ("placement", some_of(vec![("maxSkew", number(1..=100))])),
            (
                "guardrails",
                some_of(vec![
                    ("quietPeriod", text(DURATIONS)),
                    ("maxReplicationLag", text(DURATIONS)),
                    ("replaceAfter", text(DURATIONS)),
                    ("maxAddedNodes", number(0..=1000)),
                    ("maxConcurrentDisruptions", number(1..=100)),
                    ("windows", windows()),
                    ("denyWindows", windows()),
                ]),
            ),
        ]);
        let accepted = proptest::collection::vec(
            some_of(vec![("component", text(&["cache-0"]))]).prop_map(|mut entry| {
                entry["finding"] = json!("PrimarySkew");
                entry["until"] = json!("2027-03-31T00:00:00+09:00");
                entry["reason"] = json!("known");
                entry
            }),
            0..3,
        );
        let account = proptest::option::of(select(&["prod", "shop.prod-1"][..]));
        (optional, caches(&names), account, accepted).prop_map(
            move |(mut spec, caches, account, accepted)| {
                spec["aws"] = json!({"region": region});
                if let Some(name) = account {
                    spec["aws"]["accountRef"] = json!({"name": name});
                }
                spec["zones"] = zones.clone();
                spec["caches"] = caches;
                if !accepted.is_empty() {
                    spec["accepted"] = json!(accepted);
                }
                spec
            },
        )
    })
}

fn stack(spec: &Value) -> Value {
    json!({
        "apiVersion": "evenkeel.dev/v1alpha1",
        "kind": "HAStack",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": spec,
    })
}

pub fn through_intake(object: &Value) -> Result<Intent, Vec<intake::Problem>> {
    let source = intake::Source {
        name: String::new(),
        text: object.to_string(),
    };
    let mut read = intake::read(&[source]);
    match read.stacks.pop() {
        Some(accepted) if read.problems.is_empty() => Ok(accepted.intent),
        _ => Err(read.problems),
    }
}

/// Runs a property whose cases ask the server.
fn check<S: Strategy>(
    strategy: &S,
    property: impl Fn(&tokio::runtime::Runtime, &Client, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.block_on(async { cluster().await.admin().client().await.unwrap() });
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(strategy, |value| property(&runtime, &client, value))
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_manifest_through_the_server_and_through_intake_gives_the_same_intent() {
    check(&good_spec(), |runtime, client, spec| {
        let object = stack(&spec);
        let wanted =
            through_intake(&object).map_err(|p| TestCaseError::fail(format!("intake refuses it: {p:?}")))?;
        let stored = runtime
            .block_on(submit(client, &object))
            .map_err(|e| TestCaseError::fail(format!("the server refuses it: {e}")))?;
        let mut intent = intake::read_object(&stored)
            .map_err(|p| TestCaseError::fail(format!("intake refuses what the server stored: {p:?}")))?;
        prop_assert!(intent.created.is_some());
        intent.created = None;
        prop_assert_eq!(&intent, &wanted);

        // Nothing that was written changed, list items stayed as they were, and our types read and write all of it.
        prop_assert!(
            contains(&stored["spec"], &spec),
            "{} became {}",
            spec,
            stored["spec"]
        );
        for list in ["zones", "caches"] {
            prop_assert_eq!(&stored["spec"][list], &spec[list]);
        }
        let typed: HAStack = serde_json::from_value(stored.clone()).unwrap();
        let again = serde_json::to_value(&typed.spec).unwrap();
        prop_assert!(
            contains(&stored["spec"], &again),
            "{} was read as {}",
            stored["spec"],
            again
        );
        Ok(())
    });
}

/// Whether all that `part` says is in `whole`. Empty lists and objects say nothing.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(fields) => fields.iter().all(|(name, value)| contains(&whole[name], value)),
        Value::Array(items) if items.is_empty() => whole.as_array().is_none_or(Vec::is_empty),
        Value::Array(items) => {
            let length = whole.as_array().map_or(0, Vec::len);
            length == items.len() && items.iter().enumerate().all(|(i, v)| contains(&whole[i], v))
        }
        value => whole == value,
    }
}

#[tokio::test]
async fn good_stacks_come_back_as_they_were_written() {
    let client = cluster().await.admin().client().await.unwrap();
    let stored = submit(&client, &json(GOOD)).await.unwrap();
    assert_eq!(stored["spec"], json(GOOD)["spec"]);

    let stored = submit(&client, &json(MINIMAL)).await.unwrap();
    assert_eq!(
        stored["spec"],
        json!({
            "mode": "Observe",
            "aws": {"region": "ap-northeast-2"},
            "zones": [{"name": "ap-northeast-2a"}, {"name": "ap-northeast-2c"}],
            "placement": {"maxSkew": 1},
            "guardrails": {
                "quietPeriod": "30m",
                "maxReplicationLag": "1s",
                "replaceAfter": "15m",
                "maxAddedNodes": 20,
                "maxConcurrentDisruptions": 1,
            },
            "caches": [{"name": "sessions", "replicationGroup": "sessions"}],
        })
    );
    assert!(stored.get("status").is_none());
}

/// The API server bounds what CEL rules may cost, both by estimate (when the CRD is applied) and when they run.
#[tokio::test]
async fn the_largest_spec_that_the_schema_allows_is_within_the_cost_of_the_rules() {
    let client = cluster().await.admin().client().await.unwrap();
    let region = "us-gov-west-1";
    let zones: Vec<String> = ('a'..='h').map(|letter| format!("{region}{letter}")).collect();
    let window = json!({"days": DAYS, "from": "00:00", "to": "23:59",
        "timeZone": "America/Argentina/ComodRivadavia"});
    let caches: Vec<Value> = (0..50)
        .map(|i| {
            json!({
                "name": format!("{:x<60}{i:03}", "cache"),
                "replicationGroup": format!("{:x<37}{i:03}", "group"),
                "minReplicasPerShard": 5,
                "placement": {"maxSkew": 100},
                "preferredPrimaryZones": zones,
            })
        })
        .collect();
    let spec = json!({
        "mode": "Enforce",
        "aws": {"region": region, "accountRef": {"name": format!("{0}.{0}.{0}", "y".repeat(63))}},
        "zones": zones.iter().enumerate().map(|(i, z)| json!({"name": z, "id": format!("usgw1-az{i}")})).collect::<Vec<_>>(),
        "objectives": {"recoveryTime": "1h2m3.000000001s400ms", "recoveryPoint": "0.123456789h"},
        "accepted": vec![json!({"finding": "AutomaticFailoverDisabled", "component": format!("{:x<60}{:03}", "cache", 49),
            "until": "2027-03-31T00:00:00+09:00", "reason": "r".repeat(256)}); 20],
        "guardrails": {"windows": vec![window.clone(); 20], "denyWindows": vec![window; 20]},
        "caches": caches,
    });
    let stored = submit(&client, &stack(&spec)).await.unwrap();
    assert_eq!(stored["spec"]["caches"].as_array().unwrap().len(), 50);
    through_intake(&stack(&spec)).unwrap();
}
