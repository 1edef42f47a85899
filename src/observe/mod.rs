//! What is seen: pollers, the store, evidence and roles.
