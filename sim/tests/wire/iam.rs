//! Policies on the wire: what each call is a question about, and how a refusal reads.

use aws_sdk_elasticache::types::Tag;
use evenkeel_sim::{ClockMode, Sim};

use crate::support::{KEY, cache, cache_as, code, control, sessions, stepped, sts, watch};

const ARN: &str = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";

fn allow(actions: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{actions}], "Resource": "{resource}",
            "Condition": {{{condition}}}}}]}}"#
    )
}

/// The message of a refusal of a call that nothing allows.
macro_rules! refusal {
    ($call:expr) => {{
        let error = $call.send().await.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some("AccessDenied"), "{error:?}");
        error.meta().message().unwrap_or_default().to_owned()
    }};
}

#[tokio::test]
async fn a_refusal_names_caller_action_and_resource_as_aws_does() {
    let sim = stepped(&sessions()).await;
    sim.set_policies("default", &[]).unwrap();
    let client = cache(&sim);
    let place = "arn:aws:elasticache:ap-northeast-2:111122223333";
    let who = "User: arn:aws:iam::111122223333:user/akiasimulator0000000 is not authorized to perform:";
    let why = |action: &str| format!("because no identity-based policy allows the {action} action");
    for (said, action, resource) in [
        (
            refusal!(client.describe_cache_clusters()),
            "elasticache:DescribeCacheClusters",
            format!("{place}:cluster:*"),
        ),
        (
            refusal!(
                client
                    .describe_cache_clusters()
                    .cache_cluster_id("sessions-0001-001")
            ),
            "elasticache:DescribeCacheClusters",
            format!("{place}:cluster:sessions-0001-001"),
        ),
        (
            refusal!(client.describe_replication_groups()),
            "elasticache:DescribeReplicationGroups",
            format!("{place}:replicationgroup:*"),
        ),
        (
            refusal!(client.describe_cache_subnet_groups()),
            "elasticache:DescribeCacheSubnetGroups",
            format!("{place}:subnetgroup:*"),
        ),
        (
            refusal!(
                client
                    .test_failover()
                    .replication_group_id("Sessions")
                    .node_group_id("0001")
            ),
            "elasticache:TestFailover",
            format!("{place}:replicationgroup:sessions"),
        ),
        (
            refusal!(client.list_tags_for_resource().resource_name(ARN)),
            "elasticache:ListTagsForResource",
            ARN.to_owned(),
        ),
    ] {
        assert_eq!(
            said,
            format!("{who} {action} on resource: {resource} {}", why(action))
        );
    }
    // No resource to name.
    let action = "elasticache:DescribeEvents";
    assert_eq!(
        refusal!(client.describe_events()),
        format!("{who} {action} {}", why(action))
    );
    assert!(
        sim.calls()
            .iter()
            .all(|call| !call.applied && call.status == Some(403))
    );
    // Who one is, one may always ask.
    assert_eq!(code(sts(&sim).get_caller_identity().send().await), "ok");
    let metrics = watch(&sim)
        .get_metric_data()
        .start_time(0.into_time())
        .end_time(60.into_time());
    let query = aws_sdk_cloudwatch::types::MetricDataQuery::builder()
        .id("m")
        .build();
    assert_eq!(
        code(metrics.metric_data_queries(query).send().await),
        "AccessDenied"
    );
    sim.set_policies(
        "default",
        &[r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#],
    )
    .unwrap();
    let said = refusal!(client.describe_replication_groups());
    assert!(
        said.ends_with("with an explicit deny in an identity-based policy"),
        "{said}"
    );
}

trait IntoTime {
    fn into_time(self) -> aws_sdk_cloudwatch::primitives::DateTime;
}

impl IntoTime for i64 {
    fn into_time(self) -> aws_sdk_cloudwatch::primitives::DateTime {
        aws_sdk_cloudwatch::primitives::DateTime::from_secs(self)
    }
}

#[tokio::test]
async fn tags_of_the_resource_and_of_the_request_decide() {
    let owned = r#""StringLike": {"aws:ResourceTag/evenkeel.dev/owner": ["demo", "demo/*"]}"#;
    let tagging = r#""StringEquals": {"aws:RequestTag/team": "shop"}, "ForAllValues:StringEquals": {"aws:TagKeys": "team"}"#;
    let sim = Sim::builder()
        .world_yaml(&sessions())
        .clock(ClockMode::Stepped)
        .policy("default", &allow("\"elasticache:TestFailover\"", "*", owned))
        .policy(
            "default",
            &allow("\"elasticache:AddTagsToResource\"", ARN, tagging),
        )
        .start()
        .await
        .unwrap();
    let client = cache(&sim);
    let failover = || {
        client
            .test_failover()
            .replication_group_id("sessions")
            .node_group_id("0001")
            .send()
    };
    assert_eq!(code(failover().await), "AccessDenied");
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let add = |tags: Vec<Tag>| {
        client
            .add_tags_to_resource()
            .resource_name(ARN)
            .set_tags(Some(tags))
            .send()
    };
    assert_eq!(
        code(add(vec![tag("evenkeel.dev/owner", "demo")]).await),
        "AccessDenied"
    );
    assert_eq!(
        code(add(vec![tag("team", "shop"), tag("x", "y")]).await),
        "AccessDenied"
    );
    assert_eq!(code(add(vec![tag("team", "shop")]).await), "ok");
    for (owner, answer) in [("other", "AccessDenied"), ("demo/shop/web", "ok")] {
        let tags = [("evenkeel.dev/owner".to_owned(), owner.to_owned())];
        sim.set_tags("sessions", tags.into()).unwrap();
        assert_eq!(code(failover().await), answer, "{owner}");
    }
}

#[tokio::test]
async fn an_assumed_role_has_the_rights_of_the_role() {
    let world = format!(
        "{}policies:\n  arn:aws:iam::111122223333:role/reader:\n    - {}\n  default:\n    - {}\n",
        sessions(),
        allow("\"elasticache:Describe*\"", "*", "").replace('\n', " "),
        allow("\"sts:AssumeRole\"", "arn:aws:iam::111122223333:role/*", "").replace('\n', " "),
    );
    let sim = stepped(&world).await;
    let role = "arn:aws:iam::111122223333:role/reader";
    let assumed = sts(&sim).assume_role().role_arn(role).role_session_name("shop");
    let keys = assumed.send().await.unwrap().credentials.unwrap();
    let reader = cache_as(
        &sim,
        keys.access_key_id(),
        "ap-northeast-2",
        Some(keys.session_token()),
    );
    assert_eq!(code(reader.describe_events().send().await), "ok");
    assert_eq!(
        code(
            cache_as(&sim, KEY, "ap-northeast-2", None)
                .describe_events()
                .send()
                .await
        ),
        "AccessDenied"
    );
    let elsewhere = sts(&sim)
        .assume_role()
        .role_arn("arn:aws:iam::444455556666:role/reader");
    assert_eq!(
        code(elsewhere.role_session_name("shop").send().await),
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_keeps_the_simulator_from_starting() {
    let start = |policy: &str| {
        Sim::builder()
            .world_yaml(&sessions())
            .policy("default", policy)
            .start()
    };
    let said = start("{").await.err().unwrap().to_string();
    assert!(said.contains("the policy of default is not valid JSON"), "{said}");
    let said = start(&allow(
        "\"x:Y\"",
        "*",
        "\"StringEquals\": {\"aws:SourceIp\": \"1\"}",
    ))
    .await;
    let said = said.err().unwrap().to_string();
    assert!(
        said.contains("policies of default: Statement 1") && said.contains("aws:SourceIp"),
        "{said}"
    );
}

#[tokio::test]
async fn policies_change_over_http_all_of_them_or_none() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    let (status, said) = control(&sim, "POST", "/_sim/policies", r#"{"default": [], "nobody": []}"#).await;
    assert_eq!(status, 400);
    assert!(said["error"].as_str().unwrap().contains("`nobody`"), "{said}");
    assert_eq!(code(client.describe_events().send().await), "ok");
    let (status, _) = control(&sim, "POST", "/_sim/policies", r#"{"default": []}"#).await;
    assert_eq!(status, 200);
    assert_eq!(code(client.describe_events().send().await), "AccessDenied");
}
