//! The product's AWS code through the real SDK, against AWS as `evenkeel-sim` plays it on the wire.
//!
//! `reads` and `writes` hold the ports to what AWS sends, `rights` to the policies of `deploy/iam/`; `roles` tells of assumed roles; `observer` and `counts` the poller, `fleet` the whole loop to what they promise.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod counts;
mod fleet;
mod observer;
mod reads;
mod rights;
mod roles;
mod support;
mod writes;
