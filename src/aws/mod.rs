//! AWS: exactly the calls used, and what their answers mean.
//!
//! After [`translate`] nobody sees a type of the SDK.

pub mod translate;
pub mod types;
