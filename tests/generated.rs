//! Generated files are what the code says. `make gen` rewrites them (`UPDATE_GENERATED=1`).

#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;

/// Compares a file of the repository with what it should hold, or writes it when asked to.
fn check(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    #[expect(
        clippy::disallowed_methods,
        reason = "`make gen` asks through the environment"
    )]
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "{path} is out of date: run `make gen` and look at the difference"
    );
}

#[test]
fn the_crd_in_the_repository_is_the_one_that_the_binary_prints() {
    check(
        "crds/hastacks.evenkeel.dev.yaml",
        &evenkeel::cli::crds::yaml().unwrap(),
    );
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_formats() {
    use evenkeel::report::{plan_json, snapshot};
    for (name, schema) in [("plan", plan_json::schema()), ("snapshot", snapshot::schema())] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        check(&format!("docs/schemas/{name}.v1.schema.json"), &text);
    }
}
