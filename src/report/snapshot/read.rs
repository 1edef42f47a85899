//! From text to documents, or to all of their problems.

use super::{Snapshot, write::parse_window};
use crate::document::{Node, Problem, Problems, Value, shape, yaml};
use crate::report::words;
use schemars::generate::Contract;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// All problems of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(pub Vec<Problem>);

static SCHEMA: LazyLock<Json> = LazyLock::new(schema);

/// The JSON Schema of one snapshot (`docs/schemas/snapshot.v1.schema.json`).
pub fn schema() -> Json {
    words::schema_of::<Snapshot>(super::SCHEMA, Contract::Deserialize)
}

/// Reads JSON or YAML: one snapshot, several documents, or an array of snapshots (as `evenkeel snapshot` prints for
/// several stacks). `file` is how problems name the text.
pub fn read(file: &str, text: &str) -> Result<Vec<Snapshot>, ReadError> {
    let (documents, syntax) = yaml::documents(text);
    let mut problems = Vec::new();
    let mut found = Vec::new();
    for (i, document) in documents.iter().enumerate() {
        let members = match &document.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![document],
        };
        for member in members {
            let mut here = Problems::default();
            found.extend(one(member, &mut here));
            problems.extend(here.found.into_iter().map(|p| Problem { document: i + 1, ..p }));
        }
    }
    if let Some(error) = syntax {
        let mut here = Problems::default();
        here.add(
            error.line.unwrap_or_default(),
            "",
            None,
            format!("can't be read as JSON or YAML: {}", error.message),
            "correct the line",
        );
        problems.extend(here.found);
    }
    if documents.is_empty() && problems.is_empty() {
        let mut here = Problems::default();
        here.add(
            0,
            "",
            None,
            "holds no snapshot",
            "write one as `evenkeel snapshot` does",
        );
        problems.extend(here.found);
    }
    for problem in &mut problems {
        file.clone_into(&mut problem.file);
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(ReadError(problems))
    }
}

fn one(document: &Node, problems: &mut Problems) -> Option<Snapshot> {
    shape::check(document, &SCHEMA, "", problems);
    rules(document, problems);
    if !problems.found.is_empty() {
        return None;
    }
    match serde_json::from_value(document.to_json()) {
        Ok(snapshot) => Some(snapshot),
        Err(error) => {
            problems.add(document.line, "", None, error.to_string(), "correct the snapshot");
            None
        }
    }
}

/// What the schema can't say: ids that are given twice, windows, names that nothing carries.
fn rules(document: &Node, problems: &mut Problems) {
    let list = |node: &Node, name: &str| node.get(name).map(|n| n.items().to_vec()).unwrap_or_default();
    unique(&list(document, "zones"), "zones", "name", problems);
    let components = list(document, "components");
    unique(&components, "components", "name", problems);
    for (i, component) in components.iter().enumerate() {
        let path = format!("components[{i}]");
        let shards = list(component, "shards");
        unique(&shards, &format!("{path}.shards"), "id", problems);
        let mut nodes = BTreeMap::new();
        for (j, shard) in shards.iter().enumerate() {
            for (k, node) in list(shard, "nodes").iter().enumerate() {
                let here = format!("{path}.shards[{j}].nodes[{k}].id");
                twice(node.get("id"), here, &mut nodes, problems);
            }
        }
        for (j, window) in list(component, "maintenanceWindows").iter().enumerate() {
            if window.text().is_some_and(|w| parse_window(w).is_none()) {
                problems.add(
                    window.line,
                    &format!("{path}.maintenanceWindows[{j}]"),
                    Some(window.shown()),
                    format!("{} is no weekly window", window.shown()),
                    "write it in UTC as AWS does: sun:23:00-mon:01:30",
                );
            }
        }
    }
    let known: Vec<_> = components.iter().filter_map(|c| c.get("name")?.text()).collect();
    for (i, failover) in list(document, "failovers").iter().enumerate() {
        let Some(node) = failover.get("component") else {
            continue;
        };
        if node.text().is_some_and(|name| !known.contains(&name)) {
            problems.add(
                node.line,
                &format!("failovers[{i}].component"),
                Some(node.shown()),
                format!("{} is no component of the snapshot", node.shown()),
                format!("name one of {}", known.join(", ")),
            );
        }
    }
}

fn unique(items: &[Node], path: &str, key: &str, problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        twice(item.get(key), format!("{path}[{i}].{key}"), &mut seen, problems);
    }
}

fn twice(id: Option<&Node>, path: String, seen: &mut BTreeMap<String, String>, problems: &mut Problems) {
    let Some((node, text)) = id.and_then(|n| n.text().map(|t| (n, t))) else {
        return;
    };
    if let Some(first) = seen.get(text) {
        problems.add(
            node.line,
            &path,
            Some(node.shown()),
            format!("{} is {first} too", node.shown()),
            "rename or remove one of the two",
        );
    } else {
        seen.insert(text.to_owned(), path);
    }
}
