//! Standard error and standard output of a process that goes on without them.
//!
//! A log on a full disk, or a pipe that nobody reads any more, is no reason to stop: what can't be written is counted
//! (`evenkeel_lines_lost_total`) and dropped. The `print!` macros panic there instead; the crate's lints forbid them.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where lines go; there is one of each in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The log, and what a command has to say beside its result.
    Stderr,
    /// Results, and what `evenkeel run` tells.
    Stdout,
}

static LOST: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

impl Output {
    pub const ALL: [Self; 2] = [Self::Stderr, Self::Stdout];

    /// The label `output`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Stdout => "stdout",
        }
    }

    /// Lines that could not be written since the start.
    pub fn lost(self) -> u64 {
        LOST[self as usize].load(Ordering::Relaxed)
    }

    /// Writes a line, or counts it as lost.
    pub fn line(mut self, line: &str) -> io::Result<()> {
        self.write_all(format!("{line}\n").as_bytes())
    }
}

/// Whoever writes a line at once, as the log does, loses it as one.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Self::Stderr => io::stderr().write(bytes),
            Self::Stdout => io::stdout().write(bytes),
        };
        if written
            .as_ref()
            .is_err_and(|e| e.kind() != ErrorKind::Interrupted)
        {
            LOST[*self as usize].fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().flush(),
            Self::Stdout => io::stdout().flush(),
        }
    }
}
