//! Each change is sent once, whatever becomes of its answer.

use crate::support::{Aws, CLASSIC, NEXTGEN};
use evenkeel::aws::types::{AwsError, ErrorClass};
use evenkeel::aws::{Outcome, ShardIncrease, WriteAws};
use evenkeel::topology::{Health, Node, NodeId, Role, Shard};
use jiff::SignedDuration;

pub const ARN: &str = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";

fn node(zone: &str, role: Role) -> Node {
    Node {
        zone: zone.into(),
        role,
        role_proof: None,
        health: Health::Healthy,
        health_since: None,
        lag: None,
        added_by_us: false,
    }
}

/// One more replica for shard 0001 of the sessions cache.
fn one_more() -> Vec<ShardIncrease> {
    let nodes = [
        (
            NodeId::from("sessions-0001-001"),
            node("ap-northeast-2a", Role::Replica),
        ),
        (
            NodeId::from("sessions-0001-002"),
            node("ap-northeast-2c", Role::Primary),
        ),
    ];
    vec![ShardIncrease::new(
        "0001".into(),
        &Shard::new(nodes.into()),
        &["ap-northeast-2a".into()],
    )]
}

/// Each operation of [`WriteAws`], on a group where it would be accepted.
pub async fn call(write: &WriteAws, operation: &str) -> Result<(), AwsError> {
    match operation {
        "IncreaseReplicaCount" => write.increase_replica_count("sessions", one_more()).await,
        "DecreaseReplicaCount" => {
            write
                .decrease_replica_count("sessions", &["sessions-0001-002".into()])
                .await
        }
        "TestFailover" => write.test_failover("sessions", &"0001".into()).await,
        "ModifyReplicationGroup" => write.enable_multi_az("sessions").await,
        "AddTagsToResource" => {
            let tags = [("evenkeel.dev/owner".to_owned(), "demo2".to_owned())].into();
            write.add_tags_to_resource(ARN, &tags).await
        }
        other => panic!("{other} is no operation of WriteAws"),
    }
}

const OPERATIONS: [&str; 5] = [
    "IncreaseReplicaCount",
    "DecreaseReplicaCount",
    "TestFailover",
    "ModifyReplicationGroup",
    "AddTagsToResource",
];

fn world() -> String {
    NEXTGEN.replace("multiAz: true", "multiAz: false")
}

