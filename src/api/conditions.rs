//! Conditions: closed sets of types and reasons, in the shape of `metav1.Condition`. Here are those of a stack; those of an
//! AWSAccount stand with its type.
//!
//! `Ready` says that the stack is accepted, observed and judged. The state of AWS never makes it False, so that GitOps
//! tools that wait for health don't hold back a fix during an outage; whether the stack survives is `ZoneRedundant`.
//! `Reconciling` and `Stalled` follow kstatus (abnormal when True).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of an object's state: of a stack's, unless other sets are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition<K = ConditionType, R = Reason> {
    /// The aspect.
    #[serde(rename = "type")]
    pub kind: K,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, as one word for programs.
    pub reason: R,
    /// Why, as a sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// Generation of the spec that this was judged from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed, to the second.
    pub last_transition_time: Timestamp,
}

/// As Kubernetes writes times: whole seconds.
pub fn transition_time(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// The spec is accepted, AWS was read, a verdict was given.
    Ready,
    /// The stack survives the loss of any one of its zones.
    ZoneRedundant,
    /// Nodes and primaries are spread over the zones within `maxSkew`.
    Balanced,
    /// Recovery time and recovery point objectives would be met.
    ObjectivesMet,
    /// An action that is wanted is stopped until a person looks.
    ActionBlocked,
    /// An action is in flight (kstatus). A hold is not reconciling.
    Reconciling,
    /// Only a change of the spec can help (kstatus).
    Stalled,
}

/// Why a condition has its status. Each belongs to one type, named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    /// Any type, Unknown: nothing has been read yet.
    Pending,
    /// Ready, True.
    Judged,
    /// Ready False, Stalled True: the spec can't be accepted.
    InvalidSpec,
    /// Ready, False: AWS, or the AWSAccount that leads there, could not be read, so no verdict could be given.
    NotObserved,
    /// ZoneRedundant, True.
    SurvivesAnyZone,
    /// ZoneRedundant, False: the message names zones and components.
    ZoneLossNotSurvivable,
    /// ZoneRedundant, Unknown: a verdict is unknown.
    VerdictUnknown,
    /// Balanced, True.
    WithinMaxSkew,
    /// Balanced, False.
    Skewed,
    /// Balanced, Unknown: roles or placement aren't known.
    PlacementUnknown,
    /// ObjectivesMet, True.
    Met,
    /// ObjectivesMet, True: the spec states none.
    NoObjectives,
    /// ObjectivesMet, False.
    Missed,
    /// ObjectivesMet, Unknown.
    NotMeasurable,
    /// ActionBlocked, True: the same action failed or was undone too often.
    Flapping,
    /// ActionBlocked, True: a person's failover waits to be acknowledged.
    AwaitsAcknowledgement,
    /// ActionBlocked, True: disruptive steps wait for approval.
    AwaitsApproval,
    /// ActionBlocked, True: AWS refused or blocked the action.
    RefusedByAws,
    /// ActionBlocked, True: the resource isn't tagged as ours.
    NotOwned,
    /// ActionBlocked, False.
    NothingBlocked,
    /// Reconciling, True.
    ActionInFlight,
    /// Reconciling, False.
    Idle,
    /// ActionBlocked, True: the AWSAccount allows less than the stack wants.
    LimitedByAccount,
    /// Ready False, Stalled True: no AWSAccount has the name of spec.aws.accountRef.
    AccountNotFound,
    /// Ready False, Stalled True: the AWSAccount does not allow the stack's namespace.
    NamespaceNotAllowed,
    /// Ready False, Stalled True: the AWSAccount does not allow the stack's region.
    RegionNotAllowed,
    /// Stalled, True: an elder stack names the same resource.
    ClaimedByElder,
    /// Stalled, False.
    NotStalled,
}
