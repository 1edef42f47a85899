//! A clock that another process keeps: rehearsals take their time from the simulator.
//!
//! `GET /_sim/clock` tells now and the mode. In `real` and `accelerated` mode time is computed here from then on; in
//! `stepped` mode it stands still while we work and moves only in [`Clock::sleep_until`], which parks at
//! `GET /_sim/clock/wait?until=…&client=…` until the rehearsal gets there. Dropping that future un-parks us.

use super::{Clock, Stopwatch};
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long to wait before asking again after the clock's process did not answer.
const RETRY: Duration = Duration::from_millis(500);

/// Why a remote clock can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    #[error("the clock's address {0:?} must look like http://127.0.0.1:4599")]
    Address(String),
    #[error("the clock at {authority} did not answer: {source}")]
    Unreachable {
        authority: String,
        source: std::io::Error,
    },
    #[error("the clock at {authority} answered {answer:?}, which tells no time")]
    NoTime { authority: String, answer: String },
}

/// Time from another process.
#[derive(Debug)]
pub struct RemoteClock {
    authority: String,
    client: String,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    /// Moves only when the rehearsal says so.
    Stepped(Mutex<Timestamp>),
    /// `speed` seconds a second since `from`.
    Running {
        from: Timestamp,
        since: Stopwatch,
        speed: f64,
    },
}

#[derive(serde::Deserialize)]
struct Answer {
    now: Timestamp,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    speed: Option<f64>,
}

