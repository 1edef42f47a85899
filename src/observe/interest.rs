//! What to buy from CloudWatch now. Descriptions are free, metrics cost money (GetMetricData is billed by metric
//! requested, whatever the window), so this policy asks for few: sentinels each minute, everything once at start,
//! a shard when something about it changed or is in doubt, and a slow audit.
//!
//! The poller calls [`Interest::buy`] once a minute, after descriptions and events were polled, and asks exactly for
//! what comes out: each [`Ask`] is one metric of some nodes over one window that ends now. Answers go into the view
//! through `PointLog::absorb`. What is read freshly before acting is asked for by the executor, not here.

use super::view::RegionView;
use crate::aws::types::Metric;
use crate::topology::NodeId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What the policy looks at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub view: &'a RegionView,
    /// Identifiers of the groups that stacks name; nothing else is ever asked about.
    pub wanted: &'a BTreeSet<String>,
    /// Groups whose description differs from the one before, or about which (or about whose nodes) new events
    /// came, since the last call.
    pub changed: &'a BTreeSet<String>,
    /// Groups with an open ticket.
    pub hurried: &'a BTreeSet<String>,
    pub now: Timestamp,
}

/// What to ask for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buy {
    pub asks: Vec<Ask>,
}

/// One metric of some nodes, over the `window` that ends now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub metric: Metric,
    /// Never empty.
    pub nodes: BTreeSet<NodeId>,
    pub window: SignedDuration,
}

impl Buy {
    /// What CloudWatch bills: metrics requested.
    pub fn metrics(&self) -> usize {
        self.asks.iter().map(|ask| ask.nodes.len()).sum()
    }
}

/// What was bought before, as far as it decides what to buy next. A value of one (account, region); losing it costs
/// one round of asking for everything.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    started: BTreeSet<String>,
}

/// At start, far enough back to see since when a node has been silent.
const START_WINDOW: SignedDuration = SignedDuration::from_hours(3);

impl Interest {
    /// Decides and remembers: each call counts as bought.
    pub fn buy(&mut self, scene: &Scene<'_>) -> Buy {
        let mut first = BTreeSet::new();
        for id in scene.wanted {
            let Some(group) = scene.view.groups.get(id) else {
                continue;
            };
            if self.started.insert(id.clone()) {
                first.extend(
                    group
                        .value
                        .shards
                        .values()
                        .flat_map(|s| s.members.keys())
                        .cloned(),
                );
            }
        }
        let asks = [Metric::IsMaster, Metric::ReplicationLag]
            .into_iter()
            .filter(|_| !first.is_empty())
            .map(|metric| Ask {
                metric,
                nodes: first.clone(),
                window: START_WINDOW,
            })
            .collect();
        Buy { asks }
    }
}
