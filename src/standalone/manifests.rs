//! The folder of manifests, read again when it changes.
//!
//! A file with problems is not accepted: its stacks keep the last good intent, are judged by it, and nothing is done
//! for them until the file is mended. A file that is gone forgets its stacks; AWS is left as it is. A folder that
//! can't be read forgets nothing.

use crate::aws::Access;
use crate::engine::Wish;
use crate::intake::{self, Accepted, Manifests, Source};
use crate::topology::StackName;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// One folder and what its manifests said last.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    texts: Arc<Texts>,
    stamps: BTreeMap<String, Stamp>,
    good: BTreeMap<StackName, Accepted>,
    wishes: BTreeMap<StackName, Wish>,
    /// What is wrong now, one line each.
    problems: Vec<String>,
}

/// By file name; a sentence where a file could not be read.
type Texts = BTreeMap<String, Result<String, String>>;

/// What changes when a file does: modification time, length, inode.
type Stamp = (Option<SystemTime>, u64, u64);

/// What a folder holds at one moment; an error where it can't be told.
#[derive(Debug)]
pub struct Reading(io::Result<Read>);

#[derive(Debug)]
struct Read {
    /// From before the texts: what changes in between is read once more.
    stamps: BTreeMap<String, Stamp>,
    texts: Arc<Texts>,
    /// What they say; `None` where that is known.
    manifests: Option<Manifests>,
}

impl Reading {
    fn of(path: &Path, known: Option<&Texts>) -> Self {
        Self(stamps(path).map(|stamps| {
            let texts = texts(path, stamps.keys());
            let manifests = (Some(&texts) != known).then(|| intake::read(&sources(&texts)));
            Read {
                stamps,
                texts: Arc::new(texts),
                manifests,
            }
        }))
    }
}

fn texts<'n>(folder: &Path, names: impl Iterator<Item = &'n String>) -> Texts {
    let source = |name: &String| Source::read(name, fs::File::open(folder.join(name))?);
    let read = |name: &String| match source(name) {
        Ok(source) => {
            let text = source.map(|s| s.text).map_err(|problem| problem.to_string());
            Some((name.clone(), text))
        }
        // It went between listing and reading.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let told = format!(
                "{name}: it can't be read: {error}; let this process read it, or move it out of the folder"
            );
            Some((name.clone(), Err(told)))
        }
    };
    names.filter_map(read).collect()
}

fn sources(texts: &Texts) -> Vec<Source> {
    let readable = texts.iter().filter_map(|(name, text)| {
        Some(Source {
            name: name.clone(),
            text: text.as_ref().ok()?.clone(),
        })
    });
    readable.collect()
}

impl Folder {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            texts: Arc::default(),
            stamps: BTreeMap::new(),
            good: BTreeMap::new(),
            wishes: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// What is wanted now.
    pub fn wishes(&self) -> &BTreeMap<StackName, Wish> {
        &self.wishes
    }

    /// What is wrong with the manifests, one line each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether files came, went or were touched since the last reading. Cheap: names and stamps only.
    pub fn touched(&self) -> bool {
        stamps(&self.path).is_ok_and(|now| now != self.stamps)
    }

