//! The loop over a folder of manifests, without Kubernetes: manifests in, status out, state in files.
//!
//! One process per state folder, and one that may act per folder of manifests ([`lock`]). State: a record per stack ([`records`]), the status files ([`publish`]), the
//! stop switch ([`stop`]). The loop sleeps in one place, on the engine's clock; a real second ticks beside it, so that a
//! signal, a changed manifest or the stop switch is noticed even while a rehearsal's clock stands still.

pub mod lock;
pub mod manifests;
pub mod publish;
pub mod records;
pub mod stop;

#[cfg(test)]
mod support;

pub use publish::Style;

use crate::clock::{AnyClock, Clock, Stopwatch};
use crate::engine::{Engine, Settings};
use crate::execute::step::Gate as _;
use crate::report::metrics::{Metrics, Scene};
use crate::shell::{AwsConnect, Board, Signals, http, regions};
use jiff::Timestamp;
use lock::{Lock, LockError};
use manifests::{Folder, Reading};
use publish::Publisher;
use records::FileStore;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stop::StopFile;
use tokio::task::JoinHandle;

/// How `evenkeel run` runs.
#[derive(Debug)]
pub struct Options {
    pub folder: PathBuf,
    /// Default: `<folder>/.evenkeel`.
    pub state: Option<PathBuf>,
    pub once: bool,
    pub listen: Option<SocketAddr>,
    /// What readers of `/metrics` must show.
    pub metrics_token: Option<http::Token>,
    pub endpoint_url: Option<String>,
    pub clock: AnyClock,
    pub engine: Settings,
    pub style: Style,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did what it should, or was asked to stop.
    Well,
    /// `--once` could not accept every manifest, read every region or write every status.
    Incomplete,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{} is no folder: --file names the folder in which the manifests are", .0.display())]
    NoFolder(PathBuf),
    #[error(
        "the state folder {} can't be used; give a folder that this process may write with --state-dir",
        path.display()
    )]
    State { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("can't listen on {address}; give an address that is free with --listen")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("signals can't be heard: {0}")]
    Signals(std::io::Error),
    #[error("metrics can't be set up: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Manifests and the stop switch are looked at this often, in real time, while the loop waits.
const TICK: Duration = Duration::from_secs(1);
/// A turn waits so long for what the manifests say now, in real time, and goes on with what they said before.
const READING: Duration = Duration::from_secs(1);
/// After a signal, a step in hand may take this long to finish (one AWS call's timeout and a little).
const GRACE: Duration = Duration::from_secs(25);

type Loop = Engine<Arc<AnyClock>, FileStore, AwsConnect, Arc<StopFile>>;

struct Shell {
    engine: Loop,
    folder: Folder,
    publisher: Publisher,
    stop: Arc<StopFile>,
    /// The stop switch as of the last turn.
    stopped: Option<String>,
    board: Arc<Board>,
    signals: Signals,
    problems_told: Vec<String>,
    /// The manifests are being read, beside the loop.
    reading: Option<JoinHandle<Reading>>,
    read_once: bool,
    _locks: (Lock, Option<Lock>),
}

/// Runs until it is told to stop, or once.
pub async fn run(options: Options) -> Result<End, RunError> {
    let once = options.once;
    let mut shell = Shell::open(options).await?;
    loop {
        let turn = Stopwatch::start();
        if !shell.turn().await {
            return Ok(End::Well);
        }
        shell.board.metrics.turn(turn.elapsed());
        if once {
            return Ok(shell.end());
        }
        if !shell.wait().await {
            return Ok(End::Well);
        }
    }
}

impl Shell {
    async fn open(options: Options) -> Result<Self, RunError> {
        if !options.folder.is_dir() {
            return Err(RunError::NoFolder(options.folder));
        }
        let state = options.state.unwrap_or_else(|| options.folder.join(".evenkeel"));
        let unusable = |source| RunError::State {
            path: state.clone(),
            source,
        };
        std::fs::create_dir_all(&state).map_err(unusable)?;
        let lock = Lock::take(&state)?;
        let may_act = options.engine.installation.is_some();
        let to_act = may_act.then(|| Lock::take_to_act(&options.folder)).transpose()?;
        let store = FileStore::open(&state).map_err(unusable)?;
        let signals = Signals::listen().map_err(RunError::Signals)?;
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
        let board = Arc::new(Board::new(metrics.clone(), Box::new(Vec::new)));
        let publisher = Publisher::new(&state, options.style, metrics.clone());
        let stop = Arc::new(StopFile::new(&state));
        let connect = AwsConnect {
            endpoint_url: options.endpoint_url,
            metrics,
            roles: None,
            withdrawn: None,
        };
        let clock = Arc::new(options.clock);
        if let Some(address) = options.listen {
            let (bound, server) = http::serve(address, options.metrics_token, board.clone())
                .await
                .map_err(|source| RunError::Listen { address, source })?;
            tokio::spawn(server);
            let url = format!("http://{bound}");
            publisher.say(clock.now(), "evenkeel", &format!("listening on {url}"), false);
        }
        if options.engine.installation.is_none() {
            let what = "no --installation is given: everything is judged, nothing is ever changed";
            publisher.say(clock.now(), "evenkeel", what, true);
        }
        Ok(Self {
            engine: Engine::new(clock, store, connect, stop.clone(), options.engine),
            folder: Folder::new(&options.folder),
            publisher,
            stop,
            stopped: None,
            board,
            signals,
            problems_told: Vec::new(),
            reading: None,
            read_once: false,
            _locks: (lock, to_act),
        })
    }

