//! `/metrics`, `/healthz` and `/readyz` on `--listen`.
//!
//! Health is told by the loop itself: it beats at every turn and every second while it waits. Real time is meant here,
//! whatever clock the loop runs on.

use super::output::Output;
use crate::clock::Stopwatch;
use crate::report::metrics::{Metrics, Scene};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// A loop that has not beaten for this long stands still.
const STILL: Duration = Duration::from_mins(5);

/// Says what is wrong at this moment, a line for each trouble.
pub type Troubles = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the loop tells and the server shows.
pub struct Board {
    pub metrics: Arc<Metrics>,
    /// Asked at each look at the page: what does not wait for the loop to turn.
    troubles: Troubles,
    told: Mutex<Told>,
}

struct Told {
    scene: Arc<Scene>,
    beat: Stopwatch,
    /// Why this process is not ready as of the last turn; empty when it is.
    not_ready: Vec<String>,
}

impl Board {
    pub fn new(metrics: Arc<Metrics>, troubles: Troubles) -> Self {
        Self {
            metrics,
            troubles,
            told: Mutex::new(Told {
                scene: Arc::default(),
                beat: Stopwatch::start(),
                not_ready: vec!["nothing has been read yet".to_owned()],
            }),
        }
    }

    pub fn beat(&self) {
        self.lock().beat = Stopwatch::start();
    }

    pub fn tell(&self, scene: Scene, not_ready: Vec<String>) {
        let mut told = self.lock();
        told.scene = Arc::new(scene);
        told.not_ready = not_ready;
        told.beat = Stopwatch::start();
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> (StatusCode, String) {
        let still = self.lock().beat.elapsed();
        if still < STILL {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            let text = format!("the loop has stood still for {} s\n", still.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }

    fn readiness(&self) -> (StatusCode, String) {
        let (code, text) = self.health();
        if code != StatusCode::OK {
            return (code, text);
        }
        let mut lines = (self.troubles)();
        lines.extend(self.lock().not_ready.iter().cloned());
        if lines.is_empty() {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n") + "\n")
        }
    }

    /// Sent piece by piece: the whole text of a large fleet is megabytes.
    fn scrape(&self) -> Response {
        let scene = self.lock().scene.clone();
        for output in Output::ALL {
            self.metrics.lines_lost(output.label(), output.lost());
        }
        match self.metrics.pages(scene) {
            Ok(pages) => {
                let pages = futures::stream::iter(pages.map(Ok::<String, Infallible>));
                let heading = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
                (heading, Body::from_stream(pages)).into_response()
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        }
    }
}

/// Binds now, so that a taken port is an error at start. The future serves as long as it is awaited.
pub async fn serve(
    address: SocketAddr,
    board: Arc<Board>,
) -> std::io::Result<(SocketAddr, impl Future<Output = ()> + Send + 'static)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route(
            "/metrics",
            get(|State(b): State<Arc<Board>>| async move { b.scrape() }),
        )
        .route(
            "/healthz",
            get(|State(b): State<Arc<Board>>| async move { b.health() }),
        )
        .route(
            "/readyz",
            get(|State(b): State<Arc<Board>>| async move { b.readiness() }),
        )
        .with_state(board);
    let server = async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "The server for metrics and health ended");
        }
    };
    Ok((bound, server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn board() -> Board {
        Board::new(Arc::new(Metrics::new("0").unwrap()), Box::new(Vec::new))
    }

    #[test]
    fn a_process_that_has_read_nothing_is_alive_but_not_ready() {
        let board = board();
        assert_eq!(board.health().0, StatusCode::OK);
        assert_eq!(
            board.readiness(),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing has been read yet\n".to_owned()
            )
        );
        board.tell(Scene::default(), Vec::new());
        assert_eq!(board.readiness(), (StatusCode::OK, "ok\n".to_owned()));
    }

    #[test]
    fn every_reason_for_not_being_ready_is_told() {
        let board = board();
        board.tell(
            Scene::default(),
            vec![
                "web.yaml: no zones".to_owned(),
                "eu-west-1 was not read".to_owned(),
            ],
        );
        assert_eq!(
            board.readiness().1,
            "web.yaml: no zones\neu-west-1 was not read\n"
        );
    }

    /// A quiet loop may not turn for hours; what is wrong with a watch is shown in the meantime, and that it is over.
    #[test]
    fn troubles_are_shown_and_gone_without_a_turn_of_the_loop() {
        let lost = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = lost.clone();
        let troubles = move || {
            let lost = seen.load(std::sync::atomic::Ordering::Relaxed);
            lost.then(|| "the watch is lost".to_owned()).into_iter().collect()
        };
        let board = Board::new(Arc::new(Metrics::new("0").unwrap()), Box::new(troubles));
        board.tell(Scene::default(), Vec::new());
        assert_eq!(board.readiness().0, StatusCode::OK);
        lost.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(
            board.readiness(),
            (StatusCode::SERVICE_UNAVAILABLE, "the watch is lost\n".to_owned())
        );
        lost.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(board.readiness().0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_scrape_is_served_as_text() {
        let (address, server) = serve("127.0.0.1:0".parse().unwrap(), Arc::new(board()))
            .await
            .unwrap();
        tokio::spawn(server);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
        assert!(
            answer.contains("evenkeel_build_info{version=\"0\"} 1"),
            "{answer}"
        );
    }
}
