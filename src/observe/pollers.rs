//! The poller of one (account, region): lists whole pages, buys few metrics, and says which groups changed.
//!
//! A quiet cycle costs pages, not groups: DescribeReplicationGroups, DescribeCacheClusters and DescribeEvents, 100
//! records a call. A failed page leaves the old view as it was, with the error beside it. One task owns an observer
//! and waits for one thing at a time.

use super::calls::{Caller, Effort};
use super::interest::{Ask, Interest, Scene};
use super::schedule::{Due, Hurries, PollSettings};
use super::store::Store;
use super::view::{EventLog, Poll, RegionView, Seen};
use crate::aws::ReadAws;
use crate::aws::limits::{Budget, Patience};
use crate::aws::types::{AwsError, CacheEvent, ErrorClass};
use crate::clock::Clock;
use crate::topology::Region;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What stacks want to know about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Identifiers, lower case, of the groups that stacks name: metrics are bought for these only.
    pub groups: BTreeSet<String>,
    /// Those whose tags are needed, because something is planned on them.
    pub tags: BTreeSet<String>,
}

/// What a round of polling brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Groups that appeared, went, changed, were told of by an event, or whose tags were read.
    pub groups: BTreeSet<String>,
    /// Groups about whose nodes CloudWatch answered.
    pub measured: BTreeSet<String>,
    /// Events not seen before, oldest first.
    pub events: Vec<CacheEvent>,
    /// What failed; the view keeps what it had.
    pub errors: Vec<AwsError>,
}

/// Reads one region of one account.
pub struct Observer {
    pub(super) read: ReadAws,
    pub(super) settings: PollSettings,
    pub(super) caller: Caller,
    pub(super) store: Store,
    pub(super) view: RegionView,
    pub(super) interest: Interest,
    /// Asked for, but CloudWatch didn't answer: asked again next time.
    pub(super) owed: Vec<Ask>,
    /// Since metrics were last bought.
    pub(super) changed_since_buy: BTreeSet<String>,
    /// What a fresh read found out besides; the next round reports it.
    pub(super) carried: Changes,
    round: Round,
    hurries: Hurries,
    due_describe: Due,
    due_events: Due,
    due_metrics: Due,
    due_subnets: Due,
    due_account: Due,
}

/// One call of [`Observer::poll_due`]. All that is due in a round is due again at one moment, so that a quiet minute has
/// one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    started: Timestamp,
    jitter: f64,
}

/// What is due this soon is done with the rest.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

/// Background reading: long enough to get a large fleet's pages through heavy throttling.
pub(super) const PATIENT: Patience = Patience {
    attempts: 8,
    one: SignedDuration::from_secs(45),
    whole: SignedDuration::from_mins(4),
};

/// Which account we are changes nothing that is judged; it is asked again after this long.
const ACCOUNT_RETRY: SignedDuration = SignedDuration::from_mins(10);

/// A failed reading of tags is repeated after this long.
const TAGS_RETRY: SignedDuration = SignedDuration::from_mins(1);

impl Observer {
    pub fn new(read: ReadAws, region: Region, settings: PollSettings) -> Self {
        let view = RegionView {
            account: None,
            region,
            groups: BTreeMap::new(),
            listed: Poll::default(),
            events: EventLog::default(),
            points: BTreeMap::new(),
            tags: BTreeMap::new(),
            metrics: Poll::default(),
        };
        Self {
            read,
            settings,
            caller: Caller::new(settings.jitter_seed),
            store: Store::default(),
            view,
            interest: Interest::default(),
            owed: Vec::new(),
            changed_since_buy: BTreeSet::new(),
            carried: Changes::default(),
            round: Round::default(),
            hurries: Hurries::default(),
            due_describe: Due::default(),
            due_events: Due::default(),
            due_metrics: Due::default(),
            due_subnets: Due::default(),
            due_account: Due::default(),
        }
    }

    /// What is known now.
    pub fn view(&self) -> &RegionView {
        &self.view
    }

    /// One whole read, whatever is due: groups, members, subnets, events as far back as AWS keeps them, the metrics
    /// and tags that are wanted. For the start and for one-shot commands.
    ///
    /// An error means that the groups couldn't be listed; other failures are in the view and in `Changes::errors`.
    pub async fn survey<C: Clock>(&mut self, wanted: &Wanted, clock: &C) -> Result<Changes, AwsError> {
        for due in [
            &mut self.due_describe,
            &mut self.due_events,
            &mut self.due_metrics,
            &mut self.due_subnets,
        ] {
            due.at_once();
        }
        self.begin_round(clock);
        self.describe_if_due(clock).await?;
        let mut changes = self.poll_due(wanted, clock).await;
        changes.groups.extend(self.view.groups.keys().cloned());
        Ok(changes)
    }

