//! Where the programs are.

use crate::RigError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder with etcd, kube-apiserver and kubectl, as `hack/kube-assets` tells it. That builds them when they aren't
/// there yet, which takes minutes; its progress goes to stderr.
pub fn assets() -> Result<&'static Path, RigError> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    told_by("kube-assets", &FOLDER)
}

/// The folder with helm4, helm3, helm-docs and monitoring/, as `hack/helm-tools` tells it, which builds them likewise.
pub fn helm_tools() -> Result<&'static Path, RigError> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    told_by("helm-tools", &FOLDER)
}

/// The program that reads objects as kstatus does, as `hack/kstatus/path` tells it, which builds it likewise.
pub(crate) fn kstatus_program() -> Result<&'static Path, RigError> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    told_by("kstatus/path", &PROGRAM)
}

/// Prometheus itself, as `hack/prometheus` tells it, which unpacks it where it isn't installed.
pub(crate) fn prometheus() -> Result<&'static Path, RigError> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    told_by("prometheus", &PROGRAM)
}

/// Alertmanager, likewise.
pub(crate) fn alertmanager() -> Result<&'static Path, RigError> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    told_by("alertmanager", &PROGRAM)
}

fn told_by(script: &'static str, told: &'static OnceLock<PathBuf>) -> Result<&'static Path, RigError> {
    if let Some(path) = told.get() {
        return Ok(path);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hack").join(script);
    let output = Command::new(&path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(RigError::run(path.display().to_string()))?;
    if !output.status.success() {
        return Err(RigError::Script(script));
    }
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(told.get_or_init(|| PathBuf::from(path)))
}
