//! Manifests from files, folders and standard input, accepted as a whole or refused with every problem.

use crate::document::{Problem, text};
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
    let mut problems = Vec::new();
    for path in paths {
        for read in read(path)? {
            match read {
                Ok(source) => sources.push(source),
                Err(problem) => problems.push(*problem),
            }
        }
    }
    let manifests = intake::read(&sources);
    problems.extend(manifests.problems);
    for problem in &problems {
        super::tell(&problem.to_string());
    }
    match problems.len() {
        0 => {}
        1 => bail!("one problem in the manifests; nothing was done"),
        n => bail!("{n} problems in the manifests; nothing was done"),
    }
    if manifests.stacks.is_empty() {
        bail!("there is no HAStack in {}", paths.join(", "));
    }
    Ok(manifests.stacks)
}

fn read(path: &str) -> anyhow::Result<Vec<Result<Source, Box<Problem>>>> {
    if path == STDIN {
        return Ok(vec![Source::of_bytes("stdin", stdin()?)]);
    }
    let about = Path::new(path);
    let meta = std::fs::metadata(about).with_context(|| format!("can't read {path}"))?;
    if !meta.is_dir() {
        return Ok(vec![Source::of_bytes(path, bytes(about)?)]);
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
            Ok(Source::of_bytes(&file.to_string_lossy(), bytes(&file)?))
        })
        .collect()
}

/// Text of a file, or of standard input for `-`.
pub fn text_of(path: &str) -> anyhow::Result<Result<String, Box<Problem>>> {
    let bytes = if path == STDIN {
        stdin()?
    } else {
        bytes(Path::new(path))?
    };
    Ok(text::decode(path, bytes))
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.is_dir() {
        bail!("{} is a folder: give a file", path.display());
    }
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

fn stdin() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("can't read standard input")?;
    Ok(bytes)
}
