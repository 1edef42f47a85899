//! Connections of strangers: whoever reaches the port of metrics and health may open one, and no number of them takes
//! from the work what it needs.
//!
//! A file descriptor is needed for every call to AWS, for every record and for every status. So connections are few,
//! each carries one request, and neither a request nor the reading of its answer may take for ever. Where there are too
//! many, those that have asked nothing go first, the oldest before the others: a probe asks at once and is answered.

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Open at a time. Prometheus and the kubelet need a handful.
pub const MOST: usize = 64;
/// From the connection to the last line of the request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// From the connection to the last byte of the answer: Prometheus gives up after ten seconds unless told otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait where no connection can be accepted, for want of a descriptor, say.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers until the task is dropped.
pub async fn serve(listener: TcpListener, router: Router) {
    let mut open = Open::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => open.take(stream, router.clone()).await,
            Err(error) => {
                tracing::warn!(%error, "A connection to the port of metrics and health can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// In the order in which they came.
#[derive(Default)]
struct Open(VecDeque<Connection>);

struct Connection {
    task: JoinHandle<()>,
    /// The head of its request has been read.
    asked: Arc<AtomicBool>,
}

impl Open {
    async fn take(&mut self, stream: TcpStream, router: Router) {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() >= MOST {
            self.close_one().await;
        }
        let asked = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(answer(stream, router, asked.clone()));
        self.0.push_back(Connection { task, asked });
    }

    async fn close_one(&mut self) {
        let silent = self.0.iter().position(|c| !c.asked.load(Ordering::Relaxed));
        if let Some(connection) = self.0.remove(silent.unwrap_or(0)) {
            connection.task.abort();
            // Then its descriptor is free.
            let _ended = connection.task.await;
        }
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, router: Router, asked: Arc<AtomicBool>) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // What strangers do wrong is not worth a line each.
    let _ended = tokio::time::timeout(ANSWER_WITHIN, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let large = Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
        let router = Router::new()
            .route("/small", get(|| async { "fine" }))
            .route("/large", get(move || async move { large }));
        tokio::spawn(serve(listener, router));
        address
    }

    async fn connect(address: SocketAddr, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = connect(address, "GET /small HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Waits until the other side closes.
    async fn closed(stream: &mut TcpStream) {
        let mut buffer = [0; 1024];
        while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    }

    #[tokio::test]
    async fn whoever_asks_is_answered_however_many_say_nothing() {
        let address = server().await;
        let mut silent = Vec::new();
        for _ in 0..4 * MOST {
            silent.push(connect(address, "GET /small HTTP/1.1\r\n").await);
        }
        for _ in 0..10 {
            assert!(ask(address).await.ends_with("fine"));
        }
        for mut one in silent {
            tokio::time::timeout(HEAD_WITHIN * 3, closed(&mut one))
                .await
                .expect("who says nothing is not waited for");
        }
    }

    #[tokio::test]
    async fn the_oldest_silent_connections_make_room_at_once() {
        let address = server().await;
        let mut silent = Vec::new();
        for _ in 0..4 * MOST {
            silent.push(connect(address, "GET /small HTTP/1.1\r\n").await);
        }
        // Long before the time for a head is over.
        let made_room = async {
            for one in &mut silent[..3 * MOST] {
                closed(one).await;
            }
        };
        let in_time = tokio::time::timeout(HEAD_WITHIN / 2, made_room).await;
        assert!(in_time.is_ok(), "more than {MOST} are open");
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_keeps_nobody_else_from_theirs() {
        let address = server().await;
        let mut slow = Vec::new();
        for _ in 0..2 * MOST {
            slow.push(connect(address, "GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await);
        }
        for _ in 0..10 {
            assert!(ask(address).await.ends_with("fine"));
        }
    }

    #[tokio::test]
    async fn a_connection_carries_one_request() {
        let address = server().await;
        let answer = ask(address).await;
        assert!(answer.contains("connection: close"), "{answer}");
    }
}
