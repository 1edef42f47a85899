//! A real Alertmanager, and the webhook that all of its receivers lead to.

use super::scaled::{faster_alertmanager, until};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use evenkeel_testkit::{Monitoring, MonitoringServer};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a receiver got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notification {
    pub receiver: String,
    /// `firing`, or `resolved` when none of its alerts fires any more.
    pub status: String,
    pub alert: String,
    pub severity: String,
    pub zone: String,
    /// Alerts in it that fire, or all of them when it is resolved.
    pub alerts: usize,
}

type Inbox = Arc<Mutex<Vec<Notification>>>;

pub struct Alertmanager {
    server: MonitoringServer,
    inbox: Inbox,
}

async fn receive(Path(receiver): Path<String>, State(inbox): State<Inbox>, body: String) {
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = body["alerts"].as_array().unwrap().iter();
    let labels = &body["groupLabels"];
    let notification = Notification {
        receiver,
        status: text(&body["status"]),
        alert: text(&labels["alertname"]),
        severity: text(&labels["severity"]),
        zone: text(&labels["zone"]),
        alerts: alerts.filter(|alert| alert["status"] == body["status"]).count(),
    };
    inbox
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(notification);
}

impl Alertmanager {
    /// With this configuration, in a time that runs `factor` times as fast.
    pub async fn start(example: &Value, factor: u64) -> Self {
        let inbox = Inbox::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/{receiver}", post(receive))
            .with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = faster_alertmanager(example, factor, &url).to_string();
        let files = [("config.yaml", &*config)];
        let server = Monitoring::Alertmanager.start(&files, &[]).await.unwrap();
        Self { server, inbox }
    }

    pub fn authority(&self) -> String {
        self.server.authority()
    }

    /// All notifications so far.
    pub fn notifications(&self) -> Vec<Notification> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many have come.
    pub async fn until(&self, what: &str, wanted: usize) -> Vec<Notification> {
        until(what, Duration::from_mins(2), async || {
            let seen = self.notifications();
            if seen.len() >= wanted {
                Ok(seen)
            } else {
                Err(format!("{seen:#?}\n{}", self.server.log()))
            }
        })
        .await
    }
}
