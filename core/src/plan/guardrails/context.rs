//! What every guardrail looks at: the input, the plan, and what several of them ask of it, worked out once.

use crate::plan::copies::target_count;
use crate::plan::history::{Phase, Ticket};
use crate::plan::intent::CacheIntent;
use crate::plan::{Action, ActionClass, Input, PlanId, Purpose, id, windows};
use crate::topology::{Component, ComponentName, Health, NodeId, Shard, ShardId};
use jiff::Timestamp;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Why an action waits, and when time alone may lift that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) retry_at: Option<Timestamp>,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            retry_at: None,
        }
    }

    pub(super) fn until(reason: impl Into<String>, at: Timestamp) -> Self {
        Self {
            reason: reason.into(),
            retry_at: Some(at),
        }
    }

    /// Several reasons of one guardrail as one: lifted by time only if each is, and then by the latest.
    pub(super) fn join(refusals: Vec<Self>) -> Option<Self> {
        let last = refusals.iter().map(|r| r.retry_at).max()?;
        let timed = refusals.iter().all(|r| r.retry_at.is_some());
        let reasons: Vec<String> = refusals.into_iter().map(|r| r.reason).collect();
        Some(Self {
            reason: reasons.join(" "),
            retry_at: last.filter(|_| timed),
        })
    }
}

/// A component as guardrails see it.
pub(super) struct State<'a> {
    pub(super) component: &'a Component,
    pub(super) wanted: &'a CacheIntent,
    /// Shards with fewer healthy copies than their target count.
    pub(super) degraded: Vec<&'a ShardId>,
    /// Members that aren't healthy.
    pub(super) unavailable: Vec<&'a NodeId>,
}

pub(super) struct Context<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) actions: &'a [Action],
    pub(super) plan: PlanId,
    pub(super) steps: Vec<id::Step>,
    states: BTreeMap<&'a ComponentName, State<'a>>,
    next_open: OnceCell<Option<Timestamp>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(input: &'a Input<'a>, actions: &'a [Action]) -> Self {
        let mut states = BTreeMap::new();
        for action in actions {
            let name = &action.component;
            if states.contains_key(name) {
                continue;
            }
            if let (Some(component), Some(wanted)) =
                (input.topology.components.get(name), input.intent.caches.get(name))
            {
                states.insert(name, state(input, component, wanted));
            }
        }
        Self {
            input,
            actions,
            plan: id::plan_id(input, actions),
            steps: id::steps(input.intent, actions),
            states,
            next_open: OnceCell::new(),
        }
    }

    /// The action's component; `None` when it is not in the intent or not observed, which `resource_state` refuses.
    pub(super) fn state(&self, action: &Action) -> Option<&State<'a>> {
        self.states.get(&action.component)
    }

    /// Tickets in flight. Just before acting, our own is still `Prepared` and doesn't count against itself.
    pub(super) fn open_tickets(&self) -> impl Iterator<Item = &'a Ticket> {
        let own = match self.input.purpose {
            Purpose::Propose => None,
            Purpose::Act { ticket } => Some(ticket),
        };
        self.input
            .history
            .tickets
            .iter()
            .filter(|t| t.phase.is_open())
            .filter(move |t| t.phase != Phase::Prepared || own != Some(&t.id))
    }

    /// A call of ours may be changing this component.
    pub(super) fn ours_in_flight(&self, component: &ComponentName) -> bool {
        self.open_tickets()
            .filter(|t| t.phase != Phase::Prepared)
            .any(|t| t.actions.iter().any(|a| a.component == *component))
    }

    /// When the windows next allow disruption.
    pub(super) fn next_open(&self) -> Option<Timestamp> {
        let settings = &self.input.intent.guardrails;
        *self
            .next_open
            .get_or_init(|| windows::next_open(&settings.windows, &settings.deny_windows, self.input.now))
    }

    pub(super) fn acting(&self) -> bool {
        matches!(self.input.purpose, Purpose::Act { .. })
    }
}

pub(super) fn disruptive(action: &Action) -> bool {
    action.kind.class() == ActionClass::Disruptive
}

fn state<'a>(input: &Input<'a>, component: &'a Component, wanted: &'a CacheIntent) -> State<'a> {
    let short = |shard: &Shard| {
        shard.healthy().count() < target_count(input.history, shard, wanted.min_replicas_per_shard)
    };
    State {
        component,
        wanted,
        degraded: component
            .shards
            .iter()
            .filter(|(_, shard)| short(shard))
            .map(|(id, _)| id)
            .collect(),
        unavailable: component
            .shards
            .values()
            .flat_map(|s| &s.nodes)
            .filter(|(_, n)| n.health != Health::Healthy)
            .map(|(id, _)| id)
            .collect(),
    }
}
