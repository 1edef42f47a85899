//! Every query of the dashboard, as Grafana sends it, to a Prometheus that saw an outage.

use super::prometheus::{Prometheus, Series};
use super::scaled::shorter_ranges;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn dashboard() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/charts/evenkeel/files/dashboard.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Names in `{{…}}`.
fn labels_of_a_legend(legend: &str) -> impl Iterator<Item = &str> {
    let parts = legend.split("{{").skip(1);
    parts.map(|part| part.split("}}").next().unwrap().trim())
}

/// Values of a `label_values(SELECTOR, LABEL)`.
async fn choices(prometheus: &Prometheus, call: &str) -> BTreeSet<String> {
    let inner = call
        .strip_prefix("label_values(")
        .unwrap()
        .strip_suffix(')')
        .unwrap();
    let (selector, label) = inner.rsplit_once(", ").unwrap();
    let found = prometheus.query(selector).await;
    found.iter().map(|series| series.labels[label].clone()).collect()
}

/// In the middle of an outage of zone a: every stack is at risk, and one zone is impaired.
pub async fn assert_every_query_shows_something(prometheus: &Prometheus, namespace: &str, name: &str) {
    let dashboard = dashboard();
    // Grafana's own: four scrapes, of which there is one every half second. `1d` is scaled, as in the rules.
    let filled_in = |query: &str| {
        let query = query.replace("$__rate_interval", "2m");
        let query = query.replace("$namespace", namespace).replace("$name", name);
        assert!(!query.contains('$'), "{query}");
        shorter_ranges(&query, super::FACTOR)
    };
    let wanted = [("namespace", namespace), ("name", name)];
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let asked = variables.filter(|variable| variable["type"] == "query");
    let mut left = BTreeSet::from(wanted.map(|(variable, _)| variable));
    for variable in asked {
        let called = variable["name"].as_str().unwrap();
        let query = filled_in(variable["query"]["query"].as_str().unwrap());
        let choices = choices(prometheus, &query).await;
        let (_, value) = wanted.iter().find(|(name, _)| *name == called).unwrap();
        assert!(choices.contains(*value), "{called}: {choices:?}");
        assert!(left.remove(called));
    }
    assert!(left.is_empty(), "{left:?}");

    let mut asked = 0;
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = filled_in(target["expr"].as_str().unwrap());
            let instant = target["instant"].as_bool().unwrap_or_default();
            let found = if instant {
                prometheus.query(&query).await
            } else {
                prometheus.query_range(&query, 300).await
            };
            let numbers: Vec<&Series> = found
                .iter()
                .filter(|s| s.values.iter().any(|v| v.is_finite()))
                .collect();
            assert!(!numbers.is_empty(), "{title}: {query} shows nothing: {found:?}");
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            for label in labels_of_a_legend(legend) {
                let has = numbers.iter().all(|series| series.labels.contains_key(label));
                assert!(has, "{title}: no label {label} in {numbers:?}");
            }
            if let Some(expected) = figure(title) {
                assert_eq!(numbers[0].values, [expected], "{title}: {query}");
            }
            last.extend(numbers[0].values.last().map(|value| (title, *value)));
            asked += 1;
        }
    }
    assert!(asked >= 30, "{asked}");
    // One of two hundred stacks of about the same size.
    let (all, its) = (last["CloudWatch bill a day"], last["Its CloudWatch bill a day"]);
    assert!(
        its > 0.0 && (100.0..400.0).contains(&(all / its)),
        "{its} of {all}"
    );
}

/// What the panels of one figure show then; a query that ends in `or vector(0)` always shows something.
fn figure(title: &str) -> Option<f64> {
    match title {
        "Stacks" | "Would not survive one" => Some(201.0),
        "Survive the loss of any zone" => Some(0.0),
        "Impaired zones" | "Leaders" => Some(1.0),
        _ => None,
    }
}
