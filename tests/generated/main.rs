//! Generated files are what the code says. `make gen` rewrites them.

#![allow(clippy::unwrap_used)]

mod fields;
mod files;
mod tables;

use fields::check_fields;
use files::check_file;

#[test]
fn the_crd_in_the_repository_is_the_one_that_the_binary_prints() {
    check_file(
        "crds/hastacks.evenkeel.dev.yaml",
        &evenkeel::cli::crds::yaml().unwrap(),
    );
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
fn the_documents_describe_every_field() {
    use evenkeel::report::{plan_json, snapshot};
    check_fields("docs/plan-format.md", &plan_json::schema());
    check_fields("docs/snapshot-format.md", &snapshot::schema());
    check_fields(
        "docs/hastack.md",
        &evenkeel::api::crd::schema()["properties"]["spec"],
    );
}
