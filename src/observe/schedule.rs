//! When what is due. Pure.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How often each thing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollSettings {
    /// Replication groups and their members, all pages.
    pub describe_every: SignedDuration,
    pub events_every: SignedDuration,
    /// How often the buying policy is asked what to buy.
    pub metrics_every: SignedDuration,
    /// Subnet groups hardly ever change.
    pub subnets_every: SignedDuration,
    /// Tags of groups for which they are wanted.
    pub tags_every: SignedDuration,
    /// Spreads the polls of several controllers: each interval is between 90 % and 110 % of its length.
    pub jitter_seed: u64,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            describe_every: SignedDuration::from_secs(60),
            events_every: SignedDuration::from_secs(60),
            metrics_every: SignedDuration::from_secs(60),
            subnets_every: SignedDuration::from_hours(1),
            tags_every: SignedDuration::from_mins(15),
            jitter_seed: 1,
        }
    }
}

/// One thing that is read again and again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    /// `None`: at once.
    at: Option<Timestamp>,
    failures: u32,
}

impl Due {
    /// The first wait after a failure; doubled by each further one, up to the interval.
    const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(15);

    pub fn is_due(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| at <= now)
    }

    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }

    pub fn at_once(&mut self) {
        self.at = None;
    }

    /// The interval counts from the start; a reading that took long still leaves a pause after it.
    pub fn done(&mut self, started: Timestamp, ended: Timestamp, every: SignedDuration, jitter: f64) {
        self.failures = 0;
        self.at = Some((started + every.mul_f64(0.9 + jitter / 5.0)).max(ended + every / 4));
    }

    pub fn failed(&mut self, now: Timestamp, every: SignedDuration) {
        let factor = 1 << self.failures.min(10);
        self.failures += 1;
        self.at = Some(now + (Self::AFTER_FAILURE * factor).min(every));
    }
}

/// A group that is read more often for a while: a ticket is open on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hurry {
    pub every: SignedDuration,
    pub until: Timestamp,
    pub next: Timestamp,
}

/// The groups in a hurry.
#[derive(Clone, Debug, Default)]
pub(super) struct Hurries(BTreeMap<String, Hurry>);

impl Hurries {
    /// A later call replaces an earlier one; the next read stays where it was if that is sooner.
    pub fn add(&mut self, identifier: &str, every: SignedDuration, until: Timestamp, now: Timestamp) {
        let next = now + every;
        let next = self.0.get(identifier).map_or(next, |old| old.next.min(next));
        self.0.insert(identifier.to_owned(), Hurry { every, until, next });
    }

    pub fn end(&mut self, identifier: &str) {
        self.0.remove(identifier);
    }

    /// The groups due now; their next turn is set, and those whose time is over are forgotten.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<String> {
        self.0.retain(|_, hurry| hurry.until > now);
        let mut due = Vec::new();
        for (id, hurry) in &mut self.0 {
            if hurry.next <= now {
                hurry.next = now + hurry.every;
                due.push(id.clone());
            }
        }
        due
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.0.values().map(|h| h.next.min(h.until)).min()
    }

    pub fn identifiers(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: SignedDuration = SignedDuration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_772_409_600 + seconds).unwrap()
    }

    #[test]
    fn intervals_count_from_the_start_of_a_reading_within_ten_percent() {
        let mut due = Due::default();
        assert!(due.is_due(at(0)));
        due.done(at(0), at(3), MINUTE, 0.0);
        assert_eq!(due.at(), Some(at(54)));
        due.done(at(0), at(3), MINUTE, 0.5);
        assert_eq!(due.at(), Some(at(60)));
        assert!(!due.is_due(at(59)));
        assert!(due.is_due(at(60)));
    }

    #[test]
    fn a_reading_longer_than_its_interval_is_followed_by_a_pause() {
        let mut due = Due::default();
        due.done(at(0), at(100), MINUTE, 0.5);
        assert_eq!(due.at(), Some(at(115)));
    }

    #[test]
    fn failures_are_repeated_sooner_but_ever_more_slowly_up_to_the_interval() {
        let mut due = Due::default();
        let mut waits = Vec::new();
        for _ in 0..4 {
            due.failed(at(0), MINUTE);
            waits.push(due.at().unwrap().duration_since(at(0)).as_secs());
        }
        assert_eq!(waits, [15, 30, 60, 60]);
        due.done(at(0), at(0), MINUTE, 0.5);
        due.failed(at(0), MINUTE);
        assert_eq!(due.at(), Some(at(15)));
    }

    #[test]
    fn a_hurried_group_is_due_every_so_often_until_its_time_is_over() {
        let mut hurries = Hurries::default();
        let every = SignedDuration::from_secs(15);
        hurries.add("sessions", every, at(40), at(0));
        assert_eq!(hurries.next(), Some(at(15)));
        assert_eq!(hurries.take_due(at(14)), [""; 0]);
        assert_eq!(hurries.take_due(at(15)), ["sessions"]);
        assert_eq!(hurries.take_due(at(16)), [""; 0]);
        assert_eq!(hurries.take_due(at(31)), ["sessions"]);
        assert_eq!(hurries.next(), Some(at(40)));
        assert_eq!(hurries.take_due(at(40)), [""; 0]);
        assert_eq!(hurries.next(), None);
    }

    #[test]
    fn asking_again_for_a_hurry_does_not_put_its_next_read_off() {
        let mut hurries = Hurries::default();
        let every = SignedDuration::from_secs(15);
        hurries.add("sessions", every, at(40), at(0));
        hurries.add("sessions", every, at(80), at(10));
        assert_eq!(hurries.take_due(at(15)), ["sessions"]);
        hurries.end("sessions");
        assert_eq!(hurries.take_due(at(60)), [""; 0]);
    }
}
