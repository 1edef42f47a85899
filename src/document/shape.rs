//! Structure against the custom resource's own schema: unknown fields, wrong types, enum values, bounds, repeated
//! keys and items. The same schema as the API server's, so both refuse the same things.

use super::problem::{Problems, did_you_mean};
use super::yaml::{Node, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The one pattern that is understood.
pub const NOT_EMPTY: &str = "\\S";

/// Checks a value and everything below it.
pub fn check(node: &Node, schema: &Json, path: &str, problems: &mut Problems) {
    let wanted = types(schema);
    let fits = wanted.iter().any(|wanted| {
        matches!(
            (*wanted, &node.value),
            ("object", Value::Map(_))
                | ("array", Value::List(_))
                | ("string", Value::Text(_))
                | ("boolean", Value::Bool(_))
                | ("number", Value::Number(_))
                | ("null", Value::Null)
        ) || (*wanted == "integer" && whole(node).is_some())
    });
    let wanted = wanted.first().copied().unwrap_or("object");
    if !fits {
        return wrong_type(node, wanted, schema, path, problems);
    }
    match &node.value {
        Value::Map(_) => object(node, schema, path, problems),
        Value::List(items) => list(node, items, schema, path, problems),
        Value::Text(text) => string(node, text, schema, path, problems),
        Value::Number(_) => number(node, schema, path, problems),
        Value::Bool(_) | Value::Null => {}
    }
}

/// The first is the one that remedies ask for.
fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
        one => vec![one.as_str().unwrap_or("object")],
    }
}

/// The path of a field of the value at `path`.
pub fn field(path: &str, name: &str) -> String {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{name:?}]"),
    }
}

fn whole(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Number(n) => n.as_i64(),
        _ => None,
    }
}

fn wrong_type(node: &Node, wanted: &str, schema: &Json, path: &str, problems: &mut Problems) {
    let (message, remedy) = if node.value == Value::Null {
        (
            "is empty".to_owned(),
            "remove the line or give it a value".to_owned(),
        )
    } else {
        let noun = match wanted {
            "object" => "a mapping",
            "array" => "a list",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            _ => "a text",
        };
        let message = format!("{} is not {noun}", node.shown());
        (message, type_remedy(node, wanted, schema))
    };
    problems.add(node.line, path, Some(node.shown()), message, remedy);
}

fn type_remedy(node: &Node, wanted: &str, schema: &Json) -> String {
    let rule = schema["x-kubernetes-validations"]
        .as_array()
        .and_then(|rules| rules.last()?["message"].as_str());
    match (wanted, &node.value) {
        ("string", _) if rule.is_some() => rule.unwrap_or_default().to_owned(),
        ("string", _) if schema["enum"].is_array() => one_of(schema),
        ("string", Value::Number(_) | Value::Bool(_)) => "put it in quotes".to_owned(),
        ("integer", Value::Text(text)) if text.parse::<i64>().is_ok() => "write it without quotes".to_owned(),
        ("number", _) => format!("write a number{}", bounds(schema)),
        ("integer", _) => format!("write a whole number{}", bounds(schema)),
        ("array", _) => "write a list: one line per item, each beginning with \"- \"".to_owned(),
        ("object", _) => format!("write a mapping with the fields {}", names(schema).join(", ")),
        ("boolean", _) => "write true or false".to_owned(),
        _ => "write it as text".to_owned(),
    }
}

fn bounds(schema: &Json) -> String {
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" of at least {low}"),
        (None, Some(high)) => format!(" of at most {high}"),
        (None, None) => String::new(),
    }
}

fn one_of(schema: &Json) -> String {
    let words: Vec<_> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    format!("write one of {}", words.join(", "))
}

