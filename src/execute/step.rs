//! One step, from the decision to AWS's answer.
//!
//! ```text
//! store Prepared ─► look afresh, plan again ─► same step? ─► store MaybeCalled ─► stop? lease? still fresh? ─► send once
//! ```
//!
//! Each arrow may be the last thing that this process does: what is stored then says all that a successor needs.
//! A save that fails ends the step before anything is sent.

use super::change::{Change, change};
use super::progress::{note_capacity, with_ticket};
use super::store::{Store, StoreError, Version};
use super::ticket;
use crate::aws::WriteAws;
use crate::aws::types::AwsError;
use crate::clock::Clock;
use crate::plan::history::{History, Ticket};
use crate::plan::{Action, Hold};
use crate::topology::{Component, StackName, Topology};
use jiff::{SignedDuration, Timestamp};

/// A fresh look older than this is none: the process may have been frozen between the look and the call.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_secs(60);

/// The plan made again from a fresh read of the step's component.
#[derive(Clone, Debug)]
pub struct Again {
    pub topology: Topology,
    /// The first step without holds now.
    pub step: Vec<Action>,
    /// What holds the step's actions now.
    pub holds: Vec<Hold>,
    /// When the component's description was read.
    pub read_at: Timestamp,
}

/// The fresh look failed: there is nothing to act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fresh look before acting failed: {0}")]
pub struct Blind(pub String);

/// Reads the component afresh and plans again with `Purpose::Act`.
pub trait Replan {
    fn replan(
        &mut self,
        history: &History,
        ticket: &Ticket,
    ) -> impl Future<Output = Result<Again, Blind>> + Send;
}

/// Sends one change, once: never a retry.
pub trait Write {
    fn send(&self, group: &str, change: Change) -> impl Future<Output = Result<(), AwsError>> + Send;
}

/// Says why nothing may be sent now: the stop switch, a lost lease.
pub trait Gate: Send + Sync {
    fn closed(&self, now: Timestamp) -> Option<String>;
    /// What of it people are told as a hold on everything: the switch that a person or the breaker set, not a lease
    /// that is about to be renewed.
    fn told(&self, now: Timestamp) -> Option<String> {
        self.closed(now)
    }
    /// Closes it, for good as far as this process goes.
    fn close(&self, reason: &str);
}

impl<G: Gate> Gate for std::sync::Arc<G> {
    fn closed(&self, now: Timestamp) -> Option<String> {
        (**self).closed(now)
    }

    fn told(&self, now: Timestamp) -> Option<String> {
        (**self).told(now)
    }

    fn close(&self, reason: &str) {
        (**self).close(reason);
    }
}

/// One stack's record as this process holds it: what was stored last, or where nothing was ever stored, what will be
/// before the first step.
#[derive(Clone, Debug)]
pub struct Record {
    pub stack: StackName,
    pub history: History,
    pub version: Version,
    /// A save failed: what is on disk is unknown, and it is loaded again before anything else.
    pub unsure: bool,
}

impl Record {
    /// Stores a new history; on failure this record keeps the old one and is unsure.
    pub async fn save(&mut self, store: &impl Store, history: History) -> Result<(), StoreError> {
        match store.save(&self.stack, &history, &self.version).await {
            Ok(version) => {
                self.history = history;
                self.version = version;
                Ok(())
            }
            Err(error) => {
                self.unsure = true;
                Err(error)
            }
        }
    }
}

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    /// The call was sent, and AWS answered or not: the ticket says which.
    Called(Ticket),
    /// The fresh look gave another plan; nothing was sent.
    Overtaken { again: Again },
    /// The fresh look failed; nothing was sent.
    Blind(Blind),
    /// The stop switch or the lease; nothing was sent.
    Stopped(String),
    /// The record can't be stored. Nothing was sent, or (after the call) its answer is not recorded.
    NotStored(StoreError),
}

/// The ports of one step.
#[derive(Debug)]
pub struct Ports<'a, C, S, R, W, G> {
    pub clock: &'a C,
    pub store: &'a S,
    pub replan: &'a mut R,
    pub write: &'a W,
    pub gate: &'a G,
}

