//! The poller: whole listings or none, events without a gap, fresh reads.

use crate::support::{Aws, CLASSIC, NEXTGEN, most_within, wanted, wanted_with_tags};
use evenkeel::aws::types::{CacheEventKind, ErrorClass};
use evenkeel::observe::{FreshNeeds, Observer};
use evenkeel::topology::{AccountId, NodeId, ResourceStatus};
use jiff::SignedDuration;
use std::collections::BTreeSet;

const ALL: FreshNeeds = FreshNeeds {
    roles: true,
    lag: true,
    tags: true,
};

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

async fn to_next(aws: &Aws, observer: &Observer) {
    aws.sim
        .advance_to(observer.next_due(aws.sim.now()))
        .await
        .unwrap();
}

fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_survey_reads_everything_once() {
    let aws = Aws::new(NEXTGEN).await;
    aws.sim.advance(SignedDuration::from_mins(30)).await.unwrap();
    let now = aws.sim.now();
    let mut observer = aws.observer();
    let changes = observer
        .survey(&wanted_with_tags(&["sessions"]), &aws.clock())
        .await
        .unwrap();
    assert_eq!(changes.groups, ids(&["sessions"]));
    assert_eq!(changes.errors, []);
    let view = observer.view();
    assert_eq!(view.account, Some(AccountId::from("111122223333")));
    assert_eq!(view.listed.complete_at, Some(now));
    let group = &view.groups["sessions"];
    assert_eq!(group.read_at, now);
    assert_eq!(
        group.value.settings.subnet_zones,
        ["ap-northeast-2a".into(), "ap-northeast-2c".into()].into()
    );
    assert!(group.value.members_listed);
    assert_eq!(
        view.tags["sessions"].value.as_ref().unwrap()["evenkeel.dev/owner"],
        "demo"
    );
    assert!(view.events.complete_since.unwrap() <= now - SignedDuration::from_hours(13 * 24));
    assert_eq!(view.events.poll.complete_at, Some(now));
    let primary = &view.points[&NodeId::from("sessions-0001-001")];
    assert!(
        primary
            .is_master
            .iter()
            .any(|(_, value)| (value - 1.0).abs() < 1e-9)
    );
    assert!(primary.asked.is_some());
    assert_eq!(view.metrics.complete_at, Some(now));
}

#[tokio::test]
async fn a_failed_page_leaves_the_old_view_in_place() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    let before = observer.view().clone();
    // The groups' page comes and shows a change, the members' page fails.
    aws.write()
        .decrease_replica_count("sessions", &["sessions-0001-002".into()])
        .await
        .unwrap();
    aws.fault("{operation: DescribeCacheClusters, error: {code: AccessDenied, status: 403}}");
    to_next(&aws, &observer).await;
    let changes = observer.poll_due(&wanted, &clock).await;
    assert_eq!(changes.errors.len(), 1);
    let view = observer.view();
    assert_eq!(view.groups, before.groups);
    assert_eq!(view.listed.complete_at, before.listed.complete_at);
    assert_eq!(view.listed.error.as_ref().unwrap().class, ErrorClass::Denied);

    aws.sim.clear_faults();
    to_next(&aws, &observer).await;
    observer.poll_due(&wanted, &clock).await;
    assert_eq!(observer.view().listed.error, None);
    assert_eq!(
        observer.view().groups["sessions"].read_at,
        observer.view().listed.complete_at.unwrap()
    );
}

#[tokio::test]
async fn a_survey_that_cannot_list_is_an_error_and_asks_for_nothing_else() {
    let aws = Aws::new(NEXTGEN).await;
    aws.fault("{error: {code: ExpiredToken, status: 403}}");
    let mut observer = aws.observer();
    let error = observer
        .survey(&wanted(&["sessions"]), &aws.clock())
        .await
        .unwrap_err();
    assert!(error.advice().unwrap().contains("expired"));
    assert_eq!(aws.operations_since(0), ["DescribeReplicationGroups"]);
    assert_eq!(observer.view().listed.complete_at, None);
}

