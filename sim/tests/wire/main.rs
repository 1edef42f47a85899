//! The simulator from outside: the official Rust SDKs and plain HTTP as clients.

mod actors;
mod clock;
mod control;
mod faults;
mod outages;
mod replicas;
mod scale;
mod sdk;
mod settings;
mod support;
