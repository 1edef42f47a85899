//! A schema as a table for people: one row per field.

use evenkeel_test_support::files::check_file;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- generated: fields -->\n";
const END: &str = "<!-- end -->\n";

/// Holds the part of a document between the marks to the schema.
pub fn check_fields(path: &str, schema: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(file).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let mut table = String::from("| field | type | | meaning |\n|---|---|---|---|\n");
    rows(schema, "", &mut table);
    check_file(path, &format!("{head}{BEGIN}{table}{END}{tail}"));
}

fn rows(schema: &Value, path: &str, out: &mut String) {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let here = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let need = if required.contains(&name.as_str()) {
            "required".to_owned()
        } else {
            default(field)
        };
        let about = field["description"].as_str().unwrap_or_default();
        let about = about
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|");
        writeln!(out, "| `{here}` | {} | {need} | {about} |", kind(field)).unwrap();
        let inner = if field["items"].is_object() {
            &field["items"]
        } else {
            field
        };
        let below = if field["items"].is_object() {
            format!("{here}[]")
        } else {
            here
        };
        rows(inner, &below, out);
    }
}

fn default(field: &Value) -> String {
    match &field["default"] {
        Value::Null | Value::Array(_) | Value::Object(_) => "optional".to_owned(),
        Value::String(text) => format!("default `{text}`"),
        other => format!("default `{other}`"),
    }
}

fn kind(field: &Value) -> String {
    if let Some(words) = field["enum"].as_array() {
        let words: Vec<_> = words
            .iter()
            .map(|w| format!("`{}`", w.as_str().map_or(w.to_string(), str::to_owned)))
            .collect();
        return words.join(", ");
    }
    if let Some(word) = field["const"].as_str() {
        return format!("`{word}`");
    }
    let name = match &field["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        one => one.as_str().unwrap_or_default().to_owned(),
    };
    let name = match field["format"].as_str() {
        Some("date-time") => name.replace("string", "time"),
        _ => name,
    };
    let bounds = match (field["minimum"].as_f64(), field["maximum"].as_f64()) {
        (Some(low), Some(high)) if high < 1e6 => format!(" {low}–{high}"),
        _ => String::new(),
    };
    match field["items"].is_object() {
        true if field["items"]["properties"].is_object() => "list of objects".to_owned(),
        true => format!("list of {}", kind(&field["items"])),
        false if field["additionalProperties"].is_object() => {
            format!("map to {}", kind(&field["additionalProperties"]))
        }
        false => format!("{name}{bounds}"),
    }
}
