//! The only reader of time.
//!
//! Everything that waits or ages takes its time from a [`Clock`], so that a rehearsal can run days in minutes.
//! AWS request signing and HTTP timeouts stay on real time.

mod remote;

pub use remote::{ClockError, RemoteClock};

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Now, and waiting for later.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Returns once `now() >= until`. One sleeper per clock at a time: a rehearsal's clock jumps to where its
    /// sleeper waits.
    fn sleep_until(&self, until: Timestamp) -> impl Future<Output = ()> + Send;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        // Long sleeps in slices: the wall clock may be set while we sleep.
        loop {
            let left = until.duration_since(self.now());
            if left.is_negative() || left.is_zero() {
                return;
            }
            let slice = left.unsigned_abs().min(std::time::Duration::from_secs(5));
            tokio::time::sleep(slice).await;
        }
    }
}

/// Measures how long something took, in real time (monotonic; for metrics, heartbeats and the rehearsal's clock, never
/// for decisions).
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the machine's clock"
)]
impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl<C: Clock> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        (**self).sleep_until(until).await;
    }
}

/// The clock chosen at start.
#[derive(Debug)]
pub enum AnyClock {
    System(SystemClock),
    Remote(RemoteClock),
}

impl Clock for AnyClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::System(clock) => clock.now(),
            Self::Remote(clock) => clock.now(),
        }
    }

    async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::System(clock) => clock.sleep_until(until).await,
            Self::Remote(clock) => clock.sleep_until(until).await,
        }
    }
}