impl RemoteClock {
    /// Asks the clock at `url` (`http://host:port`) for its time and mode. `client` names us to it.
    pub async fn connect(url: &str, client: impl Into<String>) -> Result<Self, ClockError> {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| rest.contains(':') && !rest.contains('/'))
            .ok_or_else(|| ClockError::Address(url.to_owned()))?
            .to_owned();
        let answer = ask(&authority, "/_sim/clock").await?;
        let pace = if answer.mode.as_deref() == Some("stepped") {
            Pace::Stepped(Mutex::new(answer.now))
        } else {
            Pace::Running {
                from: answer.now,
                since: Stopwatch::start(),
                speed: answer.speed.filter(|s| *s > 0.0).unwrap_or(1.0),
            }
        };
        Ok(Self {
            authority,
            client: client.into(),
            pace,
        })
    }

    async fn park(&self, now: &Mutex<Timestamp>, until: Timestamp) {
        let until = whole_milliseconds(until);
        let path = format!("/_sim/clock/wait?until={until}&client={}", self.client);
        let mut told = false;
        loop {
            match ask(&self.authority, &path).await {
                Ok(answer) => {
                    let mut now = lock(now);
                    *now = answer.now.max(*now);
                    if *now >= until {
                        return;
                    }
                }
                Err(error) => {
                    if !told {
                        tracing::warn!(%error, "The rehearsal's clock does not answer");
                        told = true;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

impl Clock for RemoteClock {
    fn now(&self) -> Timestamp {
        match &self.pace {
            Pace::Stepped(now) => *lock(now),
            Pace::Running { from, since, speed } => {
                let passed = since.elapsed().mul_f64(*speed);
                *from + SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX)
            }
        }
    }

    async fn sleep_until(&self, until: Timestamp) {
        match &self.pace {
            Pace::Stepped(now) => self.park(now, until).await,
            Pace::Running { speed, .. } => loop {
                let left = until.duration_since(self.now());
                if left.is_negative() || left.is_zero() {
                    return;
                }
                // A millisecond at least: rounding must not turn the wait into a spin.
                let real = left.unsigned_abs().div_f64(*speed);
                tokio::time::sleep(real.max(Duration::from_millis(1))).await;
            },
        }
    }
}

/// The next whole millisecond: the clock answers in these, so a finer instant would never be reached.
fn whole_milliseconds(until: Timestamp) -> Timestamp {
    let nanoseconds = until.subsec_nanosecond().rem_euclid(1_000_000);
    if nanoseconds == 0 {
        return until;
    }
    until + SignedDuration::from_nanos(i64::from(1_000_000 - nanoseconds))
}

fn lock(now: &Mutex<Timestamp>) -> std::sync::MutexGuard<'_, Timestamp> {
    now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One HTTP/1.1 GET on a connection of its own.
async fn ask(authority: &str, path: &str) -> Result<Answer, ClockError> {
    let unreachable = |source| ClockError::Unreachable {
        authority: authority.to_owned(),
        source,
    };
    let mut stream = TcpStream::connect(authority).await.map_err(unreachable)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(unreachable)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(unreachable)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    parse(&answer).ok_or_else(|| ClockError::NoTime {
        authority: authority.to_owned(),
        answer: answer.chars().take(200).collect(),
    })
}

/// The JSON object of a `200` answer; a chunked body has its sizes around it.
fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split_whitespace().nth(1)? != "200" {
        return None;
    }
    let json = body.get(body.find('{')?..=body.rfind('}')?)?;
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn an_instant_between_two_milliseconds_is_waited_for_until_the_later_one() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            whole_milliseconds(at("2026-03-02T00:01:00.7985Z")),
            at("2026-03-02T00:01:00.799Z")
        );
        assert_eq!(
            whole_milliseconds(at("2026-03-02T00:01:00.798Z")),
            at("2026-03-02T00:01:00.798Z")
        );
    }

    /// Answers one request with each of these bodies in turn and returns the request lines.
    async fn serve(listener: TcpListener, bodies: Vec<&'static str>) -> Vec<String> {
        let mut seen = Vec::new();
        for body in bodies {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let n = stream.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..n]).into_owned();
            seen.push(text.lines().next().unwrap().to_owned());
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        seen
    }

    #[tokio::test]
    async fn a_stepped_clock_stands_still_until_the_sleeper_is_released() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(
            listener,
            vec![
                r#"{"now":"2026-03-02T00:00:00Z","mode":"stepped"}"#,
                r#"{"now":"2026-03-02T00:10:00Z"}"#,
            ],
        ));
        let clock = RemoteClock::connect(&url, "me").await.unwrap();
        assert_eq!(clock.now().to_string(), "2026-03-02T00:00:00Z");
        assert_eq!(clock.now().to_string(), "2026-03-02T00:00:00Z");
        clock.sleep_until("2026-03-02T00:10:00Z".parse().unwrap()).await;
        assert_eq!(clock.now().to_string(), "2026-03-02T00:10:00Z");
        assert_eq!(
            server.await.unwrap(),
            [
                "GET /_sim/clock HTTP/1.1",
                "GET /_sim/clock/wait?until=2026-03-02T00:10:00Z&client=me HTTP/1.1"
            ]
        );
    }

    #[tokio::test]
    async fn an_accelerated_clock_runs_by_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(
            listener,
            vec![r#"{"now":"2026-03-02T00:00:00Z","mode":"accelerated","speed":36000}"#],
        ));
        let clock = RemoteClock::connect(&url, "me").await.unwrap();
        let later: Timestamp = "2026-03-02T00:10:00Z".parse().unwrap();
        clock.sleep_until(later).await;
        assert!(clock.now() >= later);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_is_not_http_is_refused() {
        let error = RemoteClock::connect("ftp://x", "me").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the clock's address "ftp://x" must look like http://127.0.0.1:4599"#
        );
    }

    #[test]
    fn waits_are_rounded_up_to_what_the_clock_can_say() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            whole_milliseconds(at("2026-03-02T00:01:00.798738241Z")),
            at("2026-03-02T00:01:00.799Z")
        );
        assert_eq!(
            whole_milliseconds(at("2026-03-02T00:01:00.798Z")),
            at("2026-03-02T00:01:00.798Z")
        );
    }

    #[test]
    fn a_chunked_or_failed_answer_is_understood() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n24\r\n{\"now\":\"2026-03-02T00:00:00Z\"}\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().now.to_string(), "2026-03-02T00:00:00Z");
        assert!(parse("HTTP/1.1 404 Not Found\r\n\r\n{}").is_none());
    }
}
