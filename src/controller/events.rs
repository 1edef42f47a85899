//! Kubernetes Events: what changed, as `kubectl describe` shows it. The same sentence about the same object within an
//! hour becomes a series instead of a second Event.
//!
//! They are told by a task of their own: a slow API server must not hold up the loop, and statuses go first. When it can't
//! keep up, the newest are dropped and counted in the log; status says it all anyway.

use super::client::ask;
use crate::api::{API_VERSION, KIND};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::report::events::Event;
use crate::topology::StackName;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event as KubeEvent, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// As Events name us.
const CONTROLLER: &str = "evenkeel.dev/controller";
/// The API's limits.
const NOTE_BYTES: usize = 1024;
const INSTANCE_BYTES: usize = 128;
/// Within this time the same sentence is a series.
const SAME: Duration = Duration::from_hours(1);
/// Waiting to be told, at most.
const QUEUE: usize = 2000;

/// One sentence about one object.
#[derive(Clone, Debug)]
pub struct Telling {
    pub stack: StackName,
    pub uid: String,
    pub event: Event,
}

/// Where the loop puts them.
#[derive(Clone, Debug)]
pub struct Sink {
    queue: mpsc::Sender<Telling>,
    dropped: Arc<AtomicU32>,
    way: Arc<Mutex<()>>,
}

/// What a [`Sink`] fills.
#[derive(Debug)]
pub struct Tellings {
    queue: mpsc::Receiver<Telling>,
    dropped: Arc<AtomicU32>,
    way: Arc<Mutex<()>>,
}

impl Sink {
    pub fn tell(&self, telling: Telling) {
        if self.queue.try_send(telling).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As long as this is held no Event is begun: what is written meanwhile is what people wait for.
    pub async fn right_of_way(&self) -> OwnedMutexGuard<()> {
        self.way.clone().lock_owned().await
    }
}

/// A sink, and what it fills.
pub fn channel() -> (Sink, Tellings) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let dropped = Arc::new(AtomicU32::new(0));
    let way = Arc::new(Mutex::new(()));
    let sink = Sink {
        queue: sender,
        dropped: dropped.clone(),
        way: way.clone(),
    };
    let tellings = Tellings {
        queue: receiver,
        dropped,
        way,
    };
    (sink, tellings)
}

impl Tellings {
    async fn next(&mut self) -> Option<Telling> {
        if self.queue.is_empty() {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(
                    dropped,
                    "Events were dropped: the API server was too slow for them"
                );
            }
        }
        let telling = self.queue.recv().await;
        drop(self.way.lock().await);
        telling
    }
}

/// Which sentence it is: uid, reason, warning, note.
type Key = (String, String, bool, String);

struct Told {
    name: String,
    count: i32,
    at: Stopwatch,
}

/// Tells Events for ever.
pub async fn run(client: Client, identity: String, mut tellings: Tellings) {
    let instance = cut(&identity, INSTANCE_BYTES).to_owned();
    let mut told: HashMap<Key, Told> = HashMap::new();
    while let Some(telling) = tellings.next().await {
        told.retain(|_, t| t.at.elapsed() < SAME);
        let api: Api<KubeEvent> = Api::namespaced(client.clone(), &telling.stack.namespace);
        let note = cut(&telling.event.message, NOTE_BYTES).to_owned();
        let reason = format!("{:?}", telling.event.reason);
        let key = (
            telling.uid.clone(),
            reason.clone(),
            telling.event.warning,
            note.clone(),
        );
        let result = if let Some(known) = told.get_mut(&key) {
            repeat(&api, known).await
        } else {
            let event = first(&telling, &reason, &note, &instance);
            let name = event.metadata.name.clone().unwrap_or_default();
            let made = ask(api.create(&PostParams::default(), &event)).await;
            if made.is_ok() {
                let at = Stopwatch::start();
                told.insert(key, Told { name, count: 1, at });
            }
            made.map(drop)
        };
        if let Err(error) = result {
            tracing::warn!(stack = %telling.stack, %error, note, "An Event can't be told");
        }
    }
}

async fn repeat(api: &Api<KubeEvent>, known: &mut Told) -> Result<(), super::client::Failure> {
    known.count += 1;
    known.at = Stopwatch::start();
    let series = EventSeries {
        count: known.count,
        last_observed_time: MicroTime(SystemClock.now()),
    };
    let patch = Patch::Merge(json!({"series": series}));
    ask(api.patch(&known.name, &PatchParams::default(), &patch))
        .await
        .map(drop)
}

fn first(telling: &Telling, reason: &str, note: &str, instance: &str) -> KubeEvent {
    let now = SystemClock.now();
    let stack = &telling.stack;
    // The suffix makes it unique; the name must stay below 253 characters.
    let name = format!("{}.{:x}", cut(&stack.name, 220), now.as_nanosecond());
    KubeEvent {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(stack.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        action: Some(telling.event.reason.action().to_owned()),
        reason: Some(reason.to_owned()),
        note: Some(note.to_owned()),
        type_: Some(
            if telling.event.warning {
                "Warning"
            } else {
                "Normal"
            }
            .to_owned(),
        ),
        regarding: Some(ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(KIND.to_owned()),
            name: Some(stack.name.clone()),
            namespace: Some(stack.namespace.clone()),
            uid: Some(telling.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        ..KubeEvent::default()
    }
}

/// At most so many bytes, ending with whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::events::EventReason;

    fn telling(message: String) -> Telling {
        Telling {
            stack: StackName::new("shop", "web"),
            uid: "u".to_owned(),
            event: Event {
                reason: EventReason::Held,
                warning: false,
                message,
            },
        }
    }

    #[tokio::test]
    async fn what_finds_no_place_is_counted_and_told_once_when_the_rest_is_out() {
        let (sink, mut tellings) = channel();
        for n in 0..QUEUE + 3 {
            sink.tell(telling(n.to_string()));
        }
        for n in 0..QUEUE {
            assert_eq!(tellings.next().await.unwrap().event.message, n.to_string());
            assert_eq!(sink.dropped.load(Ordering::Relaxed), 3);
        }
        sink.tell(telling("later".to_owned()));
        drop(sink);
        assert_eq!(tellings.next().await.unwrap().event.message, "later");
        assert!(tellings.next().await.is_none());
        assert_eq!(tellings.dropped.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn an_event_waits_for_whoever_has_the_right_of_way() {
        let (sink, mut tellings) = channel();
        sink.tell(telling("one".to_owned()));
        let held = sink.right_of_way().await;
        let mut next = Box::pin(tellings.next());
        assert!(futures::poll!(next.as_mut()).is_pending());
        drop(held);
        assert_eq!(next.await.unwrap().event.message, "one");
    }

    #[test]
    fn a_long_note_is_cut_between_characters() {
        assert_eq!(cut("zone", 10), "zone");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("😀😀", 7), "😀");
    }

    #[test]
    fn an_event_names_its_object_and_says_what_and_why() {
        let telling = telling("held by quiet_period: wait".to_owned());
        let event = first(&telling, "Held", "held by quiet_period: wait", "pod");
        assert_eq!(event.reason.as_deref(), Some("Held"));
        assert_eq!(event.type_.as_deref(), Some("Normal"));
        assert_eq!(event.action.as_deref(), Some("Wait"));
        let regarding = event.regarding.unwrap();
        assert_eq!(regarding.kind.as_deref(), Some("HAStack"));
        assert_eq!(regarding.uid.as_deref(), Some("u"));
        assert!(event.metadata.name.unwrap().starts_with("web."));
    }
}
