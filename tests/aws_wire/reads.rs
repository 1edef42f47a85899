//! Each read, and each way in which it can fail.

use crate::support::{Aws, CLASSIC, NEXTGEN, sdk_config, wanted};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use evenkeel::aws::ports::{Completeness, MetricQuestion};
use evenkeel::aws::types::{CacheEventKind, ErrorClass, EventSource, MemberStatus, Metric};
use evenkeel::aws::{Outcome, ReadAws, Stats};
use evenkeel::topology::{
    AccountId, ClusterMode, Manager, NodeId, ResourceStatus, Role, Switch, WeeklyWindow, ZoneName,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_cluster_mode_enabled_group_comes_without_roles_and_with_a_configuration_endpoint() {
    let aws = Aws::new(NEXTGEN).await;
    let group = aws.read().describe_replication_group("Sessions").await.unwrap();
    assert_eq!(group.identifier, "sessions");
    assert_eq!(
        group.arn,
        "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions"
    );
    assert_eq!(group.status, ResourceStatus::Available);
    assert_eq!(group.cluster_mode, ClusterMode::Enabled);
    assert_eq!(
        (group.multi_az, group.automatic_failover),
        (Switch::Enabled, Switch::Enabled)
    );
    assert_eq!(group.endpoints.keys().collect::<Vec<_>>(), ["configuration"]);
    assert!(!group.pending_changes);
    let shape: Vec<String> = group
        .shards
        .iter()
        .flat_map(|(shard, s)| s.members.iter().map(move |(id, m)| (shard, id, m)))
        .map(|(shard, id, m)| format!("{shard} {id} {} {:?}", m.zone.as_ref().unwrap(), m.role))
        .collect();
    assert_eq!(
        shape,
        [
            "0001 sessions-0001-001 ap-northeast-2a None",
            "0001 sessions-0001-002 ap-northeast-2c None",
            "0002 sessions-0002-001 ap-northeast-2c None",
            "0002 sessions-0002-002 ap-northeast-2a None",
        ]
    );
    assert_eq!(group.member_clusters.len(), 4);
}

#[tokio::test]
async fn a_cluster_mode_disabled_group_tells_roles_and_primary_and_reader_endpoints() {
    let aws = Aws::new(CLASSIC).await;
    let group = aws.read().describe_replication_group("carts").await.unwrap();
    assert_eq!(group.cluster_mode, ClusterMode::Disabled);
    assert_eq!(group.endpoints.keys().collect::<Vec<_>>(), ["primary", "reader"]);
    let members = &group.shards[&"0001".into()].members;
    assert_eq!(members[&"carts-001".into()].role, Some(Role::Primary));
    assert_eq!(members[&"carts-002".into()].role, Some(Role::Replica));
}

#[tokio::test]
async fn a_cluster_mode_compatible_group_is_told_apart() {
    let world = CLASSIC.replace("clusterMode: disabled", "clusterMode: compatible");
    let aws = Aws::new(&world).await;
    let group = aws.read().describe_replication_group("carts").await.unwrap();
    assert_eq!(group.cluster_mode, ClusterMode::Compatible);
    assert_eq!(group.status, ResourceStatus::Available);
}

#[tokio::test]
async fn a_group_that_is_being_created_has_no_shards_yet() {
    let world = NEXTGEN.replace("multiAz: true", "multiAz: true\n    status: creating");
    let aws = Aws::new(&world).await;
    let group = aws.read().describe_replication_group("sessions").await.unwrap();
    assert_eq!(group.status, ResourceStatus::Creating);
    assert!(group.shards.is_empty());
}

#[tokio::test]
async fn members_tell_their_status_zone_window_and_subnet_group() {
    let aws = Aws::new(CLASSIC).await;
    let page = aws.read().describe_cache_clusters(None).await.unwrap();
    assert_eq!(page.marker, None);
    let ids: Vec<&str> = page.items.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["carts-001", "carts-002"]);
    let primary = aws
        .read()
        .describe_cache_cluster(&"carts-001".into())
        .await
        .unwrap();
    assert_eq!(primary, page.items[0]);
    assert_eq!(primary.status, MemberStatus::Available);
    assert_eq!(primary.zone, Some("ap-northeast-2c".into()));
    assert_eq!(
        primary.maintenance_window,
        Some(WeeklyWindow {
            start_minute: 3_210,
            end_minute: 3_270
        })
    );
    assert_eq!(primary.subnet_group.as_deref(), Some("shop-cache"));
}

