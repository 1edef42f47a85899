//! The library's handle: start a simulator on the current tokio runtime, steer it, look at it.
//!
//! Dropping the handle ends the server. Everything here is also reachable over HTTP (`control.rs`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::actors::{self, ActorSpec};
use crate::calls::Call;
use crate::clock::ClockMode;
use crate::faults::FaultSpec;
use crate::server;
use crate::shared::{AdvanceError, STALL_LIMIT, Shared};
use crate::state::State;
use crate::units::Span;
use crate::world::{Switches, World, WorldSpec};

/// Why a simulator didn't start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The world makes no sense.
    #[error("{0}")]
    World(String),
    /// The port can't be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// What a simulator starts with.
#[derive(Clone, Debug)]
pub struct SimBuilder {
    world: Result<WorldSpec, String>,
    mode: ClockMode,
    start: Option<Timestamp>,
    seed: u64,
    switches: Option<Switches>,
    address: SocketAddr,
    policies: Vec<(String, String)>,
}

impl Default for SimBuilder {
    fn default() -> Self {
        Self {
            world: Ok(WorldSpec::default()),
            mode: ClockMode::default(),
            start: None,
            seed: 1,
            switches: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            policies: Vec::new(),
        }
    }
}

impl SimBuilder {
    /// The world as YAML; problems are reported by [`SimBuilder::start`].
    #[must_use]
    pub fn world_yaml(mut self, yaml: &str) -> Self {
        self.world = WorldSpec::from_yaml(yaml);
        self
    }

    /// The world.
    #[must_use]
    pub fn world(mut self, world: WorldSpec) -> Self {
        self.world = Ok(world);
        self
    }

    /// How time passes; as on the wall when not called.
    #[must_use]
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.mode = mode;
        self
    }

    /// Simulated time at the start; 2026-03-02T00:00:00Z for stepped clocks and now for others when not called.
    #[must_use]
    pub fn start_time(mut self, at: Timestamp) -> Self {
        self.start = Some(at);
        self
    }

    /// Seed of everything random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Replaces the world's switches.
    #[must_use]
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = Some(switches);
        self
    }

    /// Where to listen; 127.0.0.1 and any free port when not called.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds an IAM policy (JSON) of `who`: `default`, an account, an access key, or a role's ARN. Problems are reported by
    /// [`SimBuilder::start`].
    #[must_use]
    pub fn policy(mut self, who: &str, json: &str) -> Self {
        self.policies.push((who.to_owned(), json.to_owned()));
        self
    }

    /// Starts serving.
    pub async fn start(self) -> Result<Sim, StartError> {
        let mut spec = self.world.map_err(StartError::World)?;
        if let Some(switches) = self.switches {
            spec.switches = switches;
        }
        for (who, json) in &self.policies {
            let document = serde_json::from_str(json)
                .map_err(|e| StartError::World(format!("the policy of {who} is not valid JSON: {e}")))?;
            spec.policies.entry(who.clone()).or_default().push(document);
        }
        let shared = Shared::new(spec, self.mode, self.start, self.seed).map_err(StartError::World)?;
        let listen = |source| StartError::Listen {
            address: self.address,
            source,
        };
        let listener = TcpListener::bind(self.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let mut tasks = vec![tokio::spawn(server::serve(listener, Arc::clone(&shared)))];
        if self.mode != ClockMode::Stepped {
            tasks.push(tokio::spawn(keep_up(Arc::clone(&shared))));
        }
        Ok(Sim {
            shared,
            address,
            tasks,
        })
    }
}

/// Lets world events happen in time even when nobody asks.
async fn keep_up(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(Duration::from_millis(200));
    loop {
        beat.tick().await;
        shared.with(|_| ());
    }
}

/// A running simulator.
pub struct Sim {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Sim {
    /// A simulator to configure.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    /// An empty world on a free port, with the clock as on the wall.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Simulated now.
    pub fn now(&self) -> Timestamp {
        self.shared.with(|inner| inner.world.now())
    }

    /// Moves a stepped clock by a duration.
    pub async fn advance(&self, by: SignedDuration) -> Result<Timestamp, AdvanceError> {
        self.advance_to(self.now() + by).await
    }

    /// Moves a stepped clock to an instant; every registered client runs whatever is due on the way.
    pub async fn advance_to(&self, to: Timestamp) -> Result<Timestamp, AdvanceError> {
        self.shared.advance_to(to, None, STALL_LIMIT).await
    }

    /// As [`Sim::advance_to`], waiting until at least so many clients are registered and all of them parked, and no
    /// longer than `limit` (real time) for each step. With 0, running clients are forgotten instead of waited for.
    pub async fn advance_expecting(
        &self,
        to: Timestamp,
        clients: usize,
        limit: Duration,
    ) -> Result<Timestamp, AdvanceError> {
        self.shared.advance_to(to, Some(clients), limit).await
    }

