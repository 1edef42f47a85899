//! What people write: intent, never positions. Counts are minimums.
//!
//! Defaults stand here and nowhere else; those of list items are filled in by intake, because a server-side default
//! inside a list item is a permanent difference in GitOps tools. Bounds on lists and strings keep the CEL rules
//! within the API server's cost budget.

use super::status::HAStackStatus;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the stack is made of, which zones it must live in, and what Evenkeel may do about it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "evenkeel.dev",
    version = "v1alpha1",
    kind = "HAStack",
    plural = "hastacks",
    singular = "hastack",
    shortname = "has",
    category = "evenkeel",
    namespaced,
    status = "HAStackStatus",
    derive = "PartialEq",
    doc = "A stack of AWS resources that must be able to lose an Availability Zone. Evenkeel watches where its nodes stand, judges for every zone whether the stack would survive its loss, and moves what must move, inside guardrails.",
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status", "description": "Accepted, observed and judged"}"#,
    printcolumn = r#"{"name": "Redundant", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"ZoneRedundant\")].status", "description": "Survives the loss of any one zone"}"#,
    printcolumn = r#"{"name": "Balanced", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Balanced\")].status", "description": "Nodes and primaries are spread within maxSkew"}"#,
    printcolumn = r#"{"name": "Zones", "type": "string", "jsonPath": ".status.zoneSummary", "description": "Zones whose loss the stack survives, of all its zones"}"#,
    printcolumn = r#"{"name": "Mode", "type": "string", "jsonPath": ".spec.mode", "description": "What Evenkeel may do on its own"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Skew", "type": "string", "jsonPath": ".status.skew", "description": "Most minus fewest nodes and primaries over the zones", "priority": 1}"#,
    printcolumn = r#"{"name": "LastFailover", "type": "date", "jsonPath": ".status.lastFailover", "description": "When a primary last moved", "priority": 1}"#,
    printcolumn = r#"{"name": "Plan", "type": "string", "jsonPath": ".status.plan.id", "description": "Id of the current plan, for the approve annotation", "priority": 1}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.caches) && size(self.caches) > 0")
    .message("name at least one resource to look after: add an entry to spec.caches")
    .field_path(".caches"))]
#[x_kube(validation = Rule::new("self.zones.all(z, z.name.startsWith(self.aws.region) && size(z.name) == size(self.aws.region) + 1)")
    .message("every zone must belong to spec.aws.region: its name is the region and one letter, such as ap-northeast-2a in ap-northeast-2")
    .field_path(".zones"))]
#[x_kube(validation = Rule::new("!has(self.caches) || self.caches.all(c, !has(c.preferredPrimaryZones) || c.preferredPrimaryZones.all(p, self.zones.exists(z, z.name == p)))")
    .message("preferredPrimaryZones may only name zones of spec.zones")
    .field_path(".caches"))]
#[x_kube(validation = Rule::new("!has(self.accepted) || self.accepted.all(a, !has(a.component) || (has(self.caches) && self.caches.exists(c, c.name == a.component)))")
    .message("accepted[].component must be the name of one of spec.caches; omit it to accept the finding of all of them")
    .field_path(".accepted"))]
pub struct HAStackSpec {
    /// What Evenkeel may do on its own. Observe (the default): plan and report only. Approve: add redundancy freely,
    /// wait for an approval (annotation evenkeel.dev/approve with the plan's id) before anything disruptive. Enforce:
    /// act within the guardrails.
    #[serde(default)]
    pub mode: Mode,

    /// Overrides what the mode implies, by type of action: Report (never act), Approve (wait for a person), Auto (act).
    #[serde(default, skip_serializing_if = "PolicySpec::is_empty")]
    pub policy: PolicySpec,

    /// Where the resources live.
    pub aws: AwsSpec,

    /// The Availability Zones that the stack must live in: at least two. Nodes in other zones are moved here.
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".to_owned()]),
        validation = Rule::new("size(self) >= 2").message("list at least two zones: with one zone there is nothing to fail over to"),
        validation = Rule::new("self.all(z, !has(z.id) || self.exists_one(other, has(other.id) && other.id == z.id))").message("two zones have the same id: give each zone its own")
    )]
    #[schemars(length(max = 8))]
    pub zones: Vec<ZoneSpec>,

    /// What the loss of a zone may cost. A verdict that misses them is Degraded.
    #[serde(default, skip_serializing_if = "ObjectivesSpec::is_empty")]
    pub objectives: ObjectivesSpec,

    /// How evenly nodes and primaries are spread; components may differ.
    #[serde(default)]
    pub placement: PlacementSpec,

    /// When not to act. Restoring redundancy is never held by windows or the quiet period; only disruption is.
    #[serde(default)]
    pub guardrails: GuardrailsSpec,

    /// ElastiCache replication groups (Redis OSS or Valkey, any cluster mode), each named once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".to_owned()]),
        validation = Rule::new("self.all(c, self.exists_one(d, d.replicationGroup.lowerAscii() == c.replicationGroup.lowerAscii()))")
            .message("two caches name the same replicationGroup: keep one of them (identifiers ignore case)")
    )]
    #[schemars(length(max = 50))]
    pub caches: Vec<CacheSpec>,

    /// Risks that are known and accepted for a while: their findings raise no alert until then. Nothing else changes:
    /// verdicts stay what they are, and what the mode lets Evenkeel mend is mended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub accepted: Vec<AcceptedSpec>,
}

