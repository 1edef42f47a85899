//! What each node would have told CloudWatch: a log of changes, read at any past instant.
//!
//! No tick writes points; a point is computed when somebody asks. Traces outlive their nodes, as metrics do.

use jiff::{SignedDuration, Timestamp};

/// What a serving node reports.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Is it the primary?
    pub master: bool,
    /// Replication lag in seconds; replicas only.
    pub lag: f64,
}

/// What a node reports at an instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reading {
    /// It serves.
    Live(Sample),
    /// It is dead; this was its last word.
    Dead(Sample),
    /// It isn't there.
    Absent,
}

/// The readings of one node over time.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    changes: Vec<(Timestamp, Reading)>,
}

/// CloudWatch keeps one-minute points for fifteen days.
const RETENTION: SignedDuration = SignedDuration::from_hours(15 * 24);

impl Trace {
    /// From `at` on, the node reports this.
    pub fn record(&mut self, at: Timestamp, reading: Reading) {
        match self.changes.last_mut() {
            Some((_, last)) if *last == reading => return,
            Some((when, last)) if *when == at => {
                *last = reading;
                return;
            }
            _ => self.changes.push((at, reading)),
        }
        let horizon = at - RETENTION;
        let keep_from = self
            .changes
            .partition_point(|(when, _)| *when < horizon)
            .saturating_sub(1);
        self.changes.drain(..keep_from);
    }

    /// The node died: from `at` on it repeats its last word, if anybody.
    pub fn record_death(&mut self, at: Timestamp) {
        if let Reading::Live(sample) = self.at(at) {
            self.record(at, Reading::Dead(sample));
        }
    }

    /// What it reported at an instant.
    pub fn at(&self, at: Timestamp) -> Reading {
        let after = self.changes.partition_point(|(when, _)| *when <= at);
        after
            .checked_sub(1)
            .map_or(Reading::Absent, |i| self.changes[i].1)
    }

    /// The first change, before which there is nothing.
    pub fn begins(&self) -> Option<Timestamp> {
        self.changes.first().map(|(at, _)| *at)
    }
}

/// The second within each minute at which a node's reading is taken, spread over nodes by their ids (FNV-1a).
pub fn sample_second(node: &str) -> i64 {
    let hash = node.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::try_from(hash % 60).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_409_600 + minute * 60).unwrap()
    }

    #[test]
    fn a_trace_is_read_between_its_changes() {
        let mut trace = Trace::default();
        let master = Sample {
            master: true,
            lag: 0.0,
        };
        trace.record(at(1), Reading::Live(master));
        trace.record_death(at(5));
        assert_eq!(trace.at(at(0)), Reading::Absent);
        assert_eq!(trace.at(at(4)), Reading::Live(master));
        assert_eq!(trace.at(at(9)), Reading::Dead(master));
        assert_eq!(trace.changes.len(), 2);
    }

    #[test]
    fn a_trace_forgets_what_cloudwatch_forgets() {
        let mut trace = Trace::default();
        for day in 0..40 {
            trace.record(
                at(day * 1440),
                Reading::Live(Sample {
                    master: day % 2 == 0,
                    lag: 0.0,
                }),
            );
        }
        assert_eq!(
            trace.changes.len(),
            17,
            "fifteen days, and the change that was in force before"
        );
    }
}
