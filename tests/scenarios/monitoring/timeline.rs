//! The rules as they ship, at the times that they ship with: `/metrics` of the running controller, read at each half
//! minute of a stepped outage, goes into promtool, whose rule engine is Prometheus' own.

use super::super::controller::Controller;
use super::super::kubernetes::process::get;
use super::super::rig::{Rig, healthy_and_balanced, hours};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const A: &str = "ap-northeast-2a";

/// Series → value at each scrape.
#[derive(Default)]
struct Recording {
    series: BTreeMap<String, Vec<Option<String>>>,
    scrapes: usize,
}

impl Recording {
    fn take(&mut self, text: &str) {
        let ours = text.lines().filter(|line| line.starts_with("evenkeel_"));
        for (series, value) in ours.map(|line| line.rsplit_once(' ').unwrap()) {
            let values = self.series.entry(series.to_owned()).or_default();
            values.resize(self.scrapes, None);
            values.push(Some(value.to_owned()));
        }
        self.scrapes += 1;
    }

    /// As promtool wants it, with the labels that a target gives.
    fn input(&self) -> Value {
        let series = self.series.iter().map(|(series, values)| {
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let separator = if labels == "}" { "" } else { "," };
            let values = (0..self.scrapes).map(|n| values.get(n).cloned().flatten());
            // A series that vanishes is marked so by each scrape that lacks it.
            let values: Vec<String> = values.map(|value| value.unwrap_or("stale".to_owned())).collect();
            json!({
                "series": format!("{name}{{job=\"evenkeel\",instance=\"10.0.0.1:9402\"{separator}{labels}"),
                "values": values.join(" "),
            })
        });
        series.collect()
    }
}

/// Alert in words → scrapes at which it fires.
type Timeline = BTreeMap<String, Vec<usize>>;

/// promtool is told to expect nothing at all, and says what there is instead.
fn timeline(recording: &Recording) -> Timeline {
    let rules = super::scaled::rules();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let names: BTreeSet<&str> = rules.filter_map(|rule| rule["alert"].as_str()).collect();
    let checks = (0..recording.scrapes).flat_map(|n| {
        names.iter().map(
            move |name| json!({"eval_time": format!("{}s", n * 30), "alertname": name, "exp_alerts": []}),
        )
    });
    let test = json!({
        "rule_files": [format!("{ROOT}/charts/evenkeel/files/rules.yaml")],
        "evaluation_interval": "30s",
        "tests": [{
            "interval": "30s",
            "input_series": recording.input(),
            "alert_rule_test": checks.collect::<Vec<Value>>(),
        }],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yaml");
    // JSON is YAML.
    std::fs::write(&file, test.to_string()).unwrap();
    let promtool = Command::new(format!("{ROOT}/hack/promtool")).output().unwrap();
    assert!(
        promtool.status.success(),
        "{}",
        String::from_utf8_lossy(&promtool.stderr)
    );
    let promtool = String::from_utf8(promtool.stdout).unwrap();
    let ran = Command::new(promtool.trim())
        .args(["test", "rules"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    read(&said)
}

fn read(said: &str) -> Timeline {
    let mut timeline = Timeline::new();
    let mut at = None;
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("alertname: ") {
            let (_, time) = rest.split_once("time: ").unwrap();
            let time: SignedDuration = time.trim().trim_end_matches(',').parse().unwrap();
            at = Some(usize::try_from(time.as_secs() / 30).unwrap());
        } else if let Some((_, labels)) = line.split_once("Labels:{") {
            let value = |key: &str| {
                let (_, rest) = labels.split_once(&format!("{key}=\""))?;
                Some(rest.split('"').next().unwrap().to_owned())
            };
            let words = ["alertname", "severity", "class", "zone"]
                .into_iter()
                .filter_map(value);
            let words = words.collect::<Vec<String>>().join(" ");
            timeline.entry(words).or_default().push(at.unwrap());
        } else {
            let known = ["Unit Testing", "FAILED", "exp:[", "got:[", "Annotations:{"];
            let known = known.iter().any(|word| line.contains(word));
            let counts = line.trim().trim_end_matches([']', ',', ':']).trim();
            assert!(
                known || counts.is_empty() || counts.parse::<u32>().is_ok(),
                "{line}\n{said}"
            );
        }
    }
    timeline
}

/// Reads `/metrics` at each half minute.
async fn record(rig: &Rig<Controller>, recording: &mut Recording, minutes: i64) {
    for _ in 0..minutes * 2 {
        rig.run_for(SignedDuration::from_secs(30)).await;
        let (code, text) = get(&rig.lut, "/metrics").await;
        assert_eq!(code, 200);
        recording.take(&text);
    }
}

/// First and last minute, where the alert fires from the one to the other without a pause.
fn minutes(timeline: &Timeline, alert: &str) -> (usize, usize) {
    let scrapes = timeline
        .get(alert)
        .unwrap_or_else(|| panic!("{alert} never fires: {timeline:?}"));
    let (first, last) = (scrapes[0], *scrapes.last().unwrap());
    assert_eq!(last - first + 1, scrapes.len(), "{alert} pauses: {scrapes:?}");
    (first / 2, last / 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outages_alerts_come_and_go_when_they_should_and_none_other_ever_does() {
    let rig = super::balanced().await;
    let mut recording = Recording::default();
    record(&rig, &mut recording, 60).await;
    rig.fail_zone(A);
    record(&rig, &mut recording, 60).await;
    rig.recover_zone(A);
    // The primary is moved back, too, which costs the stack a copy for a quarter of an hour.
    record(&rig, &mut recording, 180).await;
    rig.run_until("failed back", hours(1), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
    assert!(
        recording
            .series
            .contains_key("evenkeel_failovers_total{class=\"Own\"}")
    );

    let timeline = timeline(&recording);
    let fired: Vec<&str> = timeline.keys().map(String::as_str).collect();
    let warning = "EvenkeelStackNotZoneRedundant warning ap-northeast-2c";
    let critical = "EvenkeelStackNotZoneRedundant critical ap-northeast-2c";
    let (moved, impaired) = (
        "EvenkeelFailoverDetected warning Provider",
        "EvenkeelZoneImpaired critical ap-northeast-2a",
    );
    assert_eq!(fired, [moved, critical, warning, impaired]);
    // The zone is lost in minute 60 and returns in minute 120; ten minutes later its nodes serve again.
    let begins = |alert: &str| minutes(&timeline, alert).0;
    let ends = |alert: &str| minutes(&timeline, alert).1;
    println!(
        "{:?}",
        fired
            .iter()
            .map(|alert| (alert, minutes(&timeline, alert)))
            .collect::<Vec<_>>()
    );
    assert!((64..=66).contains(&begins(impaired)), "{timeline:?}");
    assert!((139..=144).contains(&ends(impaired)), "{timeline:?}");
    assert!((73..=76).contains(&begins(moved)), "{timeline:?}");
    assert!((92..=96).contains(&ends(moved)), "{timeline:?}");
    assert!((79..=81).contains(&begins(warning)), "{timeline:?}");
    assert_eq!(begins(critical), begins(warning) + 20);
    assert!((130..=133).contains(&ends(warning)), "{timeline:?}");
    assert_eq!(ends(critical), ends(warning));
}
