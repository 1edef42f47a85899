//! The temporary folder of a rig: readable by its owner alone (it holds tokens), gone with the rig.

use crate::RigError;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Waits until the pipe to its stdin closes, which it does however the process that holds the other end ends; then
/// removes the folder `$0`, again if a dying server wrote there meanwhile.
const JANITOR: &str = r#"
while read -r _; do :; done
for try in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf -- "$0" && [ ! -e "$0" ] && exit 0
    sleep 0.1
done
exit 1
"#;

pub(crate) struct Folder {
    path: PathBuf,
    janitor: Child,
}

impl Folder {
    pub(crate) fn new() -> Result<Self, RigError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-kube-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Whoever had this process id before was killed together with its janitor.
        if path.exists() {
            fs::remove_dir_all(&path).map_err(RigError::file("could not remove", &path))?;
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(RigError::file("could not make", &path))?;
        let janitor = Command::new("sh")
            .args(["-c", JANITOR])
            .arg(&path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(RigError::run("sh"))?;
        Ok(Self { path, janitor })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, RigError> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(RigError::file("could not write", &path))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}
