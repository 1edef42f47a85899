//! What a failed call means: class by code, whether it may have arrived, and what a person can do about it.
//!
//! Codes are those of the exception shapes of the API models (suffixes are not uniform: `Fault`, `Exception`, none)
//! and of SigV4 and IAM, which every service shares. An unknown code is [`ErrorClass::Unknown`], which forbids action.

use super::ports::{CLAIM_ACTIONS, WRITE_ACTIONS};
use super::session::NotAssumed;
use super::types::{AwsError, ErrorClass};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;

/// One API operation that the product uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub service: &'static str,
    pub name: &'static str,
}

impl Operation {
    /// The IAM action that allows it: for every call of the product it is service and operation.
    pub fn iam_action(self) -> String {
        format!("{}:{}", self.service, self.name)
    }
}

/// The class of an error code, whatever its suffix; `None` for a code that this version does not know.
pub fn class_of(code: &str) -> Option<ErrorClass> {
    let bare = bare(code);
    let class = match bare {
        "ReplicationGroupNotFound"
        | "CacheClusterNotFound"
        | "NodeGroupNotFound"
        | "CacheSubnetGroupNotFound"
        | "CacheParameterGroupNotFound"
        | "CacheSecurityGroupNotFound"
        | "UserGroupNotFound"
        | "GlobalReplicationGroupNotFound"
        | "TagNotFound" => ErrorClass::NotFound,

        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequests"
        | "ProvisionedThroughputExceeded"
        | "TransactionInProgress"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "EC2Throttled" => ErrorClass::Throttled,

        "AccessDenied"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "AuthFailure"
        | "OptInRequired"
        | "ExpiredToken"
        | "RequestExpired"
        | "TokenRefreshRequired"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "InvalidAccessKeyId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "ServiceLinkedRoleNotFound"
        | NO_CREDENTIALS => ErrorClass::Denied,

        "InvalidReplicationGroupState"
        | "InvalidCacheClusterState"
        | "InvalidGlobalReplicationGroupState"
        | "InvalidUserGroupState"
        | "TestFailoverNotAvailable"
        | "NoOperation"
        | "ReplicationGroupAlreadyExists"
        | "ReplicationGroupAlreadyUnderMigration"
        | "ReplicationGroupNotUnderMigration"
        | "SnapshotAlreadyExists" => ErrorClass::Conflict,

        "InsufficientCacheClusterCapacity" => ErrorClass::Capacity,

        "APICallRateForCustomerExceeded"
        | "ClusterQuotaForCustomerExceeded"
        | "NodeQuotaForCustomerExceeded"
        | "NodeQuotaForClusterExceeded"
        | "NodeGroupsPerReplicationGroupQuotaExceeded"
        | "SnapshotQuotaExceeded"
        | "TagQuotaPerResourceExceeded" => ErrorClass::Quota,

        "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "InvalidParameter"
        | "InvalidARN"
        | "InvalidAction"
        | "InvalidNextToken"
        | "InvalidQueryParameter"
        | "InvalidKMSKey"
        | "InvalidVPCNetworkState"
        | "MalformedQueryString"
        | "MissingAction"
        | "MissingParameter"
        | "MissingRequiredParameter"
        | "Serialization"
        | "SnapshotFeatureNotSupported"
        | "UnknownOperation"
        | "Validation"
        | "ValidationError"
        | BAD_ENDPOINT => ErrorClass::Invalid,

        "RequestTimeout"
        | "InternalFailure"
        | "InternalError"
        | "InternalServer"
        | "InternalServerError"
        | "InternalService"
        | "InternalServiceError"
        | "ServiceUnavailable"
        | TIMEOUT
        | NO_ANSWER
        | NO_CONNECTION
        | UNKNOWN_HOST
        | UNREADABLE
        | CUT_OFF => ErrorClass::Transient,

        _ => return None,
    };
    Some(class)
}

/// Codes of ours, where AWS gave none.
pub const NO_CREDENTIALS: &str = "NoCredentials";
pub const TIMEOUT: &str = "Timeout";
/// The connection broke before an answer came.
pub const NO_ANSWER: &str = "NoAnswer";
pub const NO_CONNECTION: &str = "NoConnection";
pub const UNKNOWN_HOST: &str = "UnknownHost";
/// An answer came that isn't the service's.
pub const UNREADABLE: &str = "UnreadableAnswer";
/// An answer came that ends before its end.
pub const CUT_OFF: &str = "CutOffAnswer";
/// The endpoint that somebody gave is no URL.
pub const BAD_ENDPOINT: &str = "BadEndpoint";
const NOT_BUILT: &str = "RequestNotBuilt";

fn bare(code: &str) -> &str {
    code.strip_suffix("Fault")
        .or_else(|| code.strip_suffix("Exception"))
        .unwrap_or(code)
}

