//! The one state that connections, control requests and the library's handle share, and the waits on it.
//!
//! Everything lives under one mutex, held for the time of one operation and never across an `await`. A watch channel
//! ticks whenever somebody who waits should look again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;

use crate::calls::CallLog;
use crate::clock::{Clock, ClockMode, Readiness, WaitState, real_instant, real_now};
use crate::faults::Faults;
use crate::rate::Rates;
use crate::service::sts::Session;
use crate::state::{State, view};
use crate::world::{World, WorldSpec};

/// Real time that one step of the clock waits for clients.
pub const STALL_LIMIT: Duration = Duration::from_mins(1);
/// Pause between looks while waiting, for clients that vanish without a tick.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Why the clock didn't move.
#[derive(Debug, Error)]
pub enum AdvanceError {
    /// Only stepped clocks are moved.
    #[error("the clock is {0}; only a stepped one can be advanced")]
    NotStepped(&'static str),
    /// Somebody didn't park in time.
    #[error("the clock stands still at {now}: {missing}")]
    Stalled {
        /// Simulated now.
        now: String,
        /// Who is missing.
        missing: String,
    },
}

/// What the mutex guards.
pub struct Inner {
    /// Simulated time.
    pub clock: Clock,
    /// The world.
    pub world: World,
    /// Calls received.
    pub calls: CallLog,
    /// What goes wrong.
    pub faults: Faults,
    /// Calls that accounts may still make.
    pub rates: Rates,
    /// Temporary credentials by access key.
    pub sessions: BTreeMap<String, Session>,
}

impl Inner {
    /// Lets everything happen that is due by now; returns now.
    pub fn catch_up(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.world.run_until(now);
        self.world.now()
    }

    /// All credentials of AssumeRole expire now.
    pub fn expire_credentials(&mut self) {
        for session in self.sessions.values_mut() {
            session.expires = Timestamp::UNIX_EPOCH;
        }
    }

    /// Now on the clock by which credentials expire.
    pub fn credentials_now(&self) -> Timestamp {
        if self.world.switches.credentials_expire_by_sim_clock {
            self.world.now()
        } else {
            real_now()
        }
    }
}

/// Shared by everybody.
pub struct Shared {
    inner: Mutex<Inner>,
    tick: watch::Sender<u64>,
    advancing: tokio::sync::Mutex<()>,
    connections: AtomicU64,
    start: Option<Timestamp>,
    mode: ClockMode,
    seed: u64,
    spec: Mutex<WorldSpec>,
}

impl Shared {
    /// A world that begins.
    pub fn new(
        spec: WorldSpec,
        mode: ClockMode,
        start: Option<Timestamp>,
        seed: u64,
    ) -> Result<Arc<Self>, String> {
        let inner = begin(&spec, mode, start, seed)?;
        Ok(Arc::new(Self {
            inner: Mutex::new(inner),
            tick: watch::Sender::new(0),
            advancing: tokio::sync::Mutex::new(()),
            connections: AtomicU64::new(0),
            start,
            mode,
            seed,
            spec: Mutex::new(spec),
        }))
    }

    /// Runs `f` with everything caught up before and after.
    pub fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.lock();
        inner.catch_up();
        let result = f(&mut inner);
        inner.catch_up();
        result
    }

    /// Starts anew, with another world if one is given.
    pub fn reset(&self, spec: Option<WorldSpec>) -> Result<(), String> {
        let mut kept = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        let spec = spec.unwrap_or_else(|| kept.clone());
        let fresh = begin(&spec, self.mode, self.start, self.seed)?;
        *kept = spec;
        let mut inner = self.lock();
        let Inner {
            clock,
            world,
            calls,
            faults,
            rates,
            sessions,
        } = fresh;
        let start = clock.now();
        inner.clock.restart(start);
        inner.world = world;
        inner.calls = calls;
        inner.faults = faults;
        inner.rates = rates;
        inner.sessions = sessions;
        drop(inner);
        self.wake();
        Ok(())
    }

    /// The truth about the world.
    pub fn state(&self) -> State {
        self.with(|inner| view(&inner.world, inner.clock.view(), inner.calls.totals().clone()))
    }

    /// Everybody who waits looks again.
    pub fn wake(&self) {
        self.tick.send_modify(|tick| *tick = tick.wrapping_add(1));
    }

    /// To be told of ticks.
    pub fn ticks(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }

    /// A number for a new connection.
    pub fn new_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection ended.
    pub fn connection_closed(&self, connection: u64) {
        self.lock().clock.connection_closed(connection);
        self.wake();
    }

