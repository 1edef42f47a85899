//! One stack as the engine holds it between turns.

use super::judge::Judgement;
use super::region::RegionKey;
use crate::aws::Access;
use crate::execute::step::Record;
use crate::plan::history::{Fleet, History};
use crate::plan::{Decision, Guardrail, Hold, Intent, acceptance};
use crate::topology::{Health, Topology, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Even the quietest stack is looked at this often: its view must not grow old unnoticed.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(4);
/// A stack whose view is not renewed.
const LOOK_SOON: SignedDuration = SignedDuration::from_mins(1);

/// What the shell wants of one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub intent: Arc<Intent>,
    /// With whose credentials AWS is called for it.
    pub access: Access,
    /// The newest manifest can't be accepted: judge by `intent` (the last good one), do nothing.
    pub frozen: Option<String>,
    pub generation: Option<i64>,
    /// Which object it is, where names can be used again: a recreated one has another record.
    pub identity: Option<String>,
}

/// How it stands with a stack's first record. Nobody waits for it, other than for the first status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstRecord {
    /// It may be stored after the first status.
    MayWait,
    /// It waits: [`super::Engine::act`] stores it before anything else.
    Waits,
    /// Storing it was tried: from now on a record is stored before anything that rests on it is told.
    Tried,
}

pub(super) struct Stack {
    pub(super) wish: Wish,
    pub(super) key: RegionKey,
    pub(super) record: Option<Record>,
    pub(super) first_record: FirstRecord,
    /// Why the record can't be read or written.
    pub(super) record_problem: Option<String>,
    pub(super) topology: Option<Topology>,
    pub(super) decision: Option<Decision>,
    /// The fleet that the decision was made with.
    pub(super) fleet: Fleet,
    /// What the last fresh look said against a step: shown beside the step's back-off, which alone holds it.
    pub(super) objections: Vec<Hold>,
    /// To be judged in this turn.
    pub(super) awake: bool,
    pub(super) wake_at: Option<Timestamp>,
}

/// What the shell publishes of one stack.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub wish: &'a Wish,
    pub topology: Option<&'a Topology>,
    pub decision: Option<&'a Decision>,
    pub history: Option<&'a History>,
    /// Why AWS can't be read at all.
    pub unobserved: Option<&'a str>,
}