/// From the SDK's error. `transmitted`: the request was handed to the HTTP client.
pub(super) fn from_sdk<E>(op: Operation, transmitted: bool, error: &SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(NotAssumed(why)) = not_assumed(error) {
        return AwsError {
            maybe_sent: false,
            ..why.clone()
        };
    }
    let mut known = AwsError {
        class: ErrorClass::Unknown,
        service: op.service,
        operation: op.name,
        code: String::new(),
        message: chain(error),
        maybe_sent: transmitted,
    };
    let status = error.raw_response().map(|r| r.status().as_u16());
    known.code = match error {
        SdkError::ServiceError(_) => {
            if let Some(message) = error.message() {
                message.clone_into(&mut known.message);
            }
            plain_code(error.code().unwrap_or(UNREADABLE)).to_owned()
        }
        SdkError::ResponseError(_) => UNREADABLE.to_owned(),
        SdkError::TimeoutError(_) => TIMEOUT.to_owned(),
        SdkError::ConstructionFailure(_) => NOT_BUILT.to_owned(),
        SdkError::DispatchFailure(_) => {
            let (code, left) = dispatch_code(error);
            known.maybe_sent &= left;
            if code == BAD_ENDPOINT {
                // The chain holds the whole request.
                known.message = last_cause(error);
            }
            code.to_owned()
        }
        _ => "Unknown".to_owned(),
    };
    known.class = match (class_of(&known.code), status) {
        (Some(class), _) => class,
        (None, Some(429)) => ErrorClass::Throttled,
        (None, Some(500 | 502 | 503 | 504)) => ErrorClass::Transient,
        (None, _) => ErrorClass::Unknown,
    };
    // A 4xx that the SDK can't read (a proxy's page, say) promises nothing about a second try.
    if known.code == UNREADABLE && status.is_some_and(|s| (400..500).contains(&s)) {
        known.class = ErrorClass::Unknown;
    }
    known
}

/// The request was answered, and what was answered can't be known.
pub(super) fn cut_off(op: Operation) -> AwsError {
    AwsError {
        class: ErrorClass::Transient,
        service: op.service,
        operation: op.name,
        code: CUT_OFF.to_owned(),
        message: "the answer ends before its end".to_owned(),
        maybe_sent: true,
    }
}

/// There were no credentials to sign with, because a role was not assumed.
fn not_assumed<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a NotAssumed> {
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(found) = e.downcast_ref::<NotAssumed>() {
            return Some(found);
        }
        next = e.source();
    }
    None
}

/// CloudWatch's RPC codes may come with a namespace (`com.amazonaws…#Name`) and a suffix (`Name:http://…`).
fn plain_code(code: &str) -> &str {
    let name = code.rsplit_once('#').map_or(code, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Our code for a request without an answer, and whether it can have left.
fn dispatch_code(error: &(dyn Error + 'static)) -> (&'static str, bool) {
    let mut next = Some(error);
    let mut connecting = false;
    while let Some(e) = next {
        if e.downcast_ref::<CredentialsError>().is_some() {
            return (NO_CREDENTIALS, false);
        }
        let text = e.to_string();
        // hyper-util's words for a failure to connect. Were they to change, the request would count as sent.
        connecting |= text == "client error (Connect)";
        if text.starts_with("dns error") || text.contains("failed to lookup address") {
            return (UNKNOWN_HOST, false);
        }
        if text.starts_with("failed to apply endpoint") || text.starts_with("unsupported scheme") {
            return (BAD_ENDPOINT, false);
        }
        if e.downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
            || text.contains("timeout occurred after")
        {
            return (TIMEOUT, !connecting);
        }
        next = e.source();
    }
    if connecting {
        (NO_CONNECTION, false)
    } else {
        (NO_ANSWER, true)
    }
}

fn last_cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        text = e.to_string();
        next = e.source();
    }
    text
}

/// The whole chain of causes in one line, repetitions left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        let part = e.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = e.source();
    }
    text
}

impl AwsError {
    /// The IAM action that the failed call needs.
    pub fn iam_action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// AWS says that the identity may not do this: a permission is missing, or a trust policy refuses.
    pub fn is_forbidden(&self) -> bool {
        matches!(
            bare(&self.code),
            "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized"
        )
    }

    /// AWS says that the credentials have expired: nothing was done, and new ones help.
    pub fn is_expired(&self) -> bool {
        matches!(bare(&self.code), "ExpiredToken" | "TokenRefreshRequired")
    }

