//! What every scenario is written over: a simulated AWS with a stepped clock, and a loop under test that takes its
//! time from it.
//!
//! The simulated AWS enforces `deploy/iam/controller.json`, and no scenario may end with a call that it refused.
//!
//! [`LoopUnderTest`] is small on purpose: the same scenarios run against every shell around the engine. Nothing here
//! sleeps: [`Rig::run_for`] moves the simulator's clock from wake-up to wake-up until the loop waits for a later time.

use crate::ROOT;
use evenkeel_sim::{Call, ClockMode, Sim, SimBuilder};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The loop under test, from outside.
pub trait LoopUnderTest: Sized {
    /// A loop that isn't running yet, against this simulator.
    fn new(sim: &Sim) -> Self;
    /// Starts it, or starts it again after [`LoopUnderTest::kill`], with the same durable state.
    async fn start(&mut self);
    /// Ends it with SIGKILL: it can't tidy up.
    async fn kill(&mut self);
    /// Asks it to end and waits; panics if it doesn't end by itself.
    async fn stop(&mut self);
    fn is_running(&self) -> bool;
    /// The namespace of the stacks, as sentences name them.
    async fn namespace(&self) -> String {
        "default".to_owned()
    }
    /// Creates or replaces a manifest.
    async fn apply(&self, name: &str, manifest: &str);
    /// Removes a manifest.
    async fn delete(&self, name: &str);
    /// The stack's status as last published; `Null` before the first.
    async fn status(&self, name: &str) -> Value;
    /// The fleet's stop switch.
    async fn stop_all_acting(&self, on: bool);
    /// Damages the durable record of a stack.
    async fn damage_record(&self, name: &str, how: Damage);
    /// What it said so far (logs), for failure messages.
    fn log(&self) -> String;
}

/// How a durable record is lost.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    Truncated,
    Gone,
}

pub struct Rig<L: LoopUnderTest> {
    pub sim: Sim,
    pub lut: L,
    /// As it was last read: what a failed assertion was about.
    seen: Mutex<Value>,
}

impl<L: LoopUnderTest> Drop for Rig<L> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.story());
            return;
        }
        let refused = self.sim.calls().into_iter();
        // Where a fault rule fired, the scenario wanted the refusal, and a role's trust may refuse, too.
        let wanted = |c: &Call| !c.faults.is_empty() || c.operation == "AssumeRole";
        let refused = refused.filter(|c| c.error.as_deref() == Some("AccessDenied") && !wanted(c));
        let refused: Vec<String> = refused
            .map(|c| format!("{}:{}", c.service, c.operation))
            .collect();
        assert!(refused.is_empty(), "refused by the policy: {refused:?}");
    }
}

/// How long (real time) the loop may work at one instant before the clock is called stuck.
const STALL: Duration = Duration::from_mins(1);

/// A policy of `deploy/iam/` for the installation of the scenarios.
pub fn policy(name: &str) -> String {
    let path = format!("{ROOT}/deploy/iam/{name}.json");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("INSTALLATION", "demo");
    text.replace("STACK_ACCOUNT", "*").replace("STACK_ROLE", "*")
}

pub fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

pub fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

impl<L: LoopUnderTest> Rig<L> {
    /// A loop that isn't running yet over a world of the scenario's own.
    pub fn over(sim: Sim, lut: L) -> Self {
        Self {
            sim,
            lut,
            seen: Mutex::new(Value::Null),
        }
    }

    /// A stepped world, the loop not started.
    pub async fn new(world: &str) -> Self {
        Self::of(world, Sim::builder()).await
    }

    /// As [`Rig::new`], at a moment of its own.
    pub async fn starting_at(world: &str, at: Timestamp) -> Self {
        Self::of(world, Sim::builder().start_time(at)).await
    }

    async fn of(world: &str, sim: SimBuilder) -> Self {
        let sim = sim
            .world_yaml(world)
            .clock(ClockMode::Stepped)
            .seed(7)
            .policy("default", &policy("controller"))
            .policy("default", &policy("assume-role"))
            .start()
            .await
            .unwrap_or_else(|e| panic!("the world does not start: {e}\n{world}"));
        let lut = L::new(&sim);
        Self::over(sim, lut)
    }

