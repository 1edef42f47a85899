//! The turn of the loop.
pub mod fleet;
#[cfg(test)]
mod support;
