//! The loop on Kubernetes: HAStacks in, status and Events out, one leader acting.
//!
//! Tasks, each of which ends the process when it ends: the watches ([`watch`], [`accounts`]), the lease ([`lease`]), the stop switch
//! ([`stop`]), Events ([`events`]), metrics and health. The loop itself ([`lead`]) runs while this process leads; until
//! then it only keeps its picture of the cluster, and asks AWS nothing. Only [`objects`] writes HAStacks, and only their
//! status; only [`accounts`] that of AWSAccounts. Reading order: [`watch`], [`store`], [`lease`], [`lead`].

mod accounts;
pub mod client;
mod events;
mod gate;
mod lead;
pub mod lease;
mod objects;
mod publish;
mod record;
pub mod stop;
mod store;
mod trouble;
mod watch;

#[cfg(test)]
mod size_tests;

use crate::clock::{AnyClock, Clock as _, SystemClock};
use crate::engine::{self, Engine};
use crate::report::metrics::{Metrics, Scene};
use crate::shell::{AwsConnect, Board, Roles, Signals, Troubles, http};
use accounts::{AccountPublisher, Accounts, Resolver};
use client::Target;
use gate::LeaderGate;
use kube::Client;
use lead::{End, Lead};
use lease::{Candidate, Standing};
use objects::Objects;
use publish::Publisher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stop::Stop;
use store::KubeStore;
use tokio::task::JoinSet;
use watch::{Cache, Scope};

/// How `evenkeel controller` runs.
#[derive(Debug)]
pub struct Options {
    pub target: Target,
    /// Namespaces to watch; all when empty.
    pub namespaces: Vec<String>,
    pub listen: Option<SocketAddr>,
    /// What readers of `/metrics` must show.
    pub metrics_token: Option<http::Token>,
    /// Namespace of the lease, the stop switch and notes; default: the kubeconfig's or the Pod's.
    pub lease_namespace: Option<String>,
    pub lease_name: String,
    pub lease_duration: Duration,
    pub identity: String,
    pub endpoint_url: Option<String>,
    pub clock: AnyClock,
    pub engine: engine::Settings,
}

