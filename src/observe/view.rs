//! What one (account, region) last told us, unjudged: the store that pollers fill and evidence reads.
//!
//! A view is a value. Judging it (health, roles, zone states, failovers) happens in the pure modules beside it.

use crate::aws::types::{AwsError, CacheEvent, CacheGroup, NodePoints};
use crate::topology::{AccountId, NodeId, Region};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Everything read of one service in one region of one account.
#[derive(Clone, Debug)]
pub struct RegionView {
    pub account: Option<AccountId>,
    pub region: Region,
    /// By identifier, lower case.
    pub groups: BTreeMap<String, Seen<CacheGroup>>,
    /// Of the last whole listing (all pages); a group absent from `groups` is `Missing` only after one.
    pub listed: Poll,
    pub events: EventLog,
    /// Asked-for points by node. A node that is not here was never asked about.
    pub points: BTreeMap<NodeId, PointLog>,
    /// Tags by identifier, where they were read.
    pub tags: BTreeMap<String, Seen<Result<BTreeMap<String, String>, AwsError>>>,
    pub metrics: Poll,
}

/// A value and when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    pub value: T,
    pub read_at: Timestamp,
}

/// How a kind of poll fares.
#[derive(Clone, Debug, Default)]
pub struct Poll {
    /// The last complete success.
    pub complete_at: Option<Timestamp>,
    /// The failure since then, if any.
    pub error: Option<AwsError>,
}

/// Events as polled: overlapping windows, deduplicated.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    pub events: BTreeSet<CacheEvent>,
    /// Events have been polled without a break since this moment (reaching back by the first poll's window).
    pub complete_since: Option<Timestamp>,
    pub poll: Poll,
}

/// The metric points of one node.
#[derive(Clone, Debug, Default)]
pub struct PointLog {
    pub points: NodePoints,
    /// When CloudWatch last answered about this node (with or without points) and the window asked for.
    pub asked: Option<Asked>,
}

/// One answered question about a node's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub at: Timestamp,
    pub from: Timestamp,
    pub to: Timestamp,
}