    /// Reads what is due, in an order in which later steps rest on earlier ones.
    pub async fn poll_due<C: Clock>(&mut self, wanted: &Wanted, clock: &C) -> Changes {
        self.begin_round(clock);
        let mut changes = std::mem::take(&mut self.carried);
        let described = self.describe_if_due(clock).await;
        let mut described_all = false;
        match described {
            Ok(Some(ids)) => {
                described_all = true;
                changes.groups.extend(ids);
            }
            Ok(None) => {}
            Err(error) => changes.errors.push(error),
        }
        // Who we are is told by another service; if AWS can't be reached at all, it can wait.
        if self.view.listed.error.is_none() {
            self.account_if_due(clock).await;
        }
        self.subnets_if_due(clock, &mut changes).await;
        let hurried = self.hurries.take_due(clock.now());
        if !described_all {
            for id in &hurried {
                self.hurried(id, clock, &mut changes).await;
            }
        }
        self.events_if_due(!hurried.is_empty(), clock, &mut changes).await;
        self.changed_since_buy.extend(changes.groups.iter().cloned());
        self.metrics_if_due(wanted, clock, &mut changes).await;
        self.tags_if_due(wanted, clock, &mut changes).await;
        changes
    }

    /// When [`Observer::poll_due`] next has something to do.
    pub fn next_due(&self, now: Timestamp) -> Timestamp {
        if self.carried != Changes::default() {
            return now;
        }
        let dues = [
            &self.due_describe,
            &self.due_events,
            &self.due_metrics,
            &self.due_subnets,
        ];
        let next = dues.iter().map(|due| due.at().unwrap_or(now));
        let next = next.chain(self.hurries.next()).min().unwrap_or(now);
        next.max(now)
    }

    /// Reads this group every so often until then: a ticket is open on it.
    pub fn hurry(&mut self, identifier: &str, every: SignedDuration, until: Timestamp, now: Timestamp) {
        self.hurries.add(identifier, every, until, now);
    }

    /// The ticket is closed.
    pub fn unhurry(&mut self, identifier: &str) {
        self.hurries.end(identifier);
    }

    fn begin_round(&mut self, clock: &impl Clock) {
        self.round = Round {
            started: clock.now(),
            jitter: self.caller.random(),
        };
    }

    fn is_due(&self, due: Due) -> bool {
        due.is_due(self.round.started + SLACK)
    }

    pub(super) fn effort(clock: &impl Clock, patience: Patience) -> Effort {
        Effort {
            patience,
            started: clock.now(),
        }
    }

    async fn describe_if_due<C: Clock>(&mut self, clock: &C) -> Result<Option<BTreeSet<String>>, AwsError> {
        if !self.is_due(self.due_describe) {
            return Ok(None);
        }
        let Round { started, jitter } = self.round;
        match self.list_groups(clock).await {
            Ok(changed) => {
                self.due_describe
                    .done(started, clock.now(), self.settings.describe_every, jitter);
                Ok(Some(changed))
            }
            Err(error) => {
                self.due_describe
                    .failed(clock.now(), self.settings.describe_every);
                Err(error)
            }
        }
    }

    async fn account_if_due<C: Clock>(&mut self, clock: &C) {
        if self.view.account.is_some() || !self.due_account.is_due(clock.now()) {
            return;
        }
        let once = Patience {
            attempts: 2,
            one: SignedDuration::from_secs(10),
            whole: SignedDuration::from_secs(10),
        };
        let effort = Self::effort(clock, once);
        let read = &self.read;
        let asked = self
            .caller
            .ask(clock, Budget::Sts, effort, || read.get_caller_identity());
        match asked.await {
            Ok(account) => self.view.account = Some(account),
            Err(error) => {
                tracing::warn!(%error, "Account could not be read");
                self.due_account.failed(clock.now(), ACCOUNT_RETRY);
            }
        }
    }

