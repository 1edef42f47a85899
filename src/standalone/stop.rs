//! The stop switch: while a file `STOP` lies in the state folder, nothing is changed in AWS.
//!
//! It is looked at before every mutating call, so it works within one call's time. Its first line is shown as the
//! reason. The breaker puts it there itself after too many failed actions in a row; a person takes it away.

use crate::execute::step::Gate;
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The switch of one state folder.
#[derive(Debug)]
pub struct StopFile {
    path: PathBuf,
    /// Tripped while the file could not be written.
    tripped: Mutex<Option<String>>,
}

impl StopFile {
    pub fn new(state: &Path) -> Self {
        Self {
            path: state.join("STOP"),
            tripped: Mutex::new(None),
        }
    }

    /// Why nothing may be changed now. A file that can't be looked at stops too.
    pub fn reason(&self) -> Option<String> {
        if let Some(reason) = &*self.tripped() {
            return Some(reason.clone());
        }
        match fs::read(&self.path) {
            Ok(content) => {
                let text = String::from_utf8_lossy(&content);
                let line = text.lines().next().unwrap_or_default().trim();
                let told = if line.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", line.chars().take(300).collect::<String>())
                };
                Some(format!(
                    "the file {} stops all acting{told}; remove it to go on",
                    self.path.display()
                ))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(format!(
                "the stop file {} can't be looked at: {error}",
                self.path.display()
            )),
        }
    }

    fn trip(&self, reason: &str) {
        if let Err(error) = super::records::write_durably(&self.path, format!("{reason}\n").as_bytes()) {
            tracing::error!(%error, "The stop file can't be written; acting stops until a restart");
            *self.tripped() = Some(reason.to_owned());
        }
    }

    fn tripped(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.tripped
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Gate for StopFile {
    fn closed(&self, _now: Timestamp) -> Option<String> {
        self.reason()
    }

    /// Puts the file there.
    fn close(&self, reason: &str) {
        self.trip(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::support::TempDir;

    #[test]
    fn a_stop_file_stops_with_its_first_line_as_the_reason_until_it_is_removed() {
        let dir = TempDir::new();
        let stop = StopFile::new(dir.path());
        assert_eq!(stop.reason(), None);
        fs::write(dir.path().join("STOP"), "release day\nmore").unwrap();
        let reason = stop.reason().unwrap();
        assert!(
            reason.ends_with("STOP stops all acting (release day); remove it to go on"),
            "{reason}"
        );
        fs::write(dir.path().join("STOP"), "").unwrap();
        assert!(
            stop.reason()
                .unwrap()
                .ends_with("stops all acting; remove it to go on")
        );
        fs::remove_file(dir.path().join("STOP")).unwrap();
        assert_eq!(stop.reason(), None);
    }

    #[test]
    fn a_tripped_switch_stays_for_the_next_process_to_see() {
        let dir = TempDir::new();
        StopFile::new(dir.path()).trip("5 actions in a row failed");
        assert!(
            StopFile::new(dir.path())
                .reason()
                .unwrap()
                .contains("5 actions in a row failed")
        );
    }

    #[test]
    fn a_switch_that_can_not_be_written_stops_all_the_same() {
        let dir = TempDir::new();
        let stop = StopFile::new(&dir.path().join("missing"));
        stop.trip("5 actions in a row failed");
        assert_eq!(stop.reason().as_deref(), Some("5 actions in a row failed"));
    }
}
