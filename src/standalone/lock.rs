//! One process per state folder, and one that may act per folder of manifests: advisory locks that the kernel frees
//! when their holder dies.

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
        "another evenkeel already acts on the manifests of {}, with another --state-dir: stop it, or let this one only \
         look, without --installation",
        .0.display()
    )]
    Acting(PathBuf),
    #[error(
        "the lock file {} can't be used; give a folder that this process may write with --state-dir",
        path.display()
    )]
    Unusable { path: PathBuf, source: io::Error },
}

impl Lock {
    /// Takes the lock of a folder of manifests, which needs no right to write there. Two processes with records of
    /// their own would each take the other's actions for a person's.
    pub fn take_to_act(manifests: &Path) -> Result<Self, LockError> {
        let folder = File::open(manifests).map_err(|source| LockError::Unusable {
            path: manifests.to_owned(),
            source,
        })?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Acting(manifests.to_owned())),
            // Some network file systems lock no folders.
            Err(error) => {
                tracing::warn!(%error, "The folder of manifests can't be locked: see that one process acts on it");
            }
        }
        Ok(Self { _file: folder })
    }

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

    #[test]
    fn one_process_at_a_time_may_act_on_a_folder_of_manifests() {
        let dir = TempDir::new();
        let first = Lock::take_to_act(dir.path()).unwrap();
        let error = Lock::take_to_act(dir.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("another evenkeel already acts on the manifests of"),
            "{error}"
        );
        drop(first);
        Lock::take_to_act(dir.path()).unwrap();
    }
}