    /// The machine's clock rate for effects that are given in real time.
    pub fn real_factor(&self) -> f64 {
        match self.mode {
            ClockMode::Accelerated { speed } => 1.0 / speed,
            ClockMode::Real | ClockMode::Stepped => 1.0,
        }
    }

    /// Waits until simulated `until`, parking `client`; returns simulated now.
    pub async fn wait(
        self: &Arc<Self>,
        client: &str,
        until: Timestamp,
        connection: Option<u64>,
    ) -> Timestamp {
        let mut ticks = self.ticks();
        let ticket = self.lock().clock.park(client, until, connection);
        self.wake();
        let mut guard = Parked {
            shared: Arc::clone(self),
            client: client.to_owned(),
            ticket,
            answered: false,
        };
        loop {
            let pause = {
                let inner = self.lock();
                let come = self.mode != ClockMode::Stepped && inner.clock.now() >= until;
                if come || inner.clock.wait_state(client, ticket) == WaitState::Answer {
                    break;
                }
                inner.clock.real_time_until(until)
            };
            let tick = ticks.changed();
            match pause {
                Some(pause) => {
                    let _elapsed = tokio::time::timeout(pause, tick).await;
                }
                None => {
                    let _ticked = tick.await;
                }
            }
        }
        guard.answered = true;
        let mut inner = self.lock();
        inner.clock.unpark(client, ticket);
        inner.catch_up()
    }

    /// Moves a stepped clock to `target`, letting clients run at every instant they wait for on the way.
    pub async fn advance_to(
        &self,
        target: Timestamp,
        expected: Option<usize>,
        limit: Duration,
    ) -> Result<Timestamp, AdvanceError> {
        if self.mode != ClockMode::Stepped {
            return Err(AdvanceError::NotStepped(self.mode.word()));
        }
        let _one_at_a_time = self.advancing.lock().await;
        let mut ticks = self.ticks();
        let mut progress = real_instant();
        loop {
            match self.step(target, expected) {
                Step::Arrived(now) => return Ok(now),
                Step::Moved => {
                    progress = real_instant();
                    self.wake();
                }
                Step::Waiting(missing) if real_instant().duration_since(progress) >= limit => {
                    let now = crate::units::stamp(self.lock().clock.now());
                    return Err(AdvanceError::Stalled { now, missing });
                }
                Step::Waiting(_) => {
                    let _ticked = tokio::time::timeout(LOOK_AGAIN, ticks.changed()).await;
                }
            }
        }
    }

    fn step(&self, target: Timestamp, expected: Option<usize>) -> Step {
        let mut inner = self.lock();
        inner.clock.bury();
        if expected == Some(0) {
            inner.clock.expect_nobody();
        }
        let expected = expected.unwrap_or_else(|| inner.clock.registered());
        let earliest = match inner.clock.readiness(expected) {
            Readiness::Waiting(missing) => return Step::Waiting(missing),
            Readiness::Ready(earliest) => earliest,
        };
        let next = earliest
            .map_or(target, |earliest| earliest.min(target))
            .max(inner.clock.now());
        inner.world.run_until(next);
        let released = inner.clock.step_to(next);
        if released == 0 && next >= target {
            Step::Arrived(next)
        } else {
            Step::Moved
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Step {
    Arrived(Timestamp),
    Moved,
    Waiting(String),
}

/// Un-parks a client whose connection was dropped.
struct Parked {
    shared: Arc<Shared>,
    client: String,
    ticket: u64,
    answered: bool,
}

impl Drop for Parked {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.lock().clock.abandon(&self.client, self.ticket);
            self.shared.wake();
        }
    }
}

fn begin(spec: &WorldSpec, mode: ClockMode, start: Option<Timestamp>, seed: u64) -> Result<Inner, String> {
    let start = start.unwrap_or_else(|| {
        if mode == ClockMode::Stepped {
            STEPPED_START
        } else {
            real_now()
        }
    });
    let mut faults = Faults::new(seed);
    for fault in &spec.faults {
        faults.add(fault.clone(), start);
    }
    Ok(Inner {
        clock: Clock::new(mode, start),
        world: World::build(spec, start, seed)?,
        calls: CallLog::default(),
        faults,
        rates: Rates::default(),
        sessions: BTreeMap::new(),
    })
}

/// Where stepped clocks start unless told otherwise: 2026-03-02T00:00:00Z, a Monday.
pub const STEPPED_START: Timestamp = Timestamp::constant(1_772_409_600, 0);