    async fn subnets_if_due<C: Clock>(&mut self, clock: &C, changes: &mut Changes) {
        let Round { started, jitter } = self.round;
        let unknown = self.store.lacks_subnets() && self.subnets_older_than_a_poll(started);
        if !unknown && !self.is_due(self.due_subnets) {
            return;
        }
        match self.list_subnets(clock).await {
            Ok(ids) => {
                self.due_subnets
                    .done(started, clock.now(), self.settings.subnets_every, jitter);
                changes.groups.extend(ids);
            }
            Err(error) => {
                self.due_subnets.failed(clock.now(), self.settings.subnets_every);
                changes.errors.push(error);
            }
        }
    }

    /// A subnet group that AWS doesn't list isn't asked for again at once.
    fn subnets_older_than_a_poll(&self, now: Timestamp) -> bool {
        let recently = self.settings.subnets_every - self.settings.describe_every * 3;
        self.due_subnets.at().is_some_and(|at| at < now + recently)
    }

    async fn hurried<C: Clock>(&mut self, identifier: &str, clock: &C, changes: &mut Changes) {
        match self.refresh(identifier, PATIENT, clock).await {
            Ok(ids) => changes.groups.extend(ids),
            Err(error) => {
                if error.class == ErrorClass::NotFound {
                    changes.groups.insert(identifier.to_owned());
                }
                changes.errors.push(error);
            }
        }
    }

    async fn events_if_due<C: Clock>(&mut self, hurried: bool, clock: &C, changes: &mut Changes) {
        if !hurried && !self.is_due(self.due_events) {
            return;
        }
        let Round { started, jitter } = self.round;
        match self.poll_events(PATIENT, clock).await {
            Ok((events, groups)) => {
                self.due_events
                    .done(started, clock.now(), self.settings.events_every, jitter);
                changes.events.extend(events);
                changes.groups.extend(groups);
            }
            Err(error) => {
                self.due_events.failed(clock.now(), self.settings.events_every);
                changes.errors.push(error);
            }
        }
    }

    async fn metrics_if_due<C: Clock>(&mut self, wanted: &Wanted, clock: &C, changes: &mut Changes) {
        if !self.is_due(self.due_metrics) {
            return;
        }
        let Round { started, jitter } = self.round;
        let hurried = self.hurries.identifiers().cloned().collect();
        let since = std::mem::take(&mut self.changed_since_buy);
        let buy = self.interest.buy(&Scene {
            view: &self.view,
            wanted: &wanted.groups,
            changed: &since,
            hurried: &hurried,
            now: clock.now(),
        });
        let bought = self.purchase(buy.asks, PATIENT, clock).await;
        changes.measured.extend(bought.groups);
        self.due_metrics
            .done(started, clock.now(), self.settings.metrics_every, jitter);
        changes.errors.extend(bought.error);
    }

    async fn tags_if_due<C: Clock>(&mut self, wanted: &Wanted, clock: &C, changes: &mut Changes) {
        self.view.tags.retain(|id, _| wanted.groups.contains(id));
        for id in &wanted.tags {
            let now = clock.now();
            let recent = self.view.tags.get(id).is_some_and(|seen| {
                let every = if seen.value.is_ok() {
                    self.settings.tags_every
                } else {
                    TAGS_RETRY
                };
                now.duration_since(seen.read_at) < every
            });
            if !recent && self.read_tags(id, PATIENT, clock).await {
                changes.groups.insert(id.clone());
            }
        }
    }

    /// Reads one group's tags into the view; false for a group that isn't there.
    ///
    /// While AWS refuses (a group that isn't `available`), what was read before stays, as old as it is.
    pub(super) async fn read_tags<C: Clock>(&mut self, id: &str, patience: Patience, clock: &C) -> bool {
        let Some(arn) = self.view.groups.get(id).map(|seen| seen.value.arn.clone()) else {
            return false;
        };
        let effort = Self::effort(clock, patience);
        let read = &self.read;
        let value = self
            .caller
            .ask(clock, Budget::ElastiCacheReads, effort, || {
                read.list_tags_for_resource(&arn)
            })
            .await;
        let refused = |e: &AwsError| {
            matches!(
                e.class,
                ErrorClass::Conflict | ErrorClass::Transient | ErrorClass::Throttled
            )
        };
        let known = self.view.tags.get(id).is_some_and(|seen| seen.value.is_ok());
        if known && value.as_ref().is_err_and(refused) {
            return false;
        }
        let read_at = effort.started;
        self.view.tags.insert(id.to_owned(), Seen { value, read_at });
        true
    }
}
