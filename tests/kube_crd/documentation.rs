//! The CRD is the reference that people have at hand: every field is explained where `kubectl explain` looks.

use crate::support::cluster;
use serde_json::Value;

/// Every field below `schema` with its path, as `kubectl explain` takes it.
fn fields<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, child) in properties {
        let path = format!("{path}.{name}");
        found.push((path.clone(), child));
        fields(child, &path, found);
    }
}

fn has_fields(schema: &Value) -> bool {
    let schema = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    schema["properties"].is_object()
}

#[test]
fn every_field_has_a_description_in_sentences() {
    let (schema, account) = (evenkeel::api::crd::schema(), evenkeel::api::crd::account_schema());
    let mut found = Vec::new();
    fields(&schema, "has", &mut found);
    fields(&account, "awsaccount", &mut found);
    assert!(found.len() > 80, "the walk finds {} fields only", found.len());
    let bad: Vec<_> = found
        .iter()
        .filter(|(_, field)| {
            let text = field["description"].as_str().unwrap_or_default();
            let begins = text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
            !begins || !text.ends_with('.') || !text.contains(' ')
        })
        .map(|(path, field)| format!("{path}: {}", field["description"]))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_default_is_told_in_the_description_because_kubectl_explain_does_not_show_it() {
    let (schema, account) = (evenkeel::api::crd::schema(), evenkeel::api::crd::account_schema());
    let mut found = Vec::new();
    fields(&account, "awsaccount", &mut found);
    fields(&schema, "has", &mut found);
    let mut told = Vec::new();
    for (path, field) in found {
        let value = match &field["default"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let text = field["description"].as_str().unwrap();
        assert!(
            text.contains(&format!("Default {value}.")) || text.contains(&format!("{value} (the default)")),
            "{path} doesn't tell its default {value}: {text}"
        );
        told.push(path);
    }
    assert_eq!(
        told,
        [
            "awsaccount.spec.mode",
            "has.spec.guardrails.maxAddedNodes",
            "has.spec.guardrails.maxConcurrentDisruptions",
            "has.spec.guardrails.maxReplicationLag",
            "has.spec.guardrails.quietPeriod",
            "has.spec.guardrails.replaceAfter",
            "has.spec.mode",
            "has.spec.placement.maxSkew",
        ]
    );
}

#[test]
fn no_default_stands_inside_a_list_item() {
    fn walk(schema: &Value, path: &str, in_list: bool) {
        assert!(
            !in_list || schema.get("default").is_none(),
            "{path} has a default inside of a list item: GitOps tools would show a difference for ever"
        );
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            walk(child, &format!("{path}.{name}"), in_list);
        }
        if schema["items"].is_object() {
            walk(&schema["items"], &format!("{path}[]"), true);
        }
    }
    walk(&evenkeel::api::crd::schema(), "has", false);
    walk(&evenkeel::api::crd::account_schema(), "awsaccount", false);
}

#[tokio::test]
async fn kubectl_explain_knows_every_field() {
    let cluster = cluster().await;
    let (schema, account) = (evenkeel::api::crd::schema(), evenkeel::api::crd::account_schema());
    let mut found = Vec::new();
    fields(&schema, "has", &mut found);
    fields(&account, "awsaccount", &mut found);
    let parents = found.iter().filter(|(_, field)| has_fields(field));
    for (path, field) in parents {
        let said = cluster.kubectl(&["explain", path]).await;
        assert!(!said.contains("<no description>"), "{said}");
        let inner = if field["type"] == "array" {
            &field["items"]
        } else {
            field
        };
        for name in inner["properties"].as_object().unwrap().keys() {
            assert!(
                said.contains(&format!("\n  {name}\t<")),
                "{name} is missing in\n{said}"
            );
        }
    }
}

/// All of `kubectl explain has.spec`.
const EXPLAINED: &str = include_str!("explain-has-spec.txt");

#[tokio::test]
async fn kubectl_explain_reads_like_documentation() {
    let cluster = cluster().await;
    let said = cluster.kubectl(&["explain", "has.spec"]).await;
    assert_eq!(said, EXPLAINED);
}
