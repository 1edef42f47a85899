//! One seed lived through: the simulated AWS and the loop in one process, on one stepped clock.

use crate::check::{Checker, survives};
use crate::draw::{Event, REGION, Story};
use evenkeel::aws::{Access, Stats};
use evenkeel::engine::{Engine, Settings, Wish};
use evenkeel::intake::{self, Source};
use evenkeel::plan::Guardrail;
use evenkeel::topology::StackName;
use evenkeel::topology::survival::Survival;
use evenkeel_sim::{ClockMode, Sim};
use evenkeel_test_support::in_process::{Doors, Memory, StepClock, Switch, sdk_config};
use evenkeel_test_support::rig::policy;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Once all is calm a stack is whole by then: a shard is moved once a day.
const LIMIT: SignedDuration = SignedDuration::from_hours(30);

/// How long (real time) the simulator may take to notice that nobody waits for an answer any more.
const STALL: Duration = Duration::from_mins(1);

/// What one life came to.
#[derive(Debug, Default)]
pub struct Life {
    pub violations: Vec<String>,
    pub steps: usize,
    /// For how long a zone was said to be expendable that wasn't, and the other way round.
    pub flattering: SignedDuration,
    pub alarming: SignedDuration,
    /// What happened, for a person.
    pub told: String,
}

type Loop = Engine<StepClock, Memory, Doors, Switch>;

struct Run<'a> {
    story: &'a Story,
    sim: Arc<Sim>,
    memory: Memory,
    switch: Switch,
    aws: aws_config::SdkConfig,
    engine: Loop,
    wishes: BTreeMap<StackName, Wish>,
    checker: Checker,
    life: Life,
    said: String,
    /// A kill that waits for the next call that changes something.
    kill: Option<&'static str>,
}

/// Lives through it; a panic of the loop is a violation, too.
pub async fn live(seed: u64) -> Life {
    let story = Story::of(seed);
    let mut run = Run::new(&story, seed).await;
    let start = run.sim.now();
    run.disturbed(start).await;
    run.calmed().await;
    run.life.violations.append(&mut run.checker.violations);
    run.life.steps = run.checker.steps;
    run.life
}

impl<'a> Run<'a> {
    async fn new(story: &'a Story, seed: u64) -> Self {
        let sim = Sim::builder()
            .world_yaml(&story.world)
            .clock(ClockMode::Stepped)
            .seed(seed)
            .policy("default", &policy("controller"))
            .start()
            .await
            .unwrap_or_else(|e| panic!("{e}\n{}", story.world));
        let sim = Arc::new(sim);
        let aws = sdk_config(Some(sim.endpoint_url()), REGION).await;
        let (memory, switch) = (Memory::default(), Switch::default());
        let engine = engine(&sim, &memory, &switch, &aws);
        let read = intake::read(&[Source {
            name: "shop.yaml".to_owned(),
            text: story.manifest.clone(),
        }]);
        assert_eq!(read.problems, [], "{}", story.manifest);
        let wishes = read.stacks.into_iter().map(|accepted| {
            let wish = Wish {
                intent: Arc::new(accepted.intent),
                access: Access::Own,
                frozen: None,
                generation: None,
                identity: None,
            };
            (wish.intent.stack.clone(), wish)
        });
        Self {
            checker: Checker::new(story.death_shows),
            wishes: wishes.collect(),
            life: Life::default(),
            said: String::new(),
            kill: None,
            story,
            sim,
            memory,
            switch,
            aws,
            engine,
        }
    }

    fn tell(&mut self, what: &str) {
        let _ = writeln!(self.life.told, "{} {what}", self.sim.now());
    }

    /// Until nobody disturbs any more.
    async fn disturbed(&mut self, start: Timestamp) {
        let mut events = self.story.events.iter().peekable();
        let end = start + SignedDuration::from_mins(self.story.calm_after);
        while self.sim.now() < end {
            while let Some((_, event)) =
                events.next_if(|(at, _)| start + SignedDuration::from_mins(*at) <= self.sim.now())
            {
                self.happen(event);
            }
            let next = events
                .peek()
                .map(|(at, _)| start + SignedDuration::from_mins(*at));
            self.turn(next.unwrap_or(end).min(end)).await;
        }
    }

