//! [`Engine::act`]: at most one step, of the first stack that may.

use super::Engine;
use super::judge::{Scene, judge};
use super::region::{Connect, Eyes};
use super::stack::{Stack, Wish};
use crate::clock::Clock;
use crate::execute::step::{Again, Blind, Gate, Outcome, Ports, Replan};
use crate::execute::store::Store;
use crate::observe::FreshNeeds;
use crate::plan::history::{Fleet, History, Ticket};
use crate::plan::{Action, ActionClass, Decision, Guardrail, Hold, Intent, Purpose, next_step};
use crate::topology::StackName;
use jiff::Timestamp;

impl<C: Clock, S: Store, N: Connect, G: Gate> Engine<C, S, N, G> {
    /// Takes one step if any stack may; says whether one was tried. Nothing is started that isn't finished: once
    /// begun, wait for it. Where more stacks may, [`Engine::next_turn`] says when. First records are stored before.
    pub async fn act(&mut self) -> bool {
        self.step_at = None;
        self.store_first_records().await;
        if self.gate.closed(self.clock.now()).is_some() {
            return false;
        }
        for name in self.in_turn() {
            if self.stacks.get(&name).is_none_or(|s| step_of(s).is_none()) {
                continue;
            }
            // Others may have acted since it was judged.
            let (roll, common) = (self.roll(), self.common());
            let outdated = self
                .stacks
                .get(&name)
                .is_some_and(|s| s.fleet != self.fleet(s, &roll, &common));
            if outdated {
                self.judge_now(&name).await;
            }
            let Some(step) = self.stacks.get(&name).and_then(|s| step_of(s)) else {
                continue;
            };
            let now = self.clock.now();
            let region = self.stacks.get(&name).and_then(|s| self.regions.get(&s.key));
            if let Some(Err(later)) = region.map(|r| r.turn_to_act(now)) {
                self.step_at = Some(self.step_at.map_or(later, |at| at.min(later)));
                continue;
            }
            if !self.take(&name, step).await {
                continue;
            }
            self.acted_last = Some(name);
            if self.stacks.values().any(|s| step_of(s).is_some()) {
                self.step_at = Some(self.clock.now());
            }
            return true;
        }
        false
    }

    /// All stacks, beginning after the one that acted last.
    fn in_turn(&self) -> Vec<StackName> {
        let after = |name: &&StackName| self.acted_last.as_ref().is_none_or(|last| *name > last);
        let first = self.stacks.keys().filter(after);
        let rest = self.stacks.keys().filter(|name| !after(name));
        first.chain(rest).cloned().collect()
    }

    /// False when nothing was begun.
    async fn take(&mut self, name: &StackName, step: Vec<Action>) -> bool {
        let Some(stack) = self.stacks.get_mut(name) else {
            return false;
        };
        let doors = self
            .regions
            .get_mut(&stack.key)
            .and_then(|r| r.eyes_and_hand(name));
        let component = step
            .first()
            .and_then(|a| stack.topology.as_ref()?.components.get(&a.component));
        let (Some((eyes, write)), Some(component), Some(record)) = (doors, component, &mut stack.record)
        else {
            return false;
        };
        let mut replan = FreshPlan {
            clock: &self.clock,
            eyes,
            intent: &stack.wish.intent,
            fleet: &stack.fleet,
        };
        let gate = Permit {
            gate: &self.gate,
            connect: &self.connect,
            wish: &stack.wish,
        };
        let mut ports = Ports {
            clock: &self.clock,
            store: &self.store,
            replan: &mut replan,
            write,
            gate: &gate,
        };
        let ids: Vec<&str> = step.iter().map(|a| a.id.0.as_str()).collect();
        tracing::info!(stack = %name, actions = ids.join(" "), "Step begins");
        let outcome = ports
            .take(record, step.clone(), component, &self.settings.holder)
            .await;
        self.conclude(name, &step, outcome).await;
        true
    }

