//! `deploy/iam/`, as the simulator enforces it: exactly the ports' calls, and changes only where the owner's tag allows.

use crate::support::{Aws, NEXTGEN};
use crate::writes::{ARN, call};
use evenkeel::aws::errors::Operation;
use evenkeel::aws::types::ErrorClass;
use evenkeel::aws::{ASSUME_ACTIONS, CLAIM_ACTIONS, READ_ACTIONS, WRITE_ACTIONS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A policy of `deploy/iam/`, for an installation of this name.
fn policy(name: &str, installation: &str) -> String {
    let path = format!("{}/deploy/iam/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .unwrap()
        .replace("INSTALLATION", installation)
}

/// Every action that a policy allows.
fn actions(name: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&policy(name, "demo")).unwrap();
    let mut found = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{name}");
        match &statement["Action"] {
            Value::String(one) => assert!(found.insert(one.clone()), "{one} twice"),
            many => {
                for one in many.as_array().unwrap() {
                    assert!(found.insert(one.as_str().unwrap().to_owned()), "{one} twice");
                }
            }
        }
    }
    found
}

fn catalogue(lists: &[&[Operation]]) -> BTreeSet<String> {
    lists.concat().iter().map(|action| action.iam_action()).collect()
}

async fn aws(policies: &[&str], owner: Option<&str>) -> Aws {
    let aws = Aws::new(&NEXTGEN.replace("multiAz: true", "multiAz: false")).await;
    let documents: Vec<String> = policies.iter().map(|name| policy(name, "demo")).collect();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    aws.sim.set_policies("default", &documents).unwrap();
    let tags = owner.map(|owner| ("evenkeel.dev/owner".to_owned(), owner.to_owned()));
    aws.sim.set_tags("sessions", tags.into_iter().collect()).unwrap();
    aws
}

#[test]
fn the_policies_allow_exactly_the_calls_of_the_ports() {
    assert_eq!(actions("observe"), catalogue(&[READ_ACTIONS]));
    assert_eq!(actions("controller"), catalogue(&[READ_ACTIONS, WRITE_ACTIONS]));
    assert_eq!(actions("claim"), catalogue(&[CLAIM_ACTIONS]));
    // The tags of a session need a right of their own; they are no call.
    let mut assuming = catalogue(&[ASSUME_ACTIONS]);
    assuming.insert("sts:TagSession".to_owned());
    assert_eq!(actions("assume-role"), assuming);
}

#[tokio::test]
async fn the_controllers_policy_lets_change_only_what_bears_the_owners_tag() {
    for (owner, allowed) in [
        (Some("demo"), true),
        (Some("demo/shop/nextgen-commerce"), true),
        (None, false),
        (Some(""), false),
        (Some("demo2"), false),
        (Some("other/demo/web"), false),
    ] {
        for operation in WRITE_ACTIONS {
            let aws = aws(&["controller"], owner).await;
            let answer = call(&aws.write(), operation.name).await;
            let applied = aws.mutating()[0].applied;
            assert_eq!(
                (answer.is_ok(), applied),
                (allowed, allowed),
                "{owner:?} {operation:?}"
            );
            if let Err(error) = answer {
                assert_eq!(error.class, ErrorClass::Denied, "{error}");
                let advice = error.advice().unwrap();
                assert!(
                    advice.contains("evenkeel.dev/owner, let it name this installation"),
                    "{advice}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_read_only_policy_lets_change_nothing() {
    for operation in [WRITE_ACTIONS, CLAIM_ACTIONS].concat() {
        let aws = aws(&["observe"], Some("demo")).await;
        let error = call(&aws.write(), operation.name).await.unwrap_err();
        assert_eq!(
            (error.class, aws.mutating()[0].applied),
            (ErrorClass::Denied, false)
        );
        assert!(error.message.contains(&operation.iam_action()), "{error}");
    }
}

#[tokio::test]
async fn claiming_lets_write_the_owners_tag_where_nobody_else_has_and_nothing_more() {
    for (owner, written, allowed) in [
        (None, ("evenkeel.dev/owner", "demo/shop/web"), true),
        (Some("demo"), ("evenkeel.dev/owner", "demo/shop/web"), true),
        (Some("other"), ("evenkeel.dev/owner", "demo/shop/web"), false),
        (None, ("evenkeel.dev/owner", "other/shop/web"), false),
        (None, ("team", "shop"), false),
    ] {
        let aws = aws(&["observe", "claim"], owner).await;
        let tags = BTreeMap::from([(written.0.to_owned(), written.1.to_owned())]);
        let answer = aws.write().add_tags_to_resource(ARN, &tags).await;
        assert_eq!(answer.is_ok(), allowed, "{owner:?} {written:?}");
    }
    let both = BTreeMap::from(["evenkeel.dev/owner", "team"].map(|key| (key.to_owned(), "demo".to_owned())));
    let aws = aws(&["observe", "claim"], None).await;
    assert!(aws.write().add_tags_to_resource(ARN, &both).await.is_err());
    for operation in WRITE_ACTIONS {
        let error = call(&aws.write(), operation.name).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{error}");
    }
}
