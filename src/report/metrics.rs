//! What Prometheus sees. Names and labels are a contract (docs/metrics.md, checked by a test).
//!
//! Gauges are written from a [`Scene`] at each scrape, so that a deleted stack's series vanish with it. Counters and
//! histograms are told of what happens. Labels are closed sets or names of resources, never messages.

mod gauges;

pub use gauges::{RegionSample, Scene, StackSample};

use crate::plan::ActionType;
use crate::topology::{FailoverClass, Role};
use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};
use std::sync::Arc;
use std::time::Duration;

/// One metric: name, labels, what it says.
pub type Entry = (&'static str, &'static [&'static str], &'static str);

/// Every metric that this build exports.
pub const CATALOGUE: &[Entry] = &[
    BUILD_INFO,
    SURVIVES,
    VERDICT,
    ZONE_IMPAIRED,
    STACK_INFO,
    NODES,
    LAG,
    QUOTA,
    CONDITION,
    FINDINGS,
    FINDINGS_ACCEPTED,
    LOSS_ACCEPTED,
    IMBALANCE_ACCEPTED,
    HOLDS,
    POLL_AGE,
    ACTIONS,
    FAILOVERS,
    FAILOVER_SECONDS,
    AWS_REQUESTS,
    AWS_SECONDS,
    METRICS_REQUESTED,
    RECONCILE,
    LEADER,
    ACCOUNT_CONDITION,
    LAST_FAILOVER,
    LAST_FAILOVER_TOOK,
    LINES_LOST,
];

const BUILD_INFO: Entry = (
    "evenkeel_build_info",
    &["version"],
    "Always 1; the version that runs.",
);
const SURVIVES: Entry = (
    "evenkeel_stack_survives_zone_loss",
    &["namespace", "name", "zone"],
    "1 if the stack would survive the loss of the zone now (verdicts Survives and Degraded), 0 if not or unknown.",
);
const VERDICT: Entry = (
    "evenkeel_stack_zone_verdict",
    &["namespace", "name", "zone", "verdict"],
    "1 for the current verdict on the loss of the zone, 0 for the others.",
);
const ZONE_IMPAIRED: Entry = (
    "evenkeel_zone_impaired",
    &["account", "region", "zone"],
    "1 while evidence shows the zone impaired.",
);
const STACK_INFO: Entry = (
    "evenkeel_stack_info",
    &["namespace", "name", "mode", "team"],
    "Always 1; the stack's mode and its label evenkeel.dev/team.",
);
const NODES: Entry = (
    "evenkeel_nodes",
    &["namespace", "name", "component", "zone", "role"],
    "Nodes that stand in the zone, whatever their health.",
);
const LAG: Entry = (
    "evenkeel_replication_lag_seconds",
    &["namespace", "name", "component"],
    "The largest replication lag known now; absent when none is known.",
);
const QUOTA: Entry = (
    "evenkeel_failover_quota_used",
    &["account", "region"],
    "Node groups failed over by TestFailover in the last 24 hours, by anybody; AWS allows 15.",
);
const CONDITION: Entry = (
    "evenkeel_stack_condition",
    &["namespace", "name", "type"],
    "Conditions of the stack: 1 True, 0 False, -1 Unknown.",
);
const FINDINGS: Entry = (
    "evenkeel_findings",
    &["namespace", "name", "code"],
    "Findings of this code now that spec.accepted does not accept; absent when there is none.",
);
const FINDINGS_ACCEPTED: Entry = (
    "evenkeel_findings_accepted",
    &["namespace", "name", "code"],
    "Findings of this code now that spec.accepted accepts; absent when there is none.",
);
const LOSS_ACCEPTED: Entry = (
    "evenkeel_stack_zone_loss_accepted",
    &["namespace", "name", "zone"],
    "1 while the loss of the zone would not be survived and spec.accepted accepts every finding that says why; absent otherwise.",
);
const IMBALANCE_ACCEPTED: Entry = (
    "evenkeel_stack_imbalance_accepted",
    &["namespace", "name"],
    "1 while the stack is not balanced and spec.accepted accepts every skew of it; absent otherwise.",
);
const HOLDS: Entry = (
    "evenkeel_holds",
    &["guardrail"],
    "Holds now, over all stacks, by the guardrail that holds.",
);
const POLL_AGE: Entry = (
    "evenkeel_poll_age_seconds",
    &["account", "region", "kind"],
    "Seconds since the last complete poll of this kind (descriptions, events, metrics).",
);
const ACTIONS: Entry = (
    "evenkeel_actions_total",
    &["type", "outcome"],
    "Actions by how their ticket ended.",
);
const FAILOVERS: Entry = (
    "evenkeel_failovers_total",
    &["class"],
    "Failovers seen since the start, by who caused them.",
);
const FAILOVER_SECONDS: Entry = (
    "evenkeel_failover_seconds",
    &["class"],
    "From the loss of a primary to the promotion, where both were seen.",
);
const AWS_REQUESTS: Entry = (
    "evenkeel_aws_requests_total",
    &["service", "operation", "outcome"],
    "Requests on the wire, failed ones included.",
);
const AWS_SECONDS: Entry = (
    "evenkeel_aws_request_seconds",
    &["service", "operation"],
    "How long AWS took to answer.",
);
const METRICS_REQUESTED: Entry = (
    "evenkeel_cloudwatch_metrics_requested_total",
    &[],
    "Metrics that CloudWatch bills for.",
);
const RECONCILE: Entry = (
    "evenkeel_reconcile_seconds",
    &[],
    "How long one turn of the loop took: polls, judging, at most one step.",
);

const LEADER: Entry = (
    "evenkeel_leader",
    &[],
    "1 while this process holds the lease and may act, 0 while it only watches; absent where there is no lease.",
);
const ACCOUNT_CONDITION: Entry = (
    "evenkeel_account_condition",
    &["name", "type"],
    "Conditions of the AWSAccount: 1 True, 0 False, -1 Unknown.",
);

const LAST_FAILOVER: Entry = (
    "evenkeel_stack_last_failover_timestamp_seconds",
    &["namespace", "name"],
    "When a primary of the stack last moved, whoever moved it; absent where none is known.",
);
const LAST_FAILOVER_TOOK: Entry = (
    "evenkeel_stack_last_failover_seconds",
    &["namespace", "name"],
    "How long that took, from the loss of the primary to the promotion; absent where it was not measured.",
);

const LINES_LOST: Entry = (
    "evenkeel_lines_lost_total",
    &["output"],
    "Lines that could not be written to standard error (the log) or standard output; the work goes on without them.",
);

/// The registry with everything in it.
pub struct Metrics {
    registry: Registry,
    actions: IntCounterVec,
    failovers: IntCounterVec,
    failover_seconds: HistogramVec,
    aws_requests: IntCounterVec,
    aws_seconds: HistogramVec,
    bought: IntCounterVec,
    reconcile: HistogramVec,
    lines_lost: IntCounterVec,
}

impl Metrics {
    /// Fails only if the catalogue is not well-formed.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |entry: Entry| {
            register(
                &registry,
                IntCounterVec::new(Opts::new(entry.0, entry.2), entry.1)?,
            )
        };
        let histogram = |entry: Entry, buckets: &[f64]| {
            let options = HistogramOpts::new(entry.0, entry.2).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(options, entry.1)?)
        };
        let build = register(
            &registry,
            GaugeVec::new(Opts::new(BUILD_INFO.0, BUILD_INFO.2), BUILD_INFO.1)?,
        )?;
        build.with_label_values(&[version]).set(1.0);
        let metrics = Self {
            actions: counter(ACTIONS)?,
            failovers: counter(FAILOVERS)?,
            failover_seconds: histogram(
                FAILOVER_SECONDS,
                &[
                    5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0,
                ],
            )?,
            aws_requests: counter(AWS_REQUESTS)?,
            aws_seconds: histogram(AWS_SECONDS, &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0])?,
            bought: counter(METRICS_REQUESTED)?,
            reconcile: histogram(
                RECONCILE,
                &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0],
            )?,
            lines_lost: counter(LINES_LOST)?,
            registry,
        };
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        // A counter that never moved is 0, not absent.
        metrics.bought.with_label_values::<&str>(&[]).inc_by(0);
        Ok(metrics)
    }

    /// A ticket of this type ended.
    pub fn action(&self, action: ActionType, outcome: &'static str) {
        self.actions
            .with_label_values(&[format!("{action:?}").as_str(), outcome])
            .inc();
    }

    /// A failover was seen.
    pub fn failover(&self, class: FailoverClass, seconds: Option<i64>) {
        let label = format!("{class:?}");
        self.failovers.with_label_values(&[label.as_str()]).inc();
        if let Some(seconds) = seconds {
            self.failover_took(class, seconds);
        }
    }

    /// How long one took, that was seen before.
    pub fn failover_took(&self, class: FailoverClass, seconds: i64) {
        let label = format!("{class:?}");
        let histogram = self.failover_seconds.with_label_values(&[label.as_str()]);
        if let Ok(seconds) = u32::try_from(seconds) {
            histogram.observe(f64::from(seconds));
        }
    }

    /// A request ended.
    pub fn aws_call(&self, service: &str, operation: &str, outcome: &str, took: Duration, billed: u32) {
        self.aws_requests
            .with_label_values(&[service, operation, outcome])
            .inc();
        self.aws_seconds
            .with_label_values(&[service, operation])
            .observe(took.as_secs_f64());
        self.bought
            .with_label_values::<&str>(&[])
            .inc_by(u64::from(billed));
    }

    /// A turn ended.
    pub fn turn(&self, took: Duration) {
        self.reconcile
            .with_label_values::<&str>(&[])
            .observe(took.as_secs_f64());
    }

    /// So many lines were lost since the start.
    pub fn lines_lost(&self, output: &'static str, total: u64) {
        let counter = self.lines_lost.with_label_values(&[output]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    /// The gauges of this scene, then counters and histograms: the exposition in pieces, none of them made before it is
    /// asked for. Fails only if what is counted can't be encoded.
    pub fn pages(
        &self,
        scene: Arc<Scene>,
    ) -> Result<impl Iterator<Item = String> + Send + 'static, prometheus::Error> {
        let mut counted = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut counted)?;
        let counted = String::from_utf8_lossy(&counted).into_owned();
        Ok(gauges::pages(scene).chain([counted]))
    }

    /// The same in one piece.
    pub fn render(&self, scene: &Scene) -> Result<String, prometheus::Error> {
        Ok(self.pages(Arc::new(scene.clone()))?.collect())
    }
}