#[tokio::test]
async fn subnet_groups_tell_their_zones() {
    let aws = Aws::new(NEXTGEN).await;
    let page = aws.read().describe_cache_subnet_groups(None).await.unwrap();
    let zones: Vec<&str> = page.items[0].zones.iter().map(ZoneName::as_str).collect();
    assert_eq!(
        (page.items[0].name.as_str(), zones),
        ("shop-cache", vec!["ap-northeast-2a", "ap-northeast-2c"])
    );
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn a_test_failover_is_told_by_events_that_name_the_new_primary() {
    let aws = Aws::new(NEXTGEN).await;
    let start = aws.sim.now();
    aws.write()
        .test_failover("sessions", &"0001".into())
        .await
        .unwrap();
    aws.sim.advance(SignedDuration::from_mins(20)).await.unwrap();
    let page = aws
        .read()
        .describe_events(start, aws.sim.now(), None)
        .await
        .unwrap();
    let kinds: Vec<&CacheEventKind> = page.items.iter().map(|e| &e.kind).collect();
    assert!(
        kinds.contains(&&CacheEventKind::TestFailoverCalled { shard: "0001".into() }),
        "{kinds:?}"
    );
    assert!(kinds.contains(&&CacheEventKind::Recovering), "{kinds:?}");
    assert!(kinds.contains(&&CacheEventKind::FinishedRecovery), "{kinds:?}");
    let promoted: Vec<&NodeId> = page
        .items
        .iter()
        .filter_map(|e| match &e.kind {
            CacheEventKind::FailoverCompleted { to, .. } => Some(to),
            _ => None,
        })
        .collect();
    assert!(!promoted.is_empty());
    assert!(
        promoted.iter().all(|to| to.as_str() == "sessions-0001-002"),
        "{promoted:?}"
    );
    let group = EventSource::ReplicationGroup("sessions".into());
    let member = EventSource::CacheCluster("sessions-0001-001".into());
    assert!(page.items.iter().any(|e| e.source == group));
    assert!(
        page.items
            .iter()
            .any(|e| e.source == member && e.kind == CacheEventKind::Recovering)
    );
}

#[tokio::test]
async fn tags_are_read_by_arn() {
    let aws = Aws::new(NEXTGEN).await;
    let arn = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";
    let tags = aws.read().list_tags_for_resource(arn).await.unwrap();
    assert_eq!(
        tags,
        [("evenkeel.dev/owner".to_owned(), "demo".to_owned())].into()
    );
}

#[tokio::test]
async fn the_account_is_that_of_the_credentials() {
    let aws = Aws::new(NEXTGEN).await;
    let account = aws.read().get_caller_identity().await.unwrap();
    assert_eq!(account, AccountId::from("111122223333"));
}

#[tokio::test]
async fn points_are_answered_question_by_question_and_a_primary_has_no_lag() {
    let aws = Aws::new(CLASSIC).await;
    aws.sim.advance(SignedDuration::from_mins(10)).await.unwrap();
    let now = aws.sim.now();
    let question = |node: &str, metric| MetricQuestion {
        node: node.into(),
        metric,
    };
    let questions = [
        question("carts-001", Metric::IsMaster),
        question("carts-002", Metric::IsMaster),
        question("carts-001", Metric::ReplicationLag),
        question("carts-002", Metric::ReplicationLag),
    ];
    let from = now - SignedDuration::from_mins(5);
    let answer = aws
        .read()
        .get_metric_data(&questions, from, now, None)
        .await
        .unwrap();
    assert_eq!(answer.next_token, None);
    let values = |i: usize| {
        let result = answer.results.iter().find(|r| r.question == i).unwrap();
        assert_eq!(result.completeness, Completeness::Complete);
        let inside = |at: &Timestamp| *at >= from && *at < now && at.as_second() % 60 == 0;
        assert!(
            result.points.iter().all(|(at, _)| inside(at)),
            "{:?}",
            result.points
        );
        let mut values: Vec<f64> = result.points.iter().map(|(_, v)| *v).collect();
        values.dedup();
        values
    };
    assert_eq!(values(0), [1.0]);
    assert_eq!(values(1), [0.0]);
    assert_eq!(values(2), [0.0; 0]);
    assert_eq!(values(3), [0.4]);
    assert_eq!(aws.stats.snapshot().metrics_requested, 4);
    assert_eq!(aws.sim.state().metrics_requested, 4);
}

#[tokio::test]
async fn what_does_not_exist_here_is_not_found() {
    let aws = Aws::new(NEXTGEN).await;
    let error = aws
        .read()
        .describe_replication_group("nothing")
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::NotFound, "ReplicationGroupNotFoundFault")
    );
    let error = aws
        .read()
        .describe_cache_cluster(&"nothing".into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::NotFound, "CacheClusterNotFound")
    );
    let elsewhere = sdk_config(Some(aws.sim.endpoint_url()), "eu-west-1").await;
    let elsewhere = ReadAws::new(&elsewhere, Arc::new(Stats::default()));
    let error = elsewhere
        .describe_replication_group("sessions")
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
}

