//! From a manifest to an [`Intent`], or to all of its problems at once. Pure.
//!
//! Text becomes a tree that remembers lines ([`yaml`](crate::document::yaml)); the tree is checked against the custom resource's own schema
//! ([`shape`](crate::document::shape)), its envelope ([`metadata`]) and the rules between fields ([`rules`]); only what has no problem is
//! filled in to an [`Intent`] ([`fill()`]). Nobody reads the custom resource afterwards.
//! A file is accepted whole or not at all.

mod duration;
mod fill;
mod metadata;
mod rules;

pub use crate::document::Problem;
pub use metadata::{parse_name, parse_namespace};

use crate::api;
use crate::document::text::{self, Limit};
use crate::document::{Node, Problems, shape, yaml};
use crate::plan::Intent;
use crate::topology::StackName;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::LazyLock;

/// One file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As problems name it.
    pub name: String,
    pub text: String,
}

impl Source {
    /// From a file, of which no more is read than a manifest may hold.
    pub fn read(name: &str, file: impl Read) -> io::Result<Result<Self, Box<Problem>>> {
        Ok(Self::of_bytes(name, Limit::MANIFEST.read(file)?))
    }

    /// From the bytes of a file, if they are text.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Box<Problem>> {
        Ok(Self {
            name: name.to_owned(),
            text: text::decode(name, bytes, Limit::MANIFEST)?,
        })
    }
}

/// A stack and the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub source: String,
    pub intent: Intent,
}

/// Everything that some files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// Of the files without any problem, in the order of the files.
    pub stacks: Vec<Accepted>,
    /// Of all files, in order.
    pub problems: Vec<Problem>,
    /// Stacks that are named in files with problems: they exist, but not what they want.
    pub refused: BTreeSet<StackName>,
}

static SPEC_SCHEMA: LazyLock<Json> = LazyLock::new(|| api::crd::schema()["properties"]["spec"].take());

/// Files of a folder that are read: `*.yaml`, `*.yml`, `*.json`, not hidden.
pub fn is_manifest(file_name: &str) -> bool {
    !file_name.starts_with('.')
        && [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| file_name.len() > end.len() && file_name.ends_with(end))
}

/// Reads all documents of all files. Two stacks of one name are a problem of both their files: which of them is meant
/// can't be known.
pub fn read(sources: &[Source]) -> Manifests {
    let mut files: Vec<(Vec<Intent>, Vec<Problem>, BTreeSet<StackName>)> =
        sources.iter().map(read_one).collect();
    let mut places: BTreeMap<StackName, Vec<usize>> = BTreeMap::new();
    for (i, (_, _, names)) in files.iter().enumerate() {
        for name in names {
            places.entry(name.clone()).or_default().push(i);
        }
    }
    for (stack, places) in &places {
        for i in places.iter().filter(|_| places.len() > 1) {
            let others: Vec<_> = places
                .iter()
                .filter(|j| *j != i)
                .map(|j| sources[*j].name.as_str())
                .collect();
            files[*i]
                .1
                .push(twice(&sources[*i].name, stack, &others.join(", ")));
        }
    }
    let mut manifests = Manifests::default();
    for (source, (intents, problems, names)) in sources.iter().zip(files) {
        if problems.is_empty() {
            manifests
                .stacks
                .extend(intents.into_iter().map(|intent| Accepted {
                    source: source.name.clone(),
                    intent,
                }));
        } else {
            manifests.refused.extend(names);
        }
        manifests.problems.extend(problems);
    }
    manifests
}

/// Reads one object as an API server hands it out.
pub fn read_object(object: &Json) -> Result<Intent, Vec<Problem>> {
    let mut problems = Problems::default();
    let intent = read_stack(&Node::of_json(object), &mut problems);
    match intent {
        Some((_, Some(intent))) if problems.found.is_empty() => Ok(intent),
        _ => Err(problems.found),
    }
}

