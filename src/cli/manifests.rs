//! Manifests from files, folders and standard input, accepted as a whole or refused with every problem.

use crate::intake::{self, Accepted, Source};
use anyhow::{Context as _, bail};
use std::io::Read as _;
use std::path::Path;

/// How standard input is named, on the command line and in problems.
pub const STDIN: &str = "-";

/// Reads the stacks of files, folders (`*.yaml`, `*.yml`, `*.json`, sorted, not their subfolders) and `-`.
///
/// Any problem in any file is an error, after all of them were printed.
pub fn load(paths: &[String]) -> anyhow::Result<Vec<Accepted>> {
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(read(path)?);
    }
    let manifests = intake::read(&sources);
    for problem in &manifests.problems {
        eprintln!("{problem}");
    }
    match manifests.problems.len() {
        0 => {}
        1 => bail!("one problem in the manifests; nothing was done"),
        n => bail!("{n} problems in the manifests; nothing was done"),
    }
    if manifests.stacks.is_empty() {
        bail!("there is no HAStack in {}", paths.join(", "));
    }
    Ok(manifests.stacks)
}

fn read(path: &str) -> anyhow::Result<Vec<Source>> {
    if path == STDIN {
        return Ok(vec![source("stdin", stdin()?)]);
    }
    let about = Path::new(path);
    let meta = std::fs::metadata(about).with_context(|| format!("can't read {path}"))?;
    if !meta.is_dir() {
        return Ok(vec![source(path, text(about)?)]);
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(about).with_context(|| format!("can't read {path}"))? {
        let entry = entry.with_context(|| format!("can't read {path}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if intake::is_manifest(&name) && !entry.path().is_dir() {
            names.push(name);
        }
    }
    if names.is_empty() {
        bail!("the folder {path} holds no manifest (*.yaml, *.yml, *.json)");
    }
    names.sort();
    names
        .iter()
        .map(|name| {
            let file = about.join(name);
            Ok(source(&file.to_string_lossy(), text(&file)?))
        })
        .collect()
}

/// Text of a file, or of standard input for `-`.
pub fn text_of(path: &str) -> anyhow::Result<String> {
    if path == STDIN {
        stdin()
    } else {
        text(Path::new(path))
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

fn stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("can't read standard input")?;
    Ok(text)
}

fn source(name: &str, text: String) -> Source {
    Source {
        name: name.to_owned(),
        text,
    }
}
