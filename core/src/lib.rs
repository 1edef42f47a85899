//! What Evenkeel decides, and the words it decides in. Pure: no clock, no client, no file.
//!
//! A crate of its own so that it is optimised also in debug builds: planning is arithmetic, and its tests are many.
//! The product names these modules `evenkeel::topology` and `evenkeel::plan`.

pub mod plan;
pub mod topology;
