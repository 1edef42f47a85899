//! Calls that change something. Each is sent once: an error with `maybe_sent` may or may not have taken effect, and
//! only the topology tells.

use super::super::errors::Operation;
use super::super::limits::{Bucket, Budget, Limits};
use super::super::session::Session;
use super::super::stats::CallObserver;
use super::super::types::{AwsError, ErrorClass};
use super::{Notes, Wire, actions};
use crate::topology::{NodeId, Role, Shard, ShardId, ZoneName};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_elasticache::types::{ConfigureShard, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

/// Changes one region of one account. Deliberately not `Clone`: one executor owns it.
pub struct WriteAws {
    elasticache: aws_sdk_elasticache::Client,
    wire: Wire,
    pace: Pace,
}

/// When something may be changed next in one region of one account; clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<Bucket>>);

impl Default for Pace {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(
            Limits::default().bucket(Budget::ElastiCacheWrites).clone(),
        )))
    }
}

impl Pace {
    /// Takes a turn to change something, or says when there is one. Turns come more slowly after a throttle.
    pub fn turn(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    fn learn(&self, throttled: bool) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .learn(throttled);
    }
}

/// What one shard gets in an IncreaseReplicaCount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIncrease {
    shard: ShardId,
    /// Primary's first, then the replicas', then the new nodes'.
    zones: Vec<ZoneName>,
    new_replica_count: i32,
}

impl ShardIncrease {
    /// Adds one replica per zone of `added` to a shard that looks like `now` (API shape `ConfigureShard`:
    /// PreferredAvailabilityZones has one entry for each node, the primary's first).
    ///
    /// Where the primary isn't known, all members' zones come first in order of their ids.
    pub fn new(id: ShardId, now: &Shard, added: &[ZoneName]) -> Self {
        let primary = now.primary().map(|(id, _)| id);
        let is_primary = |id: &NodeId| primary.map_or(now.nodes[id].role == Role::Primary, |p| p == id);
        let (first, rest): (Vec<_>, Vec<_>) = now.nodes.iter().partition(|(id, _)| is_primary(id));
        let existing = first.into_iter().chain(rest).map(|(_, node)| node.zone.clone());
        let zones: Vec<ZoneName> = existing.chain(added.iter().cloned()).collect();
        let new_replica_count = i32::try_from(zones.len().saturating_sub(1)).unwrap_or(i32::MAX);
        Self {
            shard: id,
            zones,
            new_replica_count,
        }
    }

    pub(super) fn into_sdk(self) -> ConfigureShard {
        let zones = self.zones.iter().map(ToString::to_string).collect();
        ConfigureShard::builder()
            .node_group_id(self.shard.as_str())
            .new_replica_count(self.new_replica_count)
            .set_preferred_availability_zones(Some(zones))
            .build()
    }
}

impl WriteAws {
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        let conf = aws_sdk_elasticache::config::Builder::from(config).retry_config(RetryConfig::disabled());
        Self {
            elasticache: aws_sdk_elasticache::Client::from_conf(conf.build()),
            wire: Wire::new(observer),
            pace: Pace::default(),
        }
    }

    /// With the credentials of an assumed role, at a pace that others share.
    pub fn assumed(
        config: &SdkConfig,
        observer: Arc<dyn CallObserver>,
        session: Arc<Session>,
        pace: Pace,
    ) -> Self {
        let wire = Wire {
            observer: observer.clone(),
            session: Some(session.clone()),
        };
        Self {
            wire,
            pace,
            ..Self::new(&session.sign(config), observer)
        }
    }

    /// Its pace.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn send<T, E, F>(&self, op: Operation, send: impl FnOnce(Notes) -> F) -> Result<(), AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let answer = self.wire.once(op, 0, send).await;
        let throttled = answer.as_ref().is_err_and(|e| e.class == ErrorClass::Throttled);
        if throttled || answer.is_ok() {
            self.pace.learn(throttled);
        }
        answer.map(drop)
    }

    /// Adds replicas to one or more shards of a group.
    pub async fn increase_replica_count(
        &self,
        group: &str,
        shards: Vec<ShardIncrease>,
    ) -> Result<(), AwsError> {
        let shards = shards.into_iter().map(ShardIncrease::into_sdk).collect();
        let call = self
            .elasticache
            .increase_replica_count()
            .replication_group_id(group);
        let call = call
            .set_replica_configuration(Some(shards))
            .apply_immediately(true);
        let op = actions::INCREASE_REPLICA_COUNT;
        self.send(op, |sent| call.customize().interceptor(sent).send())
            .await
    }

    /// Removes these replicas. Never give it a primary: AWS then fails the operation later, by an event.
    pub async fn decrease_replica_count(&self, group: &str, nodes: &[NodeId]) -> Result<(), AwsError> {
        let nodes = nodes.iter().map(ToString::to_string).collect();
        let call = self
            .elasticache
            .decrease_replica_count()
            .replication_group_id(group);
        let call = call.set_replicas_to_remove(Some(nodes)).apply_immediately(true);
        let op = actions::DECREASE_REPLICA_COUNT;
        self.send(op, |sent| call.customize().interceptor(sent).send())
            .await
    }

    /// Fails one shard over to its replica with the least lag, and replaces the old primary.
    pub async fn test_failover(&self, group: &str, shard: &ShardId) -> Result<(), AwsError> {
        let call = self.elasticache.test_failover().replication_group_id(group);
        let call = call.node_group_id(shard.as_str());
        let op = actions::TEST_FAILOVER;
        self.send(op, |sent| call.customize().interceptor(sent).send())
            .await
    }

    /// Turns automatic failover on, now and not in the maintenance window.
    pub async fn enable_automatic_failover(&self, group: &str) -> Result<(), AwsError> {
        self.modify_replication_group(group, Some(true), None).await
    }

    /// Turns Multi-AZ on, now and not in the maintenance window. Automatic failover must be on.
    pub async fn enable_multi_az(&self, group: &str) -> Result<(), AwsError> {
        self.modify_replication_group(group, None, Some(true)).await
    }

    async fn modify_replication_group(
        &self,
        group: &str,
        automatic_failover: Option<bool>,
        multi_az: Option<bool>,
    ) -> Result<(), AwsError> {
        let call = self
            .elasticache
            .modify_replication_group()
            .replication_group_id(group);
        let call = call
            .set_automatic_failover_enabled(automatic_failover)
            .set_multi_az_enabled(multi_az);
        let call = call.apply_immediately(true);
        let op = actions::MODIFY_REPLICATION_GROUP;
        self.send(op, |sent| call.customize().interceptor(sent).send())
            .await
    }

    /// Writes tags, such as the owner's.
    pub async fn add_tags_to_resource(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let tags = tags
            .iter()
            .map(|(k, v)| Tag::builder().key(k).value(v).build())
            .collect();
        let call = self
            .elasticache
            .add_tags_to_resource()
            .resource_name(arn)
            .set_tags(Some(tags));
        let op = actions::ADD_TAGS_TO_RESOURCE;
        self.send(op, |sent| call.customize().interceptor(sent).send())
            .await
    }
}
