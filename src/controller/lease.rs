//! Leadership by Lease: one process acts, the others watch.
//!
//! ```text
//! nobody's, released, or our own from before a restart ─► take it at once
//! somebody's, unchanged for its whole duration         ─► take it, and wait one call's timeout before acting
//! ours                                                 ─► renew; acting needs more left than a call may take
//! ```
//!
//! All spans are measured here, on the monotonic clock, as client-go does: a follower counts from when it saw the last
//! change, a leader from before it sent its last renewal. So clocks that differ between machines do no harm, and a
//! leader's lease ends for itself before it ends for anybody else.

use super::client::{Failure, ask};
use crate::aws::config::OPERATION_TIMEOUT;
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// On the Lease: which run of the holder it is. Two processes under one identity must not both lead.
const SESSION: &str = "evenkeel.dev/session";
/// Acting needs this much of the lease left: a call and its answer, and a little.
pub const CALL: Duration = Duration::from_secs(OPERATION_TIMEOUT.as_secs() + 2);
/// The shortest lease with which anything could ever be done.
pub const SHORTEST: Duration = Duration::from_secs(CALL.as_secs() + 5);
/// A leader renews this often, a follower looks this often.
const EVERY: Duration = Duration::from_secs(3);

/// Which Lease, and who we are.
#[derive(Clone, Debug)]
pub struct Settings {
    pub namespace: String,
    pub name: String,
    pub identity: String,
    pub duration: Duration,
}

/// What a Lease said when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    resource_version: String,
    holder: String,
    session: String,
    duration: Duration,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// Nobody leads: take it.
    Take,
    /// The holder has been silent for its whole lease: take it, and wait for what it may still have under way.
    TakeOver,
    Renew,
    Wait,
    /// Another process runs under our identity and took the lease after us.
    Usurped,
}

/// Pure: `leading` is this session's own tenure, `unchanged_for` how long this very version has been seen.
fn decide(found: Option<&Found>, me: &str, session: &str, leading: bool, unchanged_for: Duration) -> Move {
    let Some(found) = found else { return Move::Take };
    if found.holder == me {
        return match (found.session == session, leading) {
            (true, _) => Move::Renew,
            (false, true) => Move::Usurped,
            (false, false) => Move::Take,
        };
    }
    if found.holder.is_empty() {
        Move::Take
    } else if unchanged_for > found.duration {
        Move::TakeOver
    } else {
        Move::Wait
    }
}

/// Our lease, while we hold it.
#[derive(Clone, Copy, Debug)]
struct Tenure {
    /// From before the last renewal was sent.
    renewed: Stopwatch,
    /// Since when, and how long a predecessor's call may still be under way.
    since: Stopwatch,
    quarantine: Duration,
}

/// What the lease says of this process, for the gate and the loop.
#[derive(Debug)]
pub struct Standing {
    duration: Duration,
    told: Mutex<Told>,
    /// Told whenever leadership begins or ends.
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct Told {
    tenure: Option<Tenure>,
    /// Who leads, as far as is known.
    leader: Option<String>,
    trouble: Option<String>,
}

impl Standing {
    pub fn new(duration: Duration) -> Self {
        Self {
            duration,
            told: Mutex::new(Told::default()),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, tenure: &Tenure) -> Duration {
        self.duration.saturating_sub(tenure.renewed.elapsed())
    }

    /// The lease is held and has not run out.
    pub fn leads(&self) -> bool {
        self.lock().tenure.is_some_and(|t| !self.left(&t).is_zero())
    }

    /// Why nothing may be sent now.
    pub fn forbids(&self) -> Option<String> {
        let told = self.lock();
        let Some(tenure) = told.tenure else {
            let leader = told.leader.as_deref().unwrap_or("nobody that is known");
            return Some(format!("{leader} holds the lease"));
        };
        let left = self.left(&tenure);
        if left <= CALL {
            return Some(format!(
                "the lease has {} s left, and a call may take {} s",
                left.as_secs(),
                CALL.as_secs()
            ));
        }
        let waited = tenure.since.elapsed();
        (waited < tenure.quarantine).then(|| {
            format!(
                "the lease was taken over {} s ago, and a call of the process before may take {} s",
                waited.as_secs(),
                tenure.quarantine.as_secs()
            )
        })
    }

    /// A predecessor's call may still be under way.
    pub fn in_quarantine(&self) -> bool {
        self.lock()
            .tenure
            .is_some_and(|t| t.since.elapsed() < t.quarantine)
    }

    /// Why this process knows nothing of the lease; `None` when it does.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    pub fn leader(&self) -> Option<String> {
        self.lock().leader.clone()
    }

