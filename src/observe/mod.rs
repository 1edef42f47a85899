//! What is seen: pollers, the store, evidence and roles.

pub mod assemble;
pub mod events;
pub mod failovers;
pub mod health;
pub mod interest;
pub mod roles;
pub mod view;
pub mod zones;

pub use assemble::{Look, topology};
pub use view::RegionView;
pub use zones::ZoneWatch;
