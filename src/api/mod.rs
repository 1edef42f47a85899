//! The custom resources, as types: `evenkeel.dev/v1alpha1`. No logic, no client.
