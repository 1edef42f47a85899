//! What people see: status, Events, metrics' numbers. Written only when something changed: a quiet fleet writes nothing.

use super::accounts::Refusal;
use super::client::Failure;
use super::events::{Sink, Telling};
use super::objects::{Basis, Objects, STATUS};
use super::watch::Seen;
use crate::api::v1alpha1::HAStackStatus;
use crate::engine::{Happening, Report};
use crate::plan::history::History;
use crate::report::events::{Event, events, finished};
use crate::report::metrics::{Metrics, StackSample};
use crate::report::sample::sample;
use crate::report::status::{Problem, Subject, drawn, refused, status};
use crate::shell::said::{self, Logged};
use crate::topology::StackName;
use futures::StreamExt as _;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Statuses written at a time: enough to hide the round trips, too few to trouble an API server.
const AT_ONCE: usize = 16;

/// The status of each stack as it was published last.
pub struct Publisher {
    objects: Arc<Objects>,
    sink: Sink,
    metrics: Arc<Metrics>,
    last: BTreeMap<StackName, Published>,
}

struct Published {
    uid: String,
    /// Shared with what the watch shows, once it shows the same.
    status: Arc<HAStackStatus>,
    sample: Arc<StackSample>,
    /// What the last log line said.
    logged: Option<Logged>,
    /// The API server has it.
    written: bool,
}

impl Publisher {
    pub fn new(objects: Arc<Objects>, sink: Sink, metrics: Arc<Metrics>) -> Self {
        Self {
            objects,
            sink,
            metrics,
            last: BTreeMap::new(),
        }
    }

    /// Stacks whose status the API server doesn't have yet.
    pub fn unwritten(&self) -> BTreeSet<StackName> {
        let missing = self.last.iter().filter(|(_, p)| !p.written);
        missing.map(|(name, _)| name.clone()).collect()
    }

    /// What is to be said of this stack now; nothing is written yet.
    pub fn compose(&mut self, stack: &StackName, said: &Said<'_>, now: Timestamp) {
        let Some(seen) = self.objects.cache().get(stack) else {
            self.forget(stack);
            return;
        };
        // What is known of an object of the same name that is gone says nothing of this one.
        let report = match said {
            Said::Judged(report) if report.wish.identity.as_ref() == Some(&seen.uid) => Some(report),
            _ => None,
        };
        let known = self.last.remove(stack).filter(|p| p.uid == seen.uid);
        let before = known
            .as_ref()
            .map_or(seen.status.as_deref(), |p| Some(&*p.status));
        let (status, sample, logged) = match (report, &seen.intent, said) {
            (Some(report), ..) => judged(report, before, now),
            (None, Err(why), _) => kept_out(&Problem::of_spec(why), &seen, before, now),
            (None, Ok(_), Said::Refused(refusal)) => kept_out(&refusal.problem(), &seen, before, now),
            (None, Ok(_), _) => {
                // It is new; the next turn takes it in.
                self.last.extend(known.map(|p| (stack.clone(), p)));
                return;
            }
        };
        for event in events(before, &status) {
            self.tell(stack, &seen, event);
        }
        let logged_before = known.as_ref().and_then(|p| p.logged.as_ref());
        if let (Some(line), Some(decision)) = (&logged, report.and_then(|r| r.decision))
            && logged_before != Some(line)
        {
            line.log(decision);
        }
        // What the watch shows may lag behind our own write; applying the same again changes nothing.
        let (written, status) = match &seen.status {
            Some(shown) if **shown == status => (true, shown.clone()),
            _ => {
                let stands = |p: &&Published| {
                    p.written && *p.status == status && !self.was_overwritten(stack, &seen, p)
                };
                (known.as_ref().is_some_and(|p| stands(&p)), Arc::new(status))
            }
        };
        let uid = seen.uid;
        self.last.insert(
            stack.clone(),
            Published {
                uid,
                status,
                sample: Arc::new(sample),
                logged,
                written,
            },
        );
    }

