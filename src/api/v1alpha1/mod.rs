//! Version `v1alpha1`: [`HAStack`], its spec in [`spec`], its status in [`status`]; [`AWSAccount`] in [`account`].

pub mod account;
pub mod spec;
pub mod status;

pub use account::*;
pub use spec::*;
pub use status::*;
