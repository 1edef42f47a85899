//! The loop in this process, over a simulated AWS on loopback with a stepped clock: what many seeds are lived through with.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use evenkeel::aws::{Access, Hands, Options, ReadAws, Stats, WriteAws, config};
use evenkeel::clock::Clock;
use evenkeel::engine::{Connect, Link};
use evenkeel::execute::step::Gate;
use evenkeel::execute::store::{Beginning, Store, StoreError, Stored, Version};
use evenkeel::plan::History;
use evenkeel::topology::{Region, StackName};
use evenkeel_sim::Sim;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The product's own configuration, with fixed credentials instead of this machine's.
pub async fn sdk_config(endpoint_url: Option<String>, region: &str) -> SdkConfig {
    let options = Options {
        region: Some(region.into()),
        endpoint_url,
        profile: None,
    };
    let fixed = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
    let provider = SharedCredentialsProvider::new(fixed);
    config(&options)
        .await
        .into_builder()
        .credentials_provider(provider)
        .build()
}

/// The simulator's stepped clock: sleeping moves it.
#[derive(Clone)]
pub struct StepClock(pub Arc<Sim>);

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        if until > self.0.now() {
            self.0.advance_to(until).await.unwrap();
        }
    }
}

/// Connections to the simulator.
pub struct Doors {
    pub aws: SdkConfig,
    pub stats: Stats,
}

impl Connect for Doors {
    async fn connect(&self, _access: &Access, _region: &Region) -> Result<Link, String> {
        Ok(Link {
            read: ReadAws::new(&self.aws, Arc::new(self.stats.clone())),
            write: Hands::shared(WriteAws::new(&self.aws, Arc::new(self.stats.clone()))),
        })
    }
}

/// Records that outlive the loop, with how often each was saved, and its notes.
#[derive(Clone, Default)]
pub struct Memory {
    is_full: Arc<AtomicBool>,
    records: Arc<Mutex<BTreeMap<StackName, (History, u32)>>>,
    notes: Arc<Mutex<BTreeMap<String, String>>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// When the record that is stored of this stack began.
    pub fn began(&self, stack: &StackName) -> Option<Timestamp> {
        lock(&self.records).get(stack)?.0.began
    }

    /// How often it was saved.
    pub fn saves(&self, stack: &StackName) -> u32 {
        lock(&self.records).get(stack).map_or(0, |(_, saves)| *saves)
    }

    /// From now on nothing can be saved, as on a full disk; or it can again.
    pub fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }
}

impl Store for Memory {
    async fn load(&self, stack: &StackName, now: Timestamp) -> Result<Stored, StoreError> {
        let saved = lock(&self.records).get(stack).cloned();
        Ok(match saved {
            Some((history, n)) => Stored {
                history,
                version: Version(n.to_string()),
                begins: None,
            },
            None => Stored {
                history: History {
                    began: Some(now),
                    ..History::default()
                },
                version: Version::default(),
                begins: Some(Beginning::Absent),
            },
        })
    }

    async fn save(
        &self,
        stack: &StackName,
        history: &History,
        _expected: &Version,
    ) -> Result<Version, StoreError> {
        if self.is_full.load(Ordering::Relaxed) {
            let (stack, reason) = (stack.clone(), "disk full".to_owned());
            return Err(StoreError::Unwritable { stack, reason });
        }
        let mut saved = lock(&self.records);
        let entry = saved.entry(stack.clone()).or_default();
        *entry = (history.clone(), entry.1 + 1);
        Ok(Version(entry.1.to_string()))
    }

    async fn load_note(&self, key: &str) -> Option<String> {
        lock(&self.notes).get(key).cloned()
    }

    async fn save_note(&self, key: &str, text: &str) -> Result<(), String> {
        lock(&self.notes).insert(key.to_owned(), text.to_owned());
        Ok(())
    }
}

/// The stop switch: what the breaker said when it closed.
#[derive(Clone, Default)]
pub struct Switch(Arc<Mutex<Option<String>>>);

impl Switch {
    pub fn lift(&self) {
        *lock(&self.0) = None;
    }
}

impl Gate for Switch {
    fn closed(&self, _now: Timestamp) -> Option<String> {
        lock(&self.0).clone()
    }

    fn close(&self, reason: &str) {
        *lock(&self.0) = Some(reason.to_owned());
    }
}
