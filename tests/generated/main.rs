//! Generated files are what the code says. `make gen` rewrites them.

#![allow(clippy::unwrap_used)]

mod examples;
mod fields;
mod reference;
mod tables;

use evenkeel_test_support::files::check_file;
use examples::check_examples;
use fields::check_fields;

#[test]
fn the_crds_in_the_repository_are_those_that_the_binary_prints() {
    for (name, text) in evenkeel::cli::crds::documents().unwrap() {
        check_file(&format!("crds/{name}.yaml"), &text);
    }
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_formats() {
    use evenkeel::report::{plan_json, snapshot};
    for (name, schema) in [("plan", plan_json::schema()), ("snapshot", snapshot::schema())] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        check_file(&format!("docs/schemas/{name}.v1.schema.json"), &text);
    }
}

#[test]
fn the_examples_of_planning_print_what_its_document_shows() {
    check_examples("docs/planning.md");
}

#[test]
fn nothing_else_lies_among_the_generated_files() {
    for (folder, wanted) in [
        (
            "crds",
            vec!["awsaccounts.evenkeel.dev.yaml", "hastacks.evenkeel.dev.yaml"],
        ),
        (
            "docs/schemas",
            vec!["plan.v1.schema.json", "snapshot.v1.schema.json"],
        ),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut found: Vec<String> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(
            found, wanted,
            "{folder}: what nothing generates any more misleads"
        );
    }
}

#[test]
fn the_documents_describe_every_field() {
    use evenkeel::report::{plan_json, snapshot};
    check_fields("docs/plan-format.md", &plan_json::schema());
    check_fields("docs/snapshot-format.md", &snapshot::schema());
    check_fields(
        "docs/hastack.md",
        &evenkeel::api::crd::schema()["properties"]["spec"],
    );
}

#[test]
fn the_references_of_the_custom_resources_are_made_from_the_types() {
    check_file("docs/hastack-reference.md", &reference::hastack());
    check_file("docs/awsaccount-reference.md", &reference::account());
}

/// The first cell of each row below this heading.
fn rows_below(document: &str, heading: &str) -> std::collections::BTreeSet<String> {
    let path = format!("{}/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.map(|l| l.split('`').next().unwrap().to_owned()).collect()
}

/// The words of an enum of the conditions.
fn words(schema: &serde_json::Value, field: &str) -> std::collections::BTreeSet<String> {
    let condition = &schema["properties"]["status"]["properties"]["conditions"]["items"]["properties"];
    let values = condition[field]["enum"].as_array().unwrap();
    values.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_condition_reason_and_event_is_documented_and_none_else() {
    let schema = evenkeel::api::crd::schema();
    let document = "docs/conditions.md";
    assert_eq!(rows_below(document, "Conditions"), words(&schema, "type"));
    assert_eq!(rows_below(document, "Reasons"), words(&schema, "reason"));
    let events = evenkeel::report::events::EventReason::ALL.map(|r| format!("{r:?}"));
    assert_eq!(rows_below(document, "Events"), events.into());
}

#[test]
fn every_condition_and_reason_of_an_account_is_documented_and_none_else() {
    let schema = evenkeel::api::crd::account_schema();
    let document = "docs/accounts.md";
    assert_eq!(rows_below(document, "Conditions"), words(&schema, "type"));
    assert_eq!(rows_below(document, "Reasons"), words(&schema, "reason"));
}
