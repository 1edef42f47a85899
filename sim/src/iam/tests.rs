//! Tables: what is allowed, and what is refused as a policy.

use serde_json::json;
use std::collections::BTreeMap;

use super::*;

const SESSIONS: &str = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn request(action: &str) -> Request {
    Request {
        action: action.to_owned(),
        resource: SESSIONS.to_owned(),
        region: "ap-northeast-2".to_owned(),
        ..Request::default()
    }
}

/// `allowed`, `silent` or `denied`.
fn verdict(policies: &[Value], request: &Request) -> &'static str {
    let policies: Vec<Policy> = policies.iter().map(|p| Policy::read(p).unwrap()).collect();
    match judge(&policies, request) {
        Ok(()) => "allowed",
        Err(why) if why.starts_with("because no") => "silent",
        Err(_) => "denied",
    }
}

fn policy(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(action: &str, resource: &str) -> Value {
    policy(json!({"Effect": "Allow", "Action": action, "Resource": resource}))
}

/// A statement for TestFailover under one condition.
fn when(operator: &str, key: &str, values: Value) -> Value {
    let mut condition = json!({});
    condition[operator][key] = values;
    policy(
        json!([{"Effect": "Allow", "Action": "elasticache:TestFailover", "Resource": "*", "Condition": condition}]),
    )
}

#[test]
fn actions_and_resources_select_statements() {
    for (action, resource, said) in [
        ("elasticache:TestFailover", "*", "allowed"),
        ("ElastiCache:testfailover", "*", "allowed"),
        ("elasticache:Test*", "*", "allowed"),
        ("*", SESSIONS, "allowed"),
        ("elasticache:Describe*", "*", "silent"),
        ("cloudwatch:TestFailover", "*", "silent"),
        (
            "elasticache:TestFailover",
            "arn:aws:elasticache:*:*:cluster:*",
            "silent",
        ),
    ] {
        let policy = allow(action, resource);
        assert_eq!(
            verdict(&[policy], &request("elasticache:TestFailover")),
            said,
            "{action} {resource}"
        );
    }
}

#[test]
fn a_denial_wins_over_every_permission_and_silence_denies() {
    let yes = allow("elasticache:*", "*");
    let no = policy(json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "Never", "Effect": "Deny", "Action": "elasticache:TestFailover", "Resource": "*"},
    ]));
    let failover = request("elasticache:TestFailover");
    assert_eq!(verdict(&[yes.clone(), no.clone()], &failover), "denied");
    assert_eq!(verdict(&[no.clone(), yes.clone()], &failover), "denied");
    assert_eq!(verdict(&[no], &request("elasticache:DescribeEvents")), "allowed");
    assert_eq!(verdict(&[], &failover), "silent");
}

