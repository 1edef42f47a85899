//! Decisions as people and programs read them. Pure values.
//!
//! [`plan_json`] and [`snapshot`] are stable formats (`docs/plan-format.md`, `docs/snapshot-format.md`), [`table`] is
//! the drawing for people, [`explain`] the sentences that go with codes, [`status`] the custom resource's status,
//! [`metrics`] what Prometheus reads.

pub mod account;
pub mod conditions;
pub mod events;
pub mod explain;
pub mod metrics;
pub mod plan_json;
pub mod sample;
pub mod snapshot;
pub mod status;
pub mod table;
mod words;

pub use words::StackRef;
