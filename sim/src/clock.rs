//! Simulated time: real, accelerated or stepped; and the clients that wait for it.
//!
//! In stepped mode the simulator and the processes under test form one discrete event simulation: a client *parks*
//! itself by waiting for an instant, and [`Clock`] moves only when everyone expected is parked. This file keeps the
//! books and decides; `shared.rs` does the waiting. It is the only file of the crate that reads the machine's clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How simulated time passes.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum ClockMode {
    /// As on the wall.
    #[default]
    Real,
    /// Faster (or slower) than on the wall by this factor.
    Accelerated {
        /// Simulated seconds in a real one.
        speed: f64,
    },
    /// Only when told so.
    Stepped,
}

impl ClockMode {
    /// The word used on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Accelerated { .. } => "accelerated",
            Self::Stepped => "stepped",
        }
    }

    /// Simulated seconds in a real one; 0 when stepped.
    pub fn speed(self) -> f64 {
        match self {
            Self::Real => 1.0,
            Self::Accelerated { speed } => speed,
            Self::Stepped => 0.0,
        }
    }
}

/// A client that died without a word blocks the clock no longer than this (real time).
pub const GRACE: Duration = Duration::from_secs(1);

/// What `GET /_sim/clock` answers.
#[derive(Clone, Debug, Serialize)]
pub struct ClockView {
    /// Simulated now.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub now: Timestamp,
    /// real, accelerated or stepped.
    pub mode: &'static str,
    /// Simulated seconds in a real one; 0 when stepped.
    pub speed: f64,
    /// Registered clients, and until when each is parked (null: running).
    pub clients: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Default)]
struct Client {
    ticket: u64,
    until: Option<Timestamp>,
    connection: Option<u64>,
    gone_at: Option<Instant>,
}

/// Simulated time and who waits for it.
#[derive(Debug)]
pub struct Clock {
    mode: ClockMode,
    base_sim: Timestamp,
    base_real: Instant,
    stepped: Timestamp,
    clients: BTreeMap<String, Client>,
    tickets: u64,
}

/// What a waiting client should do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitState {
    /// Time has come, or a newer wait of the same client took over.
    Answer,
    /// Still parked.
    Parked,
}

/// What stands between the clock and its next step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Everyone expected is parked; the earliest waits until then.
    Ready(Option<Timestamp>),
    /// Not yet: who is running, and how many of how many are registered.
    Waiting(String),
}

