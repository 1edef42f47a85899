//! The AWSAccounts and the labels of namespaces as this process last saw them.

use super::decide::{Known, Labels};
use crate::api::v1alpha1::{AWSAccountSpec, AWSAccountStatus};
use crate::controller::trouble::Trouble;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, PartialObjectMeta};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// One AWSAccount as last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenAccount {
    pub uid: String,
    pub generation: Option<i64>,
    /// Its spec, or why it can't be read.
    pub spec: Result<AWSAccountSpec, String>,
    pub status: Option<AWSAccountStatus>,
}

impl SeenAccount {
    /// `None` for an object that is on its way out, or that has no identity.
    pub fn of(object: &DynamicObject) -> Option<(String, Self)> {
        let metadata = &object.metadata;
        if metadata.deletion_timestamp.is_some() {
            return None;
        }
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        let status = object.data.get("status").cloned();
        let seen = Self {
            uid: metadata.uid.clone()?,
            generation: metadata.generation,
            spec: serde_json::from_value(spec).map_err(|e| format!("spec: {e}")),
            status: status.and_then(|s| serde_json::from_value(s).ok()),
        };
        Some((metadata.name.clone()?, seen))
    }
}

/// What one watch has brought.
#[derive(Debug)]
pub(super) struct Watched<T> {
    /// `None` until everything was listed once.
    seen: Option<BTreeMap<String, T>>,
    trouble: Trouble,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self {
            seen: None,
            trouble: Trouble::default(),
        }
    }
}

impl<T: PartialEq> Watched<T> {
    /// True when it is something new.
    fn replace(&mut self, seen: BTreeMap<String, T>) -> bool {
        self.trouble.end();
        let new = self.seen.as_ref() != Some(&seen);
        self.seen = Some(seen);
        new
    }

    /// How long it has not failed since it last did, while it is in trouble and was whole before.
    fn calm_for(&self) -> Option<Duration> {
        self.trouble.calm_for().filter(|_| self.seen.is_some())
    }

    /// Why nothing is known; `None` where something is.
    fn unseen(&self, what: &str) -> Option<String> {
        if self.seen.is_some() {
            return None;
        }
        let why = self.trouble.why().map(str::to_owned);
        Some(why.unwrap_or_else(|| format!("{what} have not been listed yet")))
    }

    /// What was seen may be old.
    fn is_old(&self) -> Option<&str> {
        self.trouble.lasting().filter(|_| self.seen.is_some())
    }
}

#[derive(Debug, Default)]
struct Inner {
    accounts: Watched<SeenAccount>,
    namespaces: Watched<Labels>,
    /// Moves with everything that may change a decision.
    version: u64,
}

/// What the watches have seen.
#[derive(Debug)]
pub struct Accounts {
    inner: Mutex<Inner>,
    /// Told when the loop should look.
    changed: Arc<Notify>,
    /// Told when labels of namespaces begin to matter.
    wants_labels: Notify,
}

/// Which watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Accounts,
    Namespaces,
}