    /// What a person can do about it, where there is something to do.
    pub fn advice(&self) -> Option<String> {
        let text = match bare(&self.code) {
            NO_CREDENTIALS => no_credentials(&self.message),
            "ExpiredToken" | "TokenRefreshRequired" => "The AWS session has expired: sign in again \
                (`aws sso login`, or whatever gave you the session token)."
                .into(),
            "RequestExpired" | "InvalidSignature" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
                "AWS refuses the signature: check the secret access key, and that this machine's clock is right."
                    .into()
            }
            "InvalidClientTokenId" | "UnrecognizedClient" | "InvalidAccessKeyId" | "AuthFailure" => {
                "AWS doesn't know these credentials: check the access key (AWS_PROFILE, AWS_ACCESS_KEY_ID), and \
                 that the account has this region enabled."
                    .into()
            }
            "OptInRequired" => "The account isn't subscribed to this service or region: enable it, or choose \
                another region (--region, AWS_REGION)."
                .into(),
            "ServiceLinkedRoleNotFound" => "The account lacks ElastiCache's service-linked role: create it with \
                `aws iam create-service-linked-role --aws-service-name elasticache.amazonaws.com`."
                .into(),
            UNKNOWN_HOST => "No such AWS endpoint: check the spelling of the region (--region, AWS_REGION) and of \
                --aws-endpoint-url, and that this machine can resolve names."
                .into(),
            BAD_ENDPOINT => "The endpoint is no URL such as http://127.0.0.1:4599: check --aws-endpoint-url, \
                AWS_ENDPOINT_URL and endpoint_url in your AWS profile."
                .into(),
            NOT_BUILT if self.message.contains("region") => "That is no name of an AWS region: write it like \
                ap-northeast-2 (--region, AWS_REGION, spec.aws.region)."
                .into(),
            NO_CONNECTION => "Nothing answers at the endpoint: check --aws-endpoint-url (or AWS_ENDPOINT_URL), \
                proxies and firewalls."
                .into(),
            TIMEOUT | NO_ANSWER => {
                "AWS didn't answer in time: check the network between here and the region's endpoint.".into()
            }
            UNREADABLE => "Something that doesn't speak this AWS API answered (a proxy, or an endpoint that doesn't \
                know the operation): check --aws-endpoint-url and proxies."
                .into(),
            CUT_OFF => "Something on the way to AWS cuts answers off: check proxies and the network.".into(),
            _ => return self.advice_by_class(),
        };
        Some(text)
    }

    /// `deploy/iam/` ties a change to the owner's tag, so for changes the action alone may not be what is missing.
    fn advice_on_denial(&self) -> String {
        let action = self.iam_action();
        if self.message.contains("explicit deny") {
            return format!(
                "A policy denies {action} explicitly: look for its Deny statement, in the policies of these credentials \
                 and of the organisation (a service control policy)."
            );
        }
        let add = format!("add the IAM action {action} to their policy");
        let operation = self.operation;
        let is = |actions: &[Operation]| actions.iter().any(|action| action.name == operation);
        if is(WRITE_ACTIONS) {
            return format!(
                "These credentials may not call {operation} here: {add}, or, where it asks for the tag \
                 evenkeel.dev/owner, let it name this installation."
            );
        }
        if is(CLAIM_ACTIONS) {
            return format!(
                "These credentials may not write this tag: {add}, or, where it asks for the tag evenkeel.dev/owner, let \
                 it name this installation (deploy/iam/claim.json)."
            );
        }
        format!("These credentials may not call {operation}: {add}.")
    }

    fn advice_by_class(&self) -> Option<String> {
        match self.class {
            // AWS doesn't say which of these it is.
            ErrorClass::Denied if self.operation == "AssumeRole" => Some(
                "AWS doesn't let this role be assumed: compare spec.roleArn and spec.externalId of the AWSAccount with \
                 the role's trust policy, which must allow sts:AssumeRole and sts:TagSession to the controller's own \
                 role, and let the policy of that one allow both, too."
                    .into(),
            ),
            ErrorClass::Denied => Some(self.advice_on_denial()),
            ErrorClass::Throttled => Some(
                "AWS throttles this account's calls to this API: other tools are using the same budget. Try again \
                 in a minute."
                    .into(),
            ),
            ErrorClass::Quota => Some(
                "A quota of the account is used up: wait (TestFailover counts 24 hours), or ask AWS to raise it \
                 (Service Quotas)."
                    .into(),
            ),
            ErrorClass::Capacity => Some("AWS has no such nodes to give in that zone now.".into()),
            _ => None,
        }
    }
}

fn no_credentials(message: &str) -> String {
    let expired = message.contains("expired") || message.contains("SSO") && message.contains("token");
    if expired {
        return "The AWS session has expired: sign in again (`aws sso login`).".into();
    }
    "No AWS credentials were found: set AWS_PROFILE (after `aws sso login` or `aws configure`), or AWS_ACCESS_KEY_ID \
     and AWS_SECRET_ACCESS_KEY; in a cluster give the pod a role (IRSA or Pod Identity)."
        .into()
}

#[cfg(test)]
mod tests;
