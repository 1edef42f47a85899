//! Polling events without a gap: each window begins before the last one ended.
//!
//! The first poll must bring the last 24 hours and tries for the 14 days that AWS keeps, up to a number of pages.

use super::calls::{Listing, endless};
use super::pollers::Observer;
use super::store::groups_of;
use super::view::EventLog;
use crate::aws::limits::{Budget, Patience};
use crate::aws::types::{AwsError, CacheEvent, CacheEventKind};
use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Events may be listed some time after they happened.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// AWS keeps 14 days; a little less, so that a slow request doesn't ask for more.
const KEPT: SignedDuration = SignedDuration::from_mins(14 * 24 * 60 - 30);
/// What the first poll must bring.
const FIRST: SignedDuration = SignedDuration::from_hours(24);
/// Pages that the first poll spends on older events.
const OLDER_PAGES: usize = 50;
const MOST_PAGES: usize = 10_000;
/// With more events than this, those that mean nothing to us are kept for a day only.
const PLENTY: usize = 50_000;

impl Observer {
    /// Polls what is new. The events not seen before (oldest first) and the groups they speak of.
    pub(super) async fn poll_events<C: Clock>(
        &mut self,
        patience: Patience,
        clock: &C,
    ) -> Result<(Vec<CacheEvent>, BTreeSet<String>), AwsError> {
        let now = clock.now();
        let last = self.view.events.poll.complete_at;
        let continued = last.map(|at| at - OVERLAP).filter(|from| *from > now - KEPT);
        let from = continued.unwrap_or(now - FIRST);
        let listed = self.events(from, now, MOST_PAGES, patience, clock).await;
        let listed = match listed {
            Ok(listed) if listed.cut => Err(endless("DescribeEvents", listed.pages)),
            other => other,
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                self.view.events.poll.error = Some(error.clone());
                return Err(error);
            }
        };
        let mut items = listed.items;
        if continued.is_none() {
            let older = self.events(now - KEPT, from, OLDER_PAGES, patience, clock).await;
            self.view.events.complete_since = Some(match &older {
                Ok(older) if !older.cut => now - KEPT,
                _ => from,
            });
            items.extend(older.into_iter().flat_map(|older| older.items));
        }
        self.view.events.poll.complete_at = Some(now);
        self.view.events.poll.error = None;
        let news = take_in(&mut self.view.events, items, now);
        let groups = groups_of(&self.view, &news);
        Ok((news, groups))
    }

    async fn events<C: Clock>(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
        patience: Patience,
        clock: &C,
    ) -> Result<Listing<CacheEvent>, AwsError> {
        let effort = Self::effort(clock, patience);
        let read = self.read.clone();
        let page = |marker: Option<String>| {
            let read = read.clone();
            async move { read.describe_events(from, to, marker.as_deref()).await }
        };
        self.caller
            .pages(clock, Budget::ElastiCacheReads, effort, most, page)
            .await
    }
}

/// Adds events to the log and forgets old ones. Those that are new, oldest first.
fn take_in(log: &mut EventLog, items: Vec<CacheEvent>, now: Timestamp) -> Vec<CacheEvent> {
    let mut news = BTreeSet::new();
    for event in items {
        if log.events.insert(event.clone()) {
            news.insert(event);
        }
    }
    let oldest = now - KEPT;
    log.events.retain(|event| event.at >= oldest);
    if log.events.len() > PLENTY {
        log.events
            .retain(|event| event.kind != CacheEventKind::Other || event.at >= now - FIRST);
    }
    news.into_iter().collect()
}
