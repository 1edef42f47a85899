//! The fleet's stop switch: while a ConfigMap `evenkeel-stop` is in the controller's own namespace, nothing is changed in
//! AWS. The breaker makes one itself after too many failed actions in a row; a person deletes it.
//!
//! It is read every 1.5 s rather than watched, so that a watch that died silently can't hide it. Unread for 5 s, it
//! counts as set.

use super::client::{Failure, ask};
use crate::clock::Stopwatch;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Name of the ConfigMap.
pub const NAME: &str = "evenkeel-stop";
/// Its `data` key with the reason.
const REASON: &str = "reason";
const EVERY: Duration = Duration::from_millis(1500);
/// All acting halts within this time.
const BLIND: Duration = Duration::from_secs(5);

/// The switch as this process knows it.
#[derive(Debug)]
pub struct Stop {
    namespace: String,
    known: Mutex<Known>,
    /// Told whenever it is set or lifted.
    pub changed: Notify,
    /// Told when the breaker trips: its ConfigMap is made at once.
    trips: Notify,
    /// Told when that is made.
    stored: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// When it was read last.
    read: Option<Stopwatch>,
    set: Option<String>,
    /// The breaker's reason, until the ConfigMap says it.
    tripped: Option<String>,
    trouble: Option<String>,
}

impl Stop {
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            known: Mutex::new(Known::default()),
            changed: Notify::new(),
            trips: Notify::new(),
            stored: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why all acting is stopped, as people are told.
    pub fn set(&self) -> Option<String> {
        let known = self.lock();
        let tripped = known.tripped.as_ref().map(|reason| self.sentence(Some(reason)));
        tripped.or_else(|| known.set.clone())
    }

    fn sentence(&self, reason: Option<&str>) -> String {
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        let told = reason.map_or(String::new(), |r| {
            format!(" ({})", r.chars().take(300).collect::<String>())
        });
        format!(
            "the ConfigMap {}/{NAME} stops all acting{told}; delete it to go on",
            self.namespace
        )
    }

    /// Why nothing may be sent now: the switch is set, or not known to be unset.
    pub fn forbids(&self) -> Option<String> {
        self.set().or_else(|| {
            let known = self.lock();
            let why = known.trouble.as_ref().map_or(String::new(), |t| format!(": {t}"));
            match known.read {
                None => Some(format!("the stop switch has not been read yet{why}")),
                Some(read) if read.elapsed() > BLIND => Some(format!(
                    "the stop switch was last read {} s ago{why}",
                    read.elapsed().as_secs()
                )),
                Some(_) => None,
            }
        })
    }

    pub fn is_read(&self) -> bool {
        self.lock().read.is_some()
    }

    /// Why the switch can't be read; `None` when it can.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Sets it at once in this process; [`run`] makes the ConfigMap.
    pub fn trip(&self, reason: &str) {
        self.lock().tripped = Some(reason.to_owned());
        self.trips.notify_one();
    }

    /// Waits until the breaker's ConfigMap is made, if it tripped: a process that ended before would take the stop with it.
    pub async fn store(&self) {
        while self.lock().tripped.is_some() {
            self.stored.notified().await;
        }
    }

    /// The ConfigMap is there, whoever made it.
    fn is_stored(&self, reason: &str) {
        let mut known = self.lock();
        known.tripped = None;
        if known.set.is_none() {
            self.change(&mut known, Some(self.sentence(Some(reason))));
        }
        self.stored.notify_one();
    }

    fn change(&self, known: &mut Known, set: Option<String>) {
        if set != known.set {
            if let Some(reason) = &set {
                tracing::warn!(reason, "The stop switch is set: nothing is changed in AWS");
            } else {
                tracing::warn!("The stop switch is lifted");
            }
            self.changed.notify_one();
        }
        known.set = set;
    }

    /// Takes in what was read. `sent` is from before the request.
    fn take(&self, sent: Stopwatch, found: Option<&ConfigMap>) {
        let mut known = self.lock();
        let set = found.map(|map| {
            let reason = map.data.as_ref().and_then(|d| d.get(REASON));
            self.sentence(reason.map(String::as_str))
        });
        self.change(&mut known, set);
        known.read = Some(sent);
        known.trouble = None;
    }
}

/// Reads the switch for ever, and makes the ConfigMap when the breaker tripped.
pub async fn run(client: Client, stop: Arc<Stop>) {
    let api: Api<ConfigMap> = Api::namespaced(client, &stop.namespace);
    loop {
        let sent = Stopwatch::start();
        match ask(api.get_opt(NAME)).await {
            Ok(found) => {
                stop.take(sent, found.as_ref());
                write_if_tripped(&api, &stop, found.is_some()).await;
            }
            Err(error) => {
                let text = error.to_string();
                let mut known = stop.lock();
                if known.trouble.as_ref() != Some(&text) {
                    tracing::warn!(%error, "The stop switch can't be read");
                }
                known.trouble = Some(text);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.trips.notified() => {}
        }
    }
}

async fn write_if_tripped(api: &Api<ConfigMap>, stop: &Stop, is_there: bool) {
    let Some(reason) = stop.lock().tripped.clone() else {
        return;
    };
    if is_there {
        // It is set already, by a person or by us.
        stop.is_stored(&reason);
        return;
    }
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some([(REASON.to_owned(), reason.clone())].into()),
        ..ConfigMap::default()
    };
    match ask(api.create(&PostParams::default(), &map)).await {
        Ok(_) | Err(Failure::Conflict(_)) => stop.is_stored(&reason),
        Err(error) => {
            tracing::error!(%error, "The breaker's ConfigMap can't be made; acting stays stopped here");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(reason: &str) -> ConfigMap {
        ConfigMap {
            data: Some([(REASON.to_owned(), reason.to_owned())].into()),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn what_has_not_been_read_counts_as_set_but_is_not_told_as_set() {
        let stop = Stop::new("ops");
        assert_eq!(
            stop.forbids().as_deref(),
            Some("the stop switch has not been read yet")
        );
        assert_eq!(stop.set(), None);
        stop.take(Stopwatch::start(), None);
        assert_eq!(stop.forbids(), None);
    }

    #[test]
    fn a_config_map_stops_with_its_reason_until_it_is_gone() {
        let stop = Stop::new("ops");
        stop.take(Stopwatch::start(), Some(&map("release day\n")));
        assert_eq!(
            stop.forbids().as_deref(),
            Some("the ConfigMap ops/evenkeel-stop stops all acting (release day); delete it to go on")
        );
        stop.take(Stopwatch::start(), Some(&ConfigMap::default()));
        assert_eq!(
            stop.set().as_deref(),
            Some("the ConfigMap ops/evenkeel-stop stops all acting; delete it to go on")
        );
        stop.take(Stopwatch::start(), None);
        assert_eq!(stop.set(), None);
    }

    #[test]
    fn a_tripped_breaker_stops_before_its_config_map_is_there() {
        let stop = Stop::new("ops");
        stop.take(Stopwatch::start(), None);
        stop.trip("5 actions in a row failed");
        let told = "the ConfigMap ops/evenkeel-stop stops all acting (5 actions in a row failed); delete it to go on";
        assert_eq!(stop.forbids().as_deref(), Some(told));
        stop.take(Stopwatch::start(), None);
        assert_eq!(stop.set().as_deref(), Some(told));
        stop.is_stored("5 actions in a row failed");
        assert_eq!(stop.set().as_deref(), Some(told), "also until it is read again");
        stop.take(Stopwatch::start(), None);
        assert_eq!(stop.set(), None, "a person deleted it");
    }
}