/// A risk that is known and accepted for a while.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptedSpec {
    /// The finding's code.
    pub finding: AcceptableFinding,
    /// Name of the component. Omitted: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub component: Option<String>,
    /// The moment from which it is a risk like any other, such as 2027-03-31T00:00:00Z. If it is still there then, that
    /// is told loudly: as a finding, an Event and an alert.
    #[x_kube(validation = Rule::new("self.matches('^20[0-9]{2}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') && timestamp(self) >= timestamp('2000-01-01T00:00:00Z')")
        .message("write a date and time with its offset, such as 2027-03-31T00:00:00Z"))]
    #[schemars(length(max = 32))]
    pub until: String,
    /// Why it is accepted, and by whom: for those who read it later.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// Findings that are risks which can be accepted. What keeps Evenkeel from seeing or acting can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AcceptableFinding {
    SingleZone,
    ZoneMissing,
    MultiAzDisabled,
    AutomaticFailoverDisabled,
    ShardColocated,
    ReplicaShortfall,
    FailoverMayBeSlow,
    ManagedElsewhere,
    OnOutposts,
    NodeOutsideZones,
    NodeInLocalZone,
    NodeSkew,
    PrimarySkew,
    PrimaryOutOfPreferredZone,
    ReplicationLagHigh,
    ObjectiveUnmet,
    NoReplicaWanted,
    NoEligibleZone,
    SurplusReplica,
}

/// What Evenkeel may do on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    #[default]
    Observe,
    Approve,
    Enforce,
}

/// What may be done with one type of action: Report (never act), Approve (wait for a person), Auto (act).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Policy {
    Report,
    Approve,
    Auto,
}

/// Overrides by type of action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Turning on automatic failover (additive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_automatic_failover: Option<Policy>,
    /// Turning on Multi-AZ (additive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_multi_az: Option<Policy>,
    /// Adding a replica (additive; costs a node).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_replica: Option<Policy>,
    /// Removing a replica that Evenkeel added or whose replacement stands (disruptive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_replica: Option<Policy>,
    /// Moving a primary by a test failover (disruptive; writes to the shard stop for seconds to about a minute).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_primary: Option<Policy>,
}

impl PolicySpec {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the resources live.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsSpec {
    /// The AWS region, such as ap-northeast-2. It can't be changed later: delete the HAStack and create another one
    /// (AWS is not touched by that).
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("the region of a stack can't be changed: delete this HAStack and create one for the other region (deleting it touches nothing in AWS)"),
        validation = Rule::new("self.matches('^[a-z]+(-[a-z]+)+-[0-9]{1,2}$')").message("write the region as AWS names it, such as ap-northeast-2")
    )]
    #[schemars(length(max = 32))]
    pub region: String,
    /// The account, as the name of an AWSAccount object, which must allow this stack's namespace. Without it the
    /// process's own credentials are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
}

/// Names an AWSAccount object (cluster-scoped).
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountRef {
    /// The object's metadata.name.
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')").message("write the name of an AWSAccount object: lower case letters, digits, '-' and '.'"))]
    #[schemars(length(max = 253))]
    pub name: String,
}

/// An Availability Zone.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneSpec {
    /// Name of the zone as your account sees it, such as ap-northeast-2a.
    #[x_kube(validation = Rule::new("self.matches('^[a-z]+(-[a-z]+)+-[0-9]{1,2}[a-z]$')").message("write the name of an Availability Zone, such as ap-northeast-2a: the region and one letter (Local Zones and Wavelength Zones can't take part)"))]
    #[schemars(length(max = 33))]
    pub name: String,
    /// Id of the zone, the same in every account, such as apne2-az1. Needed only where no AWS answer tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]+-az[0-9]{1,2}$')").message("write the zone's id, such as apne2-az1 (the name goes into name)"))]
    #[schemars(length(max = 32))]
    pub id: Option<String>,
}

/// What the loss of a zone may cost.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectivesSpec {
    /// Recovery time objective (RTO): from the loss of a zone until writes are accepted again, such as 2m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_rule())]
    #[schemars(length(max = 32))]
    pub recovery_time: Option<String>,
    /// Recovery point objective (RPO): the span of acknowledged writes that may be lost, such as 5s. 0s means none,
    /// which asynchronous replication can't promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_rule())]
    #[schemars(length(max = 32))]
    pub recovery_point: Option<String>,
}

