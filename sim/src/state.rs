//! `GET /_sim/state`: the truth about the world, for assertions and for people.
//!
//! Roles and health are as they are, not as the API shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::calls::Totals;
use crate::clock::ClockView;
use crate::units::stamp;
use crate::world::model::{Group, Outage};
use crate::world::{ActorNote, DataLoss, Failover, TestFailoverNote, World};

/// Everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Simulated now.
    #[serde(serialize_with = "as_stamp")]
    pub now: Timestamp,
    /// The clock and its clients.
    pub clock: ClockView,
    /// Zones by name.
    pub zones: BTreeMap<String, ZoneState>,
    /// Replication groups in order of account, region, id.
    pub groups: Vec<GroupState>,
    /// Shards that lost everything.
    pub data_loss_events: Vec<DataLoss>,
    /// Changes of primary.
    pub failovers: Vec<Failover>,
    /// Accepted test failovers.
    pub test_failovers: Vec<TestFailoverNote>,
    /// Test failovers of the last 24 hours by account.
    pub test_failovers_last_day: BTreeMap<String, usize>,
    /// Other actors' deeds.
    pub actor_deeds: Vec<ActorNote>,
    /// Metrics asked of CloudWatch.
    pub metrics_requested: u64,
    /// API calls.
    pub calls: Totals,
}

/// A zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneState {
    /// Zone id.
    pub id: String,
    /// Region.
    pub region: String,
    /// Dead?
    pub failed: bool,
    /// Since when.
    #[serde(serialize_with = "as_opt_stamp")]
    pub failed_since: Option<Timestamp>,
}

/// A replication group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    /// Its id.
    pub id: String,
    /// When it was made: a deleted one's id is given again.
    #[serde(serialize_with = "as_stamp")]
    pub created: Timestamp,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// disabled, compatible or enabled.
    pub cluster_mode: &'static str,
    /// As the API shows it.
    pub status: &'static str,
    /// As the API shows it.
    pub automatic_failover: &'static str,
    /// Multi-AZ on?
    pub multi_az: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Shards by id.
    pub shards: Vec<ShardState>,
}

/// A shard.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardState {
    /// Its id.
    pub id: String,
    /// The primary's id; it may be dead.
    pub primary: String,
    /// The primary's zone.
    pub primary_zone: Option<String>,
    /// Copies that serve.
    pub healthy_copies: usize,
    /// Fewest ever (or since the last reset).
    pub min_healthy_copies: usize,
    /// Every copy was lost at least once.
    pub data_lost: bool,
    /// Times without a primary.
    pub unavailable: Vec<Outage>,
    /// Nodes by id.
    pub nodes: Vec<NodeState>,
}

/// A node.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// Cache cluster id.
    pub id: String,
    /// When it was made: a removed one's id is given again.
    #[serde(serialize_with = "as_stamp")]
    pub created: Timestamp,
    /// Zone name.
    pub zone: String,
    /// primary or replica.
    pub role: &'static str,
    /// healthy, lost, recovering, creating or deleting.
    pub health: &'static str,
    /// Replication lag as a replica.
    pub lag_seconds: f64,
}

/// Looks at everything.
pub fn view(world: &World, clock: ClockView, calls: Totals) -> State {
    let journal = &world.journal;
    let now = world.now();
    let accounts: Vec<&String> = journal.test_failovers.iter().map(|note| &note.account).collect();
    State {
        now,
        clock,
        zones: world
            .zones
            .iter()
            .map(|(name, zone)| {
                let state = ZoneState {
                    id: zone.id.clone(),
                    region: zone.region.clone(),
                    failed: zone.failed_since.is_some(),
                    failed_since: zone.failed_since,
                };
                (name.clone(), state)
            })
            .collect(),
        groups: world.groups().map(|group| group_state(group, world)).collect(),
        data_loss_events: journal.data_losses.clone(),
        failovers: journal.failovers.clone(),
        test_failovers: journal.test_failovers.clone(),
        test_failovers_last_day: accounts
            .into_iter()
            .map(|account| (account.clone(), journal.test_failovers_in_a_day(account, now)))
            .collect(),
        actor_deeds: journal.actors.clone(),
        metrics_requested: journal.metrics_requested,
        calls,
    }
}

fn group_state(group: &Group, world: &World) -> GroupState {
    let shards = group.shards.iter().map(|(id, shard)| ShardState {
        id: id.clone(),
        primary: shard.primary.clone(),
        primary_zone: shard.nodes.get(&shard.primary).map(|node| node.zone.clone()),
        healthy_copies: shard.healthy(),
        min_healthy_copies: shard.min_healthy,
        data_lost: shard.data_lost,
        unavailable: shard.outages.clone(),
        nodes: shard
            .nodes
            .values()
            .map(|node| NodeState {
                id: node.id.clone(),
                created: node.created,
                zone: node.zone.clone(),
                role: if node.id == shard.primary {
                    "primary"
                } else {
                    "replica"
                },
                health: node.life.word(),
                lag_seconds: node.lag,
            })
            .collect(),
    });
    GroupState {
        id: group.key.id.clone(),
        created: group.created,
        account: group.key.place.account.clone(),
        region: group.key.place.region.clone(),
        cluster_mode: group.mode.word(),
        status: group.status(&world.switches),
        automatic_failover: group.automatic_failover_word(),
        multi_az: group.multi_az,
        tags: group.tags.clone(),
        shards: shards.collect(),
    }
}

/// Serialises an instant as RFC 3339 with milliseconds.
pub fn as_stamp<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&stamp(*at))
}

/// Serialises an optional instant likewise.
#[expect(clippy::ref_option, reason = "serde's signature")]
pub fn as_opt_stamp<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => as_stamp(at, serializer),
        None => serializer.serialize_none(),
    }
}
