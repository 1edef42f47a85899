//! Calls that change nothing, one page each.

use super::super::described::{ClusterDescription, GroupDescription, Page, SubnetGroup};
use super::super::errors::Operation;
use super::super::session::Session;
use super::super::stats::CallObserver;
use super::super::translate::{self, clusters, events, groups};
use super::super::types::{AwsError, CacheEvent, ErrorClass, Metric};
use super::{Wire, actions};
use crate::topology::{AccountId, NodeId};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_cloudwatch::types::{
    Dimension, Metric as SdkMetric, MetricDataQuery, MetricStat, ScanBy, StatusCode,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records per page: the most that ElastiCache gives.
const MAX_RECORDS: i32 = 100;

/// Reads one region of one account. Clones share connections.
#[derive(Clone)]
pub struct ReadAws {
    elasticache: aws_sdk_elasticache::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    sts: aws_sdk_sts::Client,
    wire: Arc<Wire>,
}

/// One metric of one node: what CloudWatch bills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricQuestion {
    pub node: NodeId,
    pub metric: Metric,
}

/// A page of GetMetricData.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricAnswer {
    pub results: Vec<MetricResult>,
    pub next_token: Option<String>,
}

/// The answer to one question, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricResult {
    /// The question's place in the list.
    pub question: usize,
    /// (minute, value), in any order.
    pub points: Vec<(Timestamp, f64)>,
    pub completeness: Completeness,
}

/// `MetricDataResult.StatusCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Complete,
    /// More follows, or something is missing.
    Partial,
    /// CloudWatch refused or failed to answer this question.
    Failed,
}

