//! The simulator from outside: the official Rust SDKs and plain HTTP as clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod actors;
mod alone;
mod clock;
mod control;
mod examples;
mod faults;
mod iam;
mod outages;
mod replicas;
mod scale;
mod sdk;
mod settings;
mod support;
mod switches;
