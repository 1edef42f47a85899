//! The HAStacks of the cluster as this process last saw them, and what each wants.
//!
//! One watch per namespace (or one over all) feeds a [`Cache`]; the loop reads it. Nothing but what is needed is kept of
//! an object. A spec that intake refuses keeps the last good intent, frozen; where there is none, the refusal alone is
//! published. An object that is being deleted is gone already: nothing is done for it, and nothing holds it up.

use super::client::{ask, chain};
use super::trouble::Trouble;
use crate::api::v1alpha1::{HAStack, HAStackStatus};
use crate::aws::Access;
use crate::engine::Wish;
use crate::intake;
use crate::plan::Intent;
use crate::topology::StackName;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A watch is begun anew this often, so that a connection that died silently is noticed soon after.
pub(super) const WATCH_SECONDS: u32 = 60;
/// Objects in one page of a listing: a page is held in memory whole, with everything that we don't keep.
const PAGE: u32 = 100;
/// The longest wait between two tries at a watch.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// A watch that took up again tells so only with the next change, which may be hours away: while it is in trouble the
/// API server is asked this often whether it lists HAStacks.
pub(super) const PROBE: Duration = Duration::from_secs(10);

/// One object as last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub uid: String,
    pub resource_version: String,
    pub generation: Option<i64>,
    /// What it wants, or what is wrong with it.
    pub intent: Result<Arc<Intent>, String>,
    /// Its status without the record; `None` where there is none or it can't be understood.
    pub status: Option<Arc<HAStackStatus>>,
    /// `status.record`.
    pub record: Option<String>,
}

impl Seen {
    /// Reads an object; `None` for one without a name or on its way out.
    pub fn of(object: &DynamicObject) -> Option<(StackName, Self)> {
        let metadata = &object.metadata;
        if metadata.deletion_timestamp.is_some() {
            return None;
        }
        let name = StackName::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?);
        let mut status: Option<HAStackStatus> = object
            .data
            .get("status")
            .and_then(|s| serde_json::from_value(s.clone()).ok());
        let record = object
            .data
            .pointer("/status/record")
            .and_then(|r| r.as_str())
            .map(str::to_owned);
        if let Some(status) = &mut status {
            status.record = None;
        }
        let seen = Self {
            uid: metadata.uid.clone()?,
            resource_version: metadata.resource_version.clone()?,
            generation: metadata.generation,
            intent: read(object).map(Arc::new),
            status: status.filter(|s| *s != HAStackStatus::default()).map(Arc::new),
            record,
        };
        Some((name, seen))
    }
}

fn read(object: &DynamicObject) -> Result<Intent, String> {
    let mut json = serde_json::to_value(object).map_err(|e| e.to_string())?;
    if let Some(fields) = json.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(|m| m.as_object_mut()) {
            metadata.remove("managedFields");
        }
    }
    intake::read_object(&json).map_err(|problems| {
        let texts: Vec<String> = problems
            .iter()
            .map(|p| p.to_string().trim_start_matches(": ").to_owned())
            .collect();
        texts.join("; ")
    })
}

/// Part of the cluster that one watch covers: a namespace, or everything.
pub type Scope = Option<String>;

#[derive(Debug, Default)]
struct Watched {
    stacks: BTreeMap<StackName, Seen>,
    /// What a listing has brought so far, until it is complete.
    listing: Option<BTreeMap<StackName, Seen>>,
    synced: bool,
    trouble: Trouble,
}

/// What all watches have seen.
#[derive(Debug, Default)]
pub struct Cache {
    inner: Mutex<Inner>,
    /// Told when something changed that the loop should look at.
    pub changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    scopes: BTreeMap<Scope, Watched>,
    /// The last good intent of each object, by uid.
    good: BTreeMap<StackName, (String, Arc<Intent>)>,
    wishes: Arc<BTreeMap<StackName, Wish>>,
    dirty: BTreeSet<StackName>,
}

