//! What a quiet cycle costs: pages, not groups.

use crate::support::{Aws, most_within};
use evenkeel::observe::{Observer, Wanted};
use jiff::SignedDuration;
use rstest::rstest;
use std::collections::BTreeMap;

fn world(groups: u32) -> String {
    format!(
        r"
region: ap-northeast-2
zones: {{ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}}
subnetGroups: [{{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2b, ap-northeast-2c]}}]
generate: {{groups: {groups}, shards: 2, replicas: 2}}
"
    )
}

/// Six nodes a group, a hundred records a page.
#[rstest]
#[case(10, 1, 1)]
#[case(100, 1, 6)]
#[case(1_000, 10, 60)]
#[tokio::test]
async fn a_quiet_cycle_costs_pages_whatever_the_number_of_groups(
    #[case] groups: u32,
    #[case] group_pages: usize,
    #[case] member_pages: usize,
) {
    let aws = Aws::new(&world(groups)).await;
    let clock = aws.clock();
    let mut observer = aws.observer();
    observer.survey(&Wanted::default(), &clock).await.unwrap();
    let all: Wanted = Wanted {
        groups: observer.view().groups.keys().cloned().collect(),
        ..Wanted::default()
    };
    assert_eq!(all.groups.len(), groups as usize);
    observer.poll_due(&all, &clock).await;

    let mut first = true;
    for _ in 0..2 {
        let next = observer.next_due(aws.sim.now());
        aws.sim
            .advance_to(next.max(aws.sim.now() + SignedDuration::from_secs(66)))
            .await
            .unwrap();
        let mark = aws.sim.mark();
        let changes = observer.poll_due(&all, &clock).await;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for operation in aws.operations_since(mark) {
            *counts.entry(operation).or_default() += 1;
        }
        // What the buying policy wants is its own test's matter; it is asked in full batches.
        let bought = counts.remove("GetMetricData").unwrap_or_default();
        assert!(first || bought <= 1, "{bought} calls of GetMetricData");
        first = false;
        let wanted = [
            ("DescribeCacheClusters".to_owned(), member_pages),
            ("DescribeEvents".to_owned(), 1),
            ("DescribeReplicationGroups".to_owned(), group_pages),
        ];
        assert_eq!(counts, wanted.into());
        assert_eq!(changes.errors, []);
        assert_eq!(changes.groups, [].into());
        assert_eq!(changes.events, []);
    }
    // A burst of eighty, then ten a second.
    let calls = aws.calls_of("elasticache");
    assert!(most_within(&calls, SignedDuration::from_secs(1)) <= 90);
    assert!(most_within(&calls, SignedDuration::from_secs(10)) <= 180);
}

/// 500 groups whose metrics are wanted, and due, for the first time.
async fn listed_but_not_measured() -> (Aws, Observer, Wanted) {
    let aws = Aws::new(&world(500)).await;
    let mut observer = aws.observer();
    observer.survey(&Wanted::default(), &aws.clock()).await.unwrap();
    let all = Wanted {
        groups: observer.view().groups.keys().cloned().collect(),
        ..Wanted::default()
    };
    aws.sim.advance(SignedDuration::from_secs(66)).await.unwrap();
    (aws, observer, all)
}

/// Polls; how many calls asked for metrics, and how many errors that brought.
async fn purchase(aws: &Aws, observer: &mut Observer, wanted: &Wanted) -> (usize, usize) {
    let mark = aws.sim.mark();
    let changes = observer.poll_due(wanted, &aws.clock()).await;
    let calls = aws.operations_since(mark);
    let calls = calls.iter().filter(|op| *op == "GetMetricData").count();
    (calls, changes.errors.len())
}

#[tokio::test]
async fn six_thousand_metrics_are_asked_in_batches_of_five_hundred() {
    let (aws, mut observer, all) = listed_but_not_measured().await;
    let (calls, _) = purchase(&aws, &mut observer, &all).await;
    let asked = aws.stats.snapshot().metrics_requested;
    // 3,000 nodes: at start each is asked for its role and sign of life.
    assert!(asked >= 3_000, "{asked} metrics");
    assert_eq!(calls, usize::try_from(asked).unwrap().div_ceil(500));
    assert_eq!(asked, aws.sim.state().metrics_requested);
    assert_eq!(observer.view().points.len(), 3_000);
}

#[tokio::test]
async fn while_cloudwatch_refuses_a_fleet_asks_for_little_and_gets_all_of_it_afterwards() {
    let (aws, mut observer, all) = listed_but_not_measured().await;
    aws.fault("{operation: GetMetricData, error: {code: AccessDenied, status: 403}}");
    let (calls, errors) = purchase(&aws, &mut observer, &all).await;
    // Those that went out together.
    assert_eq!((calls, errors), (4, 1));
    assert_eq!(observer.view().points.len(), 0);
    aws.sim.clear_faults();
    aws.sim.advance(SignedDuration::from_secs(66)).await.unwrap();
    let (calls, errors) = purchase(&aws, &mut observer, &all).await;
    assert!(calls >= 6, "{calls}");
    assert_eq!(errors, 0);
    assert_eq!(observer.view().points.len(), 3_000);
}