    /// A world with one stack in it, the loop running.
    pub async fn with(world: &str, manifest: &str) -> Self {
        let mut rig = Self::new(world).await;
        rig.lut.apply("shop", manifest).await;
        rig.lut.start().await;
        rig
    }

    /// SIGKILL. The simulator's clock is told, since a dead process can't say that it waits no more.
    pub async fn kill(&mut self) {
        self.lut.kill().await;
        for client in self.sim.state().clock.clients.keys() {
            self.sim.forget_client(client);
        }
    }

    /// Lets simulated time pass; afterwards the loop has done everything due by then.
    pub async fn run_for(&self, span: SignedDuration) {
        let clients = usize::from(self.lut.is_running());
        if let Err(why) = self
            .sim
            .advance_expecting(self.sim.now() + span, clients, STALL)
            .await
        {
            panic!("the clock is stuck: {why}");
        }
    }

    /// Steps half-minutes until the status pleases; panics when `limit` passes first.
    pub async fn run_until(
        &self,
        what: &str,
        limit: SignedDuration,
        pleases: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = self.sim.now() + limit;
        loop {
            let status = self.status().await;
            if pleases(&status) {
                return status;
            }
            assert!(self.sim.now() < deadline, "{what}: not within {limit:?}");
            self.run_for(SignedDuration::from_secs(30)).await;
        }
    }

    /// Lets time pass until a fault rule of kind `hold` has caught a call: the loop hangs in the middle of it.
    pub async fn run_until_held(&self, rule: &str, limit: SignedDuration) {
        let caught = async {
            while self.sim.held(rule) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let advance = self.sim.advance_expecting(self.sim.now() + limit, 1, STALL);
        let missed = tokio::select! {
            () = caught => None,
            end = advance => Some(end),
        };
        if let Some(end) = missed {
            panic!("no call was caught: {end:?}");
        }
    }

    /// After a kill: the simulator has noticed that nobody waits for the held calls any more, so none of them can still
    /// have an effect.
    pub async fn until_let_go(&self, rule: &str) {
        let let_go = async {
            while self.sim.held(rule) > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let noticed = tokio::time::timeout(STALL, let_go).await;
        assert!(noticed.is_ok(), "the call of a dead process is still held");
    }

    pub async fn status(&self) -> Value {
        let status = self.lut.status("shop").await;
        self.seen().clone_from(&status);
        status
    }

    fn seen(&self) -> MutexGuard<'_, Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mutating calls that changed the world, by operation.
    pub fn applied(&self, operation: &str) -> usize {
        self.mutations()
            .iter()
            .filter(|c| c.operation == operation && c.applied)
            .count()
    }

    /// Mutating calls that AWS received so far, whoever sent them (the scenarios' other actors don't use the wire).
    pub fn mutations(&self) -> Vec<Call> {
        self.sim.calls().into_iter().filter(|c| c.mutating).collect()
    }

    /// Operation names of [`Rig::mutations`].
    pub fn mutation_names(&self) -> Vec<String> {
        self.mutations().into_iter().map(|c| c.operation).collect()
    }

    /// Everything a person needs to see why a scenario failed: printed when it panics.
    fn story(&self) -> String {
        let mut story = format!("simulated time: {}\n", self.sim.now());
        for call in self.mutations() {
            let _ = writeln!(
                story,
                "{} {} {:?} → {:?} {:?}",
                call.at, call.operation, call.params, call.status, call.error
            );
        }
        let _ = writeln!(story, "status as last read: {:#}", *self.seen());
        let _ = writeln!(story, "groups: {:#}", self.sim_state()["groups"]);
        let log = self.lut.log();
        let tail: Vec<&str> = log.lines().rev().take(60).collect();
        for line in tail.into_iter().rev() {
            let _ = writeln!(story, "log: {line}");
        }
        story
    }
}

/// The status of a condition: "True", "False", "Unknown", or "absent".
pub fn condition<'a>(status: &'a Value, kind: &str) -> &'a str {
    status["conditions"]
        .as_array()
        .and_then(|all| all.iter().find(|c| c["type"] == kind))
        .and_then(|c| c["status"].as_str())
        .unwrap_or("absent")
}

