//! Texts that people write, as trees that remember lines, checked against a JSON schema: every problem at once.
//!
//! [`text`] makes bytes text, [`yaml`] reads YAML (and so JSON), [`shape`] checks structure, [`problem`] says what is
//! wrong, where, and what to do. Manifests and snapshot files are both read through here. Pure.

pub mod problem;
pub mod shape;
pub mod text;
pub mod yaml;

pub use problem::{Problem, Problems};
pub use yaml::{Node, Value};