#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    #[error("{0}")]
    Kubernetes(String),
    #[error("can't listen on {address}; give an address that is free with --listen")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("signals can't be heard: {0}")]
    Signals(std::io::Error),
    #[error("metrics can't be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Lease(#[from] lease::LeaseError),
    #[error("the task that {0} ended, and nothing works without it")]
    TaskEnded(&'static str),
    #[error("the task that {what} failed: {why}")]
    TaskFailed { what: &'static str, why: String },
}

/// How often a process that doesn't lead looks whether it does.
const LOOK: Duration = Duration::from_millis(200);
/// The breaker's ConfigMap that isn't made yet when the process ends gets this long.
const LAST_STOP: Duration = Duration::from_secs(5);
/// Events still to be told get this long.
const LAST_EVENTS: Duration = Duration::from_secs(2);

struct Controller {
    client: Client,
    cache: Arc<Cache>,
    accounts: Arc<Accounts>,
    standing: Arc<Standing>,
    stop: Arc<Stop>,
    board: Arc<Board>,
    objects: Arc<Objects>,
    sink: events::Sink,
    own_namespace: String,
    identity: String,
    endpoint_url: Option<String>,
    clock: Arc<AnyClock>,
    engine: engine::Settings,
}

/// Runs until it is told to stop; an error is the reason why it can't go on.
pub async fn run(options: Options) -> Result<(), ControllerError> {
    let mut signals = Signals::listen().map_err(ControllerError::Signals)?;
    let (client, default_namespace) = client::connect(&options.target)
        .await
        .map_err(ControllerError::Kubernetes)?;
    let own_namespace = options.lease_namespace.unwrap_or(default_namespace);
    let scopes = scopes(&options.namespaces);
    let cache = Arc::new(Cache::new(&scopes));
    let accounts = Arc::new(Accounts::new(cache.changed.clone()));
    let standing = Arc::new(Standing::new(options.lease_duration));
    let stop = Arc::new(Stop::new(&own_namespace));
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
    let troubles = troubles(&cache, &accounts, &standing, &stop);
    let board = Arc::new(Board::new(metrics, troubles));
    let mut tasks: JoinSet<&'static str> = JoinSet::new();
    if let Some(address) = options.listen {
        let (bound, server) = http::serve(address, options.metrics_token, board.clone())
            .await
            .map_err(|source| ControllerError::Listen { address, source })?;
        tracing::info!(url = %format!("http://{bound}"), "Listening");
        tasks.spawn(named("serves metrics and health", server));
    }
    if options.engine.installation.is_none() {
        tracing::warn!("No --installation is given: everything is judged, nothing is ever changed");
    }
    let settings = lease::Settings {
        namespace: own_namespace.clone(),
        name: options.lease_name,
        identity: options.identity.clone(),
        duration: options.lease_duration,
    };
    let mut candidate = Candidate::new(client.clone(), settings, session(), standing.clone());
    let (sink, tellings) = events::channel();
    let mut telling = tokio::spawn(events::run(client.clone(), options.identity.clone(), tellings));

    for scope in scopes {
        let task = watch::watch(client.clone(), scope, cache.clone());
        tasks.spawn(named("watches HAStacks", task));
    }
    let task = accounts::watch_accounts(client.clone(), accounts.clone());
    tasks.spawn(named("watches AWSAccounts", task));
    let task = accounts::watch_namespaces(client.clone(), accounts.clone());
    tasks.spawn(named("watches namespaces", task));
    tasks.spawn(named(
        "reads the stop switch",
        stop::run(client.clone(), stop.clone()),
    ));
    let mut controller = Controller {
        objects: Arc::new(Objects::new(client.clone(), cache.clone())),
        client,
        cache,
        accounts,
        standing,
        stop: stop.clone(),
        board,
        sink,
        own_namespace,
        identity: options.identity,
        endpoint_url: options.endpoint_url,
        clock: Arc::new(options.clock),
        engine: options.engine,
    };
    let ended = tokio::select! {
        end = controller.turns(&mut signals) => Ok(end),
        error = candidate.run() => Err(ControllerError::Lease(error)),
        task = tasks.join_next() => Err(task_ended(task)),
        _ = &mut telling => Err(ControllerError::TaskEnded("tells Events")),
    };
    // The breaker's stop, the last Events, then the lease: whoever comes next need not wait.
    drop(controller);
    if ended.is_ok() {
        let _ = tokio::time::timeout(LAST_STOP, stop.store()).await;
        let _ = tokio::time::timeout(LAST_EVENTS, telling).await;
    }
    if matches!(ended, Ok(End::Asked)) {
        candidate.release().await;
    }
    ended.map(drop)
}

impl Controller {
    /// Waits for the lease, leads, and again.
    async fn turns(&mut self, signals: &mut Signals) -> End {
        loop {
            tokio::select! {
                biased;
                () = signals.heard() => return End::Asked,
                () = self.follow() => {}
            }
            let mut lead = self.lead();
            match lead.run(signals).await {
                End::Deposed => tracing::warn!("This process no longer leads; it only watches"),
                end => return end,
            }
        }
    }

    /// Keeps the picture of the cluster until this process leads, sees all HAStacks and knows the stop switch.
    async fn follow(&self) {
        loop {
            let leads = self.standing.leads();
            if leads && self.cache.synced() && self.accounts.is_told() && self.stop.is_read() {
                return;
            }
            let mut not_ready = Vec::new();
            if self.standing.leader().is_none() && !leads {
                not_ready.push("nobody is known to hold the lease yet".to_owned());
            }
            let scene = Scene {
                leader: Some(leads),
                ..Scene::default()
            };
            self.board.tell(scene, not_ready);
            tokio::select! {
                () = self.standing.changed.notified() => {}
                () = self.cache.changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// A loop that knows nothing yet: AWS is read, records are loaded.
    fn lead(&self) -> Lead {
        let gate = LeaderGate {
            stop: self.stop.clone(),
            standing: self.standing.clone(),
        };
        let store = KubeStore::new(
            self.client.clone(),
            self.objects.clone(),
            &self.own_namespace,
            &self.identity,
        );
        let clock = self.clock.clone();
        let roles = Arc::new(Roles::new(
            self.endpoint_url.clone(),
            self.board.metrics.clone(),
            self.engine.installation.clone(),
            Arc::new(move || clock.now()),
        ));
        let (cache, accounts) = (self.cache.clone(), self.accounts.clone());
        let connect = AwsConnect {
            endpoint_url: self.endpoint_url.clone(),
            metrics: self.board.metrics.clone(),
            roles: Some(roles.clone()),
            withdrawn: Some(Box::new(move |wish| {
                let of_stack = cache.withdrawn(wish);
                of_stack.or_else(|| accounts::withdrawn(&cache, &accounts, wish))
            })),
        };
        let settings = engine::Settings {
            holder: self.identity.clone(),
            ..self.engine.clone()
        };
        self.cache.all_dirty();
        Lead {
            engine: Engine::new(self.clock.clone(), store, connect, gate.clone(), settings),
            publisher: Publisher::new(
                self.objects.clone(),
                self.sink.clone(),
                self.board.metrics.clone(),
            ),
            account_publisher: AccountPublisher::new(self.client.clone(), self.accounts.clone(), roles),
            resolver: Resolver::default(),
            accounts: self.accounts.clone(),
            cache: self.cache.clone(),
            gate,
            board: self.board.clone(),
        }
    }
}

/// What is wrong with the way to the API server.
fn troubles(
    cache: &Arc<Cache>,
    accounts: &Arc<Accounts>,
    standing: &Arc<Standing>,
    stop: &Arc<Stop>,
) -> Troubles {
    let (cache, accounts) = (cache.clone(), accounts.clone());
    let (standing, stop) = (standing.clone(), stop.clone());
    Box::new(move || {
        let mut troubles = cache.troubles();
        troubles.extend(accounts.troubles());
        let (stop, lease) = (stop.trouble(), standing.trouble());
        troubles.extend(stop.map(|t| format!("the stop switch can't be read: {t}")));
        troubles.extend(lease.map(|t| format!("the lease can't be read or renewed: {t}")));
        troubles
    })
}

fn scopes(namespaces: &[String]) -> Vec<Scope> {
    if namespaces.is_empty() {
        return vec![None];
    }
    let mut names: Vec<&String> = namespaces.iter().collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|n| Some(n.clone())).collect()
}

async fn named(what: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    what
}

fn task_ended(task: Option<Result<&'static str, tokio::task::JoinError>>) -> ControllerError {
    match task {
        Some(Ok(what)) => ControllerError::TaskEnded(what),
        Some(Err(error)) => ControllerError::TaskFailed {
            what: "runs beside the loop",
            why: error.to_string(),
        },
        None => ControllerError::TaskEnded("runs beside the loop"),
    }
}

/// Tells this run from any other under the same identity.
fn session() -> String {
    format!("{}-{:016x}", SystemClock.now().as_second(), random())
}

/// The host's name and a random part: nobody else's.
pub fn own_identity() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}_{:08x}", random() & 0xffff_ffff)
}

/// The standard library's seed is random for each process.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}
