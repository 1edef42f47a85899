//! What every shell around the engine needs: connections to AWS, signals, metrics and health over HTTP, the log.

pub mod connect;
mod connections;
pub mod http;
pub mod output;
pub mod regions;
pub mod roles;
pub mod said;
pub mod signals;

pub use connect::AwsConnect;
pub use http::{Board, Troubles};
pub use output::Output;
pub use roles::Roles;
pub use signals::Signals;