    /// Remembers how it ended and judges again, so that the report shows it.
    async fn conclude(&mut self, name: &StackName, step: &[Action], outcome: Outcome) {
        let mut objections = Vec::new();
        let mut problem = None;
        let mut finished = None;
        match outcome {
            Outcome::Called(ticket) => {
                let (phase, outcome) = (ticket.phase, &ticket.outcome);
                tracing::info!(stack = %name, ticket = %ticket.id, ?phase, ?outcome, "Call sent");
                finished = Some(ticket).filter(|t| !t.phase.is_open());
            }
            Outcome::Overtaken { again } => {
                objections = objected(step, &again.holds);
                let holds: Vec<&str> = objections.iter().map(|h| h.reason.as_str()).collect();
                tracing::info!(stack = %name, holds = holds.join(" "), "Step overtaken by a fresh look");
            }
            Outcome::Blind(error) => {
                tracing::warn!(stack = %name, %error, "Step without a fresh look");
                objections = objected(step, &[blind(&error)]);
            }
            Outcome::Stopped(reason) => tracing::warn!(stack = %name, reason, "Step stopped"),
            Outcome::NotStored(error) => {
                tracing::error!(stack = %name, %error, "Step not stored");
                problem = Some(error.to_string());
            }
        }
        if let Some(stack) = self.stacks.get_mut(name) {
            stack.objections = objections;
            stack.record_problem = problem;
        }
        if let Some(ticket) = finished {
            self.note_finished(name, ticket);
        }
        self.judge_now(name).await;
    }
}

/// The step that this stack may take now.
fn step_of(stack: &Stack) -> Option<Vec<Action>> {
    let able = stack.record.as_ref().is_some_and(|r| !r.unsure)
        && stack.record_problem.is_none()
        && stack.wish.frozen.is_none()
        && !stack.has_open_ticket();
    stack.decision.as_ref().filter(|_| able).and_then(first_step)
}

fn first_step(decision: &Decision) -> Option<Vec<Action>> {
    let step = next_step(decision)?;
    Some(step.into_iter().cloned().collect())
}

/// Holds of the step's actions, and those on everything, as holds of this step.
fn objected(step: &[Action], holds: &[Hold]) -> Vec<Hold> {
    let Some(first) = step.first() else {
        return Vec::new();
    };
    holds
        .iter()
        .filter(|h| {
            h.action
                .as_ref()
                .is_none_or(|id| step.iter().any(|a| a.id == *id))
        })
        .map(|h| Hold {
            id: format!("{}:fresh", h.id),
            action: Some(h.action.clone().unwrap_or_else(|| first.id.clone())),
            ..h.clone()
        })
        .collect()
}

fn blind(error: &Blind) -> Hold {
    Hold {
        id: "freshness".to_owned(),
        guardrail: Guardrail::Freshness,
        action: None,
        reason: format!(
            "The fresh look before acting failed: {}.",
            error.0.trim_end_matches('.')
        ),
        retry_at: None,
    }
}

/// The gate of all, and what is still allowed for this stack.
struct Permit<'a, G, N> {
    gate: &'a G,
    connect: &'a N,
    wish: &'a Wish,
}

impl<G: Gate, N: Connect> Gate for Permit<'_, G, N> {
    fn closed(&self, now: Timestamp) -> Option<String> {
        self.gate
            .closed(now)
            .or_else(|| self.connect.withdrawn(self.wish))
    }

    fn told(&self, now: Timestamp) -> Option<String> {
        self.gate.told(now)
    }

    fn close(&self, reason: &str) {
        self.gate.close(reason);
    }
}

/// Plans again from a fresh read.
struct FreshPlan<'a, C> {
    clock: &'a C,
    eyes: Eyes<'a>,
    intent: &'a Intent,
    fleet: &'a Fleet,
}

impl<C: Clock> Replan for FreshPlan<'_, C> {
    async fn replan(&mut self, history: &History, ticket: &Ticket) -> Result<Again, Blind> {
        let first = ticket.actions.first();
        let Some((action, cache)) = first.and_then(|a| Some((a, self.intent.caches.get(&a.component)?)))
        else {
            return Err(Blind("the stack no longer names the component".to_owned()));
        };
        let disruptive = action.kind.class() == ActionClass::Disruptive;
        let needs = FreshNeeds {
            roles: disruptive,
            lag: disruptive,
            tags: true,
        };
        let fresh = self
            .eyes
            .fresh(&cache.replication_group, needs, self.clock)
            .await
            .map_err(|e| Blind(e.to_string()))?;
        let scene = Scene {
            intent: self.intent,
            view: self.eyes.view(),
            watch: self.eyes.watch(),
            history,
            fleet: self.fleet,
            purpose: &Purpose::Act {
                ticket: ticket.id.clone(),
            },
            now: self.clock.now(),
        };
        let judgement = judge(&scene).map_err(|e| Blind(e.to_string()))?;
        Ok(Again {
            topology: judgement.topology,
            step: first_step(&judgement.decision).unwrap_or_default(),
            holds: judgement.decision.holds,
            read_at: fresh.read_at(),
        })
    }
}
