//! The only writer of HAStacks: server-side apply on the status subresource, nothing else.
//!
//! Two managers, so that neither takes away what the other owns: [`STATUS`] for what people read, [`RECORD`] for what we
//! must remember.

use super::client::{Failure, ask};
use super::watch::{Cache, Seen, resource};
use crate::api::{API_VERSION, KIND};
use crate::topology::StackName;
use kube::api::{DynamicObject, PartialObjectMeta, Patch, PatchParams, Request};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Field manager of the status.
pub const STATUS: &str = "evenkeel";
/// Field manager of the record.
pub const RECORD: &str = "evenkeel-record";

/// Media type of an answer without spec and status (Kubernetes API concepts, *Metadata-only fetches*).
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// HAStacks through the API server, and the newest version of each that is known.
pub struct Objects {
    client: Client,
    cache: Arc<Cache>,
    /// Versions that our own writes were answered with: the watch may lag behind them.
    written: Mutex<BTreeMap<StackName, (String, String)>>,
}

/// What a write to a status rests on.
#[derive(Clone, Debug)]
pub struct Basis<'a> {
    pub uid: &'a str,
    /// The write is refused unless the object is at this version.
    pub resource_version: Option<&'a str>,
}

impl Objects {
    pub fn new(client: Client, cache: Arc<Cache>) -> Self {
        Self {
            client,
            cache,
            written: Mutex::new(BTreeMap::new()),
        }
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    fn api(&self, stack: &StackName) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &stack.namespace, &resource())
    }

    /// The object as the API server has it now.
    pub async fn get(&self, stack: &StackName) -> Result<Seen, Failure> {
        let object = ask(self.api(stack).get(&stack.name)).await?;
        let (_, seen) =
            Seen::of(&object).ok_or_else(|| Failure::NotFound(format!("{stack} is being deleted")))?;
        self.note(stack, &seen.uid, &seen.resource_version);
        Ok(seen)
    }

    /// The newest version known of this very object. Versions count up; where they don't, a conflict tells.
    pub fn newest(&self, stack: &StackName, uid: &str) -> Option<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = written
            .get(stack)
            .filter(|(of, _)| of == uid)
            .map(|(_, v)| v.clone());
        let seen = self
            .cache
            .get(stack)
            .filter(|s| s.uid == uid)
            .map(|s| s.resource_version);
        let number = |v: &String| v.parse::<u64>().unwrap_or(0);
        ours.into_iter().chain(seen).max_by_key(number)
    }

    fn note(&self, stack: &StackName, uid: &str, resource_version: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(stack.clone(), (uid.to_owned(), resource_version.to_owned()));
    }

    /// Forgets what is known of an object that is gone.
    pub fn forget(&self, stack: &StackName) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.remove(stack);
    }

    /// Applies this manager's whole part of the status.
    pub async fn apply_status(
        &self,
        stack: &StackName,
        manager: &str,
        basis: Basis<'_>,
        status: Value,
    ) -> Result<(), Failure> {
        let mut metadata = json!({"name": stack.name, "namespace": stack.namespace, "uid": basis.uid});
        if let Some(version) = basis.resource_version {
            metadata["resourceVersion"] = json!(version);
        }
        let body = json!({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": status});
        let answer = ask(self.patch_status(stack, manager, &body)).await?;
        if let (Some(uid), Some(version)) = (answer.metadata.uid, answer.metadata.resource_version) {
            self.note(stack, &uid, &version);
        }
        Ok(())
    }

    /// As [`Api::patch_status`], but only the metadata come back: who sent the status knows it.
    async fn patch_status(
        &self,
        stack: &StackName,
        manager: &str,
        body: &Value,
    ) -> Result<PartialObjectMeta<DynamicObject>, kube::Error> {
        let params = PatchParams::apply(manager).force();
        let request = Request::new(self.api(stack).resource_url());
        let request = request.patch_subresource("status", &stack.name, &params, &Patch::Apply(body));
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        if let Ok(accept) = METADATA_ONLY.parse() {
            request.headers_mut().insert("accept", accept);
        }
        self.client.request(request).await
    }
}