#[tokio::test]
async fn a_group_that_is_gone_leaves_the_view_after_a_whole_listing() {
    let world = NEXTGEN.replace("multiAz: true", "multiAz: true\n    status: creating");
    let aws = Aws::new(&world).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer
        .survey(&wanted(&["sessions", "nothing"]), &clock)
        .await
        .unwrap();
    assert_eq!(
        observer.view().groups["sessions"].value.status,
        ResourceStatus::Creating
    );
    assert_eq!(observer.view().groups.keys().collect::<Vec<_>>(), ["sessions"]);
}

#[tokio::test]
async fn only_groups_that_changed_are_reported() {
    let world = r#"
region: ap-northeast-2
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
replicationGroups:
  - {id: carts, shards: ["a:P c:r"]}
  - {id: sessions, shards: ["a:P c:r"]}
"#;
    let aws = Aws::new(world).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["carts", "sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    aws.sim
        .actor_yaml("{does: {testFailover: {group: carts, shard: '0001'}}}")
        .unwrap();
    aws.sim.advance(SignedDuration::from_mins(3)).await.unwrap();
    let changes = observer.poll_due(&wanted, &clock).await;
    assert_eq!(changes.groups, ids(&["carts"]));
    let called = CacheEventKind::TestFailoverCalled { shard: "0001".into() };
    assert!(changes.events.iter().any(|e| e.kind == called));
    assert!(changes.events.is_sorted_by_key(|e| e.at));
}

#[tokio::test]
async fn an_event_is_told_once_although_windows_overlap() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    let start = aws.sim.now();
    aws.sim
        .actor_yaml("{does: {testFailover: {group: sessions, shard: '0001'}}}")
        .unwrap();
    let mut told = Vec::new();
    while aws.sim.now() < start + SignedDuration::from_mins(20) {
        to_next(&aws, &observer).await;
        told.extend(observer.poll_due(&wanted, &clock).await.events);
    }
    let distinct: BTreeSet<_> = told.iter().collect();
    assert_eq!(distinct.len(), told.len());
    let finished = told.iter().filter(|e| e.kind == CacheEventKind::FinishedRecovery);
    assert!(finished.count() >= 1);
    assert_eq!(observer.view().events.all().len(), told.len());
}

#[tokio::test]
async fn after_an_hour_without_events_the_next_window_covers_the_hour() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    let since = observer.view().events.complete_since;
    aws.fault("{operation: DescribeEvents, error: {code: AccessDenied, status: 403}}");
    aws.sim
        .actor_yaml("{does: {testFailover: {group: sessions, shard: '0002'}}}")
        .unwrap();
    let start = aws.sim.now();
    while aws.sim.now() < start + SignedDuration::from_hours(1) {
        to_next(&aws, &observer).await;
        observer.poll_due(&wanted, &clock).await;
    }
    assert_eq!(
        observer.view().events.poll.error.as_ref().unwrap().class,
        ErrorClass::Denied
    );
    assert!(observer.view().events.poll.complete_at.unwrap() <= start);
    aws.sim.clear_faults();
    to_next(&aws, &observer).await;
    let changes = observer.poll_due(&wanted, &clock).await;
    let called = CacheEventKind::TestFailoverCalled { shard: "0002".into() };
    assert!(changes.events.iter().any(|e| e.kind == called));
    assert_eq!(observer.view().events.complete_since, since);
    assert_eq!(observer.view().events.poll.error, None);
}

#[tokio::test]
async fn with_half_of_all_calls_throttled_a_survey_succeeds_and_the_rate_stays_in_the_budget() {
    let world = r"
region: ap-northeast-2
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
generate: {groups: 1000, shards: 1, replicas: 1}
";
    let aws = Aws::new(world).await;
    aws.fault("{probability: 0.5, throttle: true}");
    let clock = aws.clock();
    let start = aws.sim.now();
    let mut observer = aws.observer();
    observer.survey(&wanted(&[]), &clock).await.unwrap();
    assert_eq!(observer.view().groups.len(), 1_000);
    while aws.sim.now() < start + SignedDuration::from_mins(10) {
        to_next(&aws, &observer).await;
        observer.poll_due(&wanted(&[]), &clock).await;
    }
    let all = aws.sim.calls();
    let throttled = all
        .iter()
        .filter(|c| c.error.as_deref() == Some("Throttling"))
        .count();
    assert!(
        throttled > 100,
        "{throttled} of {} calls were throttled",
        all.len()
    );
    let calls = aws.calls_of("elasticache");
    let busiest = most_within(&calls, seconds(10));
    assert!(busiest <= 25, "{busiest} calls in ten seconds");
    let listed = observer.view().listed.complete_at.unwrap();
    assert!(aws.sim.now().duration_since(listed) < SignedDuration::from_mins(5));
    assert_eq!(aws.stats.snapshot().total(), all.len() as u64);
}

