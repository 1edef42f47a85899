//! Alerts and dashboard of the chart: what Prometheus' own tool says of them, and that they speak of metrics that exist.

use super::support::{CHART, ROOT, objects, only, render, yaml};
use evenkeel::api::conditions::ConditionType;
use evenkeel::aws::{stats::Outcome, types::ErrorClass};
use evenkeel::plan::FindingCode;
use evenkeel::plan::intent::Mode;
use evenkeel::report::metrics::{Metrics, Scene, StackSample};
use evenkeel::topology::survival::Survival;
use evenkeel::topology::{FailoverClass, StackName};
use evenkeel_testkit::Helm;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

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

fn is_known(name: &str) -> bool {
    let known = known();
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    known.contains(name) || histogram.is_some_and(|base| known.contains(base))
}

fn assert_known(query: &str) {
    let named = named(query);
    assert!(!named.is_empty(), "{query} names no metric of ours");
    for name in named {
        assert!(is_known(&name), "{query}: docs/metrics.md has no {name}");
    }
}

/// Runs the tool whose place `hack/<name>` prints.
fn tool(name: &str, args: &[&str]) -> String {
    let found = Command::new(format!("{ROOT}/hack/{name}")).output().unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    let path = String::from_utf8(found.stdout).unwrap();
    let ran = Command::new(path.trim()).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    said
}

#[test]
fn promtool_has_nothing_to_say_against_the_rules() {
    let rules = format!("{CHART}/files/rules.yaml");
    tool(
        "promtool",
        &["check", "rules", "--lint=all", "--lint-fatal", &rules],
    );
}

/// What the rules ask for in quotation marks, in the words of the code.
fn words_of_the_code() -> BTreeSet<String> {
    let conditions = [
        ConditionType::Ready,
        ConditionType::Balanced,
        ConditionType::ActionBlocked,
        ConditionType::Stalled,
    ];
    let outcomes = [ErrorClass::Throttled, ErrorClass::Denied];
    conditions
        .map(|condition| format!("{condition:?}"))
        .into_iter()
        .chain(outcomes.map(|class| Outcome::Failed(class).as_str().to_owned()))
        .chain([
            format!("{:?}", FailoverClass::Own),
            format!("{:?}", FindingCode::AcceptanceExpired),
            format!("{:?}", FindingCode::ReplicationLagHigh),
            format!("{:?}", Mode::Observe),
            "metrics".to_owned(),
        ])
        .collect()
}

