//! What evidence proves and what it doesn't.

mod assemble;
mod failovers;
mod health;
mod interest;
mod memory;
mod properties;
mod roles;
mod support;
mod zones;
