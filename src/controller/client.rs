//! The way to the API server: a kubeconfig, the cluster's own account, and errors that say what to do.

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::PathBuf;
use std::time::Duration;

/// Every request but a watch ends within this time, one way or the other.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the API server is, as far as the command line says.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
}

/// A client, and the namespace that the kubeconfig or the Pod's account belongs to. Asks nobody yet.
pub async fn connect(target: &Target) -> Result<(Client, String), String> {
    let config = config(target).await?;
    let namespace = config.default_namespace.clone();
    let client =
        Client::try_from(config).map_err(|e| format!("no client can be made for the API server: {e}"))?;
    Ok((client, namespace))
}

async fn config(target: &Target) -> Result<Config, String> {
    let options = KubeConfigOptions {
        context: target.context.clone(),
        ..KubeConfigOptions::default()
    };
    if let Some(path) = &target.kubeconfig {
        let shown = path.display();
        let file =
            Kubeconfig::read_from(path).map_err(|e| format!("--kubeconfig {shown} can't be read: {e}"))?;
        return Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|e| format!("--kubeconfig {shown} can't be used: {e}"));
    }
    if let Some(context) = &target.context {
        return Config::from_kubeconfig(&options)
            .await
            .map_err(|e| format!("the context {context} can't be used: {e}"));
    }
    Config::infer().await.map_err(|e| {
        format!("no API server is known: give --kubeconfig, set KUBECONFIG, or run in a Pod with a ServiceAccount ({e})")
    })
}

/// Why a request failed, as far as the answer matters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the object was changed meanwhile: {0}")]
    Conflict(String),
    #[error("it is not there: {0}")]
    NotFound(String),
    #[error("the API server refuses it ({0}): compare the ServiceAccount's rights with deploy/rbac.yaml")]
    Denied(String),
    #[error("the API server can't accept it: {0}")]
    Invalid(String),
    #[error("the API server did not answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Silent,
    #[error("the API server can't be reached: {0}")]
    Unreachable(String),
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                409 => Self::Conflict(status.message.clone()),
                404 => Self::NotFound(status.message.clone()),
                401 | 403 => Self::Denied(status.message.clone()),
                400 | 422 => Self::Invalid(status.message.clone()),
                _ => Self::Unreachable(status.message.clone()),
            },
            other => Self::Unreachable(chain(&other)),
        }
    }
}

/// An error with all of its causes: the outermost alone is often "service error".
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Awaits one request, not for ever.
pub async fn ask<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Silent),
    }
}