    /// Forgets a client of a stepped clock, for instance one that was killed while it ran; true when it was known.
    pub fn forget_client(&self, name: &str) -> bool {
        let known = self.shared.with(|inner| inner.clock.forget(name));
        self.shared.wake();
        known
    }

    /// Changes the world directly.
    pub fn with_world<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        self.shared.with(|inner| f(&mut inner.world))
    }

    /// The truth about the world, as `GET /_sim/state`.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// API calls received, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.calls_since(0)
    }

    /// The number of the latest call, for [`Sim::calls_since`].
    pub fn mark(&self) -> u64 {
        self.shared.with(|inner| inner.calls.latest())
    }

    /// API calls received after a mark.
    pub fn calls_since(&self, mark: u64) -> Vec<Call> {
        self.shared
            .with(|inner| inner.calls.since(mark).cloned().collect())
    }

    /// A zone dies.
    pub fn fail_zone(&self, zone: &str) -> Result<(), String> {
        self.with_world(|world| world.fail_zone(zone))
    }

    /// A zone returns.
    pub fn recover_zone(&self, zone: &str) -> Result<(), String> {
        self.with_world(|world| world.recover_zone(zone))
    }

    /// A node dies; AWS rebuilds it after the world's timing.
    pub fn fail_node(&self, node: &str) -> Result<(), String> {
        self.with_world(|world| world.fail_node(node, None))
    }

    /// A node dies, and serves again after `span`.
    pub fn fail_node_for(&self, node: &str, span: Span) -> Result<(), String> {
        self.with_world(|world| world.fail_node(node, Some(span)))
    }

    /// Sets a node's replication lag in seconds.
    pub fn set_lag(&self, node: &str, seconds: f64) -> Result<(), String> {
        self.with_world(|world| world.set_lag(node, seconds))
    }

    /// Replaces a group's tags.
    pub fn set_tags(&self, group: &str, tags: BTreeMap<String, String>) -> Result<(), String> {
        self.with_world(|world| world.set_tags(group, tags))
    }

    /// Replaces the IAM policies (JSON) of `who`, as [`SimBuilder::policy`] names it; none: no right.
    pub fn set_policies(&self, who: &str, policies: &[&str]) -> Result<(), String> {
        let documents = policies.iter().map(|json| serde_json::from_str(json));
        let documents: Vec<serde_json::Value> =
            documents.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        self.with_world(|world| world.access.set(who, &documents))
    }

    /// All credentials of AssumeRole expire now.
    pub fn expire_credentials(&self) {
        self.shared.with(crate::shared::Inner::expire_credentials);
    }

    /// Adds a fault rule; returns its id.
    pub fn fault(&self, rule: FaultSpec) -> String {
        self.shared.with(|inner| {
            let now = inner.world.now();
            inner.faults.add(rule, now)
        })
    }

    /// Adds a fault rule written as YAML or JSON; returns its id.
    pub fn fault_yaml(&self, rule: &str) -> Result<String, String> {
        serde_saphyr::from_str(rule)
            .map(|rule| self.fault(rule))
            .map_err(|e| e.to_string())
    }

    /// Calls that a rule holds right now.
    pub fn held(&self, id: &str) -> u64 {
        let held = |rules: &[crate::faults::Rule]| {
            rules
                .iter()
                .find(|rule| rule.id == id)
                .map_or(0, |rule| rule.held)
        };
        self.shared.with(|inner| held(inner.faults.rules()))
    }

    /// Lets the calls go on that a rule holds.
    pub fn release(&self, id: &str) -> bool {
        let known = self.shared.with(|inner| inner.faults.release(id));
        self.shared.wake();
        known
    }

    /// Removes a fault rule; false when there was none.
    pub fn remove_fault(&self, id: &str) -> bool {
        let known = self.shared.with(|inner| inner.faults.remove(id));
        self.shared.wake();
        known
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.shared.with(|inner| inner.faults.clear());
        self.shared.wake();
    }

    /// Lets another actor join.
    pub fn actor(&self, spec: ActorSpec) -> Result<(), String> {
        self.with_world(|world| actors::enlist(world, spec))
    }

    /// Lets another actor join, written as YAML or JSON.
    pub fn actor_yaml(&self, spec: &str) -> Result<(), String> {
        self.actor(serde_saphyr::from_str(spec).map_err(|e| e.to_string())?)
    }

    /// Starts anew with the first world.
    pub fn reset(&self) -> Result<(), String> {
        self.shared.reset(None)
    }
}