impl Cache {
    /// A cache that is synced once each of these scopes is.
    pub fn new(scopes: &[Scope]) -> Self {
        let cache = Self::default();
        cache.lock().scopes = scopes.iter().map(|s| (s.clone(), Watched::default())).collect();
        cache
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wanted now.
    pub fn wishes(&self) -> Arc<BTreeMap<StackName, Wish>> {
        self.lock().wishes.clone()
    }

    /// Why nothing may be done any more for what was judged by this wish: its HAStack was paused or changed since.
    pub fn withdrawn(&self, judged: &Wish) -> Option<String> {
        let wishes = self.wishes();
        // One that is gone is told by its record.
        let current = wishes.get(&judged.intent.stack)?;
        if current.intent.annotations.paused {
            return Some(
                "the HAStack was paused (evenkeel.dev/paused) after the step had been decided".to_owned(),
            );
        }
        (current.generation != judged.generation || current.frozen != judged.frozen)
            .then(|| "the HAStack was changed after the step had been decided: it is judged anew".to_owned())
    }

    pub fn get(&self, stack: &StackName) -> Option<Seen> {
        let inner = self.lock();
        inner.scopes.values().find_map(|w| w.stacks.get(stack).cloned())
    }

    /// Objects that changed in any way since the last call.
    pub fn take_dirty(&self) -> BTreeSet<StackName> {
        std::mem::take(&mut self.lock().dirty)
    }

    /// Everything is to be looked at again: a new leader has published nothing yet.
    pub fn all_dirty(&self) {
        let mut inner = self.lock();
        let names: BTreeSet<StackName> = inner
            .scopes
            .values()
            .flat_map(|w| w.stacks.keys().cloned())
            .collect();
        inner.dirty.extend(names);
    }

    /// Every scope has been listed completely at least once.
    pub fn synced(&self) -> bool {
        self.lock().scopes.values().all(|w| w.synced)
    }

    /// Why what is seen may be old, one line for each watch.
    pub fn troubles(&self) -> Vec<String> {
        let inner = self.lock();
        let trouble = |(scope, watched): (&Scope, &Watched)| {
            let place = scope.as_ref().map_or(String::new(), |ns| format!(" in {ns}"));
            let told = if watched.synced {
                watched.trouble.lasting()
            } else {
                watched.trouble.why()
            };
            match told {
                Some(why) => Some(format!("HAStacks{place} are not seen: {why}")),
                None if !watched.synced => Some(format!("HAStacks{place} have not been listed yet")),
                None => None,
            }
        };
        inner.scopes.iter().filter_map(trouble).collect()
    }

    /// Takes in what a watch tells.
    pub fn take(&self, scope: &Scope, event: Event<DynamicObject>) {
        let mut inner = self.lock();
        // A listing that has only begun may fail like the one before it.
        if !matches!(event, Event::Init) {
            inner.watched(scope).trouble.end();
        }
        match event {
            Event::Init => inner.watched(scope).listing = Some(BTreeMap::new()),
            Event::InitApply(object) => {
                if let (Some((name, seen)), Some(listing)) =
                    (Seen::of(&object), &mut inner.watched(scope).listing)
                {
                    listing.insert(name, seen);
                }
            }
            Event::InitDone => inner.listed(scope),
            Event::Apply(object) => match Seen::of(&object) {
                Some((name, seen)) => inner.put(scope, name, seen),
                None => inner.remove(scope, &object),
            },
            Event::Delete(object) => inner.remove(scope, &object),
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// A watch failed; it is begun again by itself. What was seen stays: an error is not absence.
    pub fn fail(&self, scope: &Scope, why: String) {
        let mut inner = self.lock();
        if inner.watched(scope).trouble.fail(why.clone()) {
            tracing::warn!(scope = scope.as_deref().unwrap_or("all namespaces"), reason = %why, "HAStacks can't be watched; trying again");
        }
    }

    /// How long the watch has not failed since it last did, while it is in trouble and was synced before.
    fn calm_for(&self, scope: &Scope) -> Option<Duration> {
        let mut inner = self.lock();
        let watched = inner.watched(scope);
        watched.trouble.calm_for().filter(|_| watched.synced)
    }

    /// The watch goes on where it stopped, though it has told nothing since.
    fn recovered(&self, scope: &Scope) {
        self.lock().watched(scope).trouble.end();
        tracing::info!(
            scope = scope.as_deref().unwrap_or("all namespaces"),
            "HAStacks are watched again"
        );
        self.changed.notify_one();
    }
}

impl Inner {
    fn watched(&mut self, scope: &Scope) -> &mut Watched {
        self.scopes.entry(scope.clone()).or_default()
    }

    /// A listing is complete: what it doesn't hold is gone.
    fn listed(&mut self, scope: &Scope) {
        let watched = self.watched(scope);
        let Some(listing) = watched.listing.take() else {
            return;
        };
        watched.synced = true;
        let gone: Vec<StackName> = watched
            .stacks
            .keys()
            .filter(|n| !listing.contains_key(*n))
            .cloned()
            .collect();
        for name in gone {
            self.forget(scope, &name);
        }
        for (name, seen) in listing {
            self.put(scope, name, seen);
        }
    }

    fn put(&mut self, scope: &Scope, name: StackName, mut seen: Seen) {
        let known = self.good.get(&name).map(|(_, intent)| intent);
        if let Some(same) = known.filter(|known| seen.intent.as_ref() == Ok(known)) {
            seen.intent = Ok(same.clone());
        }
        let wish = self.wish(&name, &seen);
        if self.wishes.get(&name) != wish.as_ref() {
            if self.wishes.contains_key(&name) {
                tracing::info!(stack = %name, generation = seen.generation, "HAStack changed");
            }
            let wishes = Arc::make_mut(&mut self.wishes);
            match wish {
                Some(wish) => wishes.insert(name.clone(), wish),
                None => wishes.remove(&name),
            };
        }
        let before = self.watched(scope).stacks.insert(name.clone(), seen);
        if self.watched(scope).stacks.get(&name) != before.as_ref() {
            self.dirty.insert(name);
        }
    }

    /// What is wanted for this object; `None` when it was never acceptable.
    fn wish(&mut self, name: &StackName, seen: &Seen) -> Option<Wish> {
        let (intent, frozen) = match &seen.intent {
            Ok(intent) => {
                self.good.insert(name.clone(), (seen.uid.clone(), intent.clone()));
                (intent.clone(), None)
            }
            Err(why) => {
                let (_, last) = self.good.get(name).filter(|(uid, _)| *uid == seen.uid)?;
                let text = format!(
                    "The spec has problems, so its last accepted version is judged and nothing is done: {why}"
                );
                (last.clone(), Some(text))
            }
        };
        Some(Wish {
            // Who looks AWSAccounts up replaces it.
            access: Access::without_accounts(intent.account_ref.as_deref()),
            intent,
            frozen,
            generation: seen.generation,
            identity: Some(seen.uid.clone()),
        })
    }

    fn remove(&mut self, scope: &Scope, object: &DynamicObject) {
        let metadata = &object.metadata;
        if let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) {
            self.forget(scope, &StackName::new(namespace, name));
        }
    }

    fn forget(&mut self, scope: &Scope, name: &StackName) {
        self.watched(scope).stacks.remove(name);
        self.good.remove(name);
        if self.wishes.contains_key(name) {
            Arc::make_mut(&mut self.wishes).remove(name);
        }
        self.dirty.insert(name.clone());
    }
}

/// HAStacks as they are, whatever fields they have.
pub fn resource() -> ApiResource {
    ApiResource::erase::<HAStack>(&())
}

/// Feeds the cache for ever.
pub async fn watch(client: Client, scope: Scope, cache: Arc<Cache>) {
    let api: Api<DynamicObject> = match &scope {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource()),
        None => Api::all_with(client, &resource()),
    };
    let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    let mut events = watcher(api.clone(), config).backoff(Ladder::default()).boxed();
    loop {
        match tokio::time::timeout(PROBE, events.try_next()).await {
            Ok(Ok(Some(event))) => cache.take(&scope, event),
            Ok(Ok(None)) => return,
            Ok(Err(error)) => cache.fail(&scope, explain(&error)),
            // The next try came after the longest wait at the latest, and did not fail since.
            Err(_) if cache.calm_for(&scope).is_some_and(|calm| calm > LONGEST_WAIT) => {
                if ask(api.list_metadata(&ListParams::default().limit(1)))
                    .await
                    .is_ok()
                {
                    cache.recovered(&scope);
                }
            }
            Err(_) => {}
        }
    }
}

/// The API server's status code, if it answered.
pub(super) fn code_of(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn explain(error: &watcher::Error) -> String {
    match code_of(error) {
        Some(404) => "the API server knows no HAStack: install the CustomResourceDefinition (evenkeel crds | kubectl apply -f -); waiting for it".to_owned(),
        Some(401 | 403) => format!("{}: compare the ServiceAccount's rights with deploy/rbac.yaml", chain(error)),
        _ => chain(error),
    }
}

/// Half a second, doubled up to eight.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    tries: u32,
}

impl Iterator for Ladder {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = LONGEST_WAIT / 2_u32.pow(4 - self.tries.min(4));
        self.tries += 1;
        Some(wait)
    }
}

