//! The port to durable memory: one stack's [`History`], saved before anything rests on it.
//!
//! A failed save means: do not act. Two writers can't both prepare: each save names the version it rests on.
//! The standalone loop keeps records in files; on Kubernetes the status subresource will.

use crate::plan::History;
use crate::topology::StackName;
use jiff::Timestamp;

/// Which save a record rests on. Opaque: compared, never computed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version(pub String);

/// A record as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub history: History,
    pub version: Version,
    /// A new record, and why.
    pub begins: Option<Beginning>,
}

/// Why a record begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// There was none: the stack is new, or its record was taken away.
    Absent,
    /// There was one that couldn't be read.
    Unreadable(String),
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("somebody else saved the record of {stack} meanwhile")]
    Conflict { stack: StackName },
    #[error("the record of {stack} can't be saved: {reason}; nothing is done until it can")]
    Unwritable { stack: StackName, reason: String },
    #[error(
        "the record of {stack} is unreadable: {reason}; nothing is done until it can be read (it is left as it is)"
    )]
    Unreadable { stack: StackName, reason: String },
}

/// Loads and saves records.
pub trait Store: Send + Sync {
    /// The stack's record; a new one that began at `now` where none can be found. After an error of `save`, load
    /// again before the next save: what is on disk may be either version.
    fn load(
        &self,
        stack: &StackName,
        now: Timestamp,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Durable when it returns `Ok`. `expected` is the version that the change rests on.
    fn save(
        &self,
        stack: &StackName,
        history: &History,
        expected: &Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// A note that helps after a restart and is missed by nobody: `None` when there is none that can be read.
    fn load_note(&self, key: &str) -> impl Future<Output = Option<String>> + Send;

    /// Saves a note. An error is a sentence for the log.
    fn save_note(&self, key: &str, text: &str) -> impl Future<Output = Result<(), String>> + Send;
}
