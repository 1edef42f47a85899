//! The CRDs on a real API server: what it refuses and how it says so, what it stores, how it reads, and that
//! GitOps tools see no difference where there is none.

#![allow(clippy::unwrap_used, clippy::panic)]
#[path = "kube_crd/accounts.rs"]
mod accounts;
#[path = "kube_crd/columns.rs"]
mod columns;
#[path = "kube_crd/defaults.rs"]
mod defaults;
#[path = "kube_crd/documentation.rs"]
mod documentation;
#[path = "kube_crd/gitops.rs"]
mod gitops;
#[path = "kube_crd/parity.rs"]
mod parity;
#[path = "kube_crd/refusals.rs"]
mod refusals;
#[path = "kube_crd/support.rs"]
mod support;