impl Accounts {
    /// `changed` is told of what the loop should look at.
    pub fn new(changed: Arc<Notify>) -> Self {
        Self {
            inner: Mutex::default(),
            changed,
            wants_labels: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Every account that is known; none while they can't be listed.
    pub fn all(&self) -> BTreeMap<String, SeenAccount> {
        self.lock().accounts.seen.clone().unwrap_or_default()
    }

    /// All have been listed once, or it is known that they can't be.
    pub fn is_told(&self) -> bool {
        let inner = self.lock();
        inner.accounts.seen.is_some() || inner.accounts.trouble.why().is_some()
    }

    /// Calls `f` with what is known of an account and of a namespace's labels.
    pub fn with<R>(
        &self,
        account: &str,
        namespace: &str,
        f: impl FnOnce(Known<'_>, Result<&Labels, &str>) -> R,
    ) -> R {
        let inner = self.lock();
        let unseen = inner.accounts.unseen("AWSAccounts");
        let found = inner.accounts.seen.as_ref().and_then(|all| all.get(account));
        let known = match (&unseen, found.map(|a| &a.spec)) {
            (Some(why), _) => Known::Unseen(why),
            (None, None) => Known::Missing,
            (None, Some(Err(why))) => Known::Unreadable(why),
            (None, Some(Ok(spec))) => Known::Spec(spec),
        };
        let unseen = inner.namespaces.unseen("namespaces");
        let labels = inner.namespaces.seen.as_ref().and_then(|all| all.get(namespace));
        let missing = format!("the namespace {namespace} is not listed yet");
        let labels = labels.ok_or_else(|| unseen.as_deref().unwrap_or(&missing));
        f(known, labels)
    }

    /// Why what is known may be old, one line for each watch. That accounts can't be listed at all is told by the stacks
    /// that name one.
    pub fn troubles(&self) -> Vec<String> {
        let inner = self.lock();
        let accounts = inner
            .accounts
            .is_old()
            .map(|why| format!("AWSAccounts are not seen: {why}"));
        let namespaces = inner.namespaces.is_old();
        let namespaces = namespaces.map(|why| format!("labels of namespaces are not seen: {why}"));
        accounts.into_iter().chain(namespaces).collect()
    }

    /// Some account selects namespaces by label.
    fn selects_by_label(&self) -> bool {
        let inner = self.lock();
        let specs = inner.accounts.seen.iter().flat_map(BTreeMap::values);
        specs
            .filter_map(|a| a.spec.as_ref().ok()?.allowed_namespaces.as_ref())
            .any(|allowed| allowed.selector.is_some())
    }

    /// Returns once some account selects namespaces by label.
    pub(super) async fn until_labels_matter(&self) {
        loop {
            let told = self.wants_labels.notified();
            if self.selects_by_label() {
                return;
            }
            told.await;
        }
    }

    pub(super) fn take_accounts(&self, objects: &[Arc<DynamicObject>]) {
        let seen: BTreeMap<_, _> = objects.iter().filter_map(|o| SeenAccount::of(o)).collect();
        let mut inner = self.lock();
        for name in inner.accounts.seen.iter().flat_map(BTreeMap::keys) {
            if !seen.contains_key(name) {
                tracing::info!(account = name, "AWSAccount gone");
            }
        }
        if inner.accounts.replace(seen) {
            inner.version += 1;
            drop(inner);
            self.changed.notify_one();
            self.wants_labels.notify_one();
        }
    }

    pub(super) fn take_namespaces(&self, objects: &[Arc<PartialObjectMeta<Namespace>>]) {
        let of = |o: &Arc<PartialObjectMeta<Namespace>>| {
            let labels = o.metadata.labels.clone().unwrap_or_default();
            Some((o.metadata.name.clone()?, labels))
        };
        let seen = objects.iter().filter_map(of).collect();
        let mut inner = self.lock();
        if inner.namespaces.replace(seen) {
            inner.version += 1;
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// A watch failed; it is begun again by itself. What was seen stays: an error is not absence.
    pub(super) fn fail(&self, side: Side, why: String) {
        let mut inner = self.lock();
        let new = match side {
            Side::Accounts => inner.accounts.trouble.fail(why.clone()),
            Side::Namespaces => inner.namespaces.trouble.fail(why.clone()),
        };
        if new {
            // Stacks that name an account are told why it can't be looked up.
            inner.version += 1;
            drop(inner);
            tracing::warn!(watch = ?side, reason = %why, "A watch fails; trying again");
            self.changed.notify_one();
        }
    }

    pub(super) fn calm_for(&self, side: Side) -> Option<Duration> {
        let inner = self.lock();
        match side {
            Side::Accounts => inner.accounts.calm_for(),
            Side::Namespaces => inner.namespaces.calm_for(),
        }
    }

    /// The watch goes on where it stopped, though it has told nothing since.
    pub(super) fn recovered(&self, side: Side) {
        let mut inner = self.lock();
        match side {
            Side::Accounts => inner.accounts.trouble.end(),
            Side::Namespaces => inner.namespaces.trouble.end(),
        }
    }
}
