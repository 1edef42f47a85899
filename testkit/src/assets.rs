//! Where the programs are.

use crate::RigError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The folder with etcd, kube-apiserver and kubectl, as `hack/kube-assets` tells it. That builds them when they aren't
/// there yet, which takes minutes; its progress goes to stderr.
pub fn assets() -> Result<PathBuf, RigError> {
    printed_by("kube-assets")
}

/// What comes as a Go module, by its name in `hack/go-tool`, which builds it likewise.
pub fn go_tool(name: &str) -> Result<PathBuf, RigError> {
    printed_by(&format!("go-tool {name}"))
}

/// Prometheus itself, as `hack/prometheus` tells it, which unpacks it where it isn't installed.
pub(crate) fn prometheus() -> Result<PathBuf, RigError> {
    printed_by("prometheus")
}

/// The path that a script of `hack/` prints. Asked for once in each process, but for those who ask at the same time: the
/// scripts themselves make one wait for another.
fn printed_by(command: &str) -> Result<PathBuf, RigError> {
    if let Some(path) = known().get(command) {
        return Ok(path.clone());
    }
    let mut words = command.split(' ');
    let hack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hack");
    let script = hack.join(words.next().unwrap_or_default());
    let output = Command::new(&script)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(RigError::run(script.display().to_string()))?;
    if !output.status.success() {
        return Err(RigError::Script(command.to_owned()));
    }
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    known().insert(command.to_owned(), path.clone());
    Ok(path)
}

fn known() -> MutexGuard<'static, BTreeMap<String, PathBuf>> {
    static KNOWN: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
