//! Every code that the API models and the SDKs' retry lists name, and errors that have no code.

use super::*;
use crate::aws::types::ErrorClass::{
    Capacity, Conflict, Denied, Invalid, NotFound, Quota, Throttled, Transient, Unknown,
};
use aws_sdk_elasticache::operation::test_failover::TestFailoverError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use rstest::rstest;

#[rstest]
#[case("ReplicationGroupNotFoundFault", NotFound)]
#[case("CacheClusterNotFound", NotFound)]
#[case("NodeGroupNotFoundFault", NotFound)]
#[case("CacheSubnetGroupNotFoundFault", NotFound)]
#[case("CacheParameterGroupNotFound", NotFound)]
#[case("CacheSecurityGroupNotFound", NotFound)]
#[case("UserGroupNotFound", NotFound)]
#[case("GlobalReplicationGroupNotFoundFault", NotFound)]
#[case("ReplicationGroupAlreadyExists", Conflict)]
#[case("InvalidReplicationGroupState", Conflict)]
#[case("InvalidCacheClusterState", Conflict)]
#[case("InvalidGlobalReplicationGroupState", Conflict)]
#[case("TestFailoverNotAvailableFault", Conflict)]
#[case("NoOperationFault", Conflict)]
#[case("SnapshotAlreadyExistsFault", Conflict)]
#[case("InsufficientCacheClusterCapacity", Capacity)]
#[case("APICallRateForCustomerExceeded", Quota)]
#[case("ClusterQuotaForCustomerExceeded", Quota)]
#[case("NodeQuotaForCustomerExceeded", Quota)]
#[case("NodeQuotaForClusterExceeded", Quota)]
#[case("NodeGroupsPerReplicationGroupQuotaExceeded", Quota)]
#[case("SnapshotQuotaExceededFault", Quota)]
#[case("InvalidVPCNetworkStateFault", Invalid)]
#[case("InvalidKMSKeyFault", Invalid)]
#[case("InvalidParameterValue", Invalid)]
#[case("InvalidParameterCombination", Invalid)]
#[case("SnapshotFeatureNotSupportedFault", Invalid)]
#[case("InvalidNextToken", Invalid)]
#[case("ServiceLinkedRoleNotFoundFault", Denied)]
#[case("AccessDenied", Denied)]
#[case("AccessDeniedException", Denied)]
#[case("ExpiredToken", Denied)]
#[case("ExpiredTokenException", Denied)]
#[case("InvalidClientTokenId", Denied)]
#[case("UnrecognizedClientException", Denied)]
#[case("SignatureDoesNotMatch", Denied)]
#[case("Throttling", Throttled)]
#[case("ThrottlingException", Throttled)]
#[case("ThrottledException", Throttled)]
#[case("RequestThrottledException", Throttled)]
#[case("TooManyRequestsException", Throttled)]
#[case("ProvisionedThroughputExceededException", Throttled)]
#[case("TransactionInProgressException", Throttled)]
#[case("RequestLimitExceeded", Throttled)]
#[case("BandwidthLimitExceeded", Throttled)]
#[case("LimitExceededException", Throttled)]
#[case("RequestThrottled", Throttled)]
#[case("SlowDown", Throttled)]
#[case("PriorRequestNotComplete", Throttled)]
#[case("EC2ThrottledException", Throttled)]
#[case("RequestTimeout", Transient)]
#[case("RequestTimeoutException", Transient)]
fn codes_have_classes(#[case] code: &str, #[case] wanted: ErrorClass) {
    assert_eq!(class_of(code), Some(wanted));
    assert_eq!(service(code, 400).class, wanted);
}

fn response(status: u16) -> HttpResponse {
    Response::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
}

const OP: Operation = Operation {
    service: "elasticache",
    name: "TestFailover",
};

fn service(code: &str, status: u16) -> AwsError {
    let meta = ErrorMetadata::builder().code(code).message("told by AWS").build();
    let error = SdkError::service_error(TestFailoverError::generic(meta), response(status));
    from_sdk(OP, true, &error)
}

fn dispatch(error: ConnectorError) -> AwsError {
    from_sdk(
        OP,
        true,
        &SdkError::<TestFailoverError, _>::dispatch_failure(error),
    )
}

#[test]
fn an_unknown_code_is_unknown_unless_its_status_says_server_trouble() {
    assert_eq!(service("BrandNewFault", 400).class, Unknown);
    assert_eq!(service("BrandNewFault", 409).class, Unknown);
    assert_eq!(service("BrandNewFault", 429).class, Throttled);
    for status in [500, 502, 503, 504] {
        assert_eq!(service("BrandNewFault", status).class, Transient, "{status}");
    }
    assert_eq!(service("BrandNewFault", 501).class, Unknown);
}