    /// Reads every file again when it is called, and what they say where any of them changed. That takes as long as
    /// they are many and large, and may happen anywhere.
    pub fn reading(&self) -> impl FnOnce() -> Reading + Send + 'static {
        let path = self.path.clone();
        let known = self.problems.is_empty().then(|| self.texts.clone());
        move || Reading::of(&path, known.as_deref())
    }

    /// Takes what was read for what is wanted; says whether anything changed.
    pub fn accept(&mut self, reading: Reading) -> bool {
        let Read {
            stamps,
            texts,
            manifests,
        } = match reading.0 {
            Ok(read) => read,
            Err(error) => return self.unreadable(&error),
        };
        self.stamps = stamps;
        let Some(manifests) = manifests else {
            return false;
        };
        let before = (self.wishes.clone(), self.problems.clone());
        self.texts = texts;
        self.take_in(manifests);
        before != (self.wishes.clone(), self.problems.clone())
    }

    fn take_in(&mut self, read: Manifests) {
        let mut bad: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for problem in &read.problems {
            bad.entry(problem.file.clone())
                .or_default()
                .push(problem.to_string());
        }
        for (name, text) in &*self.texts {
            if let Err(told) = text {
                bad.entry(name.clone()).or_default().push(told.clone());
            }
        }
        let accepted: BTreeMap<StackName, Accepted> = read
            .stacks
            .into_iter()
            .map(|a| (a.intent.stack.clone(), a))
            .collect();
        self.keep_last_good(accepted, &bad, &read.refused);
        self.problems = bad.into_values().flatten().collect();
    }

    /// Stacks of files with problems stay as they were last accepted, frozen.
    fn keep_last_good(
        &mut self,
        accepted: BTreeMap<StackName, Accepted>,
        bad: &BTreeMap<String, Vec<String>>,
        refused: &BTreeSet<StackName>,
    ) {
        let mut wishes = BTreeMap::new();
        let last_good = std::mem::replace(&mut self.good, accepted);
        for (name, last) in last_good {
            if self.good.contains_key(&name) {
                continue;
            }
            let own = bad.get(&last.source);
            if own.is_none() && !refused.contains(&name) {
                continue;
            }
            let why = own.unwrap_or(&Vec::new()).join("; ");
            let frozen = format!(
                "The manifest has problems, so its last accepted version is judged and nothing is done: {}",
                if why.is_empty() {
                    "it stands in another file that has problems"
                } else {
                    &why
                }
            );
            wishes.insert(name.clone(), wish(&last, Some(frozen)));
            self.good.insert(name, last);
        }
        for (name, accepted) in &self.good {
            wishes.entry(name.clone()).or_insert_with(|| wish(accepted, None));
        }
        self.wishes = wishes;
    }

    fn unreadable(&mut self, error: &io::Error) -> bool {
        let problem = format!("the folder {} can't be read: {error}", self.path.display());
        if self.problems == [problem.clone()] {
            return false;
        }
        for wish in self.wishes.values_mut() {
            wish.frozen = Some(format!("Nothing is done: {problem}"));
        }
        self.stamps.clear();
        self.texts = Arc::default();
        self.problems = vec![problem];
        true
    }
}

fn wish(accepted: &Accepted, frozen: Option<String>) -> Wish {
    Wish {
        intent: Arc::new(accepted.intent.clone()),
        access: Access::without_accounts(accepted.intent.account_ref.as_deref()),
        frozen,
        generation: None,
        identity: None,
    }
}