    /// Somebody else wrote the status after us: the newest version is what the watch shows, and it isn't what we said.
    fn was_overwritten(&self, stack: &StackName, seen: &Seen, published: &Published) -> bool {
        let newest = self.objects.newest(stack, &seen.uid);
        newest.as_ref() == Some(&seen.resource_version) && seen.status.as_ref() != Some(&published.status)
    }

    /// Writes what the API server doesn't have yet.
    pub async fn write(&mut self) {
        let objects = &self.objects;
        let pending: Vec<_> = self.last.iter_mut().filter(|(_, p)| !p.written).collect();
        if pending.is_empty() {
            return;
        }
        let _first = self.sink.right_of_way().await;
        futures::stream::iter(pending)
            .for_each_concurrent(AT_ONCE, |(stack, published)| async move {
                match write_one(objects, stack, published).await {
                    Ok(()) => published.written = true,
                    // It is gone or another one: the watch tells.
                    Err(Failure::NotFound(_) | Failure::Conflict(_)) => {}
                    Err(error) => tracing::warn!(%stack, %error, "A status can't be written; trying again"),
                }
            })
            .await;
    }

    /// The stack is gone: its series go too.
    fn forget(&mut self, stack: &StackName) {
        if self.last.remove(stack).is_some() {
            tracing::info!(%stack, "Forgotten: the HAStack is gone; AWS is left as it is");
        }
        self.objects.forget(stack);
    }

    pub fn happened(&self, happening: &Happening) {
        said::happened(&self.metrics, happening);
        if let Happening::Finished { stack, ticket } = happening
            && let Some(seen) = self.objects.cache().get(stack)
        {
            self.tell(stack, &seen, finished(ticket));
        }
    }

    /// The numbers of all stacks.
    pub fn samples(&self) -> BTreeMap<StackName, Arc<StackSample>> {
        self.last
            .iter()
            .map(|(name, p)| (name.clone(), p.sample.clone()))
            .collect()
    }

    fn tell(&self, stack: &StackName, seen: &Seen, event: Event) {
        self.sink.tell(Telling {
            stack: stack.clone(),
            uid: seen.uid.clone(),
            event,
        });
    }
}

/// What there is to say of a stack.
pub enum Said<'a> {
    /// The loop doesn't know it yet.
    Nothing,
    Judged(Report<'a>),
    /// Its AWSAccount keeps it from the loop.
    Refused(&'a Refusal),
}

/// Of a stack that the loop doesn't have.
fn kept_out(
    problem: &Problem<'_>,
    seen: &Seen,
    before: Option<&HAStackStatus>,
    now: Timestamp,
) -> (HAStackStatus, StackSample, Option<Logged>) {
    let status = refused(problem, seen.generation, before, now);
    (status, StackSample::default(), None)
}

fn judged(
    report: &Report<'_>,
    before: Option<&HAStackStatus>,
    now: Timestamp,
) -> (HAStackStatus, StackSample, Option<Logged>) {
    let nothing = History::default();
    let intent = &report.wish.intent;
    let subject = Subject {
        intent,
        generation: report.wish.generation,
        spec_problem: report.wish.frozen.as_deref(),
        unobserved: report.unobserved,
        topology: report.topology,
        decision: report.decision,
        history: report.history.unwrap_or(&nothing),
        now,
    };
    let status = status(&subject, before);
    let sample = sample(intent, report.topology, report.decision, &status);
    let logged = report.decision.map(|d| Logged::of(d, drawn(&status)));
    (status, sample, logged)
}

async fn write_one(objects: &Objects, stack: &StackName, published: &Published) -> Result<(), Failure> {
    let status = serde_json::to_value(&*published.status).map_err(|e| Failure::Invalid(e.to_string()))?;
    let basis = Basis {
        uid: &published.uid,
        resource_version: None,
    };
    objects.apply_status(stack, STATUS, basis, status).await
}
