//! What is seen: pollers, the store, evidence and roles.
//!
//! [`Observer`] fills a [`RegionView`]; the modules that judge it are pure.

mod calls;
mod eventlog;
mod fresh;
pub mod interest;
mod listing;
mod pollers;
mod purchases;
mod schedule;
mod store;
pub mod view;

pub use fresh::{Fresh, FreshNeeds};
pub use pollers::{Changes, Observer, Wanted};
pub use schedule::PollSettings;
pub use view::RegionView;
