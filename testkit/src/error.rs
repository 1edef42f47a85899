//! What can go wrong with a rig. Tests print it and fail; nothing is decided by it.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum RigError {
    #[error("{what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not run {program}: {source}")]
    Run { program: String, source: std::io::Error },
    #[error("hack/{0} failed, see its output above")]
    Script(String),
    #[error("could not make a key")]
    Key,
    #[error("no free port between {0} and {1}")]
    NoPort(u16, u16),
    #[error("{server} ended by itself ({status}); the end of its log:\n{log}")]
    Ended {
        server: &'static str,
        status: String,
        log: String,
    },
    #[error("{server} was not ready within {seconds} s ({last}); the end of its log:\n{log}")]
    NotReady {
        server: &'static str,
        seconds: u64,
        last: String,
        log: String,
    },
    #[error("could not send a signal to {server}: {source}")]
    Signal {
        server: &'static str,
        source: rustix::io::Errno,
    },
    #[error("etcd said: {0}")]
    Etcd(String),
    #[error("audit log, line {line}: {source}")]
    Audit { line: usize, source: serde_json::Error },
    #[error(transparent)]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("{program} {args} exited with {status}: {stderr}")]
    Tool {
        program: &'static str,
        args: String,
        status: i32,
        stderr: String,
    },
    #[error("the answer to a TokenRequest has no token")]
    NoToken,
    #[error("waited {seconds} s for: {what}")]
    Timeout { what: String, seconds: u64 },
}

impl RigError {
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    pub(crate) fn run(program: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let program = program.into();
        move |source| Self::Run { program, source }
    }
}
