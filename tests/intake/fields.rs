//! Whatever stands in whatever field.

use super::{Manifests, Problem, good, read};

/// A manifest with every field.
fn full() -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "evenkeel.dev/v1alpha1",
        "kind": "HAStack",
        "metadata": {
            "name": "shop", "namespace": "prod",
            "labels": {"evenkeel.dev/team": "storefront"},
            "annotations": {"evenkeel.dev/paused": "true", "evenkeel.dev/approve": "4f9d", "evenkeel.dev/acknowledge": "fo-1"},
        },
        "spec": {
            "mode": "Approve",
            "policy": {"AddReplica": "Report", "RemoveReplica": "Auto", "MovePrimary": "Approve",
                       "EnableMultiAz": "Auto", "EnableAutomaticFailover": "Auto"},
            "aws": {"region": "eu-central-1", "accountRef": {"name": "shop-prod"}},
            "zones": [{"name": "eu-central-1a", "id": "euc1-az2"}, {"name": "eu-central-1b", "id": "euc1-az3"}],
            "objectives": {"recoveryTime": "2m", "recoveryPoint": "5s"},
            "placement": {"maxSkew": 1},
            "guardrails": {
                "quietPeriod": "30m", "maxReplicationLag": "1s", "replaceAfter": "15m",
                "maxAddedNodes": 20, "maxConcurrentDisruptions": 1,
                "windows": [{"days": ["Mon"], "from": "22:00", "to": "05:00", "timeZone": "Asia/Seoul"}],
                "denyWindows": [{"days": ["Sun"], "from": "00:00", "to": "23:00", "timeZone": "UTC"}],
            },
            "accepted": [{"finding": "SingleZone", "component": "sessions", "until": "2027-03-31T00:00:00Z", "reason": "moves"}],
            "caches": [{
                "name": "sessions", "replicationGroup": "sessions", "minReplicasPerShard": 1,
                "placement": {"maxSkew": 2}, "preferredPrimaryZones": ["eu-central-1a"],
            }],
        },
    })
}

/// The pointer of every value below this one.
fn pointers(value: &serde_json::Value, here: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(map) => map.iter().map(|(k, v)| (k.replace('/', "~1"), v)).collect(),
        serde_json::Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{here}/{key}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

/// As problems write it: `/spec/zones/0/name` → `spec.zones[0].name`.
fn as_path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/");
        if part.parse::<usize>().is_ok() {
            path += &format!("[{part}]");
        } else if part.contains('/') {
            path += &format!("[\"{part}\"]");
        } else if path.is_empty() {
            path += &part;
        } else {
            path += &format!(".{part}");
        }
    }
    path
}

/// Whatever stands anywhere is accepted, or refused with its place, what is wrong and what to do.
#[test]
fn every_value_in_every_field_is_accepted_or_refused_in_its_place() {
    use serde_json::json;
    let schema = evenkeel::api::crd::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let junk = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(7),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("X y"),
        json!("ap-northeast-2a"),
        json!("ü"),
        json!("x".repeat(400)),
        json!([]),
        json!([1]),
        json!(["x"]),
        json!([null]),
        json!({}),
        json!({"x": 1}),
        json!([{}]),
        json!([{"name": "x"}, {"name": "x"}]),
    ];
    let whole = full();
    good(&serde_json::to_string_pretty(&whole).unwrap());
    let mut places = Vec::new();
    pointers(&whole, "", &mut places);
    let (mut accepted, mut refused) = (0, 0);
    for pointer in &places {
        for value in &junk {
            let mut manifest = whole.clone();
            *manifest.pointer_mut(pointer).unwrap() = value.clone();
            let text = serde_json::to_string_pretty(&manifest).unwrap();
            let Manifests { stacks, problems, .. } = read(&text);
            if problems.is_empty() {
                accepted += 1;
                assert_eq!(
                    stacks.len(),
                    1,
                    "{pointer} = {value}: neither accepted nor refused"
                );
                assert!(
                    validator.is_valid(&manifest),
                    "{pointer} = {value}: the schema refuses it"
                );
                continue;
            }
            refused += 1;
            assert!(stacks.is_empty(), "{pointer} = {value}: refused and accepted");
            let path = as_path(pointer);
            // A component of another name is a fault of what refers to it.
            let refers =
                |p: &Problem| pointer.starts_with("/spec/caches") && p.path == "spec.accepted[0].component";
            assert!(
                problems
                    .iter()
                    .any(|p| p.path.starts_with(&path) || path.starts_with(&p.path) || refers(p)),
                "{pointer} = {value}: told elsewhere: {problems:#?}"
            );
            for p in &problems {
                assert!(
                    p.line.is_some() && p.file == "shop.yaml",
                    "{pointer} = {value}: {p:?}"
                );
                assert!(
                    !p.message.is_empty() && !p.remedy.is_empty(),
                    "{pointer} = {value}: {p:?}"
                );
                // What stands there is named, if anything does.
                let named = p.value.is_some() || p.path != path || p.message.contains("empty");
                assert!(named, "{pointer} = {value}: {p:?}");
                // One line each, whatever the value.
                assert!(!p.to_string().contains('\n'), "{pointer} = {value}: {p}");
                assert!(p.to_string().len() < 700, "{pointer} = {value}: {p}");
            }
        }
    }
    assert!(
        refused > 1000 && accepted > 30,
        "{refused} refused, {accepted} accepted"
    );
}
