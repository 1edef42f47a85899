//! The envelope of a manifest: apiVersion, kind, metadata with name, namespace, labels and annotations.

use super::rules::{is_label, is_subdomain};
use crate::api;
use crate::document::problem::{Problems, did_you_mean};
use crate::document::shape::{field, repeated_keys, unknown_field};
use crate::document::{Node, Value};

const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
/// Fields of Kubernetes' ObjectMeta.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];
const ANNOTATIONS: &[&str] = &[api::PAUSED, api::RECONCILE_AT, api::APPROVE, api::ACKNOWLEDGE];
const LABELS: &[&str] = &[api::TEAM];

/// True when the document says that it is a HAStack of our version; otherwise says what it is.
pub(super) fn is_stack(document: &Node, problems: &mut Problems) -> bool {
    if !matches!(document.value, Value::Map(_)) {
        problems.add(
            document.line,
            "",
            Some(document.shown()),
            "is no HAStack",
            format!(
                "begin it with apiVersion: {} and kind: {}",
                api::API_VERSION,
                api::KIND
            ),
        );
        return false;
    }
    let version = word(document, "apiVersion", api::API_VERSION, problems);
    let kind = word(document, "kind", api::KIND, problems);
    version && kind
}

fn word(document: &Node, name: &str, wanted: &str, problems: &mut Problems) -> bool {
    let Some(node) = document.get(name) else {
        problems.add(
            document.line,
            name,
            None,
            "is missing",
            format!("write {name}: {wanted}"),
        );
        return false;
    };
    if node.text() == Some(wanted) {
        return true;
    }
    let message = format!("{} is not {wanted}", node.shown());
    let remedy = format!("write {name}: {wanted}, or move this document out of the folder");
    problems.add(node.line, name, Some(node.shown()), message, remedy);
    false
}

/// Checks everything but `spec`.
pub(super) fn check(document: &Node, problems: &mut Problems) {
    repeated_keys(document, "", problems);
    for (key, _) in document.entries() {
        if !TOP.contains(&key.name.as_str()) {
            unknown_field(key.line, &key.name, &key.name, TOP, problems);
        }
    }
    let Some(metadata) = document.get("metadata") else {
        problems.add(
            document.line,
            "metadata.name",
            None,
            "is missing",
            "add metadata with the stack's name",
        );
        return;
    };
    if !matches!(metadata.value, Value::Map(_)) {
        problems.add(
            metadata.line,
            "metadata",
            Some(metadata.shown()),
            format!("{} is not a mapping", metadata.shown()),
            "write a mapping with the stack's name",
        );
        return;
    }
    repeated_keys(metadata, "metadata", problems);
    for (key, _) in metadata.entries() {
        if !METADATA.contains(&key.name.as_str()) {
            unknown_field(
                key.line,
                &key.name,
                &field("metadata", &key.name),
                METADATA,
                problems,
            );
        }
    }
    names(metadata, problems);
    for (map, known) in [("annotations", ANNOTATIONS), ("labels", LABELS)] {
        if let Some(node) = metadata.get(map) {
            texts(node, &format!("metadata.{map}"), known, problems);
        }
    }
    meanings(metadata, problems);
}

const NAME: &str = "use lower case letters, digits, '-' and '.', starting and ending with a letter or digit";
const NAMESPACE: &str =
    "use up to 63 lower case letters, digits and '-', or leave it out (then it is \"default\")";

/// The text as a stack's name, or what to write instead.
pub fn parse_name(text: &str) -> Result<String, &'static str> {
    is_subdomain(text).then(|| text.to_owned()).ok_or(NAME)
}

/// The text as a namespace, or what to write instead.
pub fn parse_namespace(text: &str) -> Result<String, &'static str> {
    is_label(text).then(|| text.to_owned()).ok_or(NAMESPACE)
}

fn names(metadata: &Node, problems: &mut Problems) {
    if metadata.get("name").is_none() {
        problems.add(
            metadata.line,
            "metadata.name",
            None,
            "is missing",
            "give the stack a name",
        );
    }
    name(metadata, "name", is_subdomain, NAME, problems);
    name(metadata, "namespace", is_label, NAMESPACE, problems);
}

fn name(metadata: &Node, name: &str, passes: fn(&str) -> bool, remedy: &str, problems: &mut Problems) {
    let Some(node) = metadata.get(name) else { return };
    let message = match node.text() {
        Some(text) if passes(text) => return,
        Some(_) => format!("{} is no {name}", node.shown()),
        None => format!("{} is not a text", node.shown()),
    };
    problems.add(
        node.line,
        &format!("metadata.{name}"),
        Some(node.shown()),
        message,
        remedy,
    );
}

/// Values of annotations and labels are texts; keys under our own prefix must exist.
fn texts(node: &Node, path: &str, known: &[&str], problems: &mut Problems) {
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        problems.add(
            node.line,
            path,
            Some(node.shown()),
            format!("{} is not a mapping", node.shown()),
            "write one \"key: value\" per line",
        );
    }
    repeated_keys(node, path, problems);
    for (key, value) in node.entries() {
        let here = field(path, &key.name);
        if value.text().is_none() {
            problems.add(
                value.line,
                &here,
                Some(value.shown()),
                format!("{} is not a text", value.shown()),
                "put it in quotes",
            );
        }
        if key.name.starts_with("evenkeel.dev/") && !known.contains(&key.name.as_str()) {
            let remedy = match did_you_mean(&key.name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("remove it; known here are {}", known.join(", ")),
            };
            problems.add(
                key.line,
                &here,
                Some(value.shown()),
                "means nothing to Evenkeel",
                remedy,
            );
        }
    }
}

/// What our own annotations and labels may say.
fn meanings(metadata: &Node, problems: &mut Problems) {
    let annotation = |name: &str| metadata.get("annotations").and_then(|a| a.get(name));
    if let Some(node) = annotation(api::PAUSED)
        && node.text().is_some_and(|t| t != "true" && t != "false")
    {
        problems.add(
            node.line,
            &field("metadata.annotations", api::PAUSED),
            Some(node.shown()),
            format!("{} is neither \"true\" nor \"false\"", node.shown()),
            "write \"true\" to pause the stack, \"false\" or nothing to let it act",
        );
    }
    for name in [api::RECONCILE_AT, api::APPROVE, api::ACKNOWLEDGE] {
        if let Some(node) = annotation(name)
            && node.text().is_some_and(|t| t.trim().is_empty())
        {
            problems.add(
                node.line,
                &field("metadata.annotations", name),
                Some(node.shown()),
                "is empty",
                "give it a value or remove it",
            );
        }
    }
    if let Some(node) = metadata.get("labels").and_then(|l| l.get(api::TEAM))
        && node.text().is_some_and(|t| !is_label_value(t))
    {
        problems.add(
            node.line,
            &field("metadata.labels", api::TEAM),
            Some(node.shown()),
            format!("{} is no label value", node.shown()),
            "use up to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
        );
    }
}

fn is_label_value(text: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && end(text.chars().next())
        && end(text.chars().last())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
