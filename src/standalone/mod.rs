//! The loop over a directory of manifests, without Kubernetes.

pub mod lock;
pub mod manifests;
pub mod records;
pub mod stop;

#[cfg(test)]
mod support;
