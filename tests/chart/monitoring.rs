//! Alerts and dashboard of the chart: what Prometheus' own tool says of them, and that they speak of metrics that exist.

use super::support::{CHART, ROOT, objects, only, render, yaml};
use evenkeel_testkit::Helm;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Metrics that `docs/metrics.md` lists, which is held to the code elsewhere.
fn known() -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{ROOT}/docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `evenkeel_"));
    rows.map(|row| format!("evenkeel_{}", row.split('`').next().unwrap()))
        .collect()
}

/// Names in a query that begin as ours do.
fn named(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("evenkeel_"))
        .map(String::from)
        .collect()
}

fn assert_known(query: &str) {
    let (named, known) = (named(query), known());
    assert!(!named.is_empty(), "{query} names no metric of ours");
    for name in named {
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let is_known = known.contains(&name) || histogram.is_some_and(|base| known.contains(base));
        assert!(is_known, "{query}: docs/metrics.md has no {name}");
    }
}

fn promtool(args: &[&str]) {
    let found = Command::new(format!("{ROOT}/hack/promtool")).output().unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    let path = String::from_utf8(found.stdout).unwrap();
    let ran = Command::new(path.trim()).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}

#[test]
fn promtool_has_nothing_to_say_against_the_rules() {
    promtool(&[
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        &format!("{CHART}/files/rules.yaml"),
    ]);
}

/// The rules that begin with `alert:`.
fn alerts(groups: &Value) -> Vec<Value> {
    let groups = groups.as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.filter(|rule| rule["alert"].is_string()).cloned().collect()
}

#[test]
fn every_alert_speaks_of_metrics_that_exist_and_says_what_it_means() {
    let rules = yaml(format!("{CHART}/files/rules.yaml"));
    for alert in alerts(&rules["groups"]) {
        let name = alert["alert"].as_str().unwrap();
        assert_known(alert["expr"].as_str().unwrap());
        assert!(
            ["warning", "critical"].contains(&alert["labels"]["severity"].as_str().unwrap()),
            "{name}"
        );
        for sentence in ["summary", "description"] {
            assert!(
                alert["annotations"][sentence].is_string(),
                "{name} has no {sentence}"
            );
        }
    }
}

#[tokio::test]
async fn the_prometheus_rule_holds_the_rules_of_the_file_but_those_excluded() {
    let rules = yaml(format!("{CHART}/files/rules.yaml"));
    let whole = render(Helm::V4, &["--set", "prometheusRule.enabled=true"]).await;
    let whole = objects(&whole);
    assert_eq!(only(&whole, "PrometheusRule")["spec"]["groups"], rules["groups"]);
    let production = format!("{ROOT}/tests/chart/values/production.yaml");
    let some = objects(&render(Helm::V4, &["--values", &production]).await);
    let left = alerts(&only(&some, "PrometheusRule")["spec"]["groups"]);
    assert_eq!(left.len(), alerts(&rules["groups"]).len() - 1);
    for alert in left {
        assert_ne!(alert["alert"], "EvenkeelNoLeader");
        assert_eq!(alert["labels"]["team"], "platform");
        assert!(alert["labels"]["severity"].is_string());
    }
}

#[tokio::test]
async fn the_dashboard_is_the_file_and_every_query_speaks_of_metrics_that_exist() {
    let text = fs::read_to_string(format!("{CHART}/files/dashboard.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let rendered = objects(&render(Helm::V4, &["--set", "dashboard.enabled=true"]).await);
    let carried = only(&rendered, "ConfigMap")["data"]["evenkeel.json"]
        .as_str()
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(carried).unwrap(), file);
    let panels = file["panels"].as_array().unwrap();
    let queries = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = queries.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(queries.len() >= 4, "{queries:?}");
    queries.into_iter().for_each(assert_known);
}