#[test]
fn the_code_and_message_are_kept_as_on_the_wire() {
    let error = service("ReplicationGroupNotFoundFault", 404);
    assert_eq!(error.code, "ReplicationGroupNotFoundFault");
    assert_eq!(
        error.to_string(),
        "elasticache TestFailover: ReplicationGroupNotFoundFault: told by AWS"
    );
    assert!(error.maybe_sent);
}

#[test]
fn rpc_codes_lose_their_namespace_and_suffix() {
    assert_eq!(
        service("com.amazonaws.cloudwatch#ThrottlingException", 400).class,
        Throttled
    );
    let code = service("ThrottlingException:http://internal.amazon.com/", 400).code;
    assert_eq!(code, "ThrottlingException");
}

#[test]
fn an_answer_that_is_not_the_services_is_transient_only_from_a_gateway() {
    let unreadable = |status| {
        let error = SdkError::<TestFailoverError, _>::response_error("not XML", response(status));
        from_sdk(OP, true, &error)
    };
    assert_eq!(
        (unreadable(502).class, unreadable(502).maybe_sent),
        (Transient, true)
    );
    assert_eq!(
        (unreadable(200).class, unreadable(200).maybe_sent),
        (Transient, true)
    );
    assert_eq!(unreadable(403).class, Unknown);
}

#[test]
fn a_timeout_or_a_broken_connection_may_have_been_sent() {
    let timeout = from_sdk(OP, true, &SdkError::<TestFailoverError, _>::timeout_error("20 s"));
    assert_eq!((timeout.class, timeout.maybe_sent), (Transient, true));
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let reset = dispatch(ConnectorError::io(reset.into()));
    assert_eq!(
        (reset.class, reset.code.as_str(), reset.maybe_sent),
        (Transient, NO_ANSWER, true)
    );
}

#[test]
fn without_credentials_nothing_was_sent() {
    let error = dispatch(ConnectorError::other(
        CredentialsError::not_loaded("no providers in chain provided credentials").into(),
        None,
    ));
    assert_eq!(
        (error.class, error.code.as_str(), error.maybe_sent),
        (Denied, NO_CREDENTIALS, false)
    );
    assert!(
        error
            .advice()
            .unwrap()
            .starts_with("No AWS credentials were found")
    );
}

#[test]
fn what_the_sdk_never_transmitted_was_never_sent() {
    let error = SdkError::<TestFailoverError, _>::construction_failure("no region");
    let error = from_sdk(OP, false, &error);
    assert_eq!((error.class, error.maybe_sent), (Unknown, false));
}

#[rstest]
#[case("AccessDenied", "add the IAM action elasticache:TestFailover")]
#[case("ExpiredToken", "session has expired")]
#[case("ExpiredTokenException", "session has expired")]
#[case("InvalidClientTokenId", "doesn't know these credentials")]
#[case("UnrecognizedClientException", "doesn't know these credentials")]
#[case("SignatureDoesNotMatch", "clock is right")]
#[case("Throttling", "throttles this account's calls")]
#[case("APICallRateForCustomerExceeded", "24 hours")]
#[case("InsufficientCacheClusterCapacity", "no such nodes")]
fn advice_says_what_to_do(#[case] code: &str, #[case] wanted: &str) {
    let advice = service(code, 400).advice().unwrap();
    assert!(advice.contains(wanted), "{advice}");
}

#[test]
fn a_denial_names_the_tag_where_policies_ask_for_it_and_the_deny_where_there_is_one() {
    let denied = |operation: &'static str, message: &str| {
        let error = AwsError {
            operation,
            message: message.to_owned(),
            ..service("AccessDenied", 403)
        };
        error.advice().unwrap()
    };
    let silent = "because no identity-based policy allows the action";
    for operation in ["TestFailover", "AddTagsToResource"] {
        let advice = denied(operation, silent);
        assert!(
            advice.contains("evenkeel.dev/owner, let it name this installation"),
            "{advice}"
        );
    }
    let reading = denied("DescribeEvents", silent);
    assert!(!reading.contains("evenkeel.dev/owner"), "{reading}");
    let forbidden = denied(
        "TestFailover",
        "with an explicit deny in a service control policy",
    );
    assert!(
        forbidden.starts_with("A policy denies elasticache:TestFailover explicitly"),
        "{forbidden}"
    );
}

#[test]
fn there_is_no_advice_where_there_is_nothing_to_do() {
    assert_eq!(service("InvalidReplicationGroupState", 400).advice(), None);
    assert_eq!(service("BrandNewFault", 400).advice(), None);
}
