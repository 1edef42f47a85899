//! What has happened, kept for assertions and for people: data losses, failovers, quota use, other actors' deeds.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Every copy of a shard was dead at once.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataLoss {
    /// When the last copy died.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub at: Timestamp,
    /// The group.
    pub group: String,
    /// The shard.
    pub shard: String,
}

/// A change of primary.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// Promotion.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub at: Timestamp,
    /// The group.
    pub group: String,
    /// The shard.
    pub shard: String,
    /// The old primary.
    pub from: String,
    /// The new primary.
    pub to: String,
    /// zone, node, testFailover, maintenance or promotion.
    pub cause: &'static str,
    /// From the loss of the old primary to the promotion.
    pub failover_seconds: f64,
}

/// An accepted TestFailover.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestFailoverNote {
    /// When.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub at: Timestamp,
    /// Whose quota.
    pub account: String,
    /// The group.
    pub group: String,
    /// The shard.
    pub shard: String,
    /// `api`, or the name of a world's actor.
    pub by: String,
}

/// What another actor did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActorNote {
    /// When.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub deed: String,
    /// `ok`, or the refusal.
    pub result: String,
}

/// The record of a world.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// Shards that lost everything.
    pub data_losses: Vec<DataLoss>,
    /// Changes of primary.
    pub failovers: Vec<Failover>,
    /// Accepted test failovers.
    pub test_failovers: Vec<TestFailoverNote>,
    /// Other actors' deeds.
    pub actors: Vec<ActorNote>,
    /// Metrics asked of CloudWatch.
    pub metrics_requested: u64,
}

impl Journal {
    /// Test failovers of an account in the 24 hours before `now`.
    pub fn test_failovers_in_a_day(&self, account: &str, now: Timestamp) -> usize {
        let horizon = now - SignedDuration::from_hours(24);
        self.test_failovers
            .iter()
            .filter(|note| note.account == account && note.at > horizon)
            .count()
    }
}
