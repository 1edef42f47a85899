//! The play: calm, a zone is lost, AWS fails over, Evenkeel judges and waits, the zone returns, failback, calm.
//!
//! Each act ends when something is seen, never after a fixed time; the whole has a deadline.

use crate::screen::{Screen, View};
use crate::stage::{LOST_ZONE, Stage};
use crate::story::{Story, Who};
use evenkeel::api::conditions::{Condition, ConditionStatus, ConditionType};
use evenkeel::api::v1alpha1::HAStackStatus;
use evenkeel_sim::State;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Balanced, and any one zone can be lost.
    Balanced,
    /// The deadline passed first.
    NotBalanced,
    /// Ctrl-C.
    Interrupted,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Until Evenkeel has judged and everything is well.
    Opening,
    Calm {
        since: Timestamp,
    },
    /// Until Evenkeel knows that the zone is lost and what that means.
    Outage,
    /// So that one can read it.
    Known {
        since: Timestamp,
    },
    Returned,
    Finale {
        since: Timestamp,
    },
}

/// Real time.
const DEADLINE: Duration = Duration::from_secs(87);
const FRAME: Duration = Duration::from_millis(100);
/// Simulated time, to look at what is there.
const PAUSE: SignedDuration = SignedDuration::from_mins(3);

pub async fn play(stage: &mut Stage, screen: &mut Screen) -> anyhow::Result<(Ending, Story)> {
    let mut story = Story::default();
    let mut act = Act::Opening;
    story.say(
        stage.start,
        Who::Demo,
        format!(
            "a simulated AWS on {}, {} times as fast as the wall clock; evenkeel run works on \
             examples/nextgen-commerce.yaml through the AWS SDK",
            stage.sim.endpoint_url(),
            stage.speed
        ),
        false,
    );
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut frame = tokio::time::interval(FRAME);
    loop {
        let interrupted = tokio::select! {
            _ = frame.tick() => false,
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
        };
        let state = stage.sim.state();
        for line in stage.said() {
            story.evenkeel_said(&line, state.now);
        }
        story.look(&state);
        let status = stage.status();
        if let Some(status) = &status {
            story.note(status, state.now);
        }
        let ending = if interrupted {
            Some(Ending::Interrupted)
        } else if stage.watch.elapsed() > DEADLINE {
            Some(Ending::NotBalanced)
        } else {
            stage.still_runs()?;
            next(&mut act, stage, &state, status.as_ref(), &mut story)?
        };
        story.settle(state.now, ending.is_some());
        screen.show(&View {
            state: &state,
            status: status.as_ref(),
            story: &story,
        });
        if let Some(ending) = ending {
            return Ok((ending, story));
        }
    }
}

/// Goes on to the next act when it is time.
fn next(
    act: &mut Act,
    stage: &Stage,
    state: &State,
    status: Option<&HAStackStatus>,
    story: &mut Story,
) -> anyhow::Result<Option<Ending>> {
    let now = state.now;
    let well = status.is_some_and(|s| is_well(s) && is_spread(state));
    match *act {
        Act::Opening if well => *act = Act::Calm { since: now },
        Act::Calm { since } if now.duration_since(since) >= PAUSE => {
            story.say(now, Who::Demo, format!("zone {LOST_ZONE} is lost"), true);
            stage.sim.fail_zone(LOST_ZONE).map_err(anyhow::Error::msg)?;
            *act = Act::Outage;
        }
        Act::Outage if status.is_some_and(knows_the_outage) => *act = Act::Known { since: now },
        Act::Known { since } if now.duration_since(since) >= PAUSE => {
            story.say(now, Who::Demo, format!("zone {LOST_ZONE} is back"), false);
            stage.sim.recover_zone(LOST_ZONE).map_err(anyhow::Error::msg)?;
            *act = Act::Returned;
        }
        Act::Returned if well => *act = Act::Finale { since: now },
        Act::Finale { .. } if !well => *act = Act::Returned,
        Act::Finale { since } if now.duration_since(since) >= PAUSE => return Ok(Some(Ending::Balanced)),
        _ => {}
    }
    Ok(None)
}

pub fn condition(status: &HAStackStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|c| c.kind == kind)
}

fn is_true(status: &HAStackStatus, kind: ConditionType) -> bool {
    condition(status, kind).is_some_and(|c| c.status == ConditionStatus::True)
}

/// Evenkeel says: balanced, any zone can be lost, nothing to do, nothing under way.
pub fn is_well(status: &HAStackStatus) -> bool {
    let survivable = |verdict: &str| matches!(verdict, "Survives" | "Degraded");
    is_true(status, ConditionType::Balanced)
        && is_true(status, ConditionType::ZoneRedundant)
        && !is_true(status, ConditionType::Reconciling)
        && status.tickets.is_empty()
        && status.plan.as_ref().is_some_and(|p| p.actions.is_empty())
        && !status.zones.is_empty()
        && status
            .zones
            .iter()
            .all(|z| z.state == "Healthy" && survivable(&z.verdict))
}

/// The truth: every copy serves, every zone has as many primaries as any other.
pub fn is_spread(state: &State) -> bool {
    let mut primaries: BTreeMap<&str, usize> = state.zones.keys().map(|z| (z.as_str(), 0)).collect();
    for shard in state.groups.iter().flat_map(|g| &g.shards) {
        if shard.nodes.iter().any(|n| n.health != "healthy") {
            return false;
        }
        if let Some(count) = shard.primary_zone.as_deref().and_then(|z| primaries.get_mut(z)) {
            *count += 1;
        }
    }
    primaries.values().min() == primaries.values().max()
}

/// The lost zone is seen, and that no other may follow it.
fn knows_the_outage(status: &HAStackStatus) -> bool {
    let mut zones = status.zones.iter();
    zones.any(|z| z.name == LOST_ZONE && z.state == "Impaired")
        && status.zones.iter().any(|z| z.verdict == "Lost")
}
