//! One step at a time: tickets, the fresh look before the call, settling.
//!
//! [`ticket`], [`settle`] and [`backoff`] are pure. [`store`] is the port to the durable record.

pub mod backoff;
pub mod settle;
pub mod store;
pub mod ticket;

#[cfg(test)]
mod support;
