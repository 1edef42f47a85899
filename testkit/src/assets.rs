//! Where the programs are.

use crate::RigError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder with etcd, kube-apiserver and kubectl, as `hack/kube-assets` tells it. That builds them when they aren't
/// there yet, which takes minutes; its progress goes to stderr.
pub fn assets() -> Result<&'static Path, RigError> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = FOLDER.get() {
        return Ok(folder);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hack/kube-assets");
    let output = Command::new(&script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(RigError::run(script.display().to_string()))?;
    if !output.status.success() {
        return Err(RigError::Assets);
    }
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(FOLDER.get_or_init(|| PathBuf::from(folder)))
}
