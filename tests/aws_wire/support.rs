//! A simulated AWS with a stepped clock, and the product's clients pointed at it.

use aws_config::SdkConfig;
use evenkeel::aws::{ReadAws, Stats, WriteAws};
use evenkeel::clock::Clock;
use evenkeel::observe::{Observer, PollSettings, Wanted};
use evenkeel_sim::{Call, ClockMode, Sim};
pub use evenkeel_test_support::in_process::sdk_config;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The sessions cache: two shards over two zones, cluster mode enabled.
pub const NEXTGEN: &str = include_str!("../../examples/world-nextgen.yaml");

/// One shard, cluster mode disabled, where roles and endpoints are told.
pub const CLASSIC: &str = r#"
region: ap-northeast-2
account: "111122223333"
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
replicationGroups:
  - {id: carts, clusterMode: disabled, shards: ["c:P a:r=0.4"], maintenanceWindow: "wed:05:30-wed:06:30"}
"#;

pub struct Aws {
    pub sim: Sim,
    pub stats: Stats,
    pub config: SdkConfig,
}

impl Aws {
    pub async fn new(world: &str) -> Self {
        let sim = Sim::builder()
            .world_yaml(world)
            .clock(ClockMode::Stepped)
            .start()
            .await
            .unwrap();
        let config = sdk_config(Some(sim.endpoint_url()), "ap-northeast-2").await;
        Self {
            sim,
            stats: Stats::default(),
            config,
        }
    }

    pub fn read(&self) -> ReadAws {
        ReadAws::new(&self.config, Arc::new(self.stats.clone()))
    }

    pub fn write(&self) -> WriteAws {
        WriteAws::new(&self.config, Arc::new(self.stats.clone()))
    }

    pub fn observer(&self) -> Observer {
        Observer::new(self.read(), "ap-northeast-2".into(), PollSettings::default())
    }

    pub fn clock(&self) -> SimClock<'_> {
        SimClock(&self.sim)
    }

    pub fn fault(&self, rule: &str) -> String {
        self.sim.fault_yaml(rule).unwrap()
    }

    /// Calls received since the mark, by operation name.
    pub fn operations_since(&self, mark: u64) -> Vec<String> {
        self.sim
            .calls_since(mark)
            .into_iter()
            .map(|call| call.operation)
            .collect()
    }

    /// When calls of a service were received.
    pub fn calls_of(&self, service: &str) -> Vec<Timestamp> {
        let calls = self.sim.calls().into_iter();
        calls.filter(|c| c.service == service).map(|c| c.at).collect()
    }

    /// The calls that could change something.
    pub fn mutating(&self) -> Vec<Call> {
        self.sim
            .calls()
            .into_iter()
            .filter(|call| call.mutating)
            .collect()
    }
}

/// The simulator's stepped clock: sleeping moves it.
pub struct SimClock<'a>(&'a Sim);

impl Clock for SimClock<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        if until > self.0.now() {
            self.0.advance_to(until).await.unwrap();
        }
    }
}

pub fn wanted(groups: &[&str]) -> Wanted {
    let groups = groups.iter().map(ToString::to_string).collect();
    Wanted {
        groups,
        ..Wanted::default()
    }
}

pub fn wanted_with_tags(groups: &[&str]) -> Wanted {
    let wanted = wanted(groups);
    Wanted {
        tags: wanted.groups.clone(),
        ..wanted
    }
}

/// The most calls that any window of this length saw.
pub fn most_within(calls: &[Timestamp], window: SignedDuration) -> usize {
    let from = |i: usize| {
        calls[i..]
            .iter()
            .take_while(move |at| at.duration_since(calls[i]) < window)
            .count()
    };
    (0..calls.len()).map(from).max().unwrap_or(0)
}
