//! The rules that ship, and the example for Alertmanager, for a world in which time runs faster: every duration divided by
//! one factor, and nothing else changed.

use evenkeel::clock::Stopwatch;
use serde_json::{Value, json};
use std::time::Duration;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The file of the chart.
pub fn rules() -> Value {
    yaml("charts/evenkeel/files/rules.yaml")
}

/// The rules without this alert, which must be among them.
pub fn without(mut rules: Value, alert: &str) -> Value {
    let mut found = 0;
    for group in rules["groups"].as_array_mut().unwrap() {
        let rules = group["rules"].as_array_mut().unwrap();
        found += rules.len();
        rules.retain(|rule| rule["alert"] != alert);
        found -= rules.len();
    }
    assert_eq!(found, 1, "{alert}");
    rules
}

/// The example, as it is.
pub fn alertmanager() -> Value {
    yaml("deploy/alertmanager-example.yaml")
}

fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// Milliseconds of a duration as Prometheus writes it: `1h30m`, `250ms`.
fn milliseconds(duration: &str) -> u64 {
    let mut rest = duration;
    let mut sum = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        let (number, unit) = rest.split_at(digits);
        let letters = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, more) = unit.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            other => panic!("{duration}: what is {other}?"),
        };
        sum += number.parse::<u64>().unwrap() * factor;
        rest = more;
    }
    sum
}

/// The same duration, shorter.
pub fn shorter(duration: &str, factor: u64) -> String {
    let all = milliseconds(duration);
    assert_eq!(all % factor, 0, "{duration} can't be divided by {factor}");
    format!("{}ms", all / factor)
}

/// A query with all its ranges shorter. Thresholds stay: what they are compared with is counted in simulated time.
pub fn shorter_ranges(query: &str, factor: u64) -> String {
    assert!(!query.contains("offset") && !query.contains("\\\""), "{query}");
    // What stands in quotes is a value: there, a bracket is a regular expression's.
    let parts = query.split('"').enumerate();
    let parts = parts.map(|(n, part)| {
        if n % 2 == 0 {
            shorter_in(part, factor)
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<String>>().join("\"")
}

fn shorter_in(part: &str, factor: u64) -> String {
    let mut pieces = part.split('[');
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (range, rest) = piece.split_once(']').unwrap();
        text += &format!("[{}]{rest}", shorter(range, factor));
    }
    text
}

/// The rules for a time that runs `factor` times as fast.
pub fn faster_rules(rules: &Value, factor: u64) -> Value {
    let mut rules = rules.clone();
    for group in rules["groups"].as_array_mut().unwrap() {
        assert!(group["interval"].is_null(), "scale this, too");
        for rule in group["rules"].as_array_mut().unwrap() {
            assert!(rule["keep_firing_for"].is_null(), "scale this, too");
            rule["expr"] = json!(shorter_ranges(rule["expr"].as_str().unwrap(), factor));
            if let Some(duration) = rule["for"].as_str() {
                rule["for"] = json!(shorter(duration, factor));
            }
        }
    }
    rules
}

/// Every route's waits, shorter.
fn faster_route(route: &mut Value, factor: u64) {
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        if let Some(duration) = route.get(key).and_then(Value::as_str) {
            route[key] = json!(shorter(duration, factor));
        }
    }
    let inner = route.get_mut("routes").and_then(Value::as_array_mut);
    for inner in inner.into_iter().flatten() {
        faster_route(inner, factor);
    }
}

/// The example for a time that runs `factor` times as fast, each receiver a webhook at `url/NAME`.
pub fn faster_alertmanager(example: &Value, factor: u64, url: &str) -> Value {
    let mut config = example.clone();
    let timeout = config["global"]["resolve_timeout"].as_str().unwrap().to_owned();
    config["global"]["resolve_timeout"] = json!(shorter(&timeout, factor));
    faster_route(&mut config["route"], factor);
    for receiver in config["receivers"].as_array_mut().unwrap() {
        let name = receiver["name"].as_str().unwrap();
        receiver["webhook_configs"] = json!([{"url": format!("{url}/{name}")}]);
    }
    config
}

/// Waits in real time until `look` finds what it looks for; what it saw last otherwise goes into the panic.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let waited = Stopwatch::start();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(
                waited.elapsed() < limit,
                "{what}: not within {limit:?}; last: {seen}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Text of a value without its durations, and the durations in milliseconds.
fn apart(value: &Value) -> (String, Vec<u64>) {
    let text = value.to_string();
    let (mut bare, mut durations) = (String::new(), Vec::new());
    let mut rest = text.as_str();
    loop {
        let marks = ["[", "\"for\":\"", "_wait\":\"", "_interval\":\"", "_timeout\":\""];
        let next = marks
            .iter()
            .filter_map(|mark| Some(rest.find(mark)? + mark.len()))
            .min();
        let Some(place) = next else { break };
        let (before, after) = rest.split_at(place);
        bare += before;
        let end = after.find([']', '"']).unwrap();
        let is_duration = after.starts_with(|c: char| c.is_ascii_digit());
        if is_duration && after[..end].ends_with(['s', 'm', 'h', 'd']) {
            durations.push(milliseconds(&after[..end]));
            rest = &after[end..];
        } else {
            rest = after;
        }
    }
    (bare + rest, durations)
}

#[test]
fn a_faster_copy_differs_from_the_original_in_its_durations_only_and_in_all_of_them() {
    let (rules, example) = (rules(), alertmanager());
    let (text, durations) = apart(&rules);
    let (faster_text, faster) = apart(&faster_rules(&rules, 60));
    assert_eq!(faster_text, text);
    assert!(durations.len() >= 40, "{durations:?}");
    assert_eq!(faster.iter().map(|d| d * 60).collect::<Vec<u64>>(), durations);

    let (text, durations) = apart(&example);
    let mut copy = faster_alertmanager(&example, 60, "http://127.0.0.1:1");
    for receiver in copy["receivers"].as_array_mut().unwrap() {
        receiver
            .as_object_mut()
            .unwrap()
            .remove("webhook_configs")
            .unwrap();
    }
    let (faster_text, faster) = apart(&copy);
    assert_eq!(faster_text, text);
    // resolve_timeout, group_wait, group_interval, repeat_interval; no other word of the file is a duration.
    assert_eq!(durations.len(), 4, "{text}");
    assert_eq!(faster.iter().map(|d| d * 60).collect::<Vec<u64>>(), durations);
}

#[test]
fn durations_are_read_as_prometheus_writes_them() {
    assert_eq!(milliseconds("1h30m"), 5_400_000);
    assert_eq!(shorter("5m", 60), "5000ms");
    assert_eq!(
        shorter_ranges("rate(x{a=~\"[a-z]\"}[10m]) > 600", 60),
        "rate(x{a=~\"[a-z]\"}[10000ms]) > 600"
    );
}
