//! Judging and guardrails: each rule that can hurt a production cache when broken, by name.

#![allow(clippy::unwrap_used)]

mod acceptance;
mod approvals;
mod calm;
mod catalogue;
mod findings;
mod flapping;
mod guardrails;
mod limits;
mod plan_id;
mod properties;
mod redundancy;
mod support;
mod verdicts;
mod windows;