#[tokio::test]
async fn members_of_a_global_datastore_say_so() {
    let world = NEXTGEN.replace(
        "multiAz: true",
        "multiAz: true\n    global: {id: ldgnf-shop, role: SECONDARY}",
    );
    let aws = Aws::new(&world).await;
    let group = aws.read().describe_replication_group("sessions").await.unwrap();
    let manager = Manager::GlobalDatastore {
        id: "ldgnf-shop".into(),
        role: "secondary".into(),
    };
    assert_eq!(group.managed_elsewhere, [manager]);
}

#[tokio::test]
async fn groups_on_an_outpost_say_so() {
    const ARN: &str = "arn:aws:outposts:ap-northeast-2:111122223333:outpost/op-1";
    let world = CLASSIC.replace(
        "{name: shop-cache,",
        &format!("{{name: shop-cache, outpost: '{ARN}',"),
    );
    let aws = Aws::new(&world).await;
    let outpost = Manager::Outpost { arn: ARN.into() };
    let read = aws.read();
    let group = read.describe_replication_group("carts").await.unwrap();
    assert_eq!(group.managed_elsewhere, std::slice::from_ref(&outpost));
    let member = read.describe_cache_cluster(&"carts-001".into()).await.unwrap();
    assert_eq!(member.outpost.as_deref(), Some(ARN));
    let subnets = read.describe_cache_subnet_groups(None).await.unwrap();
    assert_eq!(subnets.items[0].outposts, [ARN.to_owned()].into());
    let mut observer = aws.observer();
    observer.survey(&wanted(&["carts"]), &aws.clock()).await.unwrap();
    assert_eq!(observer.view().groups["carts"].value.managed_elsewhere, [outpost]);
}

#[tokio::test]
async fn errors_have_classes_on_every_protocol() {
    let aws = Aws::new(NEXTGEN).await;
    let now = aws.sim.now();
    let question = [MetricQuestion {
        node: "sessions-0001-001".into(),
        metric: Metric::IsMaster,
    }];
    for (fault, class) in [
        ("{throttle: true}", ErrorClass::Throttled),
        ("{error: {code: AccessDenied, status: 403}}", ErrorClass::Denied),
        ("{error: {code: ExpiredToken, status: 403}}", ErrorClass::Denied),
        (
            "{error: {code: InternalFailure, status: 500}}",
            ErrorClass::Transient,
        ),
        (
            "{error: {code: ServiceUnavailable, status: 503}}",
            ErrorClass::Transient,
        ),
        ("{error: {code: BrandNewCode, status: 400}}", ErrorClass::Unknown),
        ("{resetBefore: true}", ErrorClass::Transient),
    ] {
        aws.fault(fault);
        let read = aws.read();
        let query = read.describe_replication_groups(None).await.unwrap_err();
        let cbor = read
            .get_metric_data(&question, now - SignedDuration::from_mins(5), now, None)
            .await
            .unwrap_err();
        let sts = read.get_caller_identity().await.unwrap_err();
        for error in [query, cbor, sts] {
            assert_eq!((error.class, error.maybe_sent), (class, true), "{fault}: {error}");
        }
        aws.sim.clear_faults();
    }
    assert_eq!(aws.stats.snapshot().total(), 21);
    assert_eq!(aws.sim.calls().len(), 21);
    assert_eq!(aws.stats.snapshot().metrics_requested, 0);
}

/// A page of which the second half is missing would be a page without its last groups, events or tags.
#[tokio::test]
async fn of_an_answer_that_was_cut_off_nothing_is_read() {
    let groups =
        ["a", "b", "c"].map(|id| format!("{{id: {id}, shards: ['a:P c:r'], tags: {{owner: {id}}}}}"));
    let world = CLASSIC.split("replicationGroups:").next().unwrap();
    let aws = Aws::new(&format!("{world}replicationGroups: [{}]", groups.join(", "))).await;
    aws.sim.advance(SignedDuration::from_mins(5)).await.unwrap();
    aws.sim.fail_node("a-0001-001").unwrap();
    aws.sim.advance(SignedDuration::from_mins(25)).await.unwrap();
    let now = aws.sim.now();
    let from = now - SignedDuration::from_mins(30);
    let arn = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:a";
    let question = [MetricQuestion {
        node: "a-0001-002".into(),
        metric: Metric::IsMaster,
    }];
    let read = aws.read();
    assert!(read.describe_events(from, now, None).await.unwrap().items.len() >= 3);
    for percent in 0..100 {
        aws.fault(&format!("{{id: cut, cut: 0.{percent:02}}}"));
        let answers = [
            read.describe_replication_groups(None).await.err(),
            read.describe_replication_group("a").await.err(),
            read.describe_cache_clusters(None).await.err(),
            read.describe_cache_subnet_groups(None).await.err(),
            read.describe_events(from, now, None).await.err(),
            read.list_tags_for_resource(arn).await.err(),
            read.get_caller_identity().await.err(),
            read.get_metric_data(&question, from, now, None).await.err(),
        ];
        for (i, error) in answers.into_iter().enumerate() {
            let Some(error) = error else {
                panic!("answer {i}, cut off after {percent} %, was taken for whole");
            };
            assert_eq!(
                (error.class, error.maybe_sent),
                (ErrorClass::Transient, true),
                "{i} {percent} %: {error}"
            );
        }
    }
}

