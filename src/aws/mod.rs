//! AWS: exactly the calls used, and what their answers mean.
//!
//! [`ports`] sends one request per call and never repeats it; who waits and asks again is decided by the callers
//! with [`limits`]. After [`translate`] nobody sees a type of the SDK.

pub mod config;
pub mod described;
mod document;
pub mod errors;
pub mod hands;
pub mod limits;
pub mod ports;
pub mod role;
pub mod session;
pub mod stats;
pub mod translate;
pub mod types;

pub use config::{Options, config};
pub use hands::Hands;
pub use ports::{
    ASSUME_ACTIONS, AssumeAws, CLAIM_ACTIONS, READ_ACTIONS, ReadAws, ShardIncrease, WRITE_ACTIONS, WriteAws,
};
pub use role::{Access, Role, SessionLabel};
pub use session::{Identity, Session};
pub use stats::{Call, CallObserver, CallStats, Outcome, Stats};
