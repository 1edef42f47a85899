//! Manifests from files, folders and standard input, accepted as a whole or refused with every problem.

use crate::document::Problem;
use crate::document::text::{self, Limit};
use crate::intake::{self, Accepted, Source};
use anyhow::{Context as _, bail};
use rustix::fs::{OFlags, fcntl_setfl};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
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
        return Ok(vec![Source::of_bytes("stdin", stdin(Limit::MANIFEST)?)]);
    }
    let about = Path::new(path);
    let meta = std::fs::metadata(about).with_context(|| format!("can't read {path}"))?;
    if !meta.is_dir() {
        return Ok(vec![Source::of_bytes(path, bytes(about, Limit::MANIFEST)?)]);
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
            let bytes = bytes(&file, Limit::MANIFEST)?;
            Ok(Source::of_bytes(&file.to_string_lossy(), bytes))
        })
        .collect()
}

/// Text of a snapshot file, or of standard input for `-`.
pub fn snapshot(path: &str) -> anyhow::Result<Result<String, Box<Problem>>> {
    let limit = Limit::SNAPSHOT;
    let bytes = if path == STDIN {
        stdin(limit)?
    } else {
        bytes(Path::new(path), limit)?
    };
    Ok(text::decode(path, bytes, limit))
}

fn bytes(path: &Path, limit: Limit) -> anyhow::Result<Vec<u8>> {
    if path.is_dir() {
        bail!("{} is a folder: give a file", path.display());
    }
    let cannot = || format!("can't read {}", path.display());
    let file = open(path).with_context(cannot)?;
    let is_pipe = file.metadata().with_context(cannot)?.file_type().is_fifo();
    let bytes = limit.read(file).with_context(cannot)?;
    if is_pipe && bytes.is_empty() {
        bail!("{} is a pipe to which nobody writes: give a file", path.display());
    }
    Ok(bytes)
}

/// Without waiting for a writer: to a named pipe there may never come one. What a shell writes `<(…)` has its writer, and
/// is waited for like standard input.
fn open(path: &Path) -> std::io::Result<File> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(at_once).open(path)?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

fn stdin(limit: Limit) -> anyhow::Result<Vec<u8>> {
    limit.read(std::io::stdin()).context("can't read standard input")
}
