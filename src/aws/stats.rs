//! Every request on the wire, counted: one [`Call`] each, given to a [`CallObserver`].
//!
//! The ports repeat nothing, so a call of theirs is a request. [`Stats`] adds them up; metrics may listen themselves.

use super::types::ErrorClass;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a call ended. The label `outcome` of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Ok,
    /// It never left this machine: no credentials, connection refused.
    NotSent,
    Failed(ErrorClass),
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotSent => "not_sent",
            Self::Failed(class) => match class {
                ErrorClass::NotFound => "not_found",
                ErrorClass::Throttled => "throttled",
                ErrorClass::Denied => "denied",
                ErrorClass::Conflict => "conflict",
                ErrorClass::Capacity => "capacity",
                ErrorClass::Quota => "quota",
                ErrorClass::Invalid => "invalid",
                ErrorClass::Transient => "transient",
                ErrorClass::Unknown => "unknown",
            },
        }
    }
}

/// One request that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// `elasticache`, `cloudwatch`, `sts`.
    pub service: &'static str,
    /// As AWS names it, such as `DescribeEvents`.
    pub operation: &'static str,
    pub outcome: Outcome,
    /// Real time.
    pub took: Duration,
    /// Metrics that CloudWatch bills for this answer (0 but for an answered GetMetricData).
    pub metrics_requested: u32,
    /// The identity lacks the permission for it.
    pub forbidden: bool,
}

/// Hears of every call. Must return at once.
pub trait CallObserver: Send + Sync {
    fn called(&self, call: &Call);
}

/// Adds calls up; clones share one sum.
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Mutex<CallStats>>);

/// The sum of all calls so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallStats {
    pub calls: BTreeMap<(&'static str, &'static str, Outcome), u64>,
    /// Real time spent by (service, operation).
    pub took: BTreeMap<(&'static str, &'static str), Duration>,
    pub metrics_requested: u64,
}

impl Stats {
    pub fn snapshot(&self) -> CallStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl CallStats {
    /// All calls, whatever became of them.
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// Calls of one operation, whatever became of them.
    pub fn of(&self, operation: &str) -> u64 {
        self.calls
            .iter()
            .filter(|((_, op, _), _)| *op == operation)
            .map(|(_, n)| n)
            .sum()
    }
}

impl CallObserver for Stats {
    fn called(&self, call: &Call) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sum.calls
            .entry((call.service, call.operation, call.outcome))
            .or_default() += 1;
        *sum.took.entry((call.service, call.operation)).or_default() += call.took;
        sum.metrics_requested += u64::from(call.metrics_requested);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &'static str, outcome: Outcome, metrics_requested: u32) -> Call {
        Call {
            service: "elasticache",
            operation,
            outcome,
            took: Duration::from_millis(40),
            metrics_requested,
            forbidden: false,
        }
    }

    #[test]
    fn failed_calls_are_counted_too_and_clones_share_one_sum() {
        let stats = Stats::default();
        let other = stats.clone();
        stats.called(&call("DescribeEvents", Outcome::Ok, 0));
        other.called(&call("DescribeEvents", Outcome::Failed(ErrorClass::Throttled), 0));
        other.called(&call("GetMetricData", Outcome::Ok, 500));
        let sum = stats.snapshot();
        assert_eq!(sum.total(), 3);
        assert_eq!(sum.of("DescribeEvents"), 2);
        assert_eq!(sum.metrics_requested, 500);
        assert_eq!(
            sum.took[&("elasticache", "DescribeEvents")],
            Duration::from_millis(80)
        );
    }
}