impl ObjectivesSpec {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How evenly nodes and primaries are spread.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementSpec {
    /// Most minus fewest nodes (and, apart, primaries) per zone that is tolerated, over the zones that aren't
    /// impaired, for each component. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub max_skew: u32,
}

impl Default for PlacementSpec {
    fn default() -> Self {
        Self { max_skew: one() }
    }
}

/// When not to act. Restoring redundancy is never held by windows or the quiet period; only disruption is.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardrailsSpec {
    /// How long the stack must have been quiet before anything disruptive (failback): counted from the latest
    /// failover that wasn't Evenkeel's, zone recovery, or recovery of a shard. Default 30m.
    #[serde(default = "default_quiet_period")]
    #[x_kube(validation = duration_rule())]
    #[schemars(length(max = 32))]
    pub quiet_period: String,
    /// Replicas that lag more than this forbid moving their primary. Default 1s.
    #[serde(default = "default_max_replication_lag")]
    #[x_kube(validation = duration_rule())]
    #[schemars(length(max = 32))]
    pub max_replication_lag: String,
    /// How long a copy must have been lost together with its zone before it is replaced in another zone. Default 15m.
    #[serde(default = "default_replace_after")]
    #[x_kube(validation = duration_rule())]
    #[schemars(length(max = 32))]
    pub replace_after: String,
    /// Nodes that Evenkeel added and that still stand, at most, for the whole stack. Default 20.
    #[serde(default = "default_max_added_nodes")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_added_nodes: u32,
    /// Disruptive actions in flight at once, at most, for the whole stack. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_disruptions: u32,
    /// If given, disruption happens only inside one of these windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub windows: Vec<WindowSpec>,
    /// No disruption inside any of these windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub deny_windows: Vec<WindowSpec>,
}

impl Default for GuardrailsSpec {
    fn default() -> Self {
        Self {
            quiet_period: default_quiet_period(),
            max_replication_lag: default_max_replication_lag(),
            replace_after: default_replace_after(),
            max_added_nodes: default_max_added_nodes(),
            max_concurrent_disruptions: one(),
            windows: Vec::new(),
            deny_windows: Vec::new(),
        }
    }
}

/// A recurring window of time.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowSpec {
    /// Days of the week on which it starts. Omitted: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 7))]
    pub days: Vec<Day>,
    /// Local time of day at which it starts, such as 22:00.
    #[x_kube(validation = time_rule())]
    #[schemars(length(max = 8))]
    pub from: String,
    /// Local time of day at which it ends. At or before "from" it ends on the next day.
    #[x_kube(validation = time_rule())]
    #[schemars(length(max = 8))]
    pub to: String,
    /// Time zone by its IANA name, such as Asia/Seoul or UTC; daylight saving is followed.
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z]+([A-Za-z0-9_+/-]*[A-Za-z0-9])?$')").message("write a time zone by its IANA name, such as Asia/Seoul, Europe/Berlin or UTC"))]
    #[schemars(length(max = 64))]
    pub time_zone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// An ElastiCache replication group.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheSpec {
    /// Name of this component within the stack.
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("a component's name is made of lower case letters, digits and '-', and starts and ends with a letter or digit"))]
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The ReplicationGroupId, as ElastiCache lists it.
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z]([a-zA-Z0-9]|-[a-zA-Z0-9])*$')").message("write the ReplicationGroupId: up to 40 letters, digits and single hyphens, starting with a letter, not ending with a hyphen"))]
    #[schemars(length(min = 1, max = 40))]
    pub replication_group: String,
    /// Replicas that every shard must have at least. Omitted: 1. A shard that has more is never shrunk. 0 accepts the
    /// loss of the shard with its zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5))]
    pub min_replicas_per_shard: Option<u32>,
    /// Where it differs from the stack's placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<ComponentPlacementSpec>,
    /// Zones in which primaries are wanted, if any. Redundancy and even spread come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 8), inner(length(max = 33)))]
    pub preferred_primary_zones: Vec<String>,
}

/// Placement of one component, where it differs from the stack's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComponentPlacementSpec {
    /// Most minus fewest nodes (and, apart, primaries) per zone that is tolerated. Omitted: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_skew: Option<u32>,
}

fn one() -> u32 {
    1
}

fn default_quiet_period() -> String {
    "30m".to_owned()
}

fn default_max_replication_lag() -> String {
    "1s".to_owned()
}

fn default_replace_after() -> String {
    "15m".to_owned()
}

fn default_max_added_nodes() -> u32 {
    20
}

/// Durations are written as Go and Kubernetes do.
fn duration_rule() -> kube::core::Rule {
    kube::core::Rule::new(
        "self.matches('^([0-9]{1,9}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('8784h')",
    )
    .message("write a duration such as 30m, 1h30m or 500ms (units: h, m, s, ms), at most a year")
}

fn time_rule() -> kube::core::Rule {
    kube::core::Rule::new("self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')")
        .message("write a time of day such as 22:00 (24 hours, two digits each)")
}