#[tokio::test]
async fn each_change_is_accepted_and_applied() {
    for operation in OPERATIONS {
        let aws = Aws::new(&world()).await;
        call(&aws.write(), operation).await.unwrap();
        let calls = aws.mutating();
        assert_eq!(calls.len(), 1, "{operation}");
        assert_eq!((calls[0].operation.as_str(), calls[0].applied), (operation, true));
        let sum = aws.stats.snapshot();
        assert_eq!(sum.calls.into_iter().collect::<Vec<_>>().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_sent_again() {
    for operation in OPERATIONS {
        let aws = Aws::new(&world()).await;
        aws.fault("{resetAfter: true}");
        let error = call(&aws.write(), operation).await.unwrap_err();
        assert_eq!(
            (error.class, error.maybe_sent),
            (ErrorClass::Transient, true),
            "{operation}: {error}"
        );
        let calls = aws.mutating();
        assert_eq!(calls.len(), 1, "{operation} was sent again");
        assert!(calls[0].applied, "{operation}");
    }
}

#[tokio::test]
async fn a_change_that_was_lost_on_the_way_is_not_sent_again_either() {
    for operation in OPERATIONS {
        let aws = Aws::new(&world()).await;
        aws.fault("{resetBefore: true}");
        let error = call(&aws.write(), operation).await.unwrap_err();
        assert_eq!(
            (error.class, error.maybe_sent),
            (ErrorClass::Transient, true),
            "{operation}: {error}"
        );
        assert_eq!(aws.mutating().len(), 1, "{operation} was sent again");
    }
}

#[tokio::test]
async fn server_errors_and_throttles_of_a_change_are_not_retried() {
    for (fault, class) in [
        ("{throttle: true}", ErrorClass::Throttled),
        (
            "{error: {code: InternalFailure, status: 500}}",
            ErrorClass::Transient,
        ),
        (
            "{error: {code: ServiceUnavailable, status: 503}}",
            ErrorClass::Transient,
        ),
        ("{error: {code: AccessDenied, status: 403}}", ErrorClass::Denied),
    ] {
        for operation in OPERATIONS {
            let aws = Aws::new(&world()).await;
            aws.fault(fault);
            let error = call(&aws.write(), operation).await.unwrap_err();
            assert_eq!(error.class, class, "{operation}: {error}");
            assert_eq!(
                aws.mutating().len(),
                1,
                "{operation} was sent again after {fault}"
            );
            let sum = aws.stats.snapshot();
            assert_eq!(
                sum.calls[&("elasticache", error.operation, Outcome::Failed(class))],
                1
            );
        }
    }
}

#[tokio::test]
async fn a_warm_connection_changes_nothing_about_it() {
    let aws = Aws::new(&world()).await;
    let (read, write) = (aws.read(), aws.write());
    for _ in 0..3 {
        read.describe_replication_groups(None).await.unwrap();
    }
    aws.fault("{operation: TestFailover, resetAfter: true}");
    let error = write.test_failover("sessions", &"0001".into()).await.unwrap_err();
    assert!(error.maybe_sent);
    assert_eq!(aws.mutating().len(), 1);
}

#[tokio::test]
async fn an_increase_names_every_members_zone_with_the_primarys_first() {
    let aws = Aws::new(NEXTGEN).await;
    aws.write()
        .increase_replica_count("sessions", one_more())
        .await
        .unwrap();
    let params = &aws.mutating()[0].params;
    let shard = "ReplicaConfiguration.ConfigureShard.1";
    let zone = |n: u32| {
        params[&format!("{shard}.PreferredAvailabilityZones.PreferredAvailabilityZone.{n}")].as_str()
    };
    assert_eq!(
        [zone(1), zone(2), zone(3)],
        ["ap-northeast-2c", "ap-northeast-2a", "ap-northeast-2a"]
    );
    assert_eq!(params[&format!("{shard}.NewReplicaCount")], "2");
    assert_eq!(params[&format!("{shard}.NodeGroupId")], "0001");
    assert_eq!(params["ApplyImmediately"], "true");
    assert!(!params.contains_key("NewReplicaCount"));
}

#[tokio::test]
async fn settings_are_changed_one_at_a_time_and_at_once() {
    let world = NEXTGEN.replace("multiAz: true", "multiAz: false");
    let aws = Aws::new(&world).await;
    aws.write().enable_multi_az("sessions").await.unwrap();
    let params = &aws.mutating()[0].params;
    assert_eq!(params["MultiAZEnabled"], "true");
    assert_eq!(params["ApplyImmediately"], "true");
    assert!(!params.contains_key("AutomaticFailoverEnabled"));

    let world = CLASSIC.replace(
        "clusterMode: disabled",
        "clusterMode: disabled, multiAz: false, automaticFailover: false",
    );
    let aws = Aws::new(&world).await;
    aws.write().enable_automatic_failover("carts").await.unwrap();
    let params = &aws.mutating()[0].params;
    assert_eq!(params["AutomaticFailoverEnabled"], "true");
    assert_eq!(params["ApplyImmediately"], "true");
    assert!(!params.contains_key("MultiAZEnabled"));
}

#[tokio::test]
async fn refusals_have_the_class_of_their_code() {
    let aws = Aws::new(&format!("{NEXTGEN}\nquotas: {{testFailoversPerDay: 0}}\n")).await;
    let error = aws
        .write()
        .test_failover("sessions", &"0001".into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Quota, "APICallRateForCustomerExceeded")
    );

    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{testFailoverBlocked: true}");
    let error = aws
        .write()
        .test_failover("sessions", &"0001".into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Conflict, "TestFailoverNotAvailableFault")
    );

    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{capacity: {zone: ap-northeast-2a}}");
    let error = aws
        .write()
        .increase_replica_count("sessions", one_more())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Capacity, "InsufficientCacheClusterCapacity")
    );

    let aws = Aws::new(NEXTGEN).await;
    aws.write()
        .increase_replica_count("sessions", one_more())
        .await
        .unwrap();
    let error = aws
        .write()
        .test_failover("sessions", &"0001".into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Conflict, "InvalidReplicationGroupState")
    );
    let error = aws
        .write()
        .test_failover("nothing", &"0001".into())
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    assert!(error.maybe_sent);
}

#[tokio::test]
async fn turns_to_change_something_are_paced_and_slower_after_a_throttle() {
    let aws = Aws::new(NEXTGEN).await;
    let write = aws.write();
    let start = aws.sim.now();
    let mut now = start;
    for _ in 0..5 {
        while let Err(later) = write.pace().turn(now) {
            now = later;
        }
    }
    // A burst of three, then one a second.
    assert_eq!(now.duration_since(start).as_secs(), 2);
    let soon = write.pace().turn(now).unwrap_err();
    aws.fault("{throttle: true}");
    assert_eq!(soon.duration_since(now).as_secs(), 1);
    write.test_failover("sessions", &"0001".into()).await.unwrap_err();
    let rested = now + SignedDuration::from_secs(60);
    assert!(write.pace().turn(rested).is_ok());
}
