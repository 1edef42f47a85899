//! Clients, worlds and short words for assertions.

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_elasticache::config::retry::RetryConfig;
use aws_sdk_elasticache::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_elasticache::error::{ProvideErrorMetadata, SdkError};
use evenkeel_sim::{ClockMode, Sim};
use jiff::SignedDuration;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const KEY: &str = "AKIASIMULATOR0000000";
pub const A: &str = "ap-northeast-2a";
pub const B: &str = "ap-northeast-2b";
pub const C: &str = "ap-northeast-2c";

/// Three zones, one subnet group over all of them; `groups` is the YAML of the list.
pub fn world(groups: &str) -> String {
    format!(
        "region: ap-northeast-2\nzones: {{ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}}\n\
         subnetGroups: [{{name: shop-cache, zones: [a, b, c]}}]\nreplicationGroups: {groups}\n"
    )
}

/// The sessions cache of the README.
pub fn sessions() -> String {
    world("[{id: sessions, shards: ['a:P c:r', 'c:P a:r']}]")
}

/// A cache with cluster mode disabled.
pub fn carts() -> String {
    world("[{id: carts, clusterMode: disabled, shards: ['a:P c:r']}]")
}

pub async fn stepped(yaml: &str) -> Sim {
    Sim::builder()
        .world_yaml(yaml)
        .clock(ClockMode::Stepped)
        .start()
        .await
        .unwrap()
}

pub fn cache(sim: &Sim) -> aws_sdk_elasticache::Client {
    cache_as(sim, KEY, "ap-northeast-2", None)
}

pub fn cache_as(sim: &Sim, key: &str, region: &str, token: Option<&str>) -> aws_sdk_elasticache::Client {
    let config = aws_sdk_elasticache::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(sim.endpoint_url())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(
            key,
            "secret",
            token.map(str::to_owned),
            None,
            "test",
        ))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_elasticache::Client::from_conf(config)
}

