//! Assumed roles: what a session asks of STS and when, and what a refusal looks like to whoever wanted to read.

use crate::support::Aws;
use evenkeel::aws::types::ErrorClass;
use evenkeel::aws::{AssumeAws, ReadAws, Role, Session, SessionLabel};
use evenkeel::topology::StackName;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};

const WORLD: &str = r#"
region: ap-northeast-2
account: "444455556666"
accounts: {AKIAIOSFODNN7EXAMPLE: "111122223333"}
roles: {'arn:aws:iam::444455556666:role/evenkeel': {externalId: x1, requiredTags: [evenkeel.dev/stack]}}
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]
replicationGroups:
  - {id: carts, clusterMode: disabled, shards: ["c:P a:r"]}
switches: {credentialsExpireBySimClock: true}
"#;

/// A reader under the role, with the loop's time in the test's hand.
struct Assumed {
    aws: Aws,
    read: ReadAws,
    now: Arc<Mutex<Timestamp>>,
}

impl Assumed {
    async fn new(external_id: &str, tag: bool) -> Self {
        let aws = Aws::new(WORLD).await;
        let now = Arc::new(Mutex::new(aws.sim.now()));
        let role = Role {
            account_ref: "prod".to_owned(),
            arn: "arn:aws:iam::444455556666:role/evenkeel".to_owned(),
            external_id: Some(external_id.to_owned()),
        };
        let label = if tag {
            SessionLabel::acting(Some("demo"), &StackName::new("shop", "web"))
        } else {
            SessionLabel::reading(Some("demo"))
        };
        let stats = Arc::new(aws.stats.clone());
        let assume = AssumeAws::new(&aws.config, stats.clone());
        let told = now.clone();
        let session = Session::new(assume, role, label, Arc::new(move || *told.lock().unwrap()));
        let read = ReadAws::assumed(&aws.config, stats, Arc::new(session));
        Self { aws, read, now }
    }

    async fn later(&self, span: SignedDuration) {
        let at = self.aws.sim.advance(span).await.unwrap();
        *self.now.lock().unwrap() = at;
    }

    /// Which operations one read costs, and how it ends.
    async fn reading(&self) -> (Vec<String>, String) {
        let mark = self.aws.sim.mark();
        let answer = self.read.describe_replication_groups(None).await;
        let ended = answer.map_or_else(|e| format!("{} {}", e.operation, e.code), |_| "ok".to_owned());
        (self.aws.operations_since(mark), ended)
    }
}

fn told(reading: &(Vec<String>, String)) -> (Vec<&str>, &str) {
    (reading.0.iter().map(String::as_str).collect(), reading.1.as_str())
}

const READ: &str = "DescribeReplicationGroups";

#[tokio::test]
async fn a_role_is_assumed_once_and_renewed_five_minutes_before_its_end() {
    let assumed = Assumed::new("x1", true).await;
    assert_eq!(told(&assumed.reading().await), (vec!["AssumeRole", READ], "ok"));
    assert_eq!(told(&assumed.reading().await), (vec![READ], "ok"));
    assumed.later(SignedDuration::from_secs(599)).await;
    assert_eq!(told(&assumed.reading().await), (vec![READ], "ok"));
    assumed.later(SignedDuration::from_secs(1)).await;
    assert_eq!(told(&assumed.reading().await), (vec!["AssumeRole", READ], "ok"));
    let call = assumed.aws.sim.calls().pop().unwrap();
    assert_eq!(
        call.principal,
        "arn:aws:sts::444455556666:assumed-role/evenkeel/shop.web@demo"
    );
    let asked = assumed.aws.sim.calls().swap_remove(0);
    assert_eq!(asked.params["DurationSeconds"], "900");
    assert_eq!(asked.account, "111122223333");
}

#[tokio::test]
async fn a_session_that_aws_ends_costs_one_read_and_is_replaced() {
    let assumed = Assumed::new("x1", true).await;
    assumed.reading().await;
    assumed.aws.sim.expire_credentials();
    let expired = (vec![READ], "DescribeReplicationGroups ExpiredToken");
    assert_eq!(told(&assumed.reading().await), expired);
    assert_eq!(told(&assumed.reading().await), (vec!["AssumeRole", READ], "ok"));
}

#[tokio::test]
async fn a_refused_role_is_told_as_such_and_not_asked_for_by_every_call() {
    for (external_id, tag) in [("x2", true), ("x1", false)] {
        let assumed = Assumed::new(external_id, tag).await;
        let refused = "AssumeRole AccessDenied";
        assert_eq!(told(&assumed.reading().await), (vec!["AssumeRole"], refused));
        assert_eq!(told(&assumed.reading().await), (vec![], refused));
        let error = assumed.read.describe_replication_groups(None).await.unwrap_err();
        assert_eq!((error.class, error.maybe_sent), (ErrorClass::Denied, false));
        assert!(error.advice().unwrap().contains("spec.externalId"));
        assumed.later(SignedDuration::from_secs(15)).await;
        assert_eq!(told(&assumed.reading().await), (vec!["AssumeRole"], refused));
    }
}
