//! Decisions as people and programs read them. Pure values.

pub mod metrics;
