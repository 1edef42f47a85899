//! What is seen: pollers, the store, evidence and roles.

pub mod events;
pub mod health;
pub mod interest;
pub mod roles;
pub mod view;
pub mod zones;

pub use view::RegionView;
pub use zones::ZoneWatch;