/// The guardrails that hold something in the current plan.
pub fn holding(status: &Value) -> Vec<String> {
    let holds = status["plan"]["holds"].as_array();
    let mut names: Vec<String> = holds
        .into_iter()
        .flatten()
        .filter_map(|h| h["guardrail"].as_str().map(String::from))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The actions of the current plan, `Type subject`.
pub fn planned(status: &Value) -> Vec<String> {
    let actions = status["plan"]["actions"].as_array();
    actions
        .into_iter()
        .flatten()
        .map(|a| {
            format!(
                "{} {}",
                a["type"].as_str().unwrap_or("?"),
                a["subject"].as_str().unwrap_or("?")
            )
        })
        .collect()
}

/// The reason of the first hold by this guardrail.
pub fn hold_reason(status: &Value, guardrail: &str) -> String {
    let holds = status["plan"]["holds"].as_array();
    let found = holds.and_then(|all| all.iter().find(|h| h["guardrail"] == guardrail));
    found
        .and_then(|h| h["reason"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The message of a condition.
pub fn condition_message(status: &Value, kind: &str) -> String {
    let conditions = status["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|c| c["type"] == kind));
    found
        .and_then(|c| c["message"].as_str())
        .unwrap_or_default()
        .to_owned()
}

pub fn healthy_and_balanced(status: &Value) -> bool {
    condition(status, "ZoneRedundant") == "True"
        && condition(status, "Balanced") == "True"
        && condition(status, "Reconciling") != "True"
        && planned(status).is_empty()
        && status["zones"]
            .as_array()
            .is_some_and(|zones| zones.iter().all(|z| z["state"] == "Healthy"))
}

/// The world, through the simulator.
impl<L: LoopUnderTest> Rig<L> {
    pub fn sim_state(&self) -> Value {
        serde_json::to_value(self.sim.state()).unwrap()
    }

    pub fn fail_zone(&self, zone: &str) {
        self.sim.fail_zone(zone).unwrap();
    }

    pub fn recover_zone(&self, zone: &str) {
        self.sim.recover_zone(zone).unwrap();
    }

    pub fn fail_node(&self, id: &str) {
        self.sim.fail_node(id).unwrap();
    }

    /// Another actor, as the world file writes it.
    pub fn actor(&self, yaml: &str) {
        self.sim.actor_yaml(yaml).unwrap();
    }

    /// A fault rule, as the world file writes it.
    pub fn fault(&self, yaml: &str) -> String {
        self.sim.fault_yaml(yaml).unwrap()
    }

    fn shards(&self) -> Vec<Value> {
        let state = self.sim_state();
        let groups = state["groups"].as_array().unwrap();
        groups
            .iter()
            .flat_map(|g| g["shards"].as_array().unwrap().clone())
            .collect()
    }

    /// Zone → primaries that stand in it.
    pub fn primaries_per_zone(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for shard in self.shards() {
            *count
                .entry(shard["primaryZone"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        count
    }

    /// Zones of the shard's healthy nodes, sorted.
    pub fn zones_of_healthy(&self, shard: &str) -> Vec<String> {
        let shards = self.shards();
        let shard = shards.iter().find(|s| s["id"] == shard).unwrap();
        let healthy = shard["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|n| n["health"] == "healthy");
        let mut zones: Vec<String> = healthy.map(|n| n["zone"].as_str().unwrap().to_owned()).collect();
        zones.sort();
        zones
    }

    /// Nodes of every health.
    pub fn nodes(&self) -> usize {
        self.shards()
            .iter()
            .map(|s| s["nodes"].as_array().unwrap().len())
            .sum()
    }
}
