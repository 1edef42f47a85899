//! What evidence proves and what it doesn't.

mod failovers;
mod health;
mod interest;
mod roles;
mod support;
mod zones;
