//! Amazon CloudWatch: GetMetricData over the traces of nodes.
//!
//! Source: API reference GetMetricData, MetricDataQuery, MetricDataResult; guide *Metrics for Valkey and Redis OSS*
//! (`IsMaster`, `ReplicationLag`, one-minute points). A metric that nobody publishes gives an empty result, as on AWS.
//! Requests arrive as JSON values, whatever the wire format was.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::units::{epoch_seconds, from_epoch_seconds, stamp};
use crate::wire::cbor::Writer;
use crate::wire::xml::Xml;
use crate::world::Place;
use crate::world::settings::DeadMetric;
use crate::world::traces::{Reading, Trace, sample_second};

use super::{ApiError, Ctx};

/// Queries of one call.
const MOST_QUERIES: usize = 500;
/// Points of one call.
const MOST_POINTS: usize = 100_800;

/// GetMetricData's input, strictly.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    metric_data_queries: Vec<Query>,
    start_time: When,
    end_time: When,
    next_token: Option<String>,
    scan_by: Option<ScanBy>,
    max_datapoints: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<bool>,
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: Metric,
    period: i64,
    stat: Stat,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metric {
    namespace: String,
    #[serde(rename = "MetricName")]
    name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Stat {
    Average,
    Maximum,
    Minimum,
    Sum,
    SampleCount,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
enum ScanBy {
    TimestampDescending,
    TimestampAscending,
}

/// Epoch seconds, or ISO 8601.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum When {
    Seconds(f64),
    Text(String),
}

impl When {
    fn instant(&self) -> Result<Timestamp, ApiError> {
        match self {
            Self::Seconds(seconds) => from_epoch_seconds(*seconds),
            Self::Text(text) => text.parse().ok(),
        }
        .ok_or_else(|| invalid("StartTime and EndTime must be times."))
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    id: String,
    label: String,
    points: Vec<(Timestamp, f64)>,
    partial: bool,
}

/// The answer, before encoding.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricReply {
    results: Vec<Series>,
    next_token: Option<String>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

fn unknown(message: impl Into<String>) -> ApiError {
    ApiError::unknown("ValidationError", message)
}

/// Runs an operation.
pub fn dispatch(ctx: &mut Ctx<'_>, action: &str, input: serde_json::Value) -> Result<MetricReply, ApiError> {
    if action != "GetMetricData" {
        let text = format!("The simulator has no operation CloudWatch {action}.");
        return Err(ApiError::unknown("InvalidAction", text));
    }
    // Whatever doesn't fit is something that this file doesn't know: a field, a statistic, an order.
    let request: Request =
        serde_json::from_value(input).map_err(|e| unknown(format!("GetMetricData: {e}")))?;
    let (from, to) = (request.start_time.instant()?, request.end_time.instant()?);
    if from >= to {
        return Err(invalid(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    check(ctx, &request)?;
    let skip = request.next_token.as_deref().map_or(Ok(0), token_offset)?;
    let limit = match request.max_datapoints {
        None => MOST_POINTS,
        Some(n) if (1..=MOST_POINTS).contains(&n) => n,
        Some(n) => {
            return Err(invalid(format!(
                "MaxDatapoints must be between 1 and {MOST_POINTS}, not {n}."
            )));
        }
    };
    let limit = ctx
        .quirks
        .page_limit
        .map_or(limit, |short| limit.min(short.max(1)));
    let ascending = request.scan_by == Some(ScanBy::TimestampAscending);
    let mut results = Vec::new();
    for query in request
        .metric_data_queries
        .iter()
        .filter(|query| query.return_data != Some(false))
    {
        let Some(metric) = &query.metric_stat else {
            continue;
        };
        let mut points = points(ctx, metric, from, to);
        if !ascending {
            points.reverse();
        }
        let label = query.label.clone().unwrap_or_else(|| label_of(&metric.metric));
        results.push(Series {
            id: query.id.clone(),
            label,
            points,
            partial: false,
        });
    }
    let asked = request
        .metric_data_queries
        .iter()
        .filter(|query| query.metric_stat.is_some())
        .count();
    ctx.world.journal.metrics_requested += asked as u64;
    Ok(cut(results, skip, limit))
}

fn check(ctx: &Ctx<'_>, request: &Request) -> Result<(), ApiError> {
    let queries = &request.metric_data_queries;
    if queries.is_empty() || queries.len() > MOST_QUERIES {
        return Err(invalid(format!(
            "MetricDataQueries must have 1 to {MOST_QUERIES} items, not {}.",
            queries.len()
        )));
    }
    let mut ids = std::collections::BTreeSet::new();
    for query in queries {
        let id = &query.id;
        let letters = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !letters || !id.starts_with(|c: char| c.is_ascii_lowercase()) || id.len() > 255 {
            return Err(invalid(format!("The Id `{id}` must match ^[a-z][a-zA-Z0-9_]*$.")));
        }
        if !ids.insert(id) {
            return Err(invalid(format!("The Id `{id}` is used twice.")));
        }
        if query.expression.is_some() {
            return Err(unknown("The simulator has no metric math (Expression)."));
        }
        let Some(stat) = &query.metric_stat else {
            return Err(invalid(format!("The query `{id}` needs a MetricStat.")));
        };
        if stat.period <= 0 || stat.period % 60 != 0 {
            return Err(invalid(format!(
                "Period must be a multiple of 60, not {}.",
                stat.period
            )));
        }
        if let Some(account) = &query.account_id
            && *account != ctx.caller.place.account
        {
            return Err(unknown(
                "The simulator has no cross-account observability (AccountId).",
            ));
        }
    }
    Ok(())
}

fn label_of(metric: &Metric) -> String {
    match metric
        .dimensions
        .iter()
        .find(|dimension| dimension.name == "CacheClusterId")
    {
        Some(dimension) => format!("{} {}", dimension.value, metric.name),
        None => metric.name.clone(),
    }
}

/// The node that a metric's dimensions name: {CacheClusterId} or {CacheClusterId, CacheNodeId=0001}.
fn node_of(metric: &Metric) -> Option<&str> {
    let value = |name: &str| {
        metric
            .dimensions
            .iter()
            .find(|d| d.name == name)
            .map(|d| d.value.as_str())
    };
    let node = value("CacheClusterId")?;
    match (metric.dimensions.len(), value("CacheNodeId")) {
        (1, None) | (2, Some("0001")) => Some(node),
        _ => None,
    }
}

/// Points of one metric, oldest first.
fn points(ctx: &Ctx<'_>, asked: &MetricStat, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, f64)> {
    let metric = &asked.metric;
    let known = match (metric.namespace.as_str(), metric.name.as_str()) {
        ("AWS/ElastiCache", "IsMaster") => asked.unit.as_deref().is_none_or(|unit| unit == "Count"),
        ("AWS/ElastiCache", "ReplicationLag") => asked.unit.as_deref().is_none_or(|unit| unit == "Seconds"),
        (namespace, name) => {
            tracing::warn!(namespace, name, "Metric that the simulator doesn't publish");
            false
        }
    };
    if !known {
        return Vec::new();
    }
    let Some(node) = node_of(metric) else {
        let dimensions = format!("{:?}", metric.dimensions);
        tracing::warn!(
            metric = metric.name,
            dimensions,
            "Dimensions that the simulator doesn't publish"
        );
        return Vec::new();
    };
    if dropped(ctx, node) {
        return Vec::new();
    }
    let (place, now) = (&ctx.caller.place, ctx.as_of());
    let Some(begins) = ctx.world.trace(place, node).and_then(Trace::begins) else {
        return Vec::new();
    };
    let first = floor_minute(from);
    let minutes = asked.period / 60;
    let mut buckets: Vec<(Timestamp, Vec<f64>)> = Vec::new();
    // Points begin with the node's trace; asking earlier costs nothing.
    let skip = begins.duration_since(first).as_mins().max(0);
    let mut minute = first + SignedDuration::from_mins(skip);
    let mut index = skip;
    while minute < to && minute <= now {
        if let Some(value) = minute_point(ctx, place, node, minute, now, &metric.name) {
            let bucket = first + SignedDuration::from_mins(index / minutes * minutes);
            match buckets.last_mut() {
                Some((at, values)) if *at == bucket => values.push(value),
                _ => buckets.push((bucket, vec![value])),
            }
        }
        minute += SignedDuration::from_mins(1);
        index += 1;
    }
    buckets
        .into_iter()
        .map(|(at, values)| (at, fold(asked.stat, &values)))
        .collect()
}

/// The point of one minute, if it has been published by `now`.
fn minute_point(
    ctx: &Ctx<'_>,
    place: &Place,
    node: &str,
    minute: Timestamp,
    now: Timestamp,
    metric: &str,
) -> Option<f64> {
    let switches = &ctx.world.switches;
    let second = if switches.metric_sample_spread {
        sample_second(node)
    } else {
        0
    };
    let delay = i64::from(switches.metric_delay_seconds).max(second);
    if now < minute + SignedDuration::from_secs(delay) {
        return None;
    }
    let sample = match ctx
        .world
        .trace(place, node)?
        .at(minute + SignedDuration::from_secs(second))
    {
        Reading::Live(sample) => sample,
        Reading::Dead(sample) => match switches.dead_node_metric {
            DeadMetric::Stale => sample,
            DeadMetric::Zero => return (metric == "IsMaster").then_some(0.0),
            DeadMetric::Gap => return None,
        },
        Reading::Absent => return None,
    };
    match metric {
        "IsMaster" => Some(if sample.master { 1.0 } else { 0.0 }),
        // Published by replicas only.
        _ => (!sample.master).then_some(sample.lag),
    }
}

fn dropped(ctx: &Ctx<'_>, node: &str) -> bool {
    ctx.quirks.drop_points.iter().any(|target| match target {
        None => true,
        Some(target) => target == node || ctx.world.key_of_node(node).is_some_and(|key| key.id == *target),
    })
}

fn floor_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

#[expect(clippy::cast_precision_loss, reason = "a bucket has few points")]
fn fold(stat: Stat, values: &[f64]) -> f64 {
    let count = values.len() as f64;
    match stat {
        Stat::Average => values.iter().sum::<f64>() / count,
        Stat::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Stat::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
        Stat::Sum => values.iter().sum(),
        Stat::SampleCount => count,
    }
}

/// One page: `limit` points after the first `skip`, over all results.
fn cut(results: Vec<Series>, skip: usize, limit: usize) -> MetricReply {
    let total: usize = results.iter().map(|series| series.points.len()).sum();
    let mut before = 0;
    let results = results
        .into_iter()
        .map(|mut series| {
            let count = series.points.len();
            let from = skip.saturating_sub(before).min(count);
            let to = (skip + limit).saturating_sub(before).min(count);
            before += count;
            series.partial = to < count;
            series.points = series.points[from..to.max(from)].to_vec();
            series
        })
        .collect();
    let next_token = (skip + limit < total).then(|| format!("sim-offset-{}", skip + limit));
    MetricReply { results, next_token }
}

fn token_offset(token: &str) -> Result<usize, ApiError> {
    token
        .strip_prefix("sim-offset-")
        .and_then(|offset| offset.parse().ok())
        .ok_or_else(|| ApiError::new("InvalidNextToken", 400, "The next token specified is invalid."))
}

impl Series {
    fn status(&self) -> &'static str {
        if self.partial { "PartialData" } else { "Complete" }
    }
}

impl MetricReply {
    /// As rpcv2Cbor.
    pub fn to_cbor(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.map(2 + usize::from(self.next_token.is_some()));
        w.text("MetricDataResults").array(self.results.len());
        for series in &self.results {
            w.map(5);
            w.text("Id").text(&series.id);
            w.text("Label").text(&series.label);
            w.text("StatusCode").text(series.status());
            w.text("Timestamps").array(series.points.len());
            for (at, _) in &series.points {
                w.timestamp(epoch_seconds(*at));
            }
            w.text("Values").array(series.points.len());
            for (_, value) in &series.points {
                w.double(*value);
            }
        }
        if let Some(token) = &self.next_token {
            w.text("NextToken").text(token);
        }
        w.text("Messages").array(0);
        w.finish()
    }

    /// As AWS JSON 1.0.
    pub fn to_json(&self) -> serde_json::Value {
        let results: Vec<serde_json::Value> = self
            .results
            .iter()
            .map(|series| {
                serde_json::json!({
                    "Id": series.id,
                    "Label": series.label,
                    "StatusCode": series.status(),
                    "Timestamps": series.points.iter().map(|(at, _)| epoch_seconds(*at)).collect::<Vec<_>>(),
                    "Values": series.points.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
                })
            })
            .collect();
        let mut reply = serde_json::json!({"MetricDataResults": results, "Messages": []});
        if let Some(token) = &self.next_token {
            reply["NextToken"] = token.clone().into();
        }
        reply
    }

    /// As the inside of a Query result, for older clients.
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::default();
        xml.list("MetricDataResults", "member", &self.results, |x, series| {
            x.text("Id", &series.id);
            x.text("Label", &series.label);
            x.text("StatusCode", series.status());
            x.node("Timestamps", |x| {
                series
                    .points
                    .iter()
                    .for_each(|(at, _)| x.text("member", stamp(*at)));
            });
            x.node("Values", |x| {
                series
                    .points
                    .iter()
                    .for_each(|(_, value)| x.text("member", value));
            });
        });
        xml.opt("NextToken", self.next_token.as_ref());
        xml.node("Messages", |_| {});
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: usize) -> Series {
        let point = |n| (Timestamp::from_second(n * 60).unwrap(), 1.0);
        let points = (0..i64::try_from(points).unwrap()).map(point).collect();
        Series {
            id: "a".into(),
            label: "a".into(),
            points,
            partial: false,
        }
    }

    #[test]
    fn a_page_of_points_spans_results() {
        let page = cut(vec![series(3), series(3)], 2, 3);
        assert_eq!(
            page.results.iter().map(|s| s.points.len()).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(
            page.results.iter().map(Series::status).collect::<Vec<_>>(),
            ["Complete", "PartialData"]
        );
        assert_eq!(page.next_token.as_deref(), Some("sim-offset-5"));
        let last = cut(vec![series(3), series(3)], 5, 3);
        assert_eq!(
            last.results.iter().map(|s| s.points.len()).collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(last.next_token, None);
    }
}
