//! Evenkeel keeps AWS stacks able to lose an Availability Zone.
//!
//! ```text
//!            manifests                       AWS
//!               │                             │ aws/ (ports: exactly the calls used)
//!            intake                        observe            effects
//!               │ Intent                      │ Topology, failovers
//!   ────────────┴──────────► plan ◄───────────┴──────────────────────── pure
//!                             │ Decision (findings, verdicts, actions, holds)
//!                          execute ──► aws/ (one ticket at a time)
//!                             │
//!                           report ──► status, JSON, metrics, terminal
//! ```
//!
//! Reading order: [`topology`] (the words), [`plan`] (what to do), [`observe`] (what is seen),
//! [`execute`] (how one step is taken), [`standalone`] (the loop over files), [`controller`] (the loop on Kubernetes),
//! [`cli`].
//! Everything in [`topology`], [`plan`], [`intake`] and [`report`] is pure: time is an argument. The first two are a
//! crate of their own, `core/`.

// They panic where nobody reads, or on a full disk: see `shell::output`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod api;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod document;
pub mod engine;
pub mod execute;
pub mod intake;
pub mod observe;
pub mod report;
pub mod shell;
pub mod standalone;

pub use evenkeel_core::{plan, topology};
