//! Version `v1alpha1`: [`HAStack`], its spec here and in [`spec`], its status in [`status`].

pub mod spec;
pub mod status;

pub use spec::*;
pub use status::*;