impl Clock {
    /// A clock that shows `start` now.
    pub fn new(mode: ClockMode, start: Timestamp) -> Self {
        Self {
            mode,
            base_sim: start,
            base_real: real_instant(),
            stepped: start,
            clients: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Simulated now.
    pub fn now(&self) -> Timestamp {
        match self.mode {
            ClockMode::Stepped => self.stepped,
            ClockMode::Real | ClockMode::Accelerated { .. } => {
                let elapsed = real_instant().duration_since(self.base_real).as_secs_f64() * self.mode.speed();
                SignedDuration::try_from_secs_f64(elapsed)
                    .ok()
                    .and_then(|elapsed| self.base_sim.checked_add(elapsed).ok())
                    .unwrap_or(self.base_sim)
            }
        }
    }

    /// How long to sleep in real time until a simulated instant; `None` in stepped mode.
    pub fn real_time_until(&self, until: Timestamp) -> Option<Duration> {
        if self.mode == ClockMode::Stepped {
            return None;
        }
        let seconds = until.duration_since(self.now()).as_secs_f64() / self.mode.speed();
        Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
    }

    /// Sets stepped time and releases the clients whose time has come; returns how many.
    pub fn step_to(&mut self, now: Timestamp) -> usize {
        self.stepped = self.stepped.max(now);
        let mut released = 0;
        for client in self.clients.values_mut() {
            if client.until.is_some_and(|until| until <= self.stepped) {
                client.until = None;
                released += 1;
            }
        }
        released
    }

    /// Starts anew at `start`, forgetting every client; parked ones are answered.
    pub fn restart(&mut self, start: Timestamp) {
        *self = Self {
            tickets: self.tickets,
            ..Self::new(self.mode, start)
        };
    }

    /// Registers a wait; a second wait of the same client takes the place of the first.
    pub fn park(&mut self, name: &str, until: Timestamp, connection: Option<u64>) -> u64 {
        self.tickets += 1;
        let now = self.now();
        let client = self.clients.entry(name.to_owned()).or_default();
        client.ticket = self.tickets;
        client.connection = connection;
        client.gone_at = None;
        client.until = (until > now).then_some(until);
        self.tickets
    }

    /// Should the wait with this ticket be answered?
    pub fn wait_state(&self, name: &str, ticket: u64) -> WaitState {
        match self.clients.get(name) {
            Some(client) if client.ticket == ticket && client.until.is_some() => WaitState::Parked,
            _ => WaitState::Answer,
        }
    }

    /// The wait with this ticket is answered.
    pub fn unpark(&mut self, name: &str, ticket: u64) {
        if let Some(client) = self.clients.get_mut(name)
            && client.ticket == ticket
        {
            client.until = None;
        }
    }

    /// The wait's connection was dropped before its answer: the client runs, and is forgotten unless it comes back.
    pub fn abandon(&mut self, name: &str, ticket: u64) {
        if let Some(client) = self.clients.get_mut(name)
            && client.ticket == ticket
        {
            client.until = None;
            client.gone_at = Some(real_instant());
        }
    }

    /// A connection on which clients had waited was closed.
    pub fn connection_closed(&mut self, connection: u64) {
        for client in self.clients.values_mut() {
            if client.connection == Some(connection) && client.gone_at.is_none() {
                client.until = None;
                client.gone_at = Some(real_instant());
            }
        }
    }

    /// Forgets a client at once; true when it was known.
    pub fn forget(&mut self, name: &str) -> bool {
        self.clients.remove(name).is_some()
    }

    /// Forgets the clients that went away more than [`GRACE`] ago.
    pub fn bury(&mut self) {
        let now = real_instant();
        self.clients
            .retain(|_, client| client.gone_at.is_none_or(|at| now.duration_since(at) < GRACE));
    }

    /// Forgets the clients that run: nobody is expected, so whoever died while it ran must not block the clock. The
    /// living register again with their next wait.
    pub fn expect_nobody(&mut self) {
        self.clients.retain(|_, client| client.until.is_some());
    }

    /// How many clients are registered.
    pub fn registered(&self) -> usize {
        self.clients.len()
    }

    /// May the clock move, with at least `expected` clients registered and all of them parked?
    pub fn readiness(&self, expected: usize) -> Readiness {
        let running: Vec<&str> = self
            .clients
            .iter()
            .filter(|(_, c)| c.until.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        if running.is_empty() && self.clients.len() >= expected {
            return Readiness::Ready(self.clients.values().filter_map(|c| c.until).min());
        }
        let mut missing = format!(
            "{} of {expected} expected clients are registered",
            self.clients.len()
        );
        if !running.is_empty() {
            missing.push_str("; not parked: ");
            missing.push_str(&running.join(", "));
        }
        Readiness::Waiting(missing)
    }

    /// What `GET /_sim/clock` answers.
    pub fn view(&self) -> ClockView {
        ClockView {
            now: self.now(),
            mode: self.mode.word(),
            speed: self.mode.speed(),
            clients: self
                .clients
                .iter()
                .map(|(name, client)| (name.clone(), client.until.map(crate::units::stamp)))
                .collect(),
        }
    }
}

/// The machine's wall clock.
#[expect(clippy::disallowed_methods, reason = "the simulator's only door to real time")]
pub fn real_now() -> Timestamp {
    Timestamp::now()
}

/// The machine's monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the simulator's only door to real time")]
pub fn real_instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stepped() -> Clock {
        Clock::new(ClockMode::Stepped, at("2026-03-02T00:00:00Z"))
    }

    #[test]
    fn the_earliest_parked_client_decides_the_next_step() {
        let mut clock = stepped();
        clock.park("a", at("2026-03-02T00:10:00Z"), None);
        clock.park("b", at("2026-03-02T00:05:00Z"), None);
        assert_eq!(
            clock.readiness(2),
            Readiness::Ready(Some(at("2026-03-02T00:05:00Z")))
        );
        assert_eq!(clock.step_to(at("2026-03-02T00:05:00Z")), 1);
        assert_eq!(
            clock.readiness(2),
            Readiness::Waiting("2 of 2 expected clients are registered; not parked: b".into())
        );
    }

    #[test]
    fn a_newer_wait_takes_the_place_of_the_older() {
        let mut clock = stepped();
        let first = clock.park("a", at("2026-03-02T00:10:00Z"), None);
        let second = clock.park("a", at("2026-03-02T00:20:00Z"), None);
        assert_eq!(clock.wait_state("a", first), WaitState::Answer);
        assert_eq!(clock.wait_state("a", second), WaitState::Parked);
        clock.abandon("a", first);
        assert_eq!(
            clock.wait_state("a", second),
            WaitState::Parked,
            "the old wait's end changes nothing"
        );
    }

    #[test]
    fn a_wait_for_the_past_leaves_the_client_running() {
        let mut clock = stepped();
        let ticket = clock.park("a", at("2026-03-01T00:00:00Z"), None);
        assert_eq!(clock.wait_state("a", ticket), WaitState::Answer);
        assert!(matches!(clock.readiness(0), Readiness::Waiting(_)));
    }

    #[test]
    fn a_client_whose_connection_closed_is_kept_for_the_grace_period_only() {
        let mut clock = stepped();
        clock.park("a", at("2026-03-02T00:10:00Z"), Some(7));
        clock.connection_closed(7);
        clock.bury();
        assert_eq!(clock.registered(), 1);
        clock.clients.get_mut("a").unwrap().gone_at = real_instant().checked_sub(GRACE);
        clock.bury();
        assert_eq!(clock.registered(), 0);
    }

    #[test]
    fn accelerated_time_runs_ahead_of_the_wall() {
        let clock = Clock::new(ClockMode::Accelerated { speed: 60.0 }, at("2026-03-02T00:00:00Z"));
        let wait = clock.real_time_until(at("2026-03-02T00:10:00Z")).unwrap();
        assert!(
            wait <= Duration::from_secs(10) && wait > Duration::from_secs(5),
            "{wait:?}"
        );
    }
}
