//! `AWSAccount`: a role in an AWS account, who may use it, and for how much. Cluster-scoped: whoever runs the cluster
//! decides, not the namespaces.

use super::spec::Mode;
use crate::api::conditions::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which role is assumed, by whom it may be used, and for how much.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "evenkeel.dev",
    version = "v1alpha1",
    kind = "AWSAccount",
    plural = "awsaccounts",
    singular = "awsaccount",
    category = "evenkeel",
    status = "AWSAccountStatus",
    derive = "PartialEq",
    doc = "An AWS account that HAStacks may name in spec.aws.accountRef: the role that Evenkeel assumes there, the namespaces that may use it, and the most that may be done with it.",
    printcolumn = r#"{"name": "Account", "type": "string", "jsonPath": ".status.identity.account", "description": "Account that the role belongs to, once it was assumed"}"#,
    printcolumn = r#"{"name": "Role", "type": "string", "jsonPath": ".spec.roleArn", "description": "Role that is assumed"}"#,
    printcolumn = r#"{"name": "Mode", "type": "string", "jsonPath": ".spec.mode", "description": "Highest mode that HAStacks get"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status", "description": "The role is assumed, and nothing that was called with it was refused"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AWSAccountSpec {
    /// ARN of the IAM role that is assumed, such as arn:aws:iam::111122223333:role/evenkeel.
    #[x_kube(validation = Rule::new("self.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([!-~]+/)?[a-zA-Z0-9_+=,.@-]{1,64}$')").message("write the ARN of an IAM role, such as arn:aws:iam::111122223333:role/evenkeel"))]
    #[schemars(length(max = 2048))]
    pub role_arn: String,

    /// What the role's trust policy demands as sts:ExternalId. It must be given for a role of another account than the
    /// controller's own; without it such a role is not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9_+=,.@:/-]+$')").message("an external id is made of letters, digits and _+=,.@:/- (2 to 1224 of them)"))]
    #[schemars(length(min = 2, max = 1224))]
    pub external_id: Option<String>,

    /// Regions in which the account may be used. Omitted: every region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(r, r.matches('^[a-z]+(-[a-z]+)+-[0-9]{1,2}$'))").message("write regions as AWS names them, such as ap-northeast-2")
    )]
    #[schemars(length(max = 50), inner(length(max = 32)))]
    pub regions: Vec<String>,

    /// Namespaces whose HAStacks may name this account: those in matchNames, and those whose labels the selector
    /// selects. Omitted: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// The most that may be done with this account, whatever mode and policy a HAStack has. Observe (the default):
    /// report only. Approve: add redundancy freely, disrupt after an approval. Enforce: act within the guardrails.
    #[serde(default)]
    pub mode: Mode,
}

/// Namespaces, by name or by label.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.matchNames) && size(self.matchNames) > 0) || has(self.selector)")
    .message("name namespaces in matchNames, or select them by label in selector (an empty selector selects all); to allow none, leave allowedNamespaces out"))]
pub struct AllowedNamespaces {
    /// Names of namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(n, n.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))").message("write names of namespaces: lower case letters, digits and '-', no patterns (select many by label)")
    )]
    #[schemars(length(max = 200), inner(length(max = 63)))]
    pub match_names: Vec<String>,
    /// Labels of namespaces, as everywhere in Kubernetes. Whoever may label namespaces decides by it who may use the
    /// account. An empty selector selects every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

/// A label selector: all of it must fit.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSelector {
    /// Labels that a namespace must have, with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub match_expressions: Vec<LabelExpression>,
}

/// A condition on one label.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.operator in ['In', 'NotIn'] ? (has(self.values) && size(self.values) > 0) : !(has(self.values) && size(self.values) > 0)")
    .message("In and NotIn need values; Exists and DoesNotExist take none"))]
pub struct LabelExpression {
    /// Key of the label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// In, NotIn, Exists or DoesNotExist.
    pub operator: LabelOperator,
    /// Values for In and NotIn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 50), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What Evenkeel found out about the account. Written by the leader, and only when something changed.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AWSAccountStatus {
    /// Generation of the spec that this status was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Assumed, Permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<AccountCondition>,
    /// Who Evenkeel is in this account, as AWS said when the role was last assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<AccountIdentity>,
    /// IAM actions that AWS refused to the role when they were last tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub missing_permissions: Vec<String>,
}

/// An identity in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountIdentity {
    /// Id of the account.
    pub account: String,
    /// ARN of the assumed role, with the name of the session.
    pub arn: String,
}

/// One aspect of an account's state.
pub type AccountCondition = Condition<AccountConditionType, AccountReason>;

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AccountConditionType {
    /// The role is assumed, and nothing that was called with it was refused (kstatus).
    Ready,
    /// AWS lets the role be assumed.
    Assumed,
    /// AWS refused nothing that was called with the role.
    Permitted,
}

/// Why a condition has its status. Each belongs to one type, named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AccountReason {
    /// Any type, Unknown: nothing has been tried yet.
    Pending,
    /// Ready, True.
    Usable,
    /// Ready, False or Unknown: the role is not assumed.
    NotAssumed,
    /// Ready False, Permitted False: the role lacks permissions.
    PermissionMissing,
    /// Ready False, Assumed False: the spec can't be read.
    InvalidSpec,
    /// Assumed, True.
    RoleAssumed,
    /// Assumed, False: AWS refuses.
    RefusedByAws,
    /// Assumed, False: a role of another account, and no external id. AWS was not asked.
    ExternalIdRequired,
    /// Assumed, Unknown: AWS was not reached.
    NotReached,
    /// Permitted, True.
    NothingRefused,
    /// Permitted, Unknown: no HAStack has used the account yet.
    NotUsed,
}