fn twice(file: &str, stack: &StackName, others: &str) -> Problem {
    Problem {
        file: file.to_owned(),
        line: None,
        document: 1,
        path: "metadata.name".to_owned(),
        value: Some(stack.to_string()),
        message: format!("stack {stack} is given in {others} too"),
        remedy: "rename or remove one of the two".to_owned(),
    }
}

fn read_one(source: &Source) -> (Vec<Intent>, Vec<Problem>, BTreeSet<StackName>) {
    let (documents, syntax) = yaml::documents(&source.text);
    let mut intents = Vec::new();
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (i, document) in documents.iter().enumerate() {
        let mut problems = Problems::default();
        for stack in members(document) {
            if let Some((name, intent)) = read_stack(stack, &mut problems) {
                if !names.insert(name.clone()) {
                    problems.found.push(twice("", &name, "this file"));
                }
                intents.extend(intent);
            }
        }
        for mut problem in problems.found {
            problem.document = i + 1;
            found.push(problem);
        }
    }
    if let Some(error) = syntax {
        found.push(Problem {
            file: String::new(),
            line: error.line,
            document: documents.len() + 1,
            path: String::new(),
            value: None,
            message: format!("can't be read as YAML: {}", error.message),
            remedy: "correct the line; indentation and unclosed quotes or brackets are the usual causes"
                .to_owned(),
        });
    }
    for problem in &mut found {
        problem.file.clone_from(&source.name);
    }
    (intents, found, names)
}

/// The items of a `List`, as `kubectl get -o yaml` prints one; otherwise the document itself.
fn members(document: &Node) -> Vec<&Node> {
    let kind = document.get("kind").and_then(Node::text);
    match (kind, document.get("items")) {
        (Some("List" | "HAStackList"), Some(items)) => items.items().iter().collect(),
        _ => vec![document],
    }
}

/// The stack's name where it has one, and its intent where nothing is wrong with it.
fn read_stack(document: &Node, problems: &mut Problems) -> Option<(StackName, Option<Intent>)> {
    let before = problems.found.len();
    if !metadata::is_stack(document, problems) {
        return None;
    }
    metadata::check(document, problems);
    match document.get("spec") {
        Some(spec) => {
            shape::check(spec, &SPEC_SCHEMA, "spec", problems);
            rules::check(spec, problems);
        }
        None => problems.add(
            document.line,
            "spec",
            None,
            "is missing",
            "add spec with aws, zones and at least one component",
        ),
    }
    let name = stack_name(document)?;
    if problems.found.len() > before {
        return Some((name, None));
    }
    match fill(document, name.clone()) {
        Ok(intent) => Some((name, Some(intent))),
        Err(message) => {
            problems.add(document.line, "spec", None, message, "correct the manifest");
            Some((name, None))
        }
    }
}

fn stack_name(document: &Node) -> Option<StackName> {
    let metadata = document.get("metadata")?;
    let namespace = metadata
        .get("namespace")
        .and_then(Node::text)
        .unwrap_or("default");
    Some(StackName::new(namespace, metadata.get("name")?.text()?))
}

fn fill(document: &Node, stack: StackName) -> Result<Intent, String> {
    let metadata = document.get("metadata");
    let texts = |map: &str| -> BTreeMap<String, String> {
        metadata
            .and_then(|m| m.get(map))
            .map(Node::entries)
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.name.clone(), v.text()?.to_owned())))
            .collect()
    };
    let created = metadata.and_then(|m| m.get("creationTimestamp")?.text()?.parse::<Timestamp>().ok());
    let json = document.get("spec").map(Node::to_json).unwrap_or_default();
    let spec = serde_json::from_value(json).map_err(|e| e.to_string())?;
    let metadata = fill::Metadata {
        stack,
        created,
        annotations: texts("annotations"),
        labels: texts("labels"),
    };
    fill::intent(metadata, spec)
}
