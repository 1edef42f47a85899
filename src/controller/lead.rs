//! The loop while this process leads: the same turn as everywhere, with Kubernetes around it.
//!
//! ```text
//! intake  what the watch has seen
//! look    poll AWS, judge, store records                       (observe, plan)
//! publish status, Events, metrics
//! act     at most one step, if the gate is open                (execute)
//! publish what came of it
//! wait    on the engine's clock, and every real second beside it
//! ```

use super::accounts::{AccountPublisher, Accounts, Resolver};
use super::gate::LeaderGate;
use super::lease::Standing;
use super::publish::{Publisher, Said};
use super::store::KubeStore;
use super::watch::Cache;
use crate::clock::{AnyClock, Clock as _, Stopwatch};
use crate::engine::Engine;
use crate::execute::step::Gate as _;
use crate::report::metrics::Scene;
use crate::shell::{AwsConnect, Board, Signals, regions};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The stop switch, the lease and unwritten statuses are looked at this often, in real time, while the loop waits.
const TICK: Duration = Duration::from_secs(1);
/// After a signal, a step in hand may take this long to finish (one AWS call's timeout and a little).
const GRACE: Duration = Duration::from_secs(25);

pub type Loop = Engine<Arc<AnyClock>, KubeStore, AwsConnect, LeaderGate>;

/// Why leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A signal; no step is under way.
    Asked,
    /// A signal, and the step in hand took too long: its ticket says what is known.
    Abandoned,
    /// The lease is lost.
    Deposed,
}

pub struct Lead {
    pub engine: Loop,
    pub publisher: Publisher,
    pub account_publisher: AccountPublisher,
    pub resolver: Resolver,
    pub accounts: Arc<Accounts>,
    pub cache: Arc<Cache>,
    pub gate: LeaderGate,
    pub board: Arc<Board>,
}

/// What the gate said in the last turn, and whether it was closed: when that changes, the loop turns again.
type Told = (Option<String>, bool);

impl Lead {
    /// Turns until a signal or the loss of the lease.
    pub async fn run(&mut self, signals: &mut Signals) -> End {
        loop {
            let turn = Stopwatch::start();
            let said = self.said();
            if let Some(end) = self.turn(signals).await {
                return end;
            }
            self.board.metrics.turn(turn.elapsed());
            if let Some(end) = self.wait(signals, &said).await {
                return end;
            }
        }
    }

    async fn turn(&mut self, signals: &mut Signals) -> Option<End> {
        let standing = self.gate.standing.clone();
        {
            let look = self.look();
            tokio::select! {
                biased;
                () = signals.heard() => return Some(End::Asked),
                () = deposed(&standing) => return Some(End::Deposed),
                () = look => {}
            }
        }
        self.act(signals).await
    }

    async fn look(&mut self) {
        // What is wanted only now (the owner's tag of a group on which something is planned) is read at once.
        for _ in 0..3 {
            let wishes = self.cache.wishes();
            let resolved = self.resolver.resolve(&wishes, &self.accounts);
            self.engine.look(&resolved.wishes).await;
            self.board.beat();
            if !self.engine.wants_more() {
                break;
            }
        }
        let now = self.now();
        self.account_publisher.turn(now).await;
        self.publish().await;
    }

    /// A step that has begun is finished, unless it takes too long: then its ticket says what is known. A lost lease
    /// stops what is not yet sent by itself: the gate is asked just before the call.
    async fn act(&mut self, signals: &mut Signals) -> Option<End> {
        let standing = self.gate.standing.clone();
        let mut end = None;
        {
            let step = self.engine.act();
            tokio::pin!(step);
            tokio::select! {
                biased;
                _ = &mut step => {}
                () = signals.heard() => end = Some(End::Asked),
                () = deposed(&standing) => end = Some(End::Deposed),
            }
            if let Some(why) = end {
                let abandoned = if why == End::Asked { End::Abandoned } else { why };
                tokio::select! {
                    _ = &mut step => {}
                    () = tokio::time::sleep(GRACE) => end = Some(abandoned),
                    () = signals.heard() => end = Some(End::Abandoned),
                }
            }
        }
        if self.gate.standing.leads() {
            self.publish().await;
        }
        end
    }

    /// Sleeps until there is something to do. While a predecessor's call may be under way, only in real time: a
    /// rehearsal's clock then waits for us.
    async fn wait(&mut self, signals: &mut Signals, said: &Told) -> Option<End> {
        let standing = self.gate.standing.clone();
        let quarantined = standing.in_quarantine();
        let wake = self.engine.next_turn();
        let wake = self
            .account_publisher
            .next_due()
            .map_or(wake, |due| due.min(wake));
        let sleep = async {
            if quarantined {
                std::future::pending::<()>().await;
            }
            self.engine.clock().sleep_until(wake).await;
        };
        tokio::pin!(sleep);
        let mut tick = tokio::time::interval(TICK);
        tick.tick().await;
        loop {
            tokio::select! {
                biased;
                () = signals.heard() => return Some(End::Asked),
                () = deposed(&standing) => return Some(End::Deposed),
                () = self.cache.changed.notified() => return None,
                () = self.gate.stop.changed.notified() => return None,
                () = &mut sleep => return None,
                _ = tick.tick() => {
                    self.board.beat();
                    let unwritten = !self.publisher.unwritten().is_empty();
                    if unwritten || quarantined || self.said() != *said {
                        return None;
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    fn said(&self) -> Told {
        let now = self.now();
        (self.gate.told(now), self.gate.closed(now).is_some())
    }

    async fn publish(&mut self) {
        let now = self.now();
        for happening in self.engine.take_happenings() {
            self.publisher.happened(&happening);
        }
        let mut names = self.engine.take_changed();
        names.extend(self.cache.take_dirty());
        names.extend(self.resolver.take_changed());
        for stack in names {
            let said = match self.resolver.refusal(&stack) {
                Some(refusal) => Said::Refused(refusal),
                None => self.engine.report(&stack).map_or(Said::Nothing, Said::Judged),
            };
            self.publisher.compose(&stack, &said, now);
        }
        self.publisher.write().await;
        self.tell_board(now);
    }

    fn tell_board(&self, now: Timestamp) {
        let scene = Scene {
            stacks: self.publisher.samples(),
            regions: self.engine.regions().map(|r| regions::sample(&r, now)).collect(),
            accounts: self.account_publisher.samples(),
            leader: Some(true),
        };
        let mut not_ready: Vec<String> = self
            .engine
            .regions()
            .filter_map(|r| regions::not_ready(&r, now))
            .collect();
        let unwritten = self.publisher.unwritten();
        if let Some(first) = unwritten.first() {
            not_ready.push(format!(
                "the status of {first} and {} others can't be written",
                unwritten.len() - 1
            ));
        }
        self.board.tell(scene, not_ready);
    }
}

/// Returns once the lease is lost.
async fn deposed(standing: &Standing) {
    loop {
        let changed = standing.changed.notified();
        if !standing.leads() {
            return;
        }
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}
