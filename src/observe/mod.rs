//! What is seen: pollers, the store, evidence and roles.
//!
//! [`Observer`] fills a [`RegionView`]; the modules that judge it are pure.

pub mod assemble;
mod calls;
mod eventlog;
pub mod events;
pub mod failovers;
mod fresh;
pub mod health;
pub mod interest;
mod listing;
pub mod memory;
mod pollers;
mod purchases;
pub mod roles;
mod schedule;
pub mod series;
mod store;
pub mod view;
pub mod zones;

pub use assemble::{Look, topology};
pub use fresh::{Fresh, FreshNeeds};
pub use pollers::{Changes, Observer, Wanted};
pub use schedule::PollSettings;
pub use view::RegionView;
pub use zones::ZoneWatch;

#[cfg(test)]
mod tests;