    fn happen(&mut self, event: &Event) {
        self.tell(&format!("{event:?}"));
        match event {
            Event::Actor(yaml) => self
                .sim
                .actor_yaml(yaml)
                .unwrap_or_else(|e| panic!("{e}: {yaml}")),
            Event::Fault(yaml) => {
                self.sim
                    .fault_yaml(yaml)
                    .unwrap_or_else(|e| panic!("{e}: {yaml}"));
            }
            Event::Kill => self.take_over(),
            Event::KillInCall(when) => self.kill = Some(when),
        }
    }

    /// Another process with the same records.
    fn take_over(&mut self) {
        self.engine = engine(&self.sim, &self.memory, &self.switch, &self.aws);
    }

    /// With nobody disturbing, the stack comes to what it wants, and stays.
    async fn calmed(&mut self) {
        self.sim.clear_faults();
        let dead: Vec<String> = {
            let zones = self.sim.state().zones;
            let dead = zones.into_iter().filter(|(_, z)| z.failed);
            dead.map(|(name, _)| name).collect()
        };
        for zone in dead {
            self.sim.recover_zone(&zone).unwrap();
        }
        self.tell("calm");
        let end = self.sim.now() + LIMIT;
        let mut whole_since = None;
        while self.sim.now() < end {
            self.acknowledge();
            self.turn(end).await;
            let now = self.sim.now();
            if !self.story.enforces {
                // It may do nothing of its own: that it did no wrong is all that there is to see.
                if now > end - LIMIT + SignedDuration::from_hours(1) {
                    return;
                }
            } else if self.is_whole() {
                let since = *whole_since.get_or_insert(now);
                if now.duration_since(since) > SignedDuration::from_mins(20) {
                    return;
                }
            } else {
                whole_since = None;
            }
        }
        let said = self.said.clone();
        self.life
            .violations
            .push(format!("not whole {LIMIT:#} after all was calm: {said}"));
    }

    /// A person takes note of everything, lifts the breaker, and looks again.
    fn acknowledge(&mut self) {
        self.switch.lift();
        for (name, wish) in &mut self.wishes {
            let Some(history) = self.engine.report(name).and_then(|r| r.history) else {
                continue;
            };
            let ids = history.failovers.iter().map(|f| f.id.clone());
            let ids: BTreeSet<String> = ids.chain(history.blocks.iter().map(|b| b.id.clone())).collect();
            if !ids.is_subset(&wish.intent.annotations.acknowledge) {
                let intent = Arc::make_mut(&mut wish.intent);
                intent.annotations.acknowledge.extend(ids);
            }
        }
    }

    /// One look and at most one step, then time passes until something is due, no further than `limit`.
    async fn turn(&mut self, limit: Timestamp) {
        self.engine.look(&self.wishes).await;
        let before = self.sim.state();
        self.checker.look(&before);
        let mark = self.sim.mark();
        if let Some(when) = self.kill {
            self.act_to_death(when).await;
        } else {
            self.engine.act().await;
        }
        let after = self.sim.state();
        for call in self.sim.calls_since(mark) {
            if call.mutating {
                let what = format!(
                    "{} {:?} → {:?} {:?}",
                    call.operation, call.params, call.status, call.error
                );
                self.tell(&what);
            }
            if call.mutating && call.applied {
                self.checker.step(&call, &before, &after);
            }
            if call.error.as_deref() == Some("AccessDenied") {
                self.life
                    .violations
                    .push(format!("{} {} is denied", call.at, call.operation));
            }
        }
        let due = self
            .engine
            .next_turn()
            .max(self.sim.now() + SignedDuration::from_secs(1));
        let until = due.min(limit.max(self.sim.now() + SignedDuration::from_secs(1)));
        self.measure(until);
        self.sim.advance_to(until).await.unwrap();
    }

