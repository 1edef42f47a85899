//! Records in `status.record`, notes in a ConfigMap: the durable memory of the loop on Kubernetes.
//!
//! A save rests on the record that was read: it names the object's version, so two processes can't both write, and when
//! only something else about the object changed meanwhile (a person's annotation, a status) it is tried again on the new
//! version. A lost record, a recreated object: a new record begins, and its stack waits before it acts.

use super::client::{Failure, ask};
use super::objects::{Basis, Objects, RECORD};
use super::record::{self, Unreadable};
use super::watch::Seen;
use crate::execute::store::{Beginning, Store, StoreError, Stored, Version};
use crate::plan::History;
use crate::topology::StackName;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the ConfigMap with notes, in the controller's own namespace.
pub const MEMORY: &str = "evenkeel-memory";
/// So often others may change the object between our look and our write.
const TRIES: u32 = 5;

/// The [`Store`] of the controller.
pub struct KubeStore {
    objects: Arc<Objects>,
    notes: Api<ConfigMap>,
    holder: String,
    /// Stacks whose record must be asked for: the last save failed, so what is stored is unknown.
    unsure: Mutex<BTreeSet<StackName>>,
}

impl KubeStore {
    /// `own` is the controller's own namespace.
    pub fn new(client: Client, objects: Arc<Objects>, own: &str, holder: &str) -> Self {
        Self {
            objects,
            notes: Api::namespaced(client, own),
            holder: holder.to_owned(),
            unsure: Mutex::new(BTreeSet::new()),
        }
    }

    fn doubt(&self, stack: &StackName, doubted: bool) -> bool {
        let mut unsure = self.unsure.lock().unwrap_or_else(PoisonError::into_inner);
        if doubted {
            unsure.insert(stack.clone())
        } else {
            unsure.remove(stack)
        }
    }

    /// What the watch has seen will do, unless a save of ours failed: a save that rests on something old is refused.
    async fn look(&self, stack: &StackName) -> Result<Seen, Failure> {
        let doubted = {
            let unsure = self.unsure.lock().unwrap_or_else(PoisonError::into_inner);
            unsure.contains(stack)
        };
        match self.objects.cache().get(stack).filter(|_| !doubted) {
            Some(seen) => Ok(seen),
            None => self.objects.get(stack).await,
        }
    }

    async fn write(&self, stack: &StackName, text: &str, expected: &Version) -> Result<Version, StoreError> {
        let unwritable = |failure: Failure| StoreError::Unwritable {
            stack: stack.clone(),
            reason: failure.to_string(),
        };
        let mut seen = match self.objects.cache().get(stack) {
            Some(seen) if is_at(&seen, expected) => seen,
            _ => self.objects.get(stack).await.map_err(unwritable)?,
        };
        for _ in 0..TRIES {
            if !is_at(&seen, expected) {
                return Err(StoreError::Conflict { stack: stack.clone() });
            }
            let newest = self.objects.newest(stack, &seen.uid);
            let basis = Basis {
                uid: &seen.uid,
                resource_version: Some(newest.as_deref().unwrap_or(&seen.resource_version)),
            };
            match self
                .objects
                .apply_status(stack, RECORD, basis, json!({"record": text}))
                .await
            {
                Ok(()) => return Ok(record::version(&seen.uid, Some(text))),
                Err(Failure::Conflict(_)) => seen = self.objects.get(stack).await.map_err(unwritable)?,
                Err(failure) => return Err(unwritable(failure)),
            }
        }
        Err(StoreError::Conflict { stack: stack.clone() })
    }
}

fn is_at(seen: &Seen, expected: &Version) -> bool {
    record::version(&seen.uid, seen.record.as_deref()) == *expected
}

fn stored(stack: &StackName, seen: &Seen, now: Timestamp) -> Result<Stored, StoreError> {
    let version = record::version(&seen.uid, seen.record.as_deref());
    let begin = |why: Beginning| Stored {
        history: History {
            began: Some(now),
            ..History::default()
        },
        version: version.clone(),
        begins: Some(why),
    };
    match seen.record.as_deref().map(record::decode) {
        None => Ok(begin(Beginning::Absent)),
        Some(Ok(history)) => Ok(Stored {
            history,
            version,
            begins: None,
        }),
        Some(Err(Unreadable::Garbage(why))) => Ok(begin(Beginning::Unreadable(why))),
        Some(Err(Unreadable::Newer(schema))) => Err(StoreError::Unreadable {
            stack: stack.clone(),
            reason: format!("status.record has the schema {schema}: install the version that wrote it"),
        }),
    }
}

impl Store for KubeStore {
    async fn load(&self, stack: &StackName, now: Timestamp) -> Result<Stored, StoreError> {
        let seen = self.look(stack).await.map_err(|failure| StoreError::Unreadable {
            stack: stack.clone(),
            reason: failure.to_string(),
        })?;
        let stored = stored(stack, &seen, now)?;
        self.doubt(stack, false);
        Ok(stored)
    }

    async fn save(
        &self,
        stack: &StackName,
        history: &History,
        expected: &Version,
    ) -> Result<Version, StoreError> {
        let text = record::encode(history, &self.holder).map_err(|reason| StoreError::Unwritable {
            stack: stack.clone(),
            reason,
        })?;
        let saved = self.write(stack, &text, expected).await;
        if saved.is_err() {
            self.doubt(stack, true);
        }
        saved
    }

    async fn load_note(&self, key: &str) -> Option<String> {
        let found = ask(self.notes.get_opt(MEMORY)).await;
        match found {
            Ok(map) => map?.data?.remove(key),
            Err(error) => {
                tracing::warn!(%error, key, "A note can't be read");
                None
            }
        }
    }

    async fn save_note(&self, key: &str, text: &str) -> Result<(), String> {
        let body = json!({"data": {key: text}});
        let patched = ask(self
            .notes
            .patch(MEMORY, &PatchParams::default(), &Patch::Merge(&body)))
        .await;
        match patched {
            Ok(_) => Ok(()),
            Err(Failure::NotFound(_)) => {
                let map = ConfigMap {
                    metadata: ObjectMeta {
                        name: Some(MEMORY.to_owned()),
                        ..ObjectMeta::default()
                    },
                    data: Some([(key.to_owned(), text.to_owned())].into()),
                    ..ConfigMap::default()
                };
                let made = ask(self.notes.create(&PostParams::default(), &map)).await;
                made.map(drop).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