    fn begin(&self, renewed: Stopwatch, quarantine: Duration) {
        let mut told = self.lock();
        let since = Stopwatch::start();
        let began = told.tenure.is_none();
        match &mut told.tenure {
            Some(tenure) => tenure.renewed = renewed,
            none => {
                *none = Some(Tenure {
                    renewed,
                    since,
                    quarantine,
                });
            }
        }
        drop(told);
        if began {
            self.changed.notify_waiters();
        }
    }

    fn end(&self) {
        if self.lock().tenure.take().is_some() {
            self.changed.notify_waiters();
        }
    }

    /// Ends the tenure once the lease has run out.
    fn expire(&self) {
        let ran_out = self.lock().tenure.is_some_and(|t| self.left(&t).is_zero());
        if ran_out {
            tracing::error!("The lease ran out before it could be renewed; acting ends");
            self.end();
        }
    }
}

/// Why a candidate gave up.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error(
        "another process runs under the identity {0} and has taken the lease: give each process its own --identity"
    )]
    Usurped(String),
}

/// Takes, renews and releases the Lease.
pub struct Candidate {
    api: Api<Lease>,
    settings: Settings,
    session: String,
    standing: Arc<Standing>,
    found: Option<Found>,
    /// Since when this very version has been seen.
    unchanged: Stopwatch,
}

impl Candidate {
    pub fn new(client: Client, settings: Settings, session: String, standing: Arc<Standing>) -> Self {
        Self {
            api: Api::namespaced(client, &settings.namespace),
            settings,
            session,
            standing,
            found: None,
            unchanged: Stopwatch::start(),
        }
    }

    /// Runs until it is dropped; an error ends the process.
    pub async fn run(&mut self) -> LeaseError {
        loop {
            let turn = Stopwatch::start();
            let limit = EVERY + Duration::from_secs(2);
            let step = tokio::time::timeout(limit, self.step()).await;
            let failure = match step {
                Ok(Ok(true)) => None,
                Ok(Ok(false)) => return LeaseError::Usurped(self.settings.identity.clone()),
                Ok(Err(failure)) => Some(failure.to_string()),
                Err(_) => Some(format!(
                    "the API server did not answer within {} s",
                    limit.as_secs()
                )),
            };
            if let Some(why) = &failure {
                tracing::warn!(reason = %why, lease = self.settings.name, "The lease can't be read or renewed");
            }
            self.standing.lock().trouble = failure;
            self.standing.expire();
            tokio::time::sleep(
                EVERY
                    .saturating_sub(turn.elapsed())
                    .max(Duration::from_millis(200)),
            )
            .await;
        }
    }

