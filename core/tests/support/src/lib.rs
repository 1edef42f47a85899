//! What the planner's tests and benchmarks share: stacks as values that step without sockets, random ones, and two oracles.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

#[allow(clippy::cast_possible_wrap)]
pub mod oracle;
#[allow(clippy::cast_possible_truncation)]
pub mod random;
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap
)]
pub mod solver;
pub mod stage;
