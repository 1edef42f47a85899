//! `/metrics`, `/healthz` and `/readyz` on `--listen`.
//!
//! Health is told by the loop itself: it beats at every turn and every second while it waits. Real time is meant here,
//! whatever clock the loop runs on. `/metrics` names stacks and resources, so a token may be asked for it; probes can't
//! show one, and what they read is not behind it.

use super::connections;
use super::output::Output;
use crate::clock::Stopwatch;
use crate::report::metrics::{Metrics, Scene};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
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

/// Who may read `/metrics`: whoever shows what stands in this file.
#[derive(Clone, Debug)]
pub struct Token(PathBuf);

impl Token {
    /// Fails unless there is one in the file now.
    pub fn in_file(file: PathBuf) -> io::Result<Self> {
        let token = Self(file);
        token.read().map(|_| token)
    }

    /// It is read each time, so that another one counts at once.
    fn read(&self) -> io::Result<String> {
        let text = std::fs::read_to_string(&self.0)?;
        match text.trim() {
            "" => Err(io::Error::other("the file holds no token")),
            token => Ok(token.to_owned()),
        }
    }

    /// What to answer instead, unless it was shown.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let token = match self.read() {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(file = %self.0.display(), %error, "The token for /metrics can't be read");
                let text = "the token can't be read\n";
                return Some((StatusCode::SERVICE_UNAVAILABLE, text).into_response());
            }
        };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        let shown = given
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        // Of hashes, so that how long it takes to compare them says nothing of the token.
        if shown.is_some_and(|shown| Sha256::digest(shown) == Sha256::digest(&token)) {
            return None;
        }
        let heading = [(WWW_AUTHENTICATE, "Bearer")];
        let text = "show the token: Authorization: Bearer …\n";
        Some((StatusCode::UNAUTHORIZED, heading, text).into_response())
    }
}

/// Binds now, so that a taken port is an error at start. The future serves as long as it is awaited.
pub async fn serve(
    address: SocketAddr,
    token: Option<Token>,
    board: Arc<Board>,
) -> io::Result<(SocketAddr, impl Future<Output = ()> + Send + 'static)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let metrics = move |State(board): State<Arc<Board>>, headers: HeaderMap| async move {
        let refusal = token.and_then(|token| token.refusal(&headers));
        refusal.unwrap_or_else(|| board.scrape())
    };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route(
            "/healthz",
            get(|State(b): State<Arc<Board>>| async move { b.health() }),
        )
        .route(
            "/readyz",
            get(|State(b): State<Arc<Board>>| async move { b.readiness() }),
        )
        .with_state(board);
    Ok((bound, connections::serve(listener, router)))
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

    async fn asked(token: Option<Token>, request: &str) -> String {
        let address = "127.0.0.1:0".parse().unwrap();
        let (address, server) = serve(address, token, Arc::new(board())).await.unwrap();
        tokio::spawn(server);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_scrape_is_served_as_text() {
        let answer = asked(None, "GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
        assert!(
            answer.contains("evenkeel_build_info{version=\"0\"} 1"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn with_a_token_metrics_are_for_who_shows_it_and_probes_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(Token::in_file(file.clone()).is_err(), "there is none");
        std::fs::write(&file, " \n").unwrap();
        assert!(Token::in_file(file.clone()).is_err(), "it is empty");
        std::fs::write(&file, "s3cret\n").unwrap();
        let token = Token::in_file(file.clone()).unwrap();
        let status = async |path: &str, header: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n");
            let answer = asked(Some(token.clone()), &request).await;
            answer.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(status("/metrics", "").await, "401");
        assert_eq!(status("/metrics", "Authorization: Bearer s3cre\r\n").await, "401");
        assert_eq!(status("/metrics", "Authorization: Basic s3cret\r\n").await, "401");
        assert_eq!(
            status("/metrics", "Authorization: Bearer s3cret\r\n").await,
            "200"
        );
        assert_eq!(
            status("/metrics", "authorization: bearer s3cret\r\n").await,
            "200"
        );
        assert_eq!(status("/healthz", "").await, "200");
        assert_eq!(
            status("/readyz", "").await,
            "503",
            "as ever before the first turn"
        );
        std::fs::write(&file, "n3w").unwrap();
        assert_eq!(
            status("/metrics", "Authorization: Bearer s3cret\r\n").await,
            "401"
        );
        assert_eq!(status("/metrics", "Authorization: Bearer n3w\r\n").await, "200");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(status("/metrics", "Authorization: Bearer n3w\r\n").await, "503");
    }
}