/// An alert on a value that the code doesn't know would keep silent for ever.
#[test]
fn alerts_ask_for_values_that_the_code_gives() {
    let rules = yaml(format!("{CHART}/files/rules.yaml"));
    let asked: BTreeSet<String> = alerts(&rules["groups"])
        .iter()
        .flat_map(|alert| {
            let selectors = alert["expr"].as_str().unwrap().split('{').skip(1);
            let selectors = selectors.map(|rest| rest.split('}').next().unwrap().to_owned());
            selectors.collect::<Vec<String>>()
        })
        .filter(|selector| !selector.starts_with("le="))
        .map(|selector| selector.split('"').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(asked, words_of_the_code());
    let metrics = Metrics::new("0.1.0").unwrap();
    metrics.failover(FailoverClass::Provider, Some(181));
    let text = metrics.render(&Scene::default()).unwrap();
    let bucket = r#"evenkeel_failover_seconds_bucket{class="Provider",le="180"} 0"#;
    assert!(
        text.contains(bucket),
        "EvenkeelFailoverSlow asks for le=\"180\": {text}"
    );
}

/// Files of a folder with this ending, by their stem.
fn files(folder: &str, ending: &str) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(format!("{ROOT}/{folder}")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect()
}

#[test]
fn alerts_fire_and_keep_silent_as_their_tests_say() {
    let files = files("tests/alerts", "yaml");
    let paths = files.values().map(|path| path.to_str().unwrap());
    let args: Vec<&str> = ["test", "rules"].into_iter().chain(paths).collect();
    tool("promtool", &args);
}

/// (name, severity)
type Named = (String, String);

/// Alerts of the file.
fn named_alerts() -> BTreeSet<Named> {
    let rules = yaml(format!("{CHART}/files/rules.yaml"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    alerts(&rules["groups"])
        .iter()
        .map(|alert| (text(&alert["alert"]), text(&alert["labels"]["severity"])))
        .collect()
}

/// Alerts that a test expects, and names of alerts of which one expects that there is none.
fn tested() -> (BTreeSet<Named>, BTreeSet<String>) {
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for path in files("tests/alerts", "yaml").values() {
        let tests = yaml(path);
        let tests = tests["tests"].as_array().unwrap().iter();
        for check in tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap()) {
            let name = check["alertname"].as_str().unwrap().to_owned();
            let expected = check["exp_alerts"].as_array().unwrap();
            if expected.is_empty() {
                silent.insert(name.clone());
            }
            for alert in expected {
                let severity = alert["exp_labels"]["severity"].as_str().unwrap();
                firing.insert((name.clone(), severity.to_owned()));
            }
        }
    }
    (firing, silent)
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let alerts = named_alerts();
    let (firing, silent) = tested();
    assert_eq!(firing, alerts);
    assert_eq!(silent, alerts.into_iter().map(|(name, _)| name).collect());
}

/// In this order on each page.
const HEADINGS: [&str; 4] = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];

#[test]
fn every_alert_leads_to_its_page_and_every_page_is_an_alerts() {
    let rules = yaml(format!("{CHART}/files/rules.yaml"));
    for alert in alerts(&rules["groups"]) {
        let (name, url) = (
            alert["alert"].as_str().unwrap(),
            &alert["annotations"]["runbook_url"],
        );
        let repository = env!("CARGO_PKG_REPOSITORY");
        assert_eq!(
            url.as_str().unwrap(),
            format!("{repository}/blob/main/docs/runbooks/{name}.md")
        );
    }
    let mut pages = files("docs/runbooks", "md");
    let index = fs::read_to_string(pages.remove("README").unwrap()).unwrap();
    let names: BTreeSet<String> = named_alerts().into_iter().map(|(name, _)| name).collect();
    assert_eq!(pages.keys().cloned().collect::<BTreeSet<String>>(), names);
    for (name, path) in pages {
        let page = fs::read_to_string(path).unwrap();
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        assert!(index.contains(&format!("]({name}.md)")), "the index lacks {name}");
        let queries = named(&page);
        let unknown: Vec<&String> = queries.iter().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty(), "{name}: docs/metrics.md has no {unknown:?}");
    }
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

/// (labels, receiver)
const ROUTES: &[(&[&str], &str)] = &[
    (&["alertname=EvenkeelStackNotZoneRedundant", "team=shop"], "shop"),
    (&["alertname=EvenkeelStackNotZoneRedundant"], "platform"),
    (&["alertname=EvenkeelZoneImpaired", "team=shop"], "platform"),
    (&["alertname=SomebodyElses"], "platform"),
];

/// That it notifies once is Alertmanager's own work; here, that it reads the example and speaks of alerts that exist.
#[test]
fn alertmanager_takes_the_example_which_speaks_of_alerts_that_exist() {
    let file = format!("{ROOT}/deploy/alertmanager-example.yaml");
    tool("amtool", &["check-config", &file]);
    for (labels, receiver) in ROUTES {
        let config = format!("--config.file={file}");
        let verify = format!("--verify.receivers={receiver}");
        let args = [&["config", "routes", "test", &config, &verify][..], labels].concat();
        tool("amtool", &args);
    }
    let names: BTreeSet<String> = named_alerts().into_iter().map(|(name, _)| name).collect();
    let example = yaml(file);
    for rule in example["inhibit_rules"].as_array().unwrap() {
        for side in ["source_matchers", "target_matchers"] {
            let matcher = rule[side][0].as_str().unwrap();
            let exact = matcher
                .strip_prefix("alertname=\"")
                .and_then(|m| m.strip_suffix('"'));
            assert!(
                exact.is_none_or(|name| names.contains(name)),
                "{matcher} matches nothing"
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
    let file = dashboard();
    let rendered = objects(&render(Helm::V4, &["--set", "dashboard.enabled=true"]).await);
    let carried = only(&rendered, "ConfigMap")["data"]["evenkeel.json"]
        .as_str()
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(carried).unwrap(), file);
    let queries = queries(&file);
    assert!(queries.len() >= 25, "{queries:?}");
    for query in &queries {
        assert_known(query);
    }
}

fn dashboard() -> Value {
    let text = fs::read_to_string(format!("{CHART}/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Of the panels, and of the variables by which a stack is chosen.
fn queries(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    targets
        .map(|target| target["expr"].as_str().unwrap())
        .chain(variables.filter_map(|variable| variable["query"]["query"].as_str()))
        .collect()
}

/// What Grafana makes of a query before Prometheus sees it.
fn filled_in(query: &str) -> String {
    let query = query.strip_prefix("label_values(").map_or(query, |call| {
        let (selector, _) = call.rsplit_once(", ").unwrap();
        selector
    });
    query
        .replace("$__rate_interval", "2m")
        .replace("$namespace", "shop")
        .replace("$name", "web")
}

#[test]
fn promtool_can_read_every_query_of_the_dashboard() {
    let dashboard = dashboard();
    let rules: Vec<Value> = queries(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(n, query)| serde_json::json!({"record": format!("query:{n}"), "expr": filled_in(query)}))
        .collect();
    assert!(
        rules
            .iter()
            .all(|rule| !rule["expr"].as_str().unwrap().contains('$'))
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    // JSON is YAML.
    let text = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    fs::write(&file, text).unwrap();
    tool("promtool", &["check", "rules", file.to_str().unwrap()]);
}

#[test]
fn every_panel_has_a_number_a_title_a_description_and_a_place_of_its_own() {
    let dashboard = dashboard();
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        if panel["type"] != "row" {
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
        }
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title}");
        for cell in
            (at("y")..at("y") + at("h")).flat_map(|y| (at("x")..at("x") + at("w")).map(move |x| (x, y)))
        {
            assert!(cells.insert(cell), "{title} lies on another panel");
        }
    }
}

/// One component over three zones, primaries and replicas in each, and nothing found.
fn usual_stack() -> StackSample {
    let zones = ["a", "b", "c"];
    let conditions = fs::read_to_string(format!("{ROOT}/docs/conditions.md")).unwrap();
    let (_, conditions) = conditions.split_once("## Conditions\n").unwrap();
    let (conditions, _) = conditions.split_once("## Reasons\n").unwrap();
    let conditions = conditions.lines().filter_map(|line| line.strip_prefix("| `"));
    let nodes = |role| zones.map(|zone| (("cache".to_owned(), zone.into(), role), 5));
    StackSample {
        zones: zones.map(|zone| (zone.into(), Survival::Survives)).into(),
        nodes: nodes("primary").into_iter().chain(nodes("replica")).collect(),
        lag: [("cache".to_owned(), 0.1)].into(),
        conditions: conditions
            .map(|row| (row.split('`').next().unwrap().to_owned(), 1))
            .collect(),
        ..StackSample::default()
    }
}

#[test]
fn a_stack_has_as_many_series_as_the_document_says() {
    let metrics = Metrics::new("0.1.0").unwrap();
    let series = |stacks: usize| {
        let stacks = (0..stacks).map(|n| {
            (
                StackName::new("shop", format!("web-{n}")),
                Arc::new(usual_stack()),
            )
        });
        let scene = Scene {
            stacks: stacks.collect(),
            ..Scene::default()
        };
        let text = metrics.render(&scene).unwrap();
        text.lines().filter(|line| line.contains("name=\"web-")).count()
    };
    assert_eq!(series(1), 30);
    assert_eq!(series(200), 200 * 30);
    let document = fs::read_to_string(format!("{ROOT}/docs/metrics.md")).unwrap();
    assert!(
        document.contains("has 30."),
        "docs/metrics.md tells another number"
    );
}
