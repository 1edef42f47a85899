//! What happened, in order: what is done to AWS, what AWS does, what Evenkeel says. And how long what was held.

use crate::script::condition;
use evenkeel::api::conditions::{ConditionStatus, ConditionType};
use evenkeel::api::v1alpha1::HAStackStatus;
use evenkeel_sim::State;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Demo,
    Aws,
    Evenkeel,
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Aws => "AWS",
            Self::Evenkeel => "Evenkeel",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Timestamp,
    pub who: Who,
    pub text: String,
    pub warning: bool,
}

/// A guardrail that held something.
#[derive(Clone, Debug)]
pub struct Held {
    pub action: String,
    /// The latest: a quiet period begins anew.
    pub reason: String,
    pub first: Timestamp,
    pub last: Timestamp,
}

#[derive(Debug, Default)]
pub struct Story {
    /// In the order of their times.
    pub told: Vec<Entry>,
    /// Not old enough yet: something earlier may still come in.
    fresh: Vec<Entry>,
    /// By action and guardrail.
    pub held: BTreeMap<(String, String), Held>,
    /// Why the stack could not survive the loss of some zone, and what it waited for.
    pub not_redundant: Vec<String>,
    before: Option<State>,
}

/// Lines from the other process come in this late at most (simulated).
const LATE: SignedDuration = SignedDuration::from_secs(30);

impl Story {
    pub fn say(&mut self, at: Timestamp, who: Who, text: impl Into<String>, warning: bool) {
        let text = text.into();
        self.fresh.push(Entry {
            at,
            who,
            text,
            warning,
        });
    }

    /// Takes one line of `evenkeel run`: time, stack, sentence.
    pub fn evenkeel_said(&mut self, line: &str, now: Timestamp) {
        let mut parts = line.splitn(3, "  ");
        let at = parts.next().and_then(|time| time.parse().ok()).unwrap_or(now);
        let text = parts.nth(1).unwrap_or(line);
        let (text, warning) = match text.strip_prefix("! ") {
            Some(text) => (text, true),
            None => (text, false),
        };
        self.say(at, Who::Evenkeel, text, warning);
    }

    /// What AWS did since the last look.
    pub fn look(&mut self, state: &State) {
        if let Some(before) = self.before.take() {
            self.failovers(&before, state);
            self.nodes(&before, state);
        }
        self.before = Some(state.clone());
    }

    fn failovers(&mut self, before: &State, now: &State) {
        for test in now.test_failovers.iter().skip(before.test_failovers.len()) {
            let text = format!("accepts TestFailover of shard {}", test.shard);
            self.say(test.at, Who::Aws, text, false);
        }
        for failover in now.failovers.iter().skip(before.failovers.len()) {
            let text = format!(
                "promotes {} of shard {}, {:.0} s after {} was lost",
                failover.to, failover.shard, failover.failover_seconds, failover.from
            );
            self.say(failover.at, Who::Aws, text, false);
        }
    }

    /// Nodes whose health changed, all of one kind in one line.
    fn nodes(&mut self, before: &State, now: &State) {
        let old = healths(before);
        let mut changed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, health) in healths(now) {
            if old.get(id).is_some_and(|was| *was != health) {
                changed.entry(health).or_default().push(id);
            }
        }
        for (health, ids) in changed {
            let ids = ids.join(", ");
            let (text, warning) = match health {
                "healthy" => (format!("serving again: {ids}"), false),
                "recovering" => (format!("rebuilds {ids}"), false),
                other => (format!("{other}: {ids}"), true),
            };
            self.say(now.now, Who::Aws, text, warning);
        }
    }

    /// Notes what is held, and why the stack could not lose a zone.
    pub fn note(&mut self, status: &HAStackStatus, now: Timestamp) {
        for hold in status.plan.iter().flat_map(|p| &p.holds) {
            let action = hold.action.clone().unwrap_or_else(|| "everything".to_owned());
            self.held
                .entry((action.clone(), hold.guardrail.clone()))
                .and_modify(|held| {
                    held.last = now;
                    held.reason.clone_from(&hold.reason);
                })
                .or_insert(Held {
                    action,
                    reason: hold.reason.clone(),
                    first: now,
                    last: now,
                });
        }
        let redundant = condition(status, ConditionType::ZoneRedundant);
        let Some(not) = redundant.filter(|c| c.status == ConditionStatus::False) else {
            return;
        };
        if !self.not_redundant.contains(&not.message) {
            self.not_redundant.push(not.message.clone());
            self.say(
                now,
                Who::Evenkeel,
                format!("not zone redundant: {}", not.message),
                true,
            );
        }
    }

    /// Moves what is old enough to `told`; everything at the end.
    pub fn settle(&mut self, now: Timestamp, end: bool) {
        self.fresh.sort_by_key(|entry| entry.at);
        let ripe = self
            .fresh
            .iter()
            .take_while(|e| end || now.duration_since(e.at) >= LATE)
            .count();
        self.told.extend(self.fresh.drain(..ripe));
    }
}

fn healths(state: &State) -> BTreeMap<&str, &'static str> {
    let shards = state.groups.iter().flat_map(|g| &g.shards);
    shards
        .flat_map(|s| &s.nodes)
        .map(|n| (n.id.as_str(), n.health))
        .collect()
}
