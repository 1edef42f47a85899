//! Decisions as people and programs read them. Pure values.

pub mod conditions;
pub mod metrics;
pub mod status;
