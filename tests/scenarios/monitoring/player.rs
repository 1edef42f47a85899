//! Serves what a controller said on `/metrics`, scrape by scrape, faster than it was said.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use evenkeel::clock::Stopwatch;
use std::sync::{Arc, Mutex, PoisonError};

struct Tape {
    scrapes: Vec<String>,
    /// Real time for one scrape.
    milliseconds: u64,
    place: Mutex<Place>,
}

/// Played from `from` to `to` since then; it stays there, as the world does when nothing more happens.
struct Place {
    from: usize,
    to: usize,
    since: Stopwatch,
}

pub struct Player {
    pub authority: String,
    tape: Arc<Tape>,
}

impl Tape {
    fn now(&self) -> usize {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let played = place.since.elapsed().as_millis() / u128::from(self.milliseconds);
        let last = place.to.min(self.scrapes.len()) - 1;
        (place.from + usize::try_from(played).unwrap()).min(last)
    }
}

async fn scrape(State(tape): State<Arc<Tape>>) -> String {
    tape.scrapes[tape.now()].clone()
}

impl Player {
    /// Scrapes that lie half a minute apart, from the first one on, `factor` times as fast.
    pub async fn start(scrapes: Vec<String>, factor: u64) -> Self {
        let place = Place {
            from: 0,
            to: 1,
            since: Stopwatch::start(),
        };
        let tape = Arc::new(Tape {
            scrapes,
            milliseconds: 30_000 / factor,
            place: Mutex::new(place),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let app = Router::new()
            .route("/metrics", get(scrape))
            .with_state(tape.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { authority, tape }
    }

    /// Goes on from where it is, up to this scrape.
    pub fn play_to(&self, to: usize) {
        let from = self.tape.now();
        *self.tape.place.lock().unwrap_or_else(PoisonError::into_inner) = Place {
            from,
            to,
            since: Stopwatch::start(),
        };
    }
}