/// operator | key | values of the policy | the owner that the resource bears | the owner that the request writes | verdict
const CONDITIONS: &str = r#"
StringEquals               | aws:ResourceTag/evenkeel.dev/owner | "demo"           | demo       | -    | allowed
StringEquals               | aws:ResourceTag/evenkeel.dev/owner | ["x", "demo"]    | demo       | -    | allowed
StringEquals               | aws:ResourceTag/evenkeel.dev/owner | "Demo"           | demo       | -    | silent
StringEquals               | aws:ResourceTag/evenkeel.dev/owner | "d*"             | demo       | -    | silent
StringEquals               | aws:ResourceTag/evenkeel.dev/owner | "demo"           | -          | demo | silent
StringEquals               | aws:ResourceTag/Evenkeel.dev/Owner | "demo"           | demo       | -    | allowed
StringLike                 | aws:ResourceTag/evenkeel.dev/owner | "d*"             | demo       | -    | allowed
StringLike                 | aws:ResourceTag/evenkeel.dev/owner | ["x", "x/*"]     | demo       | -    | silent
StringLike                 | aws:ResourceTag/evenkeel.dev/owner | ["x", "x/*"]     | x/shop/web | -    | allowed
StringNotEquals            | aws:ResourceTag/evenkeel.dev/owner | ["demo", "x"]    | demo       | -    | silent
StringNotEquals            | aws:ResourceTag/evenkeel.dev/owner | "x"              | demo       | -    | allowed
StringNotEquals            | aws:ResourceTag/evenkeel.dev/owner | "x"              | -          | -    | allowed
StringNotLike              | aws:ResourceTag/evenkeel.dev/owner | "d*"             | demo       | -    | silent
StringLikeIfExists         | aws:ResourceTag/evenkeel.dev/owner | "x"              | -          | -    | allowed
StringLikeIfExists         | aws:ResourceTag/evenkeel.dev/owner | "x"              | demo       | -    | silent
StringEqualsIfExists       | aws:ResourceTag/evenkeel.dev/owner | "demo"           | demo       | -    | allowed
Null                       | aws:ResourceTag/evenkeel.dev/owner | "true"           | -          | -    | allowed
Null                       | aws:ResourceTag/evenkeel.dev/owner | true             | demo       | -    | silent
Null                       | aws:ResourceTag/evenkeel.dev/owner | "false"          | demo       | -    | allowed
ForAllValues:StringEquals  | aws:TagKeys                        | "evenkeel.dev/owner" | -      | demo | allowed
ForAllValues:StringEquals  | aws:TagKeys                        | "evenkeel.dev/owner" | -      | -    | allowed
ForAllValues:StringEquals  | aws:TagKeys                        | "team"           | -          | demo | silent
ForAnyValue:StringEquals   | aws:TagKeys                        | "evenkeel.dev/owner" | -      | demo | allowed
ForAnyValue:StringEquals   | aws:TagKeys                        | "evenkeel.dev/owner" | -      | -    | silent
StringEquals               | aws:RequestTag/evenkeel.dev/owner  | "demo"           | -          | demo | allowed
StringEquals               | aws:RequestTag/evenkeel.dev/owner  | "demo"           | demo       | -    | silent
StringEquals               | aws:RequestedRegion                | "ap-northeast-2" | -          | -    | allowed
StringEquals               | aws:RequestedRegion                | "us-east-1"      | -          | -    | silent
"#;

#[test]
fn conditions_hold_as_in_iam() {
    for row in CONDITIONS.trim().lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [operator, key, values, borne, written, said] = cells[..] else {
            panic!("{row}");
        };
        let owner = |value: &str| match value {
            "-" => tags(&[]),
            value => tags(&[("evenkeel.dev/owner", value)]),
        };
        let request = Request {
            resource_tags: owner(borne),
            written_tags: owner(written),
            ..request("elasticache:TestFailover")
        };
        let values = serde_json::from_str(values).unwrap();
        assert_eq!(verdict(&[when(operator, key, values)], &request), said, "{row}");
    }
    assert_eq!(CONDITIONS.trim().lines().count(), 28);
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let both = policy(json!({
        "Effect": "Allow", "Action": "elasticache:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "ap-northeast-2", "aws:ResourceTag/team": "shop"}},
    }));
    let of = |team: &str| Request {
        resource_tags: tags(&[("team", team)]),
        ..request("elasticache:TestFailover")
    };
    assert_eq!(verdict(std::slice::from_ref(&both), &of("shop")), "allowed");
    assert_eq!(verdict(&[both], &of("web")), "silent");
}

