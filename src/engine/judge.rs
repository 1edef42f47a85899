//! From what a region shows to one stack's new record and decision. Pure.
//!
//! ```text
//! view ─► topology, failovers ─► memory ─► open tickets settle ─► blocks ─► plan ─► approvals ─► (plan again)
//! ```

use crate::execute::progress;
use crate::execute::ticket::WrongPhase;
use crate::observe::{Look, RegionView, ZoneWatch, failovers, memory, topology};
use crate::plan::history::{Fleet, History, Ticket, TicketOutcome};
use crate::plan::verify::undecided;
use crate::plan::{Decision, Input, Intent, Purpose, approvals, guardrails::flapping, id, plan};
use crate::topology::{Failover, Topology};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What one judgement rests on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub intent: &'a Intent,
    pub view: &'a RegionView,
    pub watch: &'a ZoneWatch,
    pub history: &'a History,
    pub fleet: &'a Fleet,
    pub purpose: &'a Purpose,
    pub now: Timestamp,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub topology: Topology,
    /// To be stored before anything rests on it.
    pub history: History,
    pub decision: Decision,
    /// Tickets that ended with this look.
    pub finished: Vec<Ticket>,
}

/// Looks once. An error means that the record contradicts itself. A fault of ours that ends in a panic is the hold of
/// this stack alone: its record stays as it was, and nothing is said of what it survives.
pub fn judge(scene: &Scene<'_>) -> Result<Judgement, WrongPhase> {
    caught(scene.intent, scene.history, scene.now, || judge_unguarded(scene))
}

fn caught(
    intent: &Intent,
    history: &History,
    now: Timestamp,
    judge: impl FnOnce() -> Result<Judgement, WrongPhase>,
) -> Result<Judgement, WrongPhase> {
    // What was being made is thrown away with the panic; all that it was made of is borrowed and unchanged.
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Ok(Judgement {
            topology: Topology {
                stack: intent.stack.clone(),
                observed_at: now,
                zones: [].into(),
                components: [].into(),
            },
            history: history.clone(),
            decision: undecided(intent, text.unwrap_or("no reason given"), now),
            finished: Vec::new(),
        })
    })
}

fn judge_unguarded(scene: &Scene<'_>) -> Result<Judgement, WrongPhase> {
    let Scene {
        intent,
        view,
        now,
        history: recorded,
        ..
    } = *scene;
    let before = &memory::identity::absorb(recorded, intent, view);
    let mut topology = look(scene, before);
    let seen = seen_failovers(scene, before);
    let history = memory::absorb(before, &topology, &seen, now);
    let (mut history, finished) = progress::settle(&history, &topology, view.events.all(), now)?;
    for ticket in &finished {
        if ticket.outcome == Some(TicketOutcome::Succeeded) {
            for action in &ticket.actions {
                history = approvals::complete(history, action);
            }
        }
    }
    acknowledge(&mut history, intent);
    history = flapping::absorb(history, now);
    if history.added_nodes != before.added_nodes {
        topology = look(scene, &history);
    }
    let mut decision = decide(scene, &topology, &history);
    let steps = id::steps(intent, &decision.actions);
    let approved = approvals::absorb(history.clone(), intent, &decision.id, &steps, now);
    if approved != history {
        history = approved;
        decision = decide(scene, &topology, &history);
    }
    Ok(Judgement {
        topology,
        history,
        decision,
        finished,
    })
}

fn look(scene: &Scene<'_>, history: &History) -> Topology {
    topology(&Look {
        intent: scene.intent,
        view: scene.view,
        watch: scene.watch,
        history,
        installation: scene.fleet.installation.as_deref(),
        purpose: scene.purpose,
        now: scene.now,
    })
}

/// Of the lives that are seen now: an id may have had another one before.
fn seen_failovers(scene: &Scene<'_>, history: &History) -> Vec<Failover> {
    let born = |f: &Failover| history.incarnations.get(&f.component).map(|life| life.created);
    let caches = scene.intent.caches.iter();
    caches
        .flat_map(|(name, cache)| {
            failovers::derive(
                scene.view,
                scene.watch,
                name,
                &cache.replication_group,
                &history.tickets,
            )
        })
        .filter(|f| born(f).is_none_or(|at| f.at >= at))
        .collect()
}

fn decide(scene: &Scene<'_>, topology: &Topology, history: &History) -> Decision {
    plan(&Input {
        intent: scene.intent,
        topology,
        history,
        fleet: scene.fleet,
        purpose: scene.purpose,
        now: scene.now,
    })
}

/// Remembers what the annotation acknowledges, as far as the record knows it: the annotation may be gone tomorrow.
fn acknowledge(history: &mut History, intent: &Intent) {
    let known: BTreeSet<String> = history
        .failovers
        .iter()
        .map(|f| f.id.clone())
        .chain(history.blocks.iter().map(|b| b.id.clone()))
        .collect();
    history.acknowledged.retain(|id| known.contains(id));
    let named = intent.annotations.acknowledge.intersection(&known).cloned();
    history.acknowledged.extend(named);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::support::{at, intent};
    use crate::observe::view::{EventLog, Poll};
    use crate::plan::{Guardrail, next_step};
    use crate::topology::survival::Survival;

    #[test]
    fn a_renamed_component_is_not_forgotten_before_its_group_was_listed() {
        let intent = intent("g");
        let mut history = History {
            began: Some(at(3)),
            ..History::default()
        };
        let misses = [("a".into(), at(4))].into();
        history.capacity_misses.insert("old-name".into(), misses);
        let mut view = RegionView {
            account: None,
            region: "test-region-1".into(),
            groups: [].into(),
            listed: Poll::default(),
            events: EventLog::default(),
            points: [].into(),
            tags: [].into(),
            metrics: Poll::default(),
        };
        assert_eq!(memory::identity::absorb(&history, &intent, &view), history);
        view.listed.complete_at = Some(at(5));
        let after = memory::identity::absorb(&history, &intent, &view);
        assert!(
            after.capacity_misses.is_empty(),
            "nothing bears that name any more"
        );
    }

    #[test]
    fn a_panic_while_judging_is_a_hold_and_changes_no_record() {
        let intent = intent("g");
        let history = History {
            began: Some(at(3)),
            ..History::default()
        };
        let judge = || panic!("index {} out of range", 7);
        let judgement = caught(&intent, &history, at(5), judge).unwrap();
        assert_eq!(judgement.history, history);
        let decision = judgement.decision;
        assert_eq!(next_step(&decision), None);
        assert!(!decision.zones.is_empty());
        assert!(decision.zones.values().all(|z| z.verdict == Survival::Unknown));
        let [hold] = &decision.holds[..] else {
            panic!("{:?}", decision.holds);
        };
        assert_eq!((hold.guardrail, &hold.action), (Guardrail::Verifier, &None));
        assert!(hold.reason.contains("index 7 out of range"), "{}", hold.reason);
    }
}