#[tokio::test]
async fn a_passing_server_error_is_asked_again_and_a_refusal_is_not() {
    let aws = Aws::new(NEXTGEN).await;
    aws.fault(
        "{operation: DescribeReplicationGroups, times: 2, error: {code: InternalFailure, status: 500}}",
    );
    aws.fault("{operation: DescribeEvents, error: {code: AccessDenied, status: 403}}");
    let mut observer = aws.observer();
    let changes = observer.survey(&wanted(&[]), &aws.clock()).await.unwrap();
    let operations = aws.operations_since(0);
    let count = |name: &str| operations.iter().filter(|op| *op == name).count();
    assert_eq!(count("DescribeReplicationGroups"), 3);
    assert_eq!(count("DescribeEvents"), 1);
    assert_eq!(changes.errors.len(), 1);
}

#[tokio::test]
async fn a_hurried_group_is_read_every_fifteen_seconds_until_its_time_is_over() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    let start = aws.sim.now();
    aws.write()
        .decrease_replica_count("sessions", &["sessions-0001-002".into()])
        .await
        .unwrap();
    observer.hurry("sessions", seconds(15), start + seconds(50), start);
    let mut seen_at = Vec::new();
    while aws.sim.now() < start + seconds(50) {
        to_next(&aws, &observer).await;
        let changes = observer.poll_due(&wanted, &clock).await;
        if !changes.groups.is_empty() {
            seen_at.push(aws.sim.now().duration_since(start).as_secs());
        }
    }
    assert_eq!(seen_at, [15]);
    let by_id = aws
        .sim
        .calls()
        .iter()
        .filter(|c| c.params.contains_key("ReplicationGroupId") && !c.mutating)
        .count();
    assert_eq!(by_id, 3);
    assert_eq!(
        observer.view().groups["sessions"].value.status,
        ResourceStatus::Modifying
    );
    assert!(observer.next_due(aws.sim.now()) > aws.sim.now());
}

#[tokio::test]
async fn a_fresh_read_reads_one_group_with_members_events_points_and_tags() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    aws.sim.advance(SignedDuration::from_mins(30)).await.unwrap();
    let mut observer = aws.observer();
    observer.survey(&wanted(&["sessions"]), &clock).await.unwrap();
    aws.sim.advance(seconds(30)).await.unwrap();
    let now = aws.sim.now();
    let mark = aws.sim.mark();
    let fresh = observer.fresh("SESSIONS", ALL, &clock).await.unwrap();
    assert_eq!(
        (fresh.identifier(), fresh.read_at(), fresh.needs()),
        ("sessions", now, ALL)
    );
    let operations = aws.operations_since(mark);
    assert_eq!(
        operations,
        [
            "DescribeReplicationGroups",
            "DescribeCacheClusters",
            "DescribeEvents",
            "GetMetricData",
            "ListTagsForResource"
        ]
    );
    let view = observer.view();
    assert_eq!(view.groups["sessions"].read_at, now);
    assert_eq!(view.events.poll.complete_at, Some(now));
    assert_eq!(view.tags["sessions"].read_at, now);
    let node = &view.points[&NodeId::from("sessions-0001-002")];
    assert_eq!(node.asked.unwrap().at, now);
    assert_eq!(node.lag_asked.unwrap().at, now);
    // Four nodes, two metrics each.
    let before = aws.stats.snapshot().metrics_requested;
    observer
        .fresh("sessions", FreshNeeds { lag: false, ..ALL }, &clock)
        .await
        .unwrap();
    assert_eq!(aws.stats.snapshot().metrics_requested - before, 4);
}