impl Stack {
    pub(super) fn new(wish: Wish) -> Self {
        Self {
            key: key(&wish),
            wish,
            record: None,
            first_record: FirstRecord::MayWait,
            record_problem: None,
            topology: None,
            decision: None,
            fleet: Fleet::default(),
            objections: Vec::new(),
            awake: true,
            wake_at: None,
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &String> {
        self.wish.intent.caches.values().map(|c| &c.replication_group)
    }

    /// Groups on which something is planned or in flight: their owner must be known.
    pub(super) fn groups_to_act_on(&self) -> BTreeSet<String> {
        let planned = self.decision.iter().flat_map(|d| &d.actions);
        planned
            .filter_map(|a| self.wish.intent.caches.get(&a.component))
            .map(|c| c.replication_group.clone())
            .collect()
    }

    /// Takes over what was judged; says whether anything that people see may have changed.
    pub(super) fn adopt(&mut self, judgement: Judgement, fleet: Fleet, now: Timestamp) -> bool {
        let mut decision = judgement.decision;
        let own = self.own_holds(&decision.holds);
        decision.holds.splice(0..0, own);
        let changed = self.topology.as_ref() != Some(&judgement.topology)
            || self.decision.as_ref() != Some(&decision)
            || self.record.as_ref().map(|r| &r.history) != Some(&judgement.history);
        let wake = wake_at(&judgement.topology, &decision, &judgement.history, now);
        let expiry = acceptance::next_expiry(&self.wish.intent, now);
        self.wake_at = Some(expiry.map_or(wake, |at| at.min(wake)));
        if self.decision.as_ref().map(|d| &d.holds) != Some(&decision.holds) {
            let faults = decision
                .holds
                .iter()
                .filter(|h| h.guardrail == Guardrail::Verifier);
            for fault in faults {
                tracing::error!(stack = %decision.stack, hold = fault.id, reason = fault.reason, "A fault of ours is held");
            }
        }
        self.topology = Some(judgement.topology);
        self.decision = Some(decision);
        self.fleet = fleet;
        changed
    }

    /// Holds that no plan can know of.
    fn own_holds(&self, planned: &[Hold]) -> Vec<Hold> {
        let all = |id: &str, guardrail, reason: &String| Hold {
            id: id.to_owned(),
            guardrail,
            action: None,
            reason: reason.clone(),
            retry_at: None,
        };
        let mut holds = Vec::new();
        if let Some(why) = &self.record_problem {
            holds.push(all("stop:record", Guardrail::Stop, why));
        }
        if let Some(why) = &self.wish.frozen {
            holds.push(all("paused:manifest", Guardrail::Paused, why));
        }
        let backs_off = |h: &&Hold| {
            let same = |p: &Hold| p.guardrail == Guardrail::BackOff && p.action == h.action;
            planned.iter().any(same)
        };
        holds.extend(self.objections.iter().filter(backs_off).cloned());
        holds
    }

    /// Something is not as it should be: looked at again after every listing.
    pub(super) fn is_troubled(&self) -> bool {
        let (Some(topology), Some(decision)) = (&self.topology, &self.decision) else {
            return true;
        };
        let nodes = topology.components.values().flat_map(|c| c.shards.values());
        let sick = |n: &crate::topology::Node| n.health != Health::Healthy;
        !decision.actions.is_empty()
            || !decision.holds.is_empty()
            || self.has_open_ticket()
            || topology.zones.values().any(|z| z.state != ZoneState::Healthy)
            || topology.components.values().any(|c| !c.gaps.is_empty())
            || nodes.flat_map(|s| s.nodes.values()).any(sick)
    }

    pub(super) fn has_open_ticket(&self) -> bool {
        let tickets = self.record.iter().flat_map(|r| &r.history.tickets);
        tickets.into_iter().any(|t| t.phase.is_open())
    }
}

pub(super) fn key(wish: &Wish) -> RegionKey {
    (wish.access.clone(), wish.intent.region.clone())
}

/// The earliest moment at which time alone changes what is judged.
fn wake_at(topology: &Topology, decision: &Decision, history: &History, now: Timestamp) -> Timestamp {
    let retries = decision.holds.iter().filter_map(|h| h.retry_at);
    let open = history.tickets.iter().filter(|t| t.phase.is_open());
    let old = topology.observed_at + LOOK_AGAIN;
    let latest = if old > now { old } else { now + LOOK_SOON };
    retries
        .chain(open.map(|t| t.deadline))
        .filter(|at| *at > now)
        .min()
        .map_or(latest, |at| at.min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::support::{at, decision, intent, ticket};
    use crate::plan::history::Phase;
    use crate::plan::{ActionId, ActionKind};
    use crate::topology::shorthand;

    fn hold(retry_at: Option<Timestamp>) -> Hold {
        Hold {
            id: "h".to_owned(),
            guardrail: Guardrail::QuietPeriod,
            action: None,
            reason: "wait".to_owned(),
            retry_at,
        }
    }

    fn woken(holds: Vec<Hold>, history: &History, seconds: i64) -> Timestamp {
        let topology = shorthand::topology(at(0), "a b", &["a:P b:r"]);
        let decision = Decision { holds, ..decision() };
        wake_at(&topology, &decision, history, at(seconds))
    }

    #[test]
    fn a_stack_wakes_when_a_hold_ends_or_a_ticket_expires_or_its_view_grows_old() {
        let none = History::default();
        assert_eq!(woken(vec![], &none, 10), at(240));
        assert_eq!(
            woken(vec![hold(Some(at(100))), hold(Some(at(50)))], &none, 10),
            at(50)
        );
        assert_eq!(woken(vec![hold(None), hold(Some(at(9000)))], &none, 10), at(240));
        let moving = ActionKind::MovePrimary { shard: "0001".into() };
        let open = History {
            tickets: vec![ticket(moving, Phase::Settling)],
            ..History::default()
        };
        assert_eq!(woken(vec![], &open, 1400), at(1460));
        assert_eq!(woken(vec![], &open, 1450), at(1500));
    }

    #[test]
    fn a_moment_that_has_passed_wakes_nobody_twice() {
        let none = History::default();
        assert_eq!(woken(vec![hold(Some(at(10)))], &none, 10), at(240));
        assert_eq!(woken(vec![], &none, 240), at(300));
    }

    #[test]
    fn a_broken_manifest_or_record_holds_everything_and_an_objection_goes_with_its_back_off() {
        let of = |guardrail, action: &str| Hold {
            guardrail,
            action: Some(ActionId(action.to_owned())),
            ..hold(None)
        };
        let mut stack = Stack::new(Wish {
            intent: Arc::new(intent("g")),
            access: Access::Own,
            frozen: Some("web.yaml: spec.zones is empty".to_owned()),
            generation: None,
            identity: None,
        });
        stack.record_problem = Some("disk full".to_owned());
        stack.objections = vec![
            of(Guardrail::ReplicationLag, "tried"),
            of(Guardrail::ReplicationLag, "done"),
        ];
        let planned = [
            of(Guardrail::BackOff, "tried"),
            of(Guardrail::QuietPeriod, "done"),
        ];
        let ids: Vec<_> = stack
            .own_holds(&planned)
            .into_iter()
            .map(|h| (h.id, h.action.map(|a| a.0)))
            .collect();
        assert_eq!(
            ids,
            [
                ("stop:record".to_owned(), None),
                ("paused:manifest".to_owned(), None),
                ("h".to_owned(), Some("tried".to_owned()))
            ]
        );
    }
}
