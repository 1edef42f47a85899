//! A real Kubernetes API server (etcd and kube-apiserver, no container) for tests and development.
//!
//! [`KubeRig`] starts the two on free ports in a temporary folder and stops them whatever happens: on drop, on a
//! panic, and when the process that holds the rig is killed. It hands out identities ([`Access`]: the administrator,
//! ServiceAccounts by TokenRequest), tells who asked what ([`AuditLog`]), and disturbs the server on request (pause,
//! kill, restart, forget history). The programs come from `hack/kube-assets`, and [`Helm`] from
//! `hack/go-tool`. [`Monitoring`] starts Prometheus and Alertmanager likewise.
//!
//! There is no kube-controller-manager: namespaces never finish deleting (take a new one per test), owner references
//! aren't collected, Deployments make no Pods. Nothing here knows the product.

mod access;
mod assets;
mod audit;
mod error;
mod etcd;
mod folder;
mod helm;
mod keys;
mod kstatus;
mod monitoring;
mod ports;
mod process;
mod ran;
mod relay;
mod rig;
mod wait;

pub use access::Access;
pub use assets::{assets, go_tool};
pub use audit::{AuditEvent, AuditLog};
pub use error::RigError;
pub use helm::Helm;
pub use kstatus::kstatus;
pub use monitoring::{Monitoring, MonitoringServer};
pub use ports::{Port, take as take_port};
pub use ran::Ran;
pub use relay::Relay;
pub use rig::{KubeRig, shared};
pub use wait::until;
