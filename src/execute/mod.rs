//! One step at a time: tickets, the fresh look before the call, settling.
//!
//! [`ticket`], [`settle`], [`progress`] and [`change`] are pure. [`step`] takes one step through its ports, [`store`]
//! is the port to the durable record.

pub mod change;
pub mod progress;
pub mod settle;
pub mod step;
pub mod store;
pub mod ticket;

#[cfg(test)]
mod support;
