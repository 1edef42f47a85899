//! The loop over a directory of manifests, without Kubernetes.