#[test]
fn what_can_not_be_evaluated_is_refused_by_name() {
    let statement = |change: Value| {
        let mut statement = json!({"Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": "*"});
        let fields = statement.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        policy(json!([statement]))
    };
    let condition =
        |operator: &str, key: &str, value: Value| statement(json!({"Condition": {operator: {key: value}}}));
    for (document, named) in [
        (
            json!({"Version": "2008-10-17", "Statement": []}),
            "Version must be 2012-10-17",
        ),
        (json!({"Version": "2012-10-17"}), "Statement"),
        (
            json!({"Version": "2012-10-17", "Statement": [], "Extra": 1}),
            "Extra",
        ),
        (statement(json!({"NotAction": "x:Y"})), "NotAction"),
        (statement(json!({"Principal": "*"})), "Principal"),
        (statement(json!({"Sid": "no spaces"})), "Sid may hold"),
        (statement(json!({"Effect": "allow"})), "Effect must be"),
        (statement(json!({"Action": []})), "Action must be"),
        (
            statement(json!({"Action": "TestFailover"})),
            "Action `TestFailover`",
        ),
        (statement(json!({"Resource": "sessions"})), "Resource `sessions`"),
        (
            statement(json!({"Resource": "arn:aws:elasticache:*"})),
            "ARN of six segments",
        ),
        (
            statement(json!({"Resource": "arn:aws:elasticache:*:*:replicationgroup:${aws:username}"})),
            "variables",
        ),
        (
            condition("StringMatches", "aws:ResourceTag/x", json!("y")),
            "operator StringMatches",
        ),
        (
            condition("DateLessThan", "aws:CurrentTime", json!("y")),
            "operator DateLessThan",
        ),
        (
            condition("NullIfExists", "aws:ResourceTag/x", json!("true")),
            "operator NullIfExists",
        ),
        (
            condition("StringEquals", "aws:SourceIp", json!("y")),
            "key aws:SourceIp",
        ),
        (
            condition("StringEquals", "aws:TagKeys", json!("y")),
            "aws:TagKeys, which needs",
        ),
        (
            condition("ForAllValues:StringLike", "aws:ResourceTag/x", json!("y")),
            "doesn't fit aws:ResourceTag/x",
        ),
        (
            condition("Null", "aws:ResourceTag/x", json!("maybe")),
            "Null of aws:ResourceTag/x",
        ),
    ] {
        let said = Policy::read(&document).unwrap_err();
        assert!(said.contains(named), "{document}: {said}");
    }
}

fn caller(access_key: &str, account: &str, arn: &str) -> Caller {
    Caller {
        access_key: access_key.to_owned(),
        place: crate::world::Place {
            account: account.to_owned(),
            region: "ap-northeast-2".to_owned(),
        },
        arn: arn.to_owned(),
        by: "api".to_owned(),
        tags: BTreeMap::new(),
    }
}

#[test]
fn the_nearest_policies_count() {
    let mut access = Access::default();
    let user = caller(
        "AKIASIMULATOR0000000",
        "111122223333",
        "arn:aws:iam::111122223333:user/u",
    );
    assert!(access.of(&user).is_none(), "without policies everybody is free");
    let one = || vec![allow("elasticache:*", "*")];
    access.set("default", &one()).unwrap();
    assert_eq!(access.of(&user).map(Vec::len), Some(1));
    access.set("111122223333", &[one(), one()].concat()).unwrap();
    assert_eq!(access.of(&user).map(Vec::len), Some(2));
    access.set("AKIASIMULATOR0000000", &[]).unwrap();
    assert_eq!(
        access.of(&user).map(Vec::len),
        Some(0),
        "none is a right to nothing"
    );
    let role = "arn:aws:iam::444455556666:role/team/shop";
    access.set(role, &[one(), one(), one()].concat()).unwrap();
    let session = "arn:aws:sts::444455556666:assumed-role/shop/web";
    let assumed = caller("ASIASIM0000000000001", "444455556666", session);
    assert_eq!(access.of(&assumed).map(Vec::len), Some(3));
    for (who, named) in [
        ("nobody", "`nobody` is neither"),
        ("arn:aws:iam::1:user/u", "not a role's ARN"),
    ] {
        let said = access.set(who, &[]).unwrap_err();
        assert!(said.contains(named), "{said}");
    }
}
