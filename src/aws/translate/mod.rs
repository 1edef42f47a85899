//! From the SDK's shapes to [`super::types`].