fn register<T: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: T,
) -> Result<T, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// The label `role`.
pub fn role_label(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Replica => "replica",
        Role::Standby => "standby",
        Role::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Guardrail;
    use crate::topology::StackName;
    use crate::topology::survival::Survival;
    use std::collections::BTreeSet;

    fn scene() -> Scene {
        let stack = StackSample {
            mode: "Enforce".to_owned(),
            team: "shop".to_owned(),
            zones: [("a".into(), Survival::Degraded), ("b".into(), Survival::Lost)].into(),
            nodes: [(("cache".to_owned(), "a".into(), "primary"), 2)].into(),
            lag: [("cache".to_owned(), 0.25)].into(),
            conditions: [("Ready".to_owned(), 1)].into(),
            findings: [("PrimarySkew".to_owned(), 1)].into(),
            findings_accepted: [("SingleZone".to_owned(), 2)].into(),
            losses_accepted: ["b".into()].into(),
            imbalance_accepted: true,
            last_failover: Some((1_772_409_600, Some(63))),
            holds: [(Guardrail::QuietPeriod, 2)].into(),
        };
        let other = StackSample {
            holds: [(Guardrail::QuietPeriod, 1)].into(),
            ..StackSample::default()
        };
        let region = RegionSample {
            account: "111122223333".to_owned(),
            region: "ap-northeast-2".to_owned(),
            impaired: [("a".into(), true), ("b".into(), false)].into(),
            quota_used: 3,
            poll_age: [("descriptions", 12.0)].into(),
        };
        Scene {
            stacks: [
                (StackName::new("shop", "web"), Arc::new(stack)),
                (StackName::new("shop", "other"), Arc::new(other)),
            ]
            .into(),
            regions: vec![region],
            accounts: [("prod".to_owned(), [("Ready".to_owned(), -1)].into())].into(),
            leader: Some(true),
        }
    }

    fn rendered() -> (Metrics, String) {
        let metrics = Metrics::new("1.2.3").unwrap();
        metrics.action(ActionType::MovePrimary, "succeeded");
        metrics.failover(FailoverClass::Provider, Some(63));
        metrics.aws_call(
            "elasticache",
            "DescribeEvents",
            "ok",
            Duration::from_millis(40),
            0,
        );
        metrics.turn(Duration::from_millis(7));
        metrics.lines_lost("stderr", 2);
        metrics.lines_lost("stderr", 3);
        let text = metrics.render(&scene()).unwrap();
        (metrics, text)
    }

    #[test]
    fn the_gauges_say_what_the_scene_says() {
        let (_, text) = rendered();
        for line in [
            r#"evenkeel_build_info{version="1.2.3"} 1"#,
            r#"evenkeel_stack_survives_zone_loss{name="web",namespace="shop",zone="a"} 1"#,
            r#"evenkeel_stack_survives_zone_loss{name="web",namespace="shop",zone="b"} 0"#,
            r#"evenkeel_stack_zone_verdict{name="web",namespace="shop",verdict="Lost",zone="b"} 1"#,
            r#"evenkeel_stack_zone_verdict{name="web",namespace="shop",verdict="Lost",zone="a"} 0"#,
            r#"evenkeel_zone_impaired{account="111122223333",region="ap-northeast-2",zone="a"} 1"#,
            r#"evenkeel_nodes{component="cache",name="web",namespace="shop",role="primary",zone="a"} 2"#,
            r#"evenkeel_replication_lag_seconds{component="cache",name="web",namespace="shop"} 0.25"#,
            r#"evenkeel_findings{code="PrimarySkew",name="web",namespace="shop"} 1"#,
            r#"evenkeel_findings_accepted{code="SingleZone",name="web",namespace="shop"} 2"#,
            r#"evenkeel_stack_zone_loss_accepted{name="web",namespace="shop",zone="b"} 1"#,
            r#"evenkeel_stack_imbalance_accepted{name="web",namespace="shop"} 1"#,
            r#"evenkeel_stack_last_failover_timestamp_seconds{name="web",namespace="shop"} 1772409600"#,
            r#"evenkeel_stack_last_failover_seconds{name="web",namespace="shop"} 63"#,
            r#"evenkeel_holds{guardrail="quiet_period"} 3"#,
            r#"evenkeel_actions_total{outcome="succeeded",type="MovePrimary"} 1"#,
            r#"evenkeel_failover_seconds_sum{class="Provider"} 63"#,
            r#"evenkeel_failover_quota_used{account="111122223333",region="ap-northeast-2"} 3"#,
            r#"evenkeel_account_condition{name="prod",type="Ready"} -1"#,
            r#"evenkeel_lines_lost_total{output="stderr"} 3"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_series_of_a_deleted_stack_vanish() {
        let (metrics, text) = rendered();
        assert!(text.contains(r#"name="web""#));
        let mut scene = scene();
        scene.stacks.remove(&StackName::new("shop", "web"));
        let text = metrics.render(&scene).unwrap();
        assert!(!text.contains(r#"name="web""#), "{text}");
        assert!(text.contains(r#"name="other""#));
    }

    #[test]
    fn every_catalogued_metric_is_exported_and_none_else() {
        let (_, text) = rendered();
        let exported: BTreeSet<&str> = text
            .lines()
            .filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        let catalogued: BTreeSet<&str> = CATALOGUE.iter().map(|e| e.0).chain(PROCESS).collect();
        assert_eq!(exported, catalogued);
    }

    /// Prometheus' own names for what every process has.
    const PROCESS: [&str; 7] = [
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
        "process_virtual_memory_bytes",
    ];

    #[test]
    fn every_metric_is_documented_with_its_labels() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let text = std::fs::read_to_string(path).unwrap();
        let documented: BTreeSet<(String, String)> = text
            .lines()
            .filter_map(|l| l.strip_prefix("| `evenkeel_"))
            .map(|l| {
                let mut cells = l.split('|').map(|c| c.trim().trim_matches('`').to_owned());
                let name = format!("evenkeel_{}", cells.next().unwrap());
                (name, cells.next().unwrap().replace('`', ""))
            })
            .collect();
        let catalogued: BTreeSet<(String, String)> = CATALOGUE
            .iter()
            .map(|e| (e.0.to_owned(), e.1.join(", ")))
            .collect();
        assert_eq!(documented, catalogued);
    }
}