impl Backoff for Ladder {
    fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(name: &str, uid: &str, group: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "evenkeel.dev/v1alpha1",
            "kind": "HAStack",
            "metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "7", "generation": 1},
            "spec": {
                "aws": {"region": "ap-northeast-2"},
                "zones": [{"name": "ap-northeast-2a"}, {"name": "ap-northeast-2c"}],
                "caches": [{"name": "sessions", "replicationGroup": group}],
            },
            "status": {"record": "r", "reconcileAt": "now"},
        }))
        .unwrap()
    }

    fn cache() -> Cache {
        let cache = Cache::new(&[None]);
        cache.take(&None, Event::Init);
        cache.take(&None, Event::InitApply(object("web", "1", "one")));
        cache.take(&None, Event::InitDone);
        cache
    }

    fn web() -> StackName {
        StackName::new("shop", "web")
    }

    fn group(cache: &Cache) -> String {
        cache.wishes()[&web()].intent.caches[&"sessions".into()]
            .replication_group
            .clone()
    }

    #[test]
    fn a_listing_counts_once_it_is_complete() {
        let cache = Cache::new(&[None]);
        cache.take(&None, Event::Init);
        cache.take(&None, Event::InitApply(object("web", "1", "one")));
        assert!(!cache.synced());
        assert!(cache.wishes().is_empty());
        assert_eq!(cache.troubles(), ["HAStacks have not been listed yet"]);
        cache.take(&None, Event::InitDone);
        assert!(cache.synced());
        assert_eq!(group(&cache), "one");
        assert_eq!(cache.wishes()[&web()].identity.as_deref(), Some("1"));
        assert_eq!(cache.troubles(), Vec::<String>::new());
    }

    #[test]
    fn a_new_listing_forgets_what_it_does_not_hold() {
        let cache = cache();
        cache.take_dirty();
        cache.take(&None, Event::Init);
        assert_eq!(group(&cache), "one", "an unfinished listing takes nothing away");
        cache.take(&None, Event::InitApply(object("other", "2", "two")));
        cache.take(&None, Event::InitDone);
        let names: Vec<String> = cache.wishes().keys().map(ToString::to_string).collect();
        assert_eq!(names, ["shop/other"]);
        assert_eq!(cache.take_dirty().len(), 2);
    }

    #[test]
    fn a_failed_watch_forgets_nothing_and_is_told() {
        let cache = cache();
        cache.fail(&None, "connection refused".to_owned());
        assert_eq!(group(&cache), "one");
        assert_eq!(cache.troubles(), Vec::<String>::new(), "not at once");
        let unsynced = Cache::new(&[Some("shop".to_owned())]);
        unsynced.fail(&Some("shop".to_owned()), "connection refused".to_owned());
        assert_eq!(
            unsynced.troubles(),
            ["HAStacks in shop are not seen: connection refused"]
        );
    }

    #[test]
    fn a_listing_that_begins_anew_and_anew_is_in_trouble_until_one_is_whole() {
        let cache = Cache::new(&[None]);
        for _ in 0..2 {
            cache.take(&None, Event::Init);
            cache.fail(&None, "connection refused".to_owned());
            cache.take(&None, Event::Init);
            assert_eq!(cache.troubles(), ["HAStacks are not seen: connection refused"]);
        }
        assert_eq!(cache.calm_for(&None), None, "never seen: nothing to go on from");
        cache.take(&None, Event::InitDone);
        assert_eq!(cache.troubles(), Vec::<String>::new());
    }

    #[test]
    fn the_record_is_kept_apart_from_the_status() {
        let seen = cache().get(&web()).unwrap();
        assert_eq!(seen.record.as_deref(), Some("r"));
        let status = seen.status.unwrap();
        assert_eq!(status.record, None);
        assert_eq!(status.reconcile_at.as_deref(), Some("now"));
    }

    #[test]
    fn a_spec_that_is_refused_keeps_the_last_good_intent_of_the_same_object_frozen() {
        let cache = cache();
        let mut bad = object("web", "1", "two");
        bad.data["spec"]["zones"] = json!([{"name": "ap-northeast-2a"}]);
        cache.take(&None, Event::Apply(bad.clone()));
        assert_eq!(group(&cache), "one");
        let frozen = cache.wishes()[&web()].frozen.clone().unwrap();
        assert!(frozen.contains("zones"), "{frozen}");
        bad.metadata.uid = Some("2".to_owned());
        cache.take(&None, Event::Apply(bad));
        assert!(cache.wishes().is_empty(), "a recreated object has no good intent");
        assert!(cache.get(&web()).unwrap().intent.is_err());
        cache.take(&None, Event::Apply(object("web", "2", "three")));
        assert_eq!(group(&cache), "three");
        assert_eq!(cache.wishes()[&web()].frozen, None);
    }

    #[test]
    fn an_object_on_its_way_out_is_gone() {
        let cache = cache();
        let mut going = object("web", "1", "one");
        going.metadata.deletion_timestamp = serde_json::from_value(json!("2026-03-02T00:00:00Z")).unwrap();
        cache.take(&None, Event::Apply(going));
        assert!(cache.wishes().is_empty());
        assert!(cache.get(&web()).is_none());
    }
}
