//! The watches on AWSAccounts and, once an account selects by label, on namespaces (their metadata alone).

use super::cache::{Accounts, Side};
use crate::api::v1alpha1::AWSAccount;
use crate::controller::client::{ask, chain};
use crate::controller::watch::{LONGEST_WAIT, Ladder, PROBE, WATCH_SECONDS, code_of};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, ListParams, PartialObjectMeta};
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{Lookup, Store, store::Writer};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// AWSAccounts as they are, whatever fields they have.
pub fn resource() -> ApiResource {
    ApiResource::erase::<AWSAccount>(&())
}

fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Feeds the cache with accounts for ever.
pub async fn watch_accounts(client: Client, accounts: Arc<Accounts>) {
    let api: Api<DynamicObject> = Api::all_with(client, &resource());
    let writer = Writer::new(resource());
    let events = watcher(api.clone(), config());
    let take = |store: &Store<DynamicObject>| accounts.take_accounts(&store.state());
    let listed = || lists(api.clone());
    follow(events, writer, &accounts, Side::Accounts, take, listed).await;
}

/// Feeds the cache with labels of namespaces, from when they matter, for ever.
pub async fn watch_namespaces(client: Client, accounts: Arc<Accounts>) {
    accounts.until_labels_matter().await;
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let writer = Writer::new(());
    let events = watcher(api.clone(), config());
    let take = |store: &Store<PartialObjectMeta<Namespace>>| accounts.take_namespaces(&store.state());
    let listed = || lists(api.clone());
    follow(events, writer, &accounts, Side::Namespaces, take, listed).await;
}

/// The API server lists them.
async fn lists<K>(api: Api<K>) -> bool
where
    K: Clone + DeserializeOwned + Debug,
{
    ask(api.list_metadata(&ListParams::default().limit(1)))
        .await
        .is_ok()
}

async fn follow<K, F: Future<Output = bool> + Send>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send,
    mut writer: Writer<K>,
    accounts: &Accounts,
    side: Side,
    take: impl Fn(&Store<K>),
    listed: impl Fn() -> F,
) where
    K: Lookup + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let store = writer.as_reader();
    let mut events = events.backoff(Ladder::default()).boxed();
    let mut whole = false;
    loop {
        match tokio::time::timeout(PROBE, events.try_next()).await {
            Ok(Ok(Some(event))) => {
                whole |= matches!(event, Event::InitDone);
                // A listing that is not complete tells nothing yet.
                let tells = whole && !matches!(event, Event::Init | Event::InitApply(_));
                writer.apply_watcher_event(&event);
                if tells {
                    take(&store);
                }
            }
            Ok(Ok(None)) => return,
            Ok(Err(error)) => accounts.fail(side, explain(side, &error)),
            // The next try came after the longest wait at the latest, and did not fail since.
            Err(_) if accounts.calm_for(side).is_some_and(|calm| calm > LONGEST_WAIT) => {
                if listed().await {
                    accounts.recovered(side);
                }
            }
            Err(_) => {}
        }
    }
}

fn explain(side: Side, error: &watcher::Error) -> String {
    match (side, code_of(error)) {
        (Side::Accounts, Some(404)) => {
            "the API server knows no AWSAccount: install the CustomResourceDefinition \
             (evenkeel crds | kubectl apply -f -)"
                .to_owned()
        }
        (_, Some(401 | 403)) => format!(
            "{}: compare the ServiceAccount's rights with deploy/rbac.yaml",
            chain(error)
        ),
        _ => chain(error),
    }
}