/// Not even that there is no such group.
#[tokio::test]
async fn of_a_refusal_that_was_cut_off_nothing_is_read() {
    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{cut: 0.9}");
    let error = aws
        .read()
        .describe_replication_group("nothing")
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Transient, "CutOffAnswer")
    );
    assert!(error.advice().unwrap().contains("proxies"));
}

#[tokio::test]
async fn access_denied_names_the_iam_action_to_add() {
    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{error: {code: AccessDenied, status: 403}}");
    let error = aws.read().describe_cache_subnet_groups(None).await.unwrap_err();
    assert!(
        error
            .advice()
            .unwrap()
            .contains("elasticache:DescribeCacheSubnetGroups")
    );
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no providers in chain")))
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_advice_says_how_to_get_some() {
    let aws = Aws::new(NEXTGEN).await;
    let nobody = SharedCredentialsProvider::new(Nobody);
    let config = aws
        .config
        .clone()
        .into_builder()
        .credentials_provider(nobody)
        .build();
    let read = ReadAws::new(&config, Arc::new(aws.stats.clone()));
    let error = read.describe_replication_groups(None).await.unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.maybe_sent),
        (ErrorClass::Denied, "NoCredentials", false)
    );
    assert!(error.advice().unwrap().contains("AWS_PROFILE"));
    assert!(aws.sim.calls().is_empty());
    let sum = aws.stats.snapshot();
    assert_eq!(
        sum.calls[&("elasticache", "DescribeReplicationGroups", Outcome::NotSent)],
        1
    );
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_gets_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = sdk_config(Some(format!("http://{free}")), "ap-northeast-2").await;
    let stats = Stats::default();
    let read = ReadAws::new(&config, Arc::new(stats.clone()));
    let error = read.describe_replication_groups(None).await.unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.maybe_sent),
        (ErrorClass::Transient, "NoConnection", false)
    );
    assert!(error.advice().unwrap().contains("--aws-endpoint-url"));
    assert_eq!(stats.snapshot().total(), 1);
}

#[tokio::test]
async fn a_host_without_a_name_is_a_wrong_region_or_endpoint() {
    let config = sdk_config(
        Some("http://elasticache.nowhere-9.invalid".into()),
        "ap-northeast-2",
    )
    .await;
    let read = ReadAws::new(&config, Arc::new(Stats::default()));
    let error = read.describe_replication_groups(None).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.maybe_sent),
        ("UnknownHost", false),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("region"));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_a_timeout() {
    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{id: hang, hold: before}");
    let timeouts =
        aws_config::timeout::TimeoutConfig::builder().operation_timeout(Duration::from_millis(300));
    let config = aws
        .config
        .clone()
        .into_builder()
        .timeout_config(timeouts.build())
        .build();
    let read = ReadAws::new(&config, Arc::new(Stats::default()));
    let error = read.describe_replication_groups(None).await.unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.maybe_sent),
        (ErrorClass::Transient, "Timeout", true)
    );
}

#[tokio::test]
async fn pages_shorter_than_asked_for_are_followed_to_the_end() {
    let world = r"
region: ap-northeast-2
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
generate: {groups: 45, shards: 1, replicas: 1}
";
    let aws = Aws::new(world).await;
    aws.fault("{shortPages: 20}");
    let mut observer = aws.observer();
    observer.survey(&wanted(&[]), &aws.clock()).await.unwrap();
    assert_eq!(observer.view().groups.len(), 45);
    assert!(
        observer
            .view()
            .groups
            .values()
            .all(|seen| seen.value.members_listed)
    );
    let operations = aws.operations_since(0);
    let count = |name: &str| operations.iter().filter(|op| *op == name).count();
    assert_eq!(count("DescribeReplicationGroups"), 3);
    assert_eq!(count("DescribeCacheClusters"), 5);
}
