//! What evidence proves and what it doesn't.

mod health;
mod interest;
mod support;
mod zones;
