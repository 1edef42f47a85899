//! The read before acting: one group, its members, the events since, and what else the action rests on.
//!
//! A [`Fresh`] can be made by [`Observer::fresh`] only, so whoever asks for one asks for a read.

use super::interest::Ask;
use super::pollers::Observer;
use crate::aws::limits::Patience;
use crate::aws::types::{AwsError, ErrorClass, Metric};
use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};

/// What an action rests on, besides the group, its members and the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreshNeeds {
    /// Who is primary.
    pub roles: bool,
    pub lag: bool,
    /// Whose the group is.
    pub tags: bool,
}

/// Proof that a group was read again, into the observer's view, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    identifier: String,
    read_at: Timestamp,
    needs: FreshNeeds,
}

impl Fresh {
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// When the reading began: nothing in it is older.
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// What was read besides group, members and events.
    pub fn needs(&self) -> FreshNeeds {
        self.needs
    }
}

/// Somebody waits: a few tries, then the action waits for another turn.
const BRIEF: Patience = Patience {
    attempts: 4,
    one: SignedDuration::from_secs(20),
    whole: SignedDuration::from_secs(30),
};

/// Enough points to hold one that is young enough in spite of CloudWatch's delay.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

impl Observer {
    /// Reads one group again, whatever is due. Any failure is an error: then there is nothing to act on.
    ///
    /// Tags that can't be read are an answer too (the view then says so), unless AWS was merely out of reach.
    pub async fn fresh<C: Clock>(
        &mut self,
        identifier: &str,
        needs: FreshNeeds,
        clock: &C,
    ) -> Result<Fresh, AwsError> {
        let identifier = identifier.to_ascii_lowercase();
        let read_at = clock.now();
        let changed = self.refresh(&identifier, BRIEF, clock).await?;
        self.carried.groups.extend(changed);
        let (events, told_of) = self.poll_events(BRIEF, clock).await?;
        self.carried.events.extend(events);
        self.carried.groups.extend(told_of);
        self.fresh_points(&identifier, needs, clock).await?;
        if needs.tags {
            self.fresh_tags(&identifier, clock).await?;
        }
        Ok(Fresh {
            identifier,
            read_at,
            needs,
        })
    }

    async fn fresh_points<C: Clock>(
        &mut self,
        identifier: &str,
        needs: FreshNeeds,
        clock: &C,
    ) -> Result<(), AwsError> {
        let Some(group) = self.view.groups.get(identifier) else {
            return Ok(());
        };
        let nodes = &group.value.member_clusters;
        let told = |id| {
            let mut members = group.value.shards.values().filter_map(|s| s.members.get(id));
            members.any(|m| m.role.is_some())
        };
        // Where the description tells every role, nothing is bought for it.
        let buy_roles = needs.roles && !nodes.iter().all(told);
        let asks = [(buy_roles, Metric::IsMaster), (needs.lag, Metric::ReplicationLag)]
            .into_iter()
            .filter(|(wanted, _)| *wanted && !nodes.is_empty())
            .map(|(_, metric)| Ask {
                metric,
                nodes: nodes.clone(),
                window: WINDOW,
            })
            .collect::<Vec<_>>();
        if asks.is_empty() {
            return Ok(());
        }
        // What the pollers are owed stays theirs: it would delay this read.
        let owed = std::mem::take(&mut self.owed);
        let bought = self.purchase(asks, BRIEF, clock).await;
        self.owed = owed;
        bought.error.map_or(Ok(()), Err)
    }

    async fn fresh_tags<C: Clock>(&mut self, identifier: &str, clock: &C) -> Result<(), AwsError> {
        self.view.tags.remove(identifier);
        self.read_tags(identifier, BRIEF, clock).await;
        match self.view.tags.get(identifier).map(|seen| &seen.value) {
            Some(Err(error)) if matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled) => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }
}