fn names(schema: &Json) -> Vec<&str> {
    schema["properties"]
        .as_object()
        .map(|p| p.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn object(node: &Node, schema: &Json, path: &str, problems: &mut Problems) {
    let known = names(schema);
    repeated_keys(node, path, problems);
    for (key, value) in node.entries() {
        let here = field(path, &key.name);
        if let Some(inner) = schema["properties"].get(&key.name) {
            check(value, inner, &here, problems);
        } else if schema["additionalProperties"].is_object() {
            check(value, &schema["additionalProperties"], &here, problems);
        } else {
            unknown_field(key.line, &key.name, &here, &known, problems);
        }
    }
    for required in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
    {
        if node.get(required).is_none() {
            let about = schema["properties"][required]["description"]
                .as_str()
                .unwrap_or_default();
            let first = about.split(". ").next().unwrap_or_default().trim_end_matches('.');
            problems.add(
                node.line,
                &field(path, required),
                None,
                "is missing",
                format!("add it: {first}"),
            );
        }
    }
}

/// Reports a field that doesn't exist, with the nearest one that does.
pub fn unknown_field(line: u64, name: &str, path: &str, known: &[&str], problems: &mut Problems) {
    let remedy = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("remove it; the fields here are {}", known.join(", ")),
    };
    problems.add(
        line,
        path,
        Some(format!("{name:?}")),
        "is no field that exists",
        remedy,
    );
}

/// YAML forbids repeated keys; which of the values would win differs from tool to tool.
pub fn repeated_keys(node: &Node, path: &str, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (key, value) in node.entries() {
        if !seen.insert(&key.name) {
            problems.add(
                key.line,
                &field(path, &key.name),
                Some(value.shown()),
                "is given twice",
                "keep one of the two lines",
            );
        }
    }
}

fn list(node: &Node, items: &[Node], schema: &Json, path: &str, problems: &mut Problems) {
    let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
    if items.len() as u64 > most {
        problems.add(
            node.line,
            path,
            Some(format!("{} items", items.len())),
            format!("has {} items", items.len()),
            format!("keep at most {most}"),
        );
    }
    for (i, item) in items.iter().enumerate() {
        check(item, &schema["items"], &format!("{path}[{i}]"), problems);
    }
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    let is_set = schema["x-kubernetes-list-type"].as_str() == Some("set");
    let mut seen = BTreeSet::new();
    for (i, item) in items.iter().enumerate() {
        let (word, here) = match key {
            Some(key) => (item.get(key), format!("{path}[{i}].{key}")),
            None if is_set => (Some(item), format!("{path}[{i}]")),
            None => return,
        };
        let Some((node, word)) = word.and_then(|n| n.text().map(|t| (n, t))) else {
            continue;
        };
        if !seen.insert(word) {
            problems.add(
                node.line,
                &here,
                Some(node.shown()),
                format!("{} is listed twice", node.shown()),
                "remove or rename one of the two",
            );
        }
    }
}

fn string(node: &Node, text: &str, schema: &Json, path: &str, problems: &mut Problems) {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Json::as_str).collect();
        if !words.contains(&text) {
            let remedy = match did_you_mean(text, words.iter().copied()) {
                Some(near) => format!("did you mean {near}? ({})", one_of(schema)),
                None => one_of(schema),
            };
            problems.add(
                node.line,
                path,
                Some(node.shown()),
                format!("{} is no value that exists", node.shown()),
                remedy,
            );
        }
    }
    if schema["format"].as_str() == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
        problems.add(
            node.line,
            path,
            Some(node.shown()),
            format!("{} is no moment", node.shown()),
            "write a moment such as 2026-03-01T10:00:00Z",
        );
    }
    if schema["pattern"].as_str() == Some(NOT_EMPTY) && text.trim().is_empty() {
        problems.add(
            node.line,
            path,
            Some(node.shown()),
            "is empty",
            "give it a value or remove the line",
        );
    }
    let length = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|most| length > most) {
        let most = &schema["maxLength"];
        problems.add(
            node.line,
            path,
            Some(node.shown()),
            format!("has {length} characters"),
            format!("use at most {most}"),
        );
    }
}

fn number(node: &Node, schema: &Json, path: &str, problems: &mut Problems) {
    let Value::Number(number) = &node.value else {
        return;
    };
    let number = number.as_f64().unwrap_or_default();
    let low = schema["minimum"].as_f64().is_some_and(|least| number < least);
    let high = schema["maximum"].as_f64().is_some_and(|most| number > most);
    if low || high {
        let noun = if types(schema).contains(&"integer") {
            "whole number"
        } else {
            "number"
        };
        problems.add(
            node.line,
            path,
            Some(node.shown()),
            format!("{} is out of range", node.shown()),
            format!("write a {noun}{}", bounds(schema)),
        );
    }
}
