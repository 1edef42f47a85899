//! From a manifest to an [`Intent`](crate::plan::Intent), or to all of its problems at once. Pure.