    /// The process dies while its call is on the way.
    async fn act_to_death(&mut self, when: &'static str) {
        let mut rules = Vec::new();
        for operation in [
            "IncreaseReplicaCount",
            "DecreaseReplicaCount",
            "TestFailover",
            "ModifyReplicationGroup",
        ] {
            let rule = format!("{{operation: {operation}, hold: {when}, times: 1}}");
            rules.push(self.sim.fault_yaml(&rule).unwrap());
        }
        let sim = Arc::clone(&self.sim);
        let watched = rules.clone();
        let caught = async move {
            while watched.iter().all(|rule| sim.held(rule) == 0) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let died = tokio::select! {
            () = caught => true,
            _ = self.engine.act() => false,
        };
        if died {
            self.tell(&format!("dies {when} the call is done"));
            self.kill = None;
            self.take_over();
            let let_go = async {
                while rules.iter().any(|rule| self.sim.held(rule) > 0) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let noticed = tokio::time::timeout(STALL, let_go).await;
            assert!(noticed.is_ok(), "the call of a dead process is still held");
        }
        for rule in rules {
            self.sim.remove_fault(&rule);
        }
    }

    fn is_whole(&mut self) -> bool {
        let Some(report) = self
            .wishes
            .keys()
            .next()
            .and_then(|name| self.engine.report(name))
        else {
            return false;
        };
        let (Some(decision), Some(history)) = (report.decision, report.history) else {
            return false;
        };
        let survives_all = decision.zones.values().all(|z| z.verdict <= Survival::Degraded);
        let open = history.tickets.iter().any(|t| t.phase.is_open());
        let holds: Vec<String> = decision.holds.iter().map(|h| h.reason.clone()).collect();
        self.said = format!(
            "{:?} balanced {:?} actions {:?} holds {holds:?}",
            decision
                .zones
                .iter()
                .map(|(n, z)| (n, z.verdict))
                .collect::<Vec<_>>(),
            decision.balanced,
            decision.actions.iter().map(|a| &a.id.0).collect::<Vec<_>>(),
        );
        // (A third copy in two zones can't be spread: that there is nothing to do is what the planner proves.)
        survives_all && decision.balanced.is_some() && decision.actions.is_empty() && !open
    }

    /// What was said of each zone against the truth, from now until then.
    fn measure(&mut self, until: Timestamp) {
        let state = self.sim.state();
        let span = until.duration_since(state.now);
        for name in self.wishes.keys() {
            let Some(decision) = self.engine.report(name).and_then(|r| r.decision) else {
                continue;
            };
            for hold in decision
                .holds
                .iter()
                .filter(|h| h.guardrail == Guardrail::Verifier)
            {
                self.life
                    .violations
                    .push(format!("{} {}", state.now, hold.reason));
            }
            let says = |zone: &evenkeel::plan::ZoneReport| zone.verdict <= Survival::Degraded;
            let verdicts = decision
                .zones
                .iter()
                .map(|(zone, report)| (says(report), report.verdict, survives(&state, zone.as_str())));
            let mut flatters = false;
            let mut alarms = false;
            for (said, verdict, truth) in verdicts {
                flatters |= said && !truth;
                alarms |= verdict == Survival::Lost && truth;
            }
            self.life.flattering += if flatters { span } else { SignedDuration::ZERO };
            self.life.alarming += if alarms { span } else { SignedDuration::ZERO };
        }
    }
}

fn engine(sim: &Arc<Sim>, memory: &Memory, switch: &Switch, aws: &aws_config::SdkConfig) -> Loop {
    let settings = Settings {
        installation: Some("demo".to_owned()),
        ..Settings::default()
    };
    let doors = Doors {
        aws: aws.clone(),
        stats: Stats::default(),
    };
    Engine::new(
        StepClock(Arc::clone(sim)),
        memory.clone(),
        doors,
        switch.clone(),
        settings,
    )
}
