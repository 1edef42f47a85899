//! The CRDs on a real API server: what it refuses and how it says so, what it stores, how it reads, and that
//! GitOps tools see no difference where there is none.

#![allow(clippy::unwrap_used, clippy::panic)]
mod accounts;
mod columns;
mod defaults;
mod documentation;
mod gitops;
mod parity;
mod refusals;
mod support;