pub fn watch(sim: &Sim) -> aws_sdk_cloudwatch::Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(sim.endpoint_url())
        .region(Region::new("ap-northeast-2"))
        .credentials_provider(Credentials::new(KEY, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_cloudwatch::Client::from_conf(config)
}

pub fn sts(sim: &Sim) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(sim.endpoint_url())
        .region(Region::new("ap-northeast-2"))
        .credentials_provider(Credentials::new(KEY, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

/// The wire code of a failed call.
pub fn code<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or("no code").to_owned(),
        Err(SdkError::DispatchFailure(_)) => "connection lost".to_owned(),
        Err(_) => "other failure".to_owned(),
    }
}

pub async fn minutes(sim: &Sim, minutes: i64) {
    sim.advance(SignedDuration::from_mins(minutes)).await.unwrap();
}

pub async fn seconds(sim: &Sim, seconds: i64) {
    sim.advance(SignedDuration::from_secs(seconds)).await.unwrap();
}

/// Shards as people draw them, by the truth: `a:P c:r!` (`!` dead, `~` being created, `-` being deleted).
pub fn drawn(sim: &Sim, group: &str) -> Vec<String> {
    let state = sim.state();
    let found = state
        .groups
        .iter()
        .find(|found| found.id == group)
        .expect("the group exists");
    found
        .shards
        .iter()
        .map(|shard| {
            let nodes = shard.nodes.iter().map(|node| {
                let zone = node.zone.chars().last().unwrap_or('?');
                let role = if node.role == "primary" { 'P' } else { 'r' };
                let health = match node.health {
                    "healthy" => "",
                    "creating" => "~",
                    "deleting" => "-",
                    _ => "!",
                };
                format!("{zone}:{role}{health}")
            });
            nodes.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

pub fn status(sim: &Sim, group: &str) -> &'static str {
    sim.state()
        .groups
        .iter()
        .find(|found| found.id == group)
        .expect("the group exists")
        .status
}

/// Messages of all events of a day, oldest first, each with its source.
pub async fn events(client: &aws_sdk_elasticache::Client) -> Vec<String> {
    let reply = client.describe_events().duration(1440).send().await.unwrap();
    let mut lines: Vec<String> = reply
        .events()
        .iter()
        .map(|event| {
            format!(
                "{}: {}",
                event.source_identifier().unwrap_or("?"),
                event.message().unwrap_or("?")
            )
        })
        .collect();
    lines.reverse();
    lines
}

/// The newest point of a metric of a node, if there is one within ten minutes: (age in seconds, value).
pub async fn newest_point(sim: &Sim, node: &str, metric: &str) -> Option<(i64, f64)> {
    let now = sim.now().as_second();
    let (at, value) = points(sim, node, metric, now - 600).await.into_iter().next()?;
    Some((now - at, value))
}

/// All points of a metric of a node since an epoch second, newest first: (epoch seconds, value).
pub async fn points(sim: &Sim, node: &str, metric: &str, since: i64) -> Vec<(i64, f64)> {
    let stat = MetricStat::builder()
        .metric(
            Metric::builder()
                .namespace("AWS/ElastiCache")
                .metric_name(metric)
                .dimensions(Dimension::builder().name("CacheClusterId").value(node).build())
                .build(),
        )
        .period(60)
        .stat("Maximum")
        .build();
    let reply = watch(sim)
        .get_metric_data()
        .start_time(aws_sdk_cloudwatch::primitives::DateTime::from_secs(since))
        .end_time(aws_sdk_cloudwatch::primitives::DateTime::from_secs(
            sim.now().as_second(),
        ))
        .metric_data_queries(MetricDataQuery::builder().id("m").metric_stat(stat).build())
        .send()
        .await
        .unwrap();
    let result = &reply.metric_data_results()[0];
    let times = result
        .timestamps()
        .iter()
        .map(aws_sdk_cloudwatch::primitives::DateTime::secs);
    times.zip(result.values().iter().copied()).collect()
}

/// Sends bytes on a connection of its own; everything that comes back.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A Query request to ElastiCache as an SDK would sign it.
pub async fn signed(address: SocketAddr, form: &str) -> String {
    signed_at(address, "/", &machine_date().await, form).await
}

/// The same, to another path, or signed at another time.
pub async fn signed_at(address: SocketAddr, path: &str, date: &str, form: &str) -> String {
    let (signature, day) = ("0".repeat(64), &date[..8]);
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nx-amz-date: {date}\r\nauthorization: \
         AWS4-HMAC-SHA256 Credential={KEY}/{day}/ap-northeast-2/elasticache/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    raw(address, request.as_bytes()).await
}

/// The machine's time as signatures carry it, from a simulator whose clock is the machine's.
pub async fn machine_date() -> String {
    let now = Sim::start().await.unwrap().now();
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// One control request on a connection of its own.
pub async fn control(sim: &Sim, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    stream
        .write_all(&request(method, path, body, true))
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}

pub fn request(method: &str, path: &str, body: &str, close: bool) -> Vec<u8> {
    let connection = if close { "close" } else { "keep-alive" };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn parse(answer: &[u8]) -> (u16, Value) {
    let text = String::from_utf8_lossy(answer);
    let status = text
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A child process as the clock sees it: one keep-alive connection on which it waits again and again.
pub struct Waiter {
    stream: TcpStream,
    name: &'static str,
}

impl Waiter {
    pub async fn new(sim: &Sim, name: &'static str) -> Self {
        Self {
            stream: TcpStream::connect(sim.address()).await.unwrap(),
            name,
        }
    }

    pub async fn park(&mut self, until: &str) {
        let path = format!("/_sim/clock/wait?until={until}&client={}", self.name);
        self.stream
            .write_all(&request("GET", &path, "", false))
            .await
            .unwrap();
    }

    /// The answer to the wait: simulated now.
    pub async fn answer(&mut self) -> String {
        let mut buffer = vec![0; 4096];
        let mut read = 0;
        loop {
            read += self.stream.read(&mut buffer[read..]).await.unwrap();
            let (status, value) = parse(&buffer[..read]);
            if status == 200 && !value.is_null() {
                return value["now"].as_str().unwrap().to_owned();
            }
            assert!(read > 0, "the connection was closed");
        }
    }
}

/// Waits (real time) until `holds`, failing after ten seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(10), patience)
            .await
            .is_ok(),
        "never: {what}"
    );
}
