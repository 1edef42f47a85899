//! The log of API calls received, for assertions.
//!
//! Bounded: the oldest calls are dropped first, but the counters go on counting.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// One API call.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Rising number.
    pub seq: u64,
    /// Simulated time.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub at: Timestamp,
    /// The machine's time.
    #[serde(serialize_with = "crate::state::as_stamp")]
    pub real_at: Timestamp,
    /// elasticache, cloudwatch or sts.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// From the credential scope.
    pub region: String,
    /// From the access key.
    pub account: String,
    /// ARN of the caller; empty when its credentials were refused.
    pub principal: String,
    /// Session tags of the caller.
    pub session_tags: BTreeMap<String, String>,
    /// As sent, flattened.
    pub params: BTreeMap<String, String>,
    /// HTTP status; null while it is being served, and when the connection was dropped instead of an answer.
    pub status: Option<u16>,
    /// Error code.
    pub error: Option<String>,
    /// Is it an operation that changes things?
    pub mutating: bool,
    /// Did it change the world?
    pub applied: bool,
    /// Fault rules that fired.
    pub faults: Vec<String>,
}

/// Totals that never forget.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// All calls.
    pub calls: u64,
    /// Of operations that change things.
    pub mutating: u64,
    /// That changed the world.
    pub applied: u64,
    /// By operation.
    pub by_operation: BTreeMap<String, u64>,
    /// By error code.
    pub by_error: BTreeMap<String, u64>,
}

/// Calls kept.
const KEPT: usize = 100_000;
/// Parameters kept of one call.
const PARAMS_KEPT: usize = 64;

/// The log.
#[derive(Debug, Default)]
pub struct CallLog {
    calls: VecDeque<Call>,
    next: u64,
    totals: Totals,
}

impl CallLog {
    /// Appends a call whose `seq` is set here; returns it.
    pub fn begin(&mut self, mut call: Call) -> u64 {
        self.next += 1;
        call.seq = self.next;
        if call.params.len() > PARAMS_KEPT {
            let all = call.params.len();
            call.params = call.params.into_iter().take(PARAMS_KEPT).collect();
            call.params
                .insert("_truncated".to_owned(), format!("{all} parameters"));
        }
        self.totals.calls += 1;
        self.totals.mutating += u64::from(call.mutating);
        *self
            .totals
            .by_operation
            .entry(call.operation.clone())
            .or_default() += 1;
        self.calls.push_back(call);
        if self.calls.len() > KEPT {
            self.calls.pop_front();
        }
        self.next
    }

    /// Notes whether the call changed the world.
    pub fn applied(&mut self, seq: u64, applied: bool) {
        self.totals.applied += u64::from(applied);
        if let Some(call) = self.get_mut(seq) {
            call.applied = applied;
        }
    }

    /// Notes how the call was answered.
    pub fn answered(&mut self, seq: u64, status: u16, error: Option<&str>) {
        if let Some(error) = error {
            *self.totals.by_error.entry(error.to_owned()).or_default() += 1;
        }
        if let Some(call) = self.get_mut(seq) {
            call.status = Some(status);
            call.error = error.map(str::to_owned);
        }
    }

    /// Calls with a number above `since`, oldest first.
    pub fn since(&self, since: u64) -> impl Iterator<Item = &Call> {
        let skip = self.calls.partition_point(|call| call.seq <= since);
        self.calls.range(skip..)
    }

    /// The number of the latest call.
    pub fn latest(&self) -> u64 {
        self.next
    }

    /// Totals since the start.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn get_mut(&mut self, seq: u64) -> Option<&mut Call> {
        let index = self.calls.partition_point(|call| call.seq < seq);
        self.calls.get_mut(index).filter(|call| call.seq == seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        Call {
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            real_at: Timestamp::UNIX_EPOCH,
            service: "elasticache".into(),
            operation: operation.into(),
            region: "r".into(),
            account: "a".into(),
            principal: String::new(),
            session_tags: BTreeMap::new(),
            params: BTreeMap::new(),
            status: None,
            error: None,
            mutating: false,
            applied: false,
            faults: vec![],
        }
    }

    #[test]
    fn the_log_forgets_old_calls_but_counts_them() {
        let mut log = CallLog::default();
        for _ in 0..KEPT + 5 {
            log.begin(call("DescribeEvents"));
        }
        assert_eq!(log.since(0).count(), KEPT);
        assert_eq!(log.since(0).next().unwrap().seq, 6);
        assert_eq!(log.totals().by_operation["DescribeEvents"], 100_005);
        log.answered(3, 200, None);
        log.answered(100_005, 400, Some("Throttling"));
        assert_eq!(
            log.since(100_004).next().unwrap().error.as_deref(),
            Some("Throttling")
        );
    }
}
