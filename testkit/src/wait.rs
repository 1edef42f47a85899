//! Waiting for a condition, with a deadline.

use crate::RigError;
use std::future::Future;
use std::time::Duration;

/// Asks `condition` again and again until it holds; an error that names `what` when it doesn't within `seconds`.
pub async fn until<F, Fut>(what: &str, seconds: u64, mut condition: F) -> Result<(), RigError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let polling = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(seconds), polling)
        .await
        .map_err(|_| RigError::Timeout {
            what: what.to_owned(),
            seconds,
        })
}