impl<C: Clock, S: Store, R: Replan, W: Write, G: Gate> Ports<'_, C, S, R, W, G> {
    /// Takes this step on the component that all of its actions name, as the deciding view shows it.
    pub async fn take(
        &mut self,
        record: &mut Record,
        step: Vec<Action>,
        component: &Component,
        holder: &str,
    ) -> Outcome {
        let mut prepared = ticket::prepare(step, component, holder, self.clock.now());
        let of = prepared.actions.first().map(|a| &a.component);
        prepared.incarnation = of.and_then(|name| record.history.incarnations.get(name)).cloned();
        let history = with_ticket(&record.history, prepared.clone());
        if let Err(error) = record.save(self.store, history).await {
            return Outcome::NotStored(error);
        }
        let again = match self.replan.replan(&record.history, &prepared).await {
            Ok(again) => again,
            Err(error) => return self.withdraw(record, &prepared, Outcome::Blind(error)).await,
        };
        if !same(&prepared.actions, &again.step) {
            return self
                .withdraw(record, &prepared, Outcome::Overtaken { again })
                .await;
        }
        self.call(record, &prepared, again).await
    }

    async fn call(&self, record: &mut Record, prepared: &Ticket, again: Again) -> Outcome {
        let component = prepared
            .actions
            .first()
            .and_then(|a| again.topology.components.get(&a.component));
        let ready = component.and_then(|component| {
            let change = change(&prepared.actions, component).ok()?;
            let called = ticket::call(prepared, component, self.clock.now()).ok()?;
            Some((component.resource.identifier.clone(), change, called))
        });
        let Some((group, change, called)) = ready else {
            return self
                .withdraw(record, prepared, Outcome::Overtaken { again })
                .await;
        };
        if let Some(reason) = self.gate.closed(self.clock.now()) {
            return self.withdraw(record, prepared, Outcome::Stopped(reason)).await;
        }
        let history = with_ticket(&record.history, called.clone());
        if let Err(error) = record.save(self.store, history).await {
            return Outcome::NotStored(error);
        }
        // From here on a successor assumes that the call was sent; only this process knows whether it was.
        if let Some(reason) = self.gate.closed(self.clock.now()) {
            return self.withdraw(record, &called, Outcome::Stopped(reason)).await;
        }
        if self.clock.now().duration_since(again.read_at) > FRESH_FOR {
            return self.withdraw(record, &called, Outcome::Overtaken { again }).await;
        }
        let answer = self.write.send(&group, change).await;
        self.note_answer(record, &called, answer).await
    }

    async fn note_answer(
        &self,
        record: &mut Record,
        called: &Ticket,
        answer: Result<(), AwsError>,
    ) -> Outcome {
        let now = self.clock.now();
        // A called ticket can always be answered; should it not be, it stays as it is stored.
        let after = ticket::answered(called, &answer, now).unwrap_or_else(|_| called.clone());
        let mut history = with_ticket(&record.history, after.clone());
        if let Err(error) = &answer {
            history = note_capacity(&history, &after, error, now);
        }
        match record.save(self.store, history).await {
            Ok(()) => Outcome::Called(after),
            Err(error) => Outcome::NotStored(error),
        }
    }

    /// Nothing was sent: closes the ticket. Should that not be stored, the successor sees an open ticket, which is
    /// safe.
    async fn withdraw(&self, record: &mut Record, ticket: &Ticket, outcome: Outcome) -> Outcome {
        let Ok(closed) = ticket::withdraw(ticket, self.clock.now()) else {
            return outcome;
        };
        let history = with_ticket(&record.history, closed);
        match record.save(self.store, history).await {
            Ok(()) => outcome,
            Err(error) => Outcome::NotStored(error),
        }
    }
}

/// The same actions with the same subjects; sentences and expected winners may differ.
fn same(step: &[Action], again: &[Action]) -> bool {
    step.len() == again.len()
        && step
            .iter()
            .zip(again)
            .all(|(a, b)| a.id == b.id && a.component == b.component && a.kind == b.kind)
}

impl Write for WriteAws {
    async fn send(&self, group: &str, change: Change) -> Result<(), AwsError> {
        match change {
            Change::Increase(shards) => self.increase_replica_count(group, shards).await,
            Change::Decrease(node) => self.decrease_replica_count(group, &[node]).await,
            Change::TestFailover(shard) => self.test_failover(group, &shard).await,
            Change::EnableAutomaticFailover => self.enable_automatic_failover(group).await,
            Change::EnableMultiAz => self.enable_multi_az(group).await,
        }
    }
}
