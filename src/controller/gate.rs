//! May anything be sent to AWS now? The stop switch, then the lease.

use super::lease::Standing;
use super::stop::Stop;
use crate::execute::step::Gate;
use jiff::Timestamp;
use std::sync::Arc;

/// Asked before every mutating call. Its spans are real ones, whatever clock the loop runs on.
#[derive(Clone, Debug)]
pub struct LeaderGate {
    pub stop: Arc<Stop>,
    pub standing: Arc<Standing>,
}

impl Gate for LeaderGate {
    fn closed(&self, _now: Timestamp) -> Option<String> {
        self.stop.forbids().or_else(|| self.standing.forbids())
    }

    fn told(&self, _now: Timestamp) -> Option<String> {
        self.stop.set()
    }

    fn close(&self, reason: &str) {
        self.stop.trip(reason);
    }
}