#[tokio::test]
async fn a_fresh_read_buys_no_roles_where_the_description_tells_them() {
    let aws = Aws::new(CLASSIC).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer.survey(&wanted(&["carts"]), &clock).await.unwrap();
    let before = aws.stats.snapshot().metrics_requested;
    observer
        .fresh(
            "carts",
            FreshNeeds {
                roles: true,
                ..FreshNeeds::default()
            },
            &clock,
        )
        .await
        .unwrap();
    assert_eq!(aws.stats.snapshot().metrics_requested, before);
}

#[tokio::test]
async fn a_fresh_read_sees_the_failover_since_the_last_poll_and_the_next_poll_reports_it() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    aws.sim
        .actor_yaml("{does: {testFailover: {group: sessions, shard: '0001'}}}")
        .unwrap();
    aws.sim.advance(seconds(30)).await.unwrap();
    observer
        .fresh("sessions", FreshNeeds::default(), &clock)
        .await
        .unwrap();
    let called = CacheEventKind::TestFailoverCalled { shard: "0001".into() };
    assert!(observer.view().events.all().iter().any(|e| e.kind == called));
    assert_eq!(observer.next_due(aws.sim.now()), aws.sim.now());
    let mark = aws.sim.mark();
    let changes = observer.poll_due(&wanted, &clock).await;
    assert_eq!(changes.groups, ids(&["sessions"]));
    assert!(changes.events.iter().any(|e| e.kind == called));
    assert_eq!(aws.operations_since(mark), [""; 0]);
    assert!(observer.next_due(aws.sim.now()) > aws.sim.now());
}

#[tokio::test]
async fn without_a_complete_answer_there_is_no_fresh_read() {
    for operation in [
        "DescribeReplicationGroups",
        "DescribeCacheClusters",
        "DescribeEvents",
        "GetMetricData",
    ] {
        let aws = Aws::new(NEXTGEN).await;
        let clock = aws.clock();
        let mut observer = aws.observer();
        observer.survey(&wanted(&["sessions"]), &clock).await.unwrap();
        for fault in [
            "throttle: true",
            "error: {code: AccessDenied, status: 403}",
            "resetBefore: true",
        ] {
            aws.fault(&format!("{{operation: {operation}, {fault}}}"));
            let start = aws.sim.now();
            observer.fresh("sessions", ALL, &clock).await.unwrap_err();
            let waited = aws.sim.now().duration_since(start);
            assert!(waited <= seconds(60), "{operation} with {fault}: {waited}");
            aws.sim.clear_faults();
        }
    }
}

#[tokio::test]
async fn unreadable_tags_are_an_answer_of_a_fresh_read() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer
        .survey(&wanted_with_tags(&["sessions"]), &clock)
        .await
        .unwrap();
    aws.fault("{operation: ListTagsForResource, error: {code: AccessDenied, status: 403}}");
    observer.fresh("sessions", ALL, &clock).await.unwrap();
    let tags = &observer.view().tags["sessions"].value;
    assert_eq!(tags.as_ref().unwrap_err().class, ErrorClass::Denied);
    aws.sim.clear_faults();
    aws.fault("{operation: ListTagsForResource, throttle: true}");
    let error = observer.fresh("sessions", ALL, &clock).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Throttled);
}

#[tokio::test]
async fn a_group_that_a_fresh_read_does_not_find_leaves_the_view() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer.survey(&wanted(&["sessions"]), &clock).await.unwrap();
    aws.fault(
        "{operation: DescribeReplicationGroups, error: {code: ReplicationGroupNotFoundFault, status: 404}}",
    );
    let error = observer.fresh("sessions", ALL, &clock).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound);
    assert!(observer.view().groups.is_empty());
}

#[tokio::test]
async fn tags_are_read_for_wanted_groups_only_and_again_after_a_quarter_of_an_hour() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer.survey(&wanted(&["sessions"]), &clock).await.unwrap();
    assert!(observer.view().tags.is_empty());
    let wanted = wanted_with_tags(&["sessions"]);
    let start = aws.sim.now();
    let mark = aws.sim.mark();
    while aws.sim.now() < start + SignedDuration::from_mins(40) {
        observer.poll_due(&wanted, &clock).await;
        to_next(&aws, &observer).await;
    }
    let reads = aws
        .operations_since(mark)
        .iter()
        .filter(|op| *op == "ListTagsForResource")
        .count();
    assert_eq!(reads, 3);
}

