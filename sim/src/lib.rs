//! AWS on the wire, for tests, demos and people.
