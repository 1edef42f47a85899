//! What is wrong with a watch: why, since when, and whether it still is.

use crate::clock::Stopwatch;
use std::time::Duration;

/// A watch in trouble for this long is no longer a passing one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The trouble of one watch, if it has any.
#[derive(Debug, Default)]
pub(super) struct Trouble(Option<Failing>);

#[derive(Debug)]
struct Failing {
    why: String,
    since: Stopwatch,
    last: Stopwatch,
}

impl Trouble {
    /// It failed. True where the reason is new.
    pub(super) fn fail(&mut self, why: String) -> bool {
        let is_new = self.why() != Some(&why);
        let since = self.0.take().map_or_else(Stopwatch::start, |t| t.since);
        self.0 = Some(Failing {
            why,
            since,
            last: Stopwatch::start(),
        });
        is_new
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    pub(super) fn why(&self) -> Option<&str> {
        self.0.as_ref().map(|t| t.why.as_str())
    }

    /// Why, if it has lasted for longer than a passing one does.
    pub(super) fn lasting(&self) -> Option<&str> {
        let lasting = self.0.as_ref().filter(|t| t.since.elapsed() >= PATIENCE)?;
        Some(&lasting.why)
    }

    /// How long it has not failed since it last did.
    pub(super) fn calm_for(&self) -> Option<Duration> {
        self.0.as_ref().map(|t| t.last.elapsed())
    }
}
