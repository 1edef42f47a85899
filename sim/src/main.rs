//! The simulator alone.

fn main() {}
