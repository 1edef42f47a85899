//! A stack to be judged, written as people draw it, and small changes to it.

use evenkeel::plan::history::{Phase, Ticket, TicketOutcome};
use evenkeel::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives, Window};
use evenkeel::plan::{
    Action, ActionId, ActionKind, Finding, FindingCode, Fleet, Guardrail, History, Hold, Input, Purpose,
    findings, guardrails, judge,
};
use evenkeel::topology::survival::Verdict;
use evenkeel::topology::{
    Component, Failover, FailoverClass, Node, StackName, Topology, ZoneName, ZoneState, shorthand,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A Monday.
pub const NOW: &str = "2026-03-02T12:00:00Z";

pub fn now() -> Timestamp {
    at(NOW)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn minutes_ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

pub fn seconds_ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Everything that one look at a stack rests on, owned and free to be changed.
#[derive(Clone, Debug)]
pub struct Scene {
    pub intent: Intent,
    pub topology: Topology,
    pub history: History,
    pub fleet: Fleet,
    pub purpose: Purpose,
    pub now: Timestamp,
}

/// A stack with one cache, mode Enforce, one replica wanted, ours, with a record that began two days ago.
pub fn scene(zones: &str, shards: &[&str]) -> Scene {
    let topology = shorthand::topology(now(), zones, shards);
    let intent = Intent {
        stack: StackName::new("shop", "web"),
        created: None,
        canonical_spec: "{}".to_owned(),
        mode: Mode::Enforce,
        policy: [].into(),
        region: "test-region-1".into(),
        account_ref: None,
        mode_limit: None,
        zones: topology.zones.keys().map(|z| (z.clone(), None)).collect(),
        objectives: Objectives::default(),
        max_skew: 1,
        guardrails: GuardrailSettings::default(),
        caches: [(
            "cache".into(),
            CacheIntent {
                replication_group: "cache".to_owned(),
                min_replicas_per_shard: 1,
                max_skew: None,
                preferred_primary_zones: BTreeSet::new(),
            },
        )]
        .into(),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    };
    Scene {
        intent,
        topology,
        history: History {
            began: Some(minutes_ago(2 * 24 * 60)),
            ..History::default()
        },
        fleet: Fleet {
            installation: Some("test".to_owned()),
            ..Fleet::default()
        },
        purpose: Purpose::Propose,
        now: now(),
    }
}

/// Two shards, both primaries in `c`, all healthy: the skew after an outage of `a`.
pub fn skewed() -> Scene {
    scene("a c", &["a:r c:P", "a:r c:P"])
}

impl Scene {
    pub fn input(&self) -> Input<'_> {
        Input {
            intent: &self.intent,
            topology: &self.topology,
            history: &self.history,
            fleet: &self.fleet,
            purpose: &self.purpose,
            now: self.now,
        }
    }

    /// The same scene, changed.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Just before acting, with our own ticket `own`.
    pub fn acting(self) -> Self {
        self.with(|s| {
            s.purpose = Purpose::Act {
                ticket: "own".to_owned(),
            }
        })
    }

    pub fn cache(&mut self) -> &mut Component {
        self.topology.components.get_mut(&"cache".into()).unwrap()
    }

    pub fn wanted(&mut self) -> &mut CacheIntent {
        self.intent.caches.get_mut(&"cache".into()).unwrap()
    }

    pub fn node(&mut self, id: &str) -> &mut Node {
        self.cache()
            .shards
            .values_mut()
            .find_map(|s| s.nodes.get_mut(&id.into()))
            .unwrap()
    }

    pub fn nodes(&mut self) -> impl Iterator<Item = &mut Node> {
        self.cache()
            .shards
            .values_mut()
            .flat_map(|s| s.nodes.values_mut())
    }

    pub fn zone(&mut self, zone: &str, state: ZoneState, since: Option<Timestamp>) {
        let zone = self.topology.zones.get_mut(&ZoneName::from(zone)).unwrap();
        zone.state = state;
        zone.since = since;
    }

    pub fn verdict(&self, zone: &str) -> Verdict {
        let all = judge::verdicts(&self.input());
        all.into_iter().find(|v| v.zone.as_str() == zone).unwrap()
    }

    pub fn findings(&self) -> Vec<Finding> {
        findings::findings(&self.input())
    }

    /// The findings with this code: their subjects.
    pub fn found(&self, code: FindingCode) -> Vec<String> {
        let all = self.findings().into_iter();
        all.filter(|f| f.code == code).map(|f| f.subject).collect()
    }

    pub fn holds(&self, actions: &[Action]) -> Vec<Hold> {
        guardrails::evaluate(&self.input(), actions)
    }

    /// The guardrails that hold this one action, or everything.
    pub fn held_by(&self, action: &Action) -> Vec<Guardrail> {
        let holds = self.holds(std::slice::from_ref(action));
        holds.into_iter().map(|h| h.guardrail).collect()
    }

    /// The one hold of this guardrail on this one action.
    pub fn hold(&self, guardrail: Guardrail, action: &Action) -> Hold {
        let holds = self.holds(std::slice::from_ref(action));
        let mut these: Vec<Hold> = holds.into_iter().filter(|h| h.guardrail == guardrail).collect();
        assert_eq!(these.len(), 1, "{these:?}");
        these.remove(0)
    }
}

pub fn action(id: &str, kind: ActionKind) -> Action {
    Action {
        id: ActionId(id.to_owned()),
        component: "cache".into(),
        kind,
        from_zone: None,
        to_zone: None,
        why: "a test wants it".to_owned(),
    }
}

pub fn move_primary(shard: &str) -> Action {
    action(
        &format!("move-{shard}"),
        ActionKind::MovePrimary { shard: shard.into() },
    )
}

pub fn add(shard: &str, zone: &str) -> Action {
    action(
        &format!("add-{shard}-{zone}"),
        ActionKind::AddReplica {
            shard: shard.into(),
            zone: zone.into(),
            replaces: None,
        },
    )
}

/// Removes node `nnn` of the shard.
pub fn remove(shard: &str, node: &str) -> Action {
    action(
        &format!("remove-{shard}-{node}"),
        ActionKind::RemoveReplica {
            shard: shard.into(),
            node: format!("cache-{shard}-{node}").as_str().into(),
        },
    )
}

pub fn enable_failover() -> Action {
    action(
        "failover-on",
        ActionKind::EnableAutomaticFailover {
            identifier: "cache".to_owned(),
        },
    )
}

pub fn enable_multi_az() -> Action {
    action(
        "multi-az-on",
        ActionKind::EnableMultiAz {
            identifier: "cache".to_owned(),
        },
    )
}

pub fn failover(id: &str, shard: &str, at: Timestamp, class: FailoverClass) -> Failover {
    Failover {
        id: id.to_owned(),
        at,
        component: "cache".into(),
        shard: shard.into(),
        from: None,
        to: None,
        class,
        duration_seconds: None,
    }
}

pub fn ticket(id: &str, action: Action, phase: Phase, called_at: Timestamp) -> Ticket {
    Ticket {
        id: id.to_owned(),
        actions: vec![action],
        phase,
        prepared_at: called_at,
        called_at: (phase != Phase::Prepared).then_some(called_at),
        deadline: called_at + minutes(25),
        before: [].into(),
        finished_at: None,
        outcome: None,
        holder: "test".to_owned(),
        incarnation: None,
    }
}

pub fn finished(action: Action, called_at: Timestamp, outcome: TicketOutcome) -> Ticket {
    Ticket {
        finished_at: Some(called_at + minutes(5)),
        outcome: Some(outcome),
        ..ticket(&format!("done-{called_at}"), action, Phase::Done, called_at)
    }
}

pub fn window(days: &[jiff::civil::Weekday], from: &str, to: &str, zone: &str) -> Window {
    Window {
        days: days.to_vec(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        time_zone: jiff::tz::TimeZone::get(zone).unwrap(),
    }
}

pub const EVERY_DAY: [jiff::civil::Weekday; 7] = [
    jiff::civil::Weekday::Monday,
    jiff::civil::Weekday::Tuesday,
    jiff::civil::Weekday::Wednesday,
    jiff::civil::Weekday::Thursday,
    jiff::civil::Weekday::Friday,
    jiff::civil::Weekday::Saturday,
    jiff::civil::Weekday::Sunday,
];