    /// One look and what follows from it; false when somebody else runs under our identity.
    async fn step(&mut self) -> Result<bool, Failure> {
        // What ran out is not renewed but begun anew, and told so.
        self.standing.expire();
        let lease = ask(self.api.get_opt(&self.settings.name)).await?;
        let found = lease.as_ref().map(found);
        if found != self.found {
            self.unchanged = Stopwatch::start();
            self.found.clone_from(&found);
        }
        self.standing.lock().leader = found.as_ref().map(|f| f.holder.clone()).filter(|h| !h.is_empty());
        let leading = self.standing.lock().tenure.is_some();
        let session = &self.session;
        match decide(
            found.as_ref(),
            &self.settings.identity,
            session,
            leading,
            self.unchanged.elapsed(),
        ) {
            Move::Take => self.write(lease, Duration::ZERO).await?,
            Move::TakeOver => self.write(lease, CALL).await?,
            Move::Renew => self.write(lease, Duration::ZERO).await?,
            Move::Wait => self.standing.end(),
            Move::Usurped => {
                self.standing.end();
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the Lease as ours, resting on the version that was read.
    async fn write(&mut self, lease: Option<Lease>, quarantine: Duration) -> Result<(), Failure> {
        let sent = Stopwatch::start();
        let leading = self.standing.lock().tenure.is_some();
        let new = lease.is_none();
        let body = self.ours(lease, leading);
        let written = if new {
            ask(self.api.create(&PostParams::default(), &body)).await
        } else {
            ask(self
                .api
                .replace(&self.settings.name, &PostParams::default(), &body))
            .await
        };
        match written {
            Ok(lease) => {
                if !leading {
                    tracing::info!(
                        lease = self.settings.name,
                        identity = self.settings.identity,
                        waits = quarantine.as_secs(),
                        "This process leads"
                    );
                }
                self.found = Some(found(&lease));
                self.unchanged = Stopwatch::start();
                self.standing.lock().leader = Some(self.settings.identity.clone());
                self.standing.begin(sent, quarantine);
                Ok(())
            }
            // Somebody was faster: the next look tells who.
            Err(Failure::Conflict(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    fn ours(&self, lease: Option<Lease>, leading: bool) -> Lease {
        let now = MicroTime(SystemClock.now());
        let mut lease = lease.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.settings.name.clone()),
                namespace: Some(self.settings.namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        });
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if !leading {
            let before = spec.holder_identity.as_deref().unwrap_or_default();
            let same = before == self.settings.identity;
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0) + i32::from(!same));
            spec.acquire_time = Some(now.clone());
        }
        spec.holder_identity = Some(self.settings.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.settings.duration.as_secs()).ok();
        spec.renew_time = Some(now);
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.insert(SESSION.to_owned(), self.session.clone());
        lease
    }

    /// Gives the Lease back, if it is still ours: the next process need not wait.
    pub async fn release(&mut self) {
        self.standing.end();
        let Ok(Some(mut lease)) = ask(self.api.get_opt(&self.settings.name)).await else {
            return;
        };
        let now = found(&lease);
        if now.holder != self.settings.identity || now.session != self.session {
            return;
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(SystemClock.now()));
            spec.lease_duration_seconds = Some(1);
        }
        match ask(self
            .api
            .replace(&self.settings.name, &PostParams::default(), &lease))
        .await
        {
            Ok(_) => tracing::info!(lease = self.settings.name, "The lease is given back"),
            Err(error) => tracing::warn!(%error, "The lease can't be given back; it runs out by itself"),
        }
    }
}

fn found(lease: &Lease) -> Found {
    let spec = lease.spec.clone().unwrap_or_default();
    let annotations = lease.metadata.annotations.as_ref();
    Found {
        resource_version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.unwrap_or_default(),
        session: annotations
            .and_then(|a| a.get(SESSION).cloned())
            .unwrap_or_default(),
        duration: spec
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok())
            .map_or(SHORTEST, Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str, session: &str) -> Found {
        Found {
            resource_version: "7".to_owned(),
            holder: holder.to_owned(),
            session: session.to_owned(),
            duration: Duration::from_secs(30),
        }
    }

    fn after(found: Option<&Found>, leading: bool, seconds: u64) -> Move {
        decide(found, "me", "now", leading, Duration::from_secs(seconds))
    }

    #[test]
    fn what_nobody_holds_is_taken_at_once() {
        assert_eq!(after(None, false, 0), Move::Take);
        assert_eq!(after(Some(&held_by("", "")), false, 0), Move::Take);
    }

    #[test]
    fn another_s_lease_is_taken_only_after_it_was_silent_for_its_whole_duration() {
        let theirs = held_by("them", "x");
        assert_eq!(after(Some(&theirs), false, 0), Move::Wait);
        assert_eq!(after(Some(&theirs), false, 30), Move::Wait);
        assert_eq!(after(Some(&theirs), false, 31), Move::TakeOver);
    }

    #[test]
    fn our_own_lease_is_renewed_and_that_of_our_dead_self_taken() {
        assert_eq!(after(Some(&held_by("me", "now")), true, 5), Move::Renew);
        assert_eq!(after(Some(&held_by("me", "now")), false, 5), Move::Renew);
        assert_eq!(after(Some(&held_by("me", "before")), false, 0), Move::Take);
    }

    #[test]
    fn a_second_process_under_our_identity_ends_ours() {
        assert_eq!(after(Some(&held_by("me", "other")), true, 0), Move::Usurped);
    }

    #[test]
    fn a_leader_that_lost_its_lease_to_another_waits() {
        assert_eq!(after(Some(&held_by("them", "x")), true, 0), Move::Wait);
    }

    #[test]
    fn acting_needs_a_lease_that_outlives_a_call_and_no_predecessor_s_call_under_way() {
        let standing = Standing::new(Duration::from_secs(30));
        assert_eq!(
            standing.forbids().as_deref(),
            Some("nobody that is known holds the lease")
        );
        standing.begin(Stopwatch::start(), Duration::ZERO);
        assert_eq!(standing.forbids(), None);
        assert!(standing.leads());
        standing.end();
        assert!(!standing.leads());
        standing.begin(Stopwatch::start(), CALL);
        assert!(
            standing
                .forbids()
                .unwrap()
                .starts_with("the lease was taken over 0 s ago")
        );
        let short = Standing::new(CALL);
        short.begin(Stopwatch::start(), Duration::ZERO);
        assert!(short.leads());
        assert!(
            short.forbids().unwrap().starts_with("the lease has 2"),
            "{:?}",
            short.forbids()
        );
    }
}
