//! Every field of a custom resource with its type, default and meaning, from the CustomResourceDefinition.

use serde_json::Value;
use std::fmt::Write as _;

pub fn hastack() -> String {
    let head = "# HAStack: every field\n\nMade from the types by `make gen`; `kubectl explain has.spec --recursive` says the same. [hastack.md](hastack.md) explains how they play together.\n";
    document(head, &evenkeel::api::crd::schema())
}

pub fn account() -> String {
    let head = "# AWSAccount: every field\n\nMade from the types by `make gen`; `kubectl explain awsaccount.spec --recursive` says the same. [accounts.md](accounts.md) explains how they play together.\n";
    document(head, &evenkeel::api::crd::account_schema())
}

fn document(head: &str, schema: &Value) -> String {
    let mut text = head.to_owned();
    for part in ["spec", "status"] {
        let _ = write!(
            text,
            "\n## {part}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
        );
        rows(&schema["properties"][part], part, &mut text);
    }
    text
}

fn rows(schema: &Value, path: &str, text: &mut String) {
    let Some(fields) = schema["properties"].as_object() else {
        return;
    };
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|all| all.iter().any(|n| n == name))
    };
    for (name, field) in fields {
        let here = format!("{path}.{name}");
        let default = match &field["default"] {
            Value::Null if required(name) && path.starts_with("spec") => "required".to_owned(),
            // The parts of an object that have defaults of their own are told in their own rows.
            Value::Null | Value::Object(_) => String::new(),
            value => format!("`{}`", value.as_str().map_or(value.to_string(), str::to_owned)),
        };
        let meaning = field["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ")
            .replace('|', "\\|");
        let kind = kind(field).replace('|', "\\|");
        let _ = writeln!(text, "| `{here}` | {kind} | {default} | {meaning} |");
        rows(field, &here, text);
        rows(&field["items"], &format!("{here}[]"), text);
    }
}

fn kind(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<String> = values
            .iter()
            .map(|v| format!("`{}`", v.as_str().unwrap_or_default()))
            .collect();
        return values.join(", ");
    }
    match field["type"].as_str() {
        Some("array") => format!("list of {}", kind(&field["items"])),
        Some("string") if field["format"] == "date-time" => "time (RFC 3339)".to_owned(),
        Some("object") if field["additionalProperties"].is_object() => "map".to_owned(),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    }
}