impl ReadAws {
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        let once = RetryConfig::disabled();
        let elasticache = aws_sdk_elasticache::config::Builder::from(config).retry_config(once.clone());
        let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(config).retry_config(once.clone());
        let sts = aws_sdk_sts::config::Builder::from(config).retry_config(once);
        Self {
            elasticache: aws_sdk_elasticache::Client::from_conf(elasticache.build()),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            wire: Arc::new(Wire::new(observer)),
        }
    }

    /// The same with the credentials of an assumed role.
    pub fn assumed(config: &SdkConfig, observer: Arc<dyn CallObserver>, session: Arc<Session>) -> Self {
        let wire = Wire {
            observer: observer.clone(),
            session: Some(session.clone()),
        };
        Self {
            wire: Arc::new(wire),
            ..Self::new(&session.sign(config), observer)
        }
    }

    /// A page of all replication groups.
    pub async fn describe_replication_groups(
        &self,
        marker: Option<&str>,
    ) -> Result<Page<GroupDescription>, AwsError> {
        self.replication_groups(None, marker).await
    }

    /// One replication group by id; `ErrorClass::NotFound` when it doesn't exist.
    pub async fn describe_replication_group(&self, id: &str) -> Result<GroupDescription, AwsError> {
        let page = self.replication_groups(Some(id), None).await?;
        let found = page
            .items
            .into_iter()
            .find(|g| g.identifier == id.to_ascii_lowercase());
        found.ok_or_else(|| {
            absent(
                actions::DESCRIBE_REPLICATION_GROUPS,
                "ReplicationGroupNotFoundFault",
                id,
            )
        })
    }

    async fn replication_groups(
        &self,
        id: Option<&str>,
        marker: Option<&str>,
    ) -> Result<Page<GroupDescription>, AwsError> {
        let call = self.elasticache.describe_replication_groups();
        let call = call.set_replication_group_id(id.map(str::to_owned));
        let call = call.set_max_records(id.is_none().then_some(MAX_RECORDS));
        let call = call.set_marker(marker.map(str::to_owned));
        let op = actions::DESCRIBE_REPLICATION_GROUPS;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        let items = out
            .replication_groups()
            .iter()
            .filter_map(groups::group)
            .collect();
        Ok(Page {
            items,
            marker: marker_of(out.marker()),
        })
    }

    /// A page of all cache clusters with their nodes.
    pub async fn describe_cache_clusters(
        &self,
        marker: Option<&str>,
    ) -> Result<Page<ClusterDescription>, AwsError> {
        self.cache_clusters(None, marker).await
    }

    /// One cache cluster by id; `ErrorClass::NotFound` when it doesn't exist.
    pub async fn describe_cache_cluster(&self, id: &NodeId) -> Result<ClusterDescription, AwsError> {
        let page = self.cache_clusters(Some(id), None).await?;
        let found = page.items.into_iter().find(|c| c.id == *id);
        found.ok_or_else(|| {
            absent(
                actions::DESCRIBE_CACHE_CLUSTERS,
                "CacheClusterNotFound",
                id.as_str(),
            )
        })
    }

    async fn cache_clusters(
        &self,
        id: Option<&NodeId>,
        marker: Option<&str>,
    ) -> Result<Page<ClusterDescription>, AwsError> {
        let call = self
            .elasticache
            .describe_cache_clusters()
            .show_cache_node_info(true);
        let call = call.set_cache_cluster_id(id.map(|id| id.as_str().to_owned()));
        let call = call.set_max_records(id.is_none().then_some(MAX_RECORDS));
        let call = call.set_marker(marker.map(str::to_owned));
        let op = actions::DESCRIBE_CACHE_CLUSTERS;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        let items = out
            .cache_clusters()
            .iter()
            .filter_map(clusters::cluster)
            .collect();
        Ok(Page {
            items,
            marker: marker_of(out.marker()),
        })
    }

    /// A page of all cache subnet groups.
    pub async fn describe_cache_subnet_groups(
        &self,
        marker: Option<&str>,
    ) -> Result<Page<SubnetGroup>, AwsError> {
        let call = self
            .elasticache
            .describe_cache_subnet_groups()
            .max_records(MAX_RECORDS);
        let call = call.set_marker(marker.map(str::to_owned));
        let op = actions::DESCRIBE_CACHE_SUBNET_GROUPS;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        let items = out
            .cache_subnet_groups()
            .iter()
            .filter_map(clusters::subnet_group)
            .collect();
        Ok(Page {
            items,
            marker: marker_of(out.marker()),
        })
    }

    /// A page of all events of the window; AWS keeps 14 days.
    pub async fn describe_events(
        &self,
        from: Timestamp,
        to: Timestamp,
        marker: Option<&str>,
    ) -> Result<Page<CacheEvent>, AwsError> {
        let call = self.elasticache.describe_events().max_records(MAX_RECORDS);
        let call = call
            .start_time(translate::sdk_time(from))
            .end_time(translate::sdk_time(to));
        let call = call.set_marker(marker.map(str::to_owned));
        let op = actions::DESCRIBE_EVENTS;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        let items = out.events().iter().filter_map(events::event).collect();
        Ok(Page {
            items,
            marker: marker_of(out.marker()),
        })
    }

    /// A resource's tags. AWS refuses (`InvalidReplicationGroupState`) while a group isn't `available`.
    pub async fn list_tags_for_resource(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let call = self.elasticache.list_tags_for_resource().resource_name(arn);
        let op = actions::LIST_TAGS_FOR_RESOURCE;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        let tags = out
            .tag_list()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())));
        Ok(tags.collect())
    }

    /// Points of up to 500 questions, one minute each, of `from <= minute < to`.
    ///
    /// Every question is billed (about USD 0.01 per 1,000).
    pub async fn get_metric_data(
        &self,
        questions: &[MetricQuestion],
        from: Timestamp,
        to: Timestamp,
        token: Option<&str>,
    ) -> Result<MetricAnswer, AwsError> {
        let queries = questions
            .iter()
            .enumerate()
            .map(|(i, q)| metric_query(i, q))
            .collect();
        let call = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries));
        let call = call
            .start_time(translate::sdk_time(from))
            .end_time(translate::sdk_time(to));
        let call = call
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(token.map(str::to_owned));
        let op = actions::GET_METRIC_DATA;
        let billed = u32::try_from(questions.len()).unwrap_or(u32::MAX);
        let out = self
            .wire
            .once(op, billed, |sent| call.customize().interceptor(sent).send())
            .await?;
        let results = out.metric_data_results().iter().filter_map(|result| {
            let question = result.id()?.strip_prefix('q')?.parse().ok()?;
            let points = result.timestamps().iter().zip(result.values());
            let points = points.filter_map(|(at, value)| Some((translate::timestamp(at)?, *value)));
            Some(MetricResult {
                question,
                points: points.collect(),
                completeness: completeness(result.status_code()),
            })
        });
        Ok(MetricAnswer {
            results: results.collect(),
            next_token: marker_of(out.next_token()),
        })
    }

    /// The account that these credentials belong to.
    pub async fn get_caller_identity(&self) -> Result<AccountId, AwsError> {
        let call = self.sts.get_caller_identity();
        let op = actions::GET_CALLER_IDENTITY;
        let out = self
            .wire
            .once(op, 0, |sent| call.customize().interceptor(sent).send())
            .await?;
        out.account().map(AccountId::new).ok_or_else(|| AwsError {
            class: ErrorClass::Unknown,
            service: op.service,
            operation: op.name,
            code: super::super::errors::UNREADABLE.into(),
            message: "the answer names no account".into(),
            maybe_sent: true,
        })
    }
}

/// An answer by id that doesn't hold the id: not found, said politely.
fn absent(op: Operation, code: &str, id: &str) -> AwsError {
    AwsError {
        class: ErrorClass::NotFound,
        service: op.service,
        operation: op.name,
        code: code.to_owned(),
        message: format!("{id} not found"),
        maybe_sent: true,
    }
}

/// Some APIs end with an empty marker instead of none.
fn marker_of(marker: Option<&str>) -> Option<String> {
    marker.filter(|m| !m.is_empty()).map(str::to_owned)
}

fn metric_query(place: usize, question: &MetricQuestion) -> MetricDataQuery {
    let (name, stat) = match question.metric {
        // The average: a minute in which the role changed shows as neither 0 nor 1.
        Metric::IsMaster => ("IsMaster", "Average"),
        Metric::ReplicationLag => ("ReplicationLag", "Maximum"),
    };
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = SdkMetric::builder()
        .namespace("AWS/ElastiCache")
        .metric_name(name)
        .dimensions(dimension("CacheClusterId", question.node.as_str()))
        .dimensions(dimension("CacheNodeId", "0001"))
        .build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(stat).build();
    MetricDataQuery::builder()
        .id(format!("q{place}"))
        .metric_stat(stat)
        .return_data(true)
        .build()
}

fn completeness(code: Option<&StatusCode>) -> Completeness {
    match code {
        Some(StatusCode::Complete) => Completeness::Complete,
        Some(StatusCode::PartialData) => Completeness::Partial,
        _ => Completeness::Failed,
    }
}
