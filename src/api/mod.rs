//! The custom resources, as types: `evenkeel.dev/v1alpha1`. No logic, no client.
//!
//! [`v1alpha1`] holds `HAStack` and `AWSAccount` (spec and status) with the rules that the API server checks,
//! [`conditions`] the closed sets of condition types and reasons, [`crd`] the CustomResourceDefinitions made from them.
//! The doc comments of the types are what `kubectl explain` prints.

pub mod conditions;
pub mod crd;
pub mod v1alpha1;

/// Group of all resources, and prefix of annotations, labels and tags.
pub const GROUP: &str = "evenkeel.dev";
/// Group and version, as manifests write it.
pub const API_VERSION: &str = "evenkeel.dev/v1alpha1";
/// Kind of the stack resource.
pub const KIND: &str = "HAStack";
/// Kind of the account resource.
pub const ACCOUNT_KIND: &str = "AWSAccount";

/// Annotation: `"true"` stops all acting on this stack; judging goes on.
pub const PAUSED: &str = "evenkeel.dev/paused";
/// Annotation: any new token asks for a fresh look now; echoed in `status.reconcileAt`.
pub const RECONCILE_AT: &str = "evenkeel.dev/reconcile-at";
/// Annotation: the plan id whose disruptive steps a person approves.
pub const APPROVE: &str = "evenkeel.dev/approve";
/// Annotation: failover or block ids, separated by commas, that a person has taken note of.
pub const ACKNOWLEDGE: &str = "evenkeel.dev/acknowledge";
/// Label: the team that owns the stack; goes to metrics.
pub const TEAM: &str = "evenkeel.dev/team";
/// Tag on AWS resources: the installation (or `<installation>/<namespace>/<stack>`) that may change them.
pub const OWNER_TAG: &str = "evenkeel.dev/owner";