fn stamps(folder: &Path) -> io::Result<BTreeMap<String, Stamp>> {
    use std::os::unix::fs::MetadataExt as _;
    let mut stamps = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !intake::is_manifest(&name) {
            continue;
        }
        // Follows links: Kubernetes mounts ConfigMaps as links.
        match fs::metadata(entry.path()) {
            Ok(meta) if meta.is_file() => {
                stamps.insert(name, (meta.modified().ok(), meta.len(), meta.ino()));
            }
            _ => {}
        }
    }
    Ok(stamps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::support::TempDir;

    impl Folder {
        fn refresh(&mut self) -> bool {
            let reading = self.reading();
            self.accept(reading())
        }
    }

    fn manifest(name: &str, group: &str) -> String {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: HAStack\nmetadata: {{name: {name}}}\nspec:\n  aws: {{region: ap-northeast-2}}\n  zones: [{{name: ap-northeast-2a}}, {{name: ap-northeast-2c}}]\n  caches: [{{name: cache, replicationGroup: {group}}}]\n"
        )
    }

    fn write(dir: &TempDir, file: &str, text: &str) {
        fs::write(dir.path().join(file), text).unwrap();
    }

    fn stack(name: &str) -> StackName {
        StackName::new("default", name)
    }

    fn group<'f>(folder: &'f Folder, name: &str) -> &'f str {
        let intent = &folder.wishes()[&stack(name)].intent;
        &intent.caches[&"cache".into()].replication_group
    }

    fn frozen(folder: &Folder, name: &str) -> Option<String> {
        folder.wishes()[&stack(name)].frozen.clone()
    }

    #[test]
    fn manifests_are_read_again_when_they_change() {
        let dir = TempDir::new();
        let mut folder = Folder::new(dir.path());
        assert!(!folder.refresh(), "an empty folder wants nothing");
        write(&dir, "web.yaml", &manifest("web", "one"));
        assert!(folder.touched());
        assert!(folder.refresh());
        assert!(!folder.touched());
        assert!(!folder.refresh());
        assert_eq!(group(&folder, "web"), "one");
        write(&dir, "web.yaml", &manifest("web", "two"));
        assert!(folder.refresh());
        assert_eq!(group(&folder, "web"), "two");
    }

    #[test]
    fn a_broken_file_keeps_the_last_good_intent_of_its_stacks_and_holds_them() {
        let dir = TempDir::new();
        write(&dir, "web.yaml", &manifest("web", "one"));
        write(&dir, "other.yaml", &manifest("other", "two"));
        let mut folder = Folder::new(dir.path());
        folder.refresh();
        let no_zones = manifest("web", "changed").replace(", {name: ap-northeast-2c}", "");
        for broken in [no_zones.as_str(), "kind: HAStack\n  : [", "\0\0"] {
            write(&dir, "web.yaml", broken);
            assert!(folder.refresh(), "{broken}");
            assert_eq!(group(&folder, "web"), "one", "{broken}");
            assert!(frozen(&folder, "web").unwrap().contains("web.yaml"), "{broken}");
            assert_eq!(frozen(&folder, "other"), None, "{broken}");
            assert!(!folder.problems().is_empty());
        }
        fs::write(dir.path().join("web.yaml"), b"kind: caf\xe9").unwrap();
        assert!(folder.refresh());
        assert_eq!(
            folder.problems(),
            ["web.yaml:1: the byte 0xe9 is no UTF-8 text; save the file as UTF-8"]
        );
        assert!(frozen(&folder, "web").is_some());
        write(&dir, "web.yaml", &manifest("web", "three"));
        assert!(folder.refresh());
        assert_eq!(group(&folder, "web"), "three");
        assert_eq!(frozen(&folder, "web"), None);
        assert!(folder.problems().is_empty());
    }

    #[test]
    fn a_file_that_is_too_large_is_a_broken_one() {
        let dir = TempDir::new();
        write(&dir, "web.yaml", &manifest("web", "one"));
        let mut folder = Folder::new(dir.path());
        folder.refresh();
        write(&dir, "web.yaml", &"# no end\n".repeat(1_000_000));
        assert!(folder.refresh());
        assert_eq!(
            folder.problems(),
            ["web.yaml: is larger than 4 MiB; split it into several files"]
        );
        assert_eq!(group(&folder, "web"), "one");
        assert!(frozen(&folder, "web").is_some());
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_once_more() {
        let dir = TempDir::new();
        write(&dir, "web.yaml", &manifest("web", "one"));
        let mut folder = Folder::new(dir.path());
        let read = folder.reading()();
        write(&dir, "web.yaml", &manifest("web", "another"));
        assert!(folder.accept(read));
        assert_eq!(group(&folder, "web"), "one");
        assert!(folder.touched());
        assert!(folder.refresh());
        assert_eq!(group(&folder, "web"), "another");
    }

    #[test]
    fn a_file_that_is_gone_forgets_its_stack() {
        let dir = TempDir::new();
        write(&dir, "web.yaml", &manifest("web", "one"));
        let mut folder = Folder::new(dir.path());
        folder.refresh();
        fs::remove_file(dir.path().join("web.yaml")).unwrap();
        assert!(folder.refresh());
        assert!(folder.wishes().is_empty());
    }

    #[test]
    fn a_stack_named_twice_is_held_in_both_files() {
        let dir = TempDir::new();
        write(&dir, "web.yaml", &manifest("web", "one"));
        let mut folder = Folder::new(dir.path());
        folder.refresh();
        write(&dir, "again.yaml", &manifest("web", "two"));
        assert!(folder.refresh());
        assert_eq!(group(&folder, "web"), "one");
        assert!(frozen(&folder, "web").is_some());
    }

    #[test]
    fn a_folder_that_can_not_be_read_forgets_nothing() {
        let dir = TempDir::new();
        let inner = dir.path().join("stacks");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("web.yaml"), manifest("web", "one")).unwrap();
        let mut folder = Folder::new(&inner);
        folder.refresh();
        fs::rename(&inner, dir.path().join("away")).unwrap();
        assert!(folder.refresh());
        assert!(frozen(&folder, "web").is_some());
        assert!(!folder.refresh());
        fs::rename(dir.path().join("away"), &inner).unwrap();
        assert!(folder.refresh());
        assert_eq!(frozen(&folder, "web"), None);
    }

    #[test]
    fn hidden_and_other_files_are_not_manifests() {
        let dir = TempDir::new();
        write(&dir, ".web.yaml", &manifest("hidden", "one"));
        write(&dir, "notes.txt", "hello");
        fs::create_dir(dir.path().join(".evenkeel")).unwrap();
        let mut folder = Folder::new(dir.path());
        assert!(!folder.refresh());
        assert!(folder.wishes().is_empty());
    }
}
