//! The Helm chart, with the real Helm 4 and 3 and a real API server: what it renders, what it refuses, how a release is
//! installed, upgraded, rolled back and removed; and `deploy/`, which is rendered from it or, in `kind/`, points it at
//! the simulator. That the controller works as
//! the chart starts it is in `tests/scenarios/kubernetes/chart.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod generated;
mod kind;
mod monitoring;
mod plain;
mod refusals;
mod releases;
mod rendering;
mod support;
