//! A Kubernetes API server for development, in the foreground: `hack/dev-cluster`.
//!
//! Starts etcd and kube-apiserver, applies the manifests named by its arguments (files or folders), prints how to reach
//! the server, and stops everything on Ctrl-C or SIGTERM.

use evenkeel_testkit::{KubeRig, RigError, assets};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let manifests: Vec<String> = std::env::args().skip(1).collect();
    match run(&manifests).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dev-cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(manifests: &[String]) -> Result<(), RigError> {
    let stopped = |source| RigError::Run {
        program: "signal handling".to_owned(),
        source,
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(stopped)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(stopped)?;
    tokio::select! {
        result = serve(manifests) => result,
        _ = interrupt.recv() => { eprintln!("stopping"); Ok(()) }
        _ = terminate.recv() => { eprintln!("stopping"); Ok(()) }
    }
}

/// Runs until it is dropped, which stops the servers and removes their folder.
async fn serve(manifests: &[String]) -> Result<(), RigError> {
    let mut rig = KubeRig::start().await?;
    let admin = rig.admin().clone();
    for path in manifests {
        let applied = admin
            .kubectl(&["apply", "--server-side", "-f", path])
            .await?
            .ok()?;
        eprint!("{applied}");
    }
    if !manifests.is_empty() {
        let waited = [
            "wait",
            "--for=condition=Established",
            "crd",
            "--all",
            "--timeout=30s",
        ];
        // A definition without any condition yet is an error to `kubectl wait`, not something to wait for.
        for _ in 0..20 {
            if admin.kubectl(&waited).await?.status == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        admin.kubectl(&waited).await?.ok()?;
    }
    let version = admin.client().await?.apiserver_version().await?.git_version;
    eprintln!(
        "Kubernetes {version} is up; logs and data in {}",
        rig.folder().display()
    );
    eprintln!("Ctrl-C stops it and removes its data. In another terminal:\n");
    println!(
        "export KUBECONFIG={}\nexport PATH={}:$PATH",
        admin.kubeconfig().display(),
        assets()?.display()
    );
    rig.ended().await
}