    /// One turn; false when a signal ended it.
    async fn turn(&mut self) -> bool {
        if !self.read_manifests().await {
            return false;
        }
        self.tell_problems();
        self.stopped = self.stop.closed(self.now());
        // What is wanted only now (the owner's tag of a group on which something is planned) is read at once.
        for _ in 0..3 {
            tokio::select! {
                biased;
                () = self.signals.heard() => return false,
                () = self.engine.look(self.folder.wishes()) => {}
            }
            if !self.engine.wants_more() {
                break;
            }
        }
        self.publish();
        self.act().await
    }

    /// The first time until they are read; false when a signal ended it.
    async fn read_manifests(&mut self) -> bool {
        let patience = if self.read_once { READING } else { Duration::MAX };
        begin(&mut self.reading, &self.folder);
        tokio::select! {
            biased;
            () = self.signals.heard() => return false,
            _changed = tokio::time::timeout(patience, read(&mut self.reading, &mut self.folder)) => {}
        }
        self.read_once = true;
        true
    }

    /// A step that has begun is finished, unless it takes too long: then its ticket says what is known.
    async fn act(&mut self) -> bool {
        let mut asked_to_stop = false;
        {
            let step = self.engine.act();
            tokio::pin!(step);
            tokio::select! {
                biased;
                _ = &mut step => {}
                () = self.signals.heard() => asked_to_stop = true,
            }
            if asked_to_stop {
                tokio::select! {
                    _ = &mut step => {}
                    () = tokio::time::sleep(GRACE) => {}
                    () = self.signals.heard() => {}
                }
            }
        }
        self.publish();
        !asked_to_stop
    }

    /// Sleeps until there is something to do; false when a signal ended it.
    async fn wait(&mut self) -> bool {
        let wake = self.engine.next_turn();
        let sleep = self.engine.clock().sleep_until(wake);
        tokio::pin!(sleep);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                () = self.signals.heard() => return false,
                () = &mut sleep => return true,
                // Only for a reason: a rehearsal's clock waits for us to sleep again.
                changed = read(&mut self.reading, &mut self.folder), if self.reading.is_some() => {
                    if changed {
                        return true;
                    }
                }
                _ = tick.tick() => {
                    self.board.beat();
                    if self.folder.touched() {
                        begin(&mut self.reading, &self.folder);
                    }
                    if self.stop.closed(self.engine.clock().now()) != self.stopped {
                        return true;
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    fn publish(&mut self) {
        let now = self.now();
        for happening in self.engine.take_happenings() {
            self.publisher.happened(&happening, now);
        }
        for stack in self.engine.take_changed() {
            match self.engine.report(&stack) {
                Some(report) => self.publisher.publish(&stack, &report, now),
                None => self.publisher.forget(&stack, now),
            }
        }
        let scene = Scene {
            stacks: self.publisher.samples(),
            regions: self.engine.regions().map(|r| regions::sample(&r, now)).collect(),
            leader: None,
            ..Scene::default()
        };
        self.board.tell(scene, self.not_ready());
    }

    /// Problems of manifests, each once while it lasts.
    fn tell_problems(&mut self) {
        let now = self.now();
        for problem in self.folder.problems() {
            if !self.problems_told.contains(problem) {
                tracing::error!(problem, "A manifest is not accepted");
                self.publisher.say(now, "evenkeel", problem, true);
            }
        }
        self.problems_told = self.folder.problems().to_vec();
    }

    fn not_ready(&self) -> Vec<String> {
        let now = self.now();
        let mut reasons: Vec<String> = self.folder.problems().to_vec();
        reasons.extend(self.engine.regions().filter_map(|r| regions::not_ready(&r, now)));
        reasons.extend(self.publisher.unwritten());
        reasons
    }

    fn end(&self) -> End {
        if self.not_ready().is_empty() {
            End::Well
        } else {
            End::Incomplete
        }
    }
}

/// Reads the manifests on a thread of its own, unless they are being read.
fn begin(reading: &mut Option<JoinHandle<Reading>>, folder: &Folder) {
    reading.get_or_insert_with(|| tokio::task::spawn_blocking(folder.reading()));
}

/// Waits until the manifests are read, and takes them for what is wanted; says whether anything changed.
async fn read(reading: &mut Option<JoinHandle<Reading>>, folder: &mut Folder) -> bool {
    let Some(handle) = reading else {
        return false;
    };
    let read = handle.await;
    *reading = None;
    match read {
        Ok(read) => folder.accept(read),
        Err(error) => {
            tracing::error!(%error, "The manifests could not be read");
            false
        }
    }
}
