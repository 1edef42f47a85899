//! One process per state folder: an advisory lock on `<state>/lock` that the kernel frees when its holder dies.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another evenkeel{} already runs on {}: stop it, or give this one another --state-dir",
        holder.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        folder.display()
    )]
    Taken { folder: PathBuf, holder: Option<String> },
    #[error(
        "the lock file {} can't be used; give a folder that this process may write with --state-dir",
        path.display()
    )]
    Unusable { path: PathBuf, source: io::Error },
}

impl Lock {
    /// Takes the lock of this state folder, or says who has it.
    pub fn take(state: &Path) -> Result<Self, LockError> {
        let path = state.join("lock");
        let unusable = |source| LockError::Unusable {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(unusable(error.into()));
            }
            let mut holder = String::new();
            let named = file.read_to_string(&mut holder).is_ok();
            let holder = Some(holder.trim().to_owned()).filter(|pid| named && !pid.is_empty());
            return Err(LockError::Taken {
                folder: state.to_owned(),
                holder,
            });
        }
        // Only for the next one's error: on a full disk the lock holds without it.
        let told = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = told {
            tracing::warn!(%error, "The lock file can't name its holder");
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::support::TempDir;

    #[test]
    fn a_second_process_is_told_who_runs_and_a_dead_one_leaves_no_lock() {
        let dir = TempDir::new();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(
            error.starts_with(&format!("another evenkeel (pid {pid}) already runs on")),
            "{error}"
        );
        drop(first);
        Lock::take(dir.path()).unwrap();
    }
}