#[tokio::test]
async fn tags_once_read_outlast_a_change_during_which_aws_refuses_to_tell_them() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    let wanted = wanted_with_tags(&["sessions"]);
    observer.survey(&wanted, &clock).await.unwrap();
    aws.fault("{operation: ListTagsForResource, error: {code: InvalidReplicationGroupState, status: 400}}");
    aws.sim.advance(SignedDuration::from_mins(20)).await.unwrap();
    observer.poll_due(&wanted, &clock).await;
    let tags = &observer.view().tags["sessions"];
    assert_eq!(tags.value.as_ref().unwrap()["evenkeel.dev/owner"], "demo");
    assert!(tags.read_at < aws.sim.now() - SignedDuration::from_mins(19));
}

#[tokio::test]
async fn what_cloudwatch_did_not_answer_is_asked_again() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    aws.sim.advance(SignedDuration::from_mins(30)).await.unwrap();
    let mut observer = aws.observer();
    let wanted = wanted(&["sessions"]);
    let fault = aws.fault("{service: cloudwatch, error: {code: AccessDenied, status: 403}}");
    let changes = observer.survey(&wanted, &clock).await.unwrap();
    assert_eq!(changes.errors.len(), 1, "{fault}");
    assert!(observer.view().points.is_empty());
    assert_eq!(observer.view().metrics.complete_at, None);
    assert_eq!(
        observer.view().metrics.error.as_ref().unwrap().class,
        ErrorClass::Denied
    );
    aws.sim.clear_faults();
    to_next(&aws, &observer).await;
    observer.poll_due(&wanted, &clock).await;
    assert_eq!(observer.view().points.len(), 4);
    assert_eq!(observer.view().metrics.error, None);
}

#[tokio::test]
async fn points_on_many_pages_are_the_same_points() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    aws.sim.advance(SignedDuration::from_mins(30)).await.unwrap();
    let wanted = wanted(&["sessions"]);
    let bought = async || {
        let mut observer = aws.observer();
        let mark = aws.sim.mark();
        let changes = observer.survey(&wanted, &clock).await.unwrap();
        assert_eq!(changes.errors, []);
        let points = observer.view().points.clone();
        let series: Vec<_> = points
            .into_values()
            .map(|log| (log.is_master, log.replication_lag))
            .collect();
        let calls = aws.operations_since(mark);
        let calls = calls.iter().filter(|op| *op == "GetMetricData").count();
        (series, calls)
    };
    let (whole, one) = bought().await;
    aws.fault("{operation: GetMetricData, shortPages: 50}");
    let (paged, many) = bought().await;
    assert_eq!(whole.len(), 4);
    assert_eq!(paged, whole);
    assert!(many >= one + 4, "{many} calls instead of {one}");
}

#[tokio::test]
async fn an_unreadable_account_stops_nothing() {
    let aws = Aws::new(NEXTGEN).await;
    let clock = aws.clock();
    aws.fault("{service: sts, error: {code: AccessDenied, status: 403}}");
    let mut observer = aws.observer();
    observer.survey(&wanted(&["sessions"]), &clock).await.unwrap();
    assert_eq!(observer.view().account, None);
    assert_eq!(observer.view().groups.len(), 1);
    aws.sim.clear_faults();
    let start = aws.sim.now();
    while aws.sim.now() < start + SignedDuration::from_mins(12) {
        to_next(&aws, &observer).await;
        observer.poll_due(&wanted(&["sessions"]), &clock).await;
    }
    assert_eq!(observer.view().account, Some(AccountId::from("111122223333")));
}

/// The loop may run on any thread.
#[test]
fn polling_futures_are_send() {
    fn is_send(_: impl Send) {}
    async fn use_all(observer: &mut Observer, aws: &Aws) {
        let clock = aws.clock();
        let nothing = wanted(&[]);
        is_send(observer.survey(&nothing, &clock));
        is_send(observer.poll_due(&nothing, &clock));
        is_send(observer.fresh("sessions", ALL, &clock));
    }
    let _ = use_all;
}
