//! What is seen: pollers, the store, evidence and roles.

pub mod interest;
pub mod view;

pub use view::RegionView;
