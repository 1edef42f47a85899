//! A real Prometheus that scrapes the running controller, asked over its API.

use super::scaled::{shorter, until};
use evenkeel_testkit::{Monitoring, MonitoringServer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Real time: nothing takes nearly as long, unless it never comes.
const LIMIT: Duration = Duration::from_mins(5);

pub type Labels = BTreeMap<String, String>;

pub struct Prometheus(MonitoringServer);

/// One result of a query: labels, and the points or the one value.
#[derive(Debug)]
pub struct Series {
    pub labels: Labels,
    pub values: Vec<f64>,
}

impl Prometheus {
    /// Scrapes `target` (host:port) with these rules, in a time that runs `factor` times as fast as that of the chart's
    /// ServiceMonitor, and tells these Alertmanagers.
    pub async fn start(target: &str, rules: &Value, factor: u64, alertmanagers: &[String]) -> Self {
        let every = shorter("30s", factor);
        Self::scraping(target, rules, &every, &shorter("5m", factor), alertmanagers).await
    }

    /// In the wall's time, but twice a second.
    pub async fn as_it_ships(target: &str, rules: &Value) -> Self {
        Self::scraping(target, rules, "500ms", "5m", &[]).await
    }

    async fn scraping(target: &str, rules: &Value, every: &str, lookback: &str, tell: &[String]) -> Self {
        let config = json!({
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": tell}]}]},
            "scrape_configs": [{
                "job_name": "evenkeel",
                "honor_labels": true,
                "static_configs": [{"targets": [target], "labels": {"namespace": "evenkeel-system"}}],
            }],
        });
        // JSON is YAML.
        let files = [
            ("config.yaml", &*config.to_string()),
            ("rules.yaml", "groups: []"),
        ];
        let lookback = format!("--query.lookback-delta={lookback}");
        let prometheus = Self(Monitoring::Prometheus.start(&files, &[&lookback]).await.unwrap());
        // It takes five seconds of the wall's time to find its targets, which are five minutes sixty times as fast:
        // EvenkeelControllerDown. So the rules come after the first scrape.
        prometheus
            .until("it is scraped", "up{job=\"evenkeel\"}", 1.0)
            .await;
        prometheus.0.reload("rules.yaml", &rules.to_string()).unwrap();
        prometheus
    }

    async fn ask(&self, path: &str) -> Value {
        let (code, body) = self.0.get(path).await.unwrap();
        assert_eq!(code, 200, "{path}: {body}\n{}", self.0.log());
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {body}");
        assert!(answer["warnings"].is_null(), "{path}: {body}");
        answer["data"].clone()
    }

    /// What a query gives now.
    pub async fn query(&self, query: &str) -> Vec<Series> {
        let data = self.ask(&format!("/api/v1/query?query={}", encoded(query))).await;
        series(&data, query)
    }

    /// What a query gives over the last `seconds`, every half second.
    pub async fn query_range(&self, query: &str, seconds: u64) -> Vec<Series> {
        let now = self.query("time()").await[0].values[0];
        let start = now - f64::from(u32::try_from(seconds).unwrap());
        let path = format!(
            "/api/v1/query_range?query={}&start={start}&end={now}&step=0.5",
            encoded(query)
        );
        series(&self.ask(&path).await, query)
    }

    /// The one number that a query gives; `None` when it gives nothing.
    pub async fn number(&self, query: &str) -> Option<f64> {
        let found = self.query(query).await;
        assert!(found.len() < 2, "{query}: {found:?}");
        found.first().map(|series| series.values[0])
    }

    /// Waits until a query gives this number.
    pub async fn until(&self, what: &str, query: &str, wanted: f64) {
        until(what, LIMIT, async || {
            let found = self.number(query).await;
            if found == Some(wanted) {
                Ok(())
            } else {
                Err(format!("{query} gives {found:?}\n{:?}", self.firing().await))
            }
        })
        .await;
    }

    /// Alerts that fire now: (name, severity, what tells them apart) → how many.
    pub async fn firing(&self) -> BTreeMap<String, f64> {
        let found = self
            .query("count by (alertname, severity, class, zone) (ALERTS{alertstate=\"firing\"})")
            .await;
        found.iter().map(|s| (words(&s.labels), s.values[0])).collect()
    }

    /// Alerts that have ever fired.
    pub async fn ever_fired(&self) -> BTreeSet<String> {
        let query = "count by (alertname, severity, class, zone) (count_over_time(ALERTS{alertstate=\"firing\"}[1h]))";
        self.query(query).await.iter().map(|s| words(&s.labels)).collect()
    }

    /// Waits until every rule is there and has been evaluated; all of them without an error.
    pub async fn assert_rules_are_well(&self, rules: usize) {
        until("every rule is evaluated", LIMIT, async || {
            let data = self.ask("/api/v1/rules").await;
            let groups = data["groups"].as_array().unwrap().iter();
            let all: Vec<&Value> = groups
                .flat_map(|group| group["rules"].as_array().unwrap())
                .collect();
            for rule in &all {
                assert!(rule["lastError"].is_null() && rule["health"] != "err", "{rule:#}");
            }
            let well = all.iter().filter(|rule| rule["health"] == "ok").count();
            if well == rules && all.len() == rules {
                Ok(())
            } else {
                Err(format!("{well} of {} rules", all.len()))
            }
        })
        .await;
    }

    /// Why targets can't be scraped; empty when all can.
    pub async fn targets_in_trouble(&self) -> Vec<String> {
        let data = self.ask("/api/v1/targets").await;
        let active = data["activeTargets"].as_array().unwrap().iter();
        active
            .filter(|target| target["health"] != "up")
            .map(ToString::to_string)
            .collect()
    }
}

/// `EvenkeelZoneImpaired critical ap-northeast-2a`.
fn words(labels: &Labels) -> String {
    let of = |key: &str| labels.get(key).cloned();
    let words = ["alertname", "severity", "class", "zone"]
        .into_iter()
        .filter_map(of);
    words.collect::<Vec<String>>().join(" ")
}

fn series(data: &Value, query: &str) -> Vec<Series> {
    let number = |point: &Value| point[1].as_str().unwrap().parse().unwrap();
    let of = |found: &Value| Series {
        labels: serde_json::from_value(found["metric"].clone()).unwrap(),
        values: match found["values"].as_array() {
            Some(points) => points.iter().map(number).collect(),
            None => vec![number(&found["value"])],
        },
    };
    match data["resultType"].as_str() {
        Some("vector" | "matrix") => data["result"].as_array().unwrap().iter().map(of).collect(),
        Some("scalar") => vec![Series {
            labels: Labels::new(),
            values: vec![number(&data["result"])],
        }],
        other => panic!("{query} gives a {other:?}"),
    }
}

/// For a URL.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
