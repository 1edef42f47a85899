//! Records in files: one JSON per stack in `<state>/records/`, written so that a crash, a power loss or a full disk
//! leaves either the old or the new version, never half of one.
//!
//! Each save writes a temporary file, syncs it, renames it over the old one and syncs the directory. A record that
//! can't be read is kept aside as `….corrupt-<n>` and a new one begins: its stack waits before it acts. A record
//! written by a newer version is left alone and its stack does nothing.

use crate::execute::store::{Beginning, Store, StoreError, Stored, Version};
use crate::plan::History;
use crate::topology::StackName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "evenkeel.record/v1";
const SCHEMA_FAMILY: &str = "evenkeel.record/";

/// A stack's file name: `shop_web` (an underscore can't occur in either part), with what follows.
pub fn file_name(stack: &StackName, rest: &str) -> String {
    format!("{}_{}{rest}", stack.namespace, stack.name)
}

/// Writes `content` to `path` so that it is durable when this returns, and whole whatever happens.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with(path, content, std::io::Write::write_all)
}

type Writer = fn(&mut File, &[u8]) -> io::Result<()>;

fn write_with(path: &Path, content: &[u8], write: Writer) -> io::Result<()> {
    let parent = path
        .parent()
        .ok_or_else(|| io::Error::other("a file needs a folder"))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    let temporary = parent.join(name);
    let result = (|| {
        let mut file = File::create(&temporary)?;
        write(&mut file, content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(parent)?.sync_all()
    })();
    if result.is_err() {
        // What is left of it takes room that the next try needs; failing at this changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// The record's file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordFile {
    schema: String,
    version: u64,
    stack: StackName,
    history: History,
}

/// Only the part that every version of the file has.
#[derive(Deserialize)]
struct AnyRecord {
    schema: String,
}

/// The [`Store`] of the standalone loop.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
    write: Writer,
}

impl FileStore {
    /// Records under `state/records`, made if need be.
    pub fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("records");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            write: std::io::Write::write_all,
        })
    }

    fn path(&self, stack: &StackName) -> PathBuf {
        self.folder.join(file_name(stack, ".json"))
    }

    /// Notes stand beside the records' folder.
    fn note(&self, key: &str) -> PathBuf {
        let state = self.folder.parent().unwrap_or(&self.folder);
        state.join(format!("{key}.json"))
    }

    fn load_now(&self, stack: &StackName, now: Timestamp) -> Result<Stored, StoreError> {
        let unreadable = |reason: String| StoreError::Unreadable {
            stack: stack.clone(),
            reason,
        };
        let path = self.path(stack);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(begin(now, Beginning::Absent));
            }
            Err(error) => return Err(unreadable(format!("{}: {error}", path.display()))),
        };
        match parse(&bytes, stack) {
            Ok(file) => Ok(Stored {
                history: file.history,
                version: Version(file.version.to_string()),
                begins: None,
            }),
            Err(Unparsed::Newer(schema)) => Err(unreadable(format!(
                "{} has the schema {schema}, and this version knows {SCHEMA}: install the version that wrote it",
                path.display()
            ))),
            Err(Unparsed::Garbage(why)) => {
                let aside = set_aside(&path).map_err(|e| unreadable(format!("{why}; {e}")))?;
                let why = format!("{why}; it is kept as {}", aside.display());
                Ok(begin(now, Beginning::Unreadable(why)))
            }
        }
    }

    fn save_now(
        &self,
        stack: &StackName,
        history: &History,
        expected: &Version,
    ) -> Result<Version, StoreError> {
        let unwritable = |reason: String| StoreError::Unwritable {
            stack: stack.clone(),
            reason,
        };
        let path = self.path(stack);
        let found = match fs::read(&path) {
            Ok(bytes) => parse(&bytes, stack)
                .ok()
                .map_or(Version("unreadable".to_owned()), |f| {
                    Version(f.version.to_string())
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Version::default(),
            Err(error) => return Err(unwritable(format!("{}: {error}", path.display()))),
        };
        if found != *expected {
            return Err(StoreError::Conflict { stack: stack.clone() });
        }
        let version = expected.0.parse::<u64>().unwrap_or(0) + 1;
        let file = RecordFile {
            schema: SCHEMA.to_owned(),
            version,
            stack: stack.clone(),
            history: history.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(|e| unwritable(e.to_string()))?;
        bytes.push(b'\n');
        write_with(&path, &bytes, self.write)
            .map_err(|error| unwritable(format!("{}: {error}", path.display())))?;
        Ok(Version(version.to_string()))
    }
}

impl Store for FileStore {
    async fn load(&self, stack: &StackName, now: Timestamp) -> Result<Stored, StoreError> {
        self.load_now(stack, now)
    }

    async fn save(
        &self,
        stack: &StackName,
        history: &History,
        expected: &Version,
    ) -> Result<Version, StoreError> {
        self.save_now(stack, history, expected)
    }

    async fn load_note(&self, key: &str) -> Option<String> {
        fs::read_to_string(self.note(key)).ok()
    }

    async fn save_note(&self, key: &str, text: &str) -> Result<(), String> {
        let path = self.note(key);
        write_with(&path, text.as_bytes(), self.write).map_err(|e| format!("{}: {e}", path.display()))
    }
}

enum Unparsed {
    Newer(String),
    Garbage(String),
}

fn parse(bytes: &[u8], stack: &StackName) -> Result<RecordFile, Unparsed> {
    let garbage = |e: serde_json::Error| Unparsed::Garbage(e.to_string());
    let any: AnyRecord = serde_json::from_slice(bytes).map_err(garbage)?;
    if any.schema != SCHEMA {
        return Err(if any.schema.starts_with(SCHEMA_FAMILY) {
            Unparsed::Newer(any.schema)
        } else {
            Unparsed::Garbage(format!("schema {:?}", any.schema))
        });
    }
    let file: RecordFile = serde_json::from_slice(bytes).map_err(garbage)?;
    if file.stack != *stack {
        return Err(Unparsed::Garbage(format!("it is the record of {}", file.stack)));
    }
    Ok(file)
}

fn begin(now: Timestamp, why: Beginning) -> Stored {
    Stored {
        history: History {
            began: Some(now),
            ..History::default()
        },
        version: Version::default(),
        begins: Some(why),
    }
}

/// Renames to the first free `….corrupt-<n>`.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for n in 1..10_000_u32 {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{n}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
    }
    Err(io::Error::other("too many corrupt records are kept aside"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::support::TempDir;
    use std::io::Write as _;

    fn stack() -> StackName {
        StackName::new("shop", "web")
    }

    fn noon() -> Timestamp {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn acknowledged(id: &str) -> History {
        History {
            began: Some(noon()),
            acknowledged: [id.to_owned()].into(),
            ..History::default()
        }
    }

    fn store(dir: &TempDir) -> FileStore {
        FileStore::open(dir.path()).unwrap()
    }

    fn record(dir: &TempDir) -> PathBuf {
        dir.path().join("records/shop_web.json")
    }

    /// A store whose disk takes half of what it is given.
    fn full_disk(dir: &TempDir) -> FileStore {
        FileStore {
            write: |file, bytes| {
                file.write_all(&bytes[..bytes.len() / 2])?;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            },
            ..store(dir)
        }
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let dir = TempDir::new();
        let store = store(&dir);
        let fresh = store.load_now(&stack(), noon()).unwrap();
        assert_eq!(fresh.version, Version::default());
        let one = store
            .save_now(&stack(), &acknowledged("x"), &fresh.version)
            .unwrap();
        let two = store.save_now(&stack(), &acknowledged("y"), &one).unwrap();
        let found = store.load_now(&stack(), noon()).unwrap();
        assert_eq!(found.history, acknowledged("y"));
        assert_eq!(found.version, two);
        assert_eq!(found.begins, None);
    }

    #[test]
    fn a_missing_record_is_a_new_beginning_that_says_so() {
        let dir = TempDir::new();
        let found = store(&dir).load_now(&stack(), noon()).unwrap();
        assert_eq!(found.history.began, Some(noon()));
        assert_eq!(found.begins, Some(Beginning::Absent));
    }

    #[test]
    fn a_truncated_or_garbled_record_is_kept_aside_and_begins_anew() {
        let dir = TempDir::new();
        let store = store(&dir);
        store
            .save_now(&stack(), &acknowledged("x"), &Version::default())
            .unwrap();
        let whole = fs::read(record(&dir)).unwrap();
        let other = String::from_utf8(whole.clone())
            .unwrap()
            .replace("\"web\"", "\"other\"");
        let cases: [&[u8]; 6] = [
            b"",
            b"\0\0\0\0",
            &whole[..whole.len() / 2],
            b"{}",
            b"[1,2]",
            other.as_bytes(),
        ];
        for (i, content) in cases.iter().enumerate() {
            fs::write(record(&dir), content).unwrap();
            let found = store.load_now(&stack(), noon()).unwrap();
            assert_eq!(found.history.began, Some(noon()), "case {i}");
            assert!(found.history.acknowledged.is_empty(), "case {i}");
            let Some(Beginning::Unreadable(why)) = found.begins else {
                panic!("case {i}: {:?}", found.begins);
            };
            assert!(why.contains(&format!(".corrupt-{}", i + 1)), "case {i}: {why}");
            let kept = dir
                .path()
                .join(format!("records/shop_web.json.corrupt-{}", i + 1));
            assert_eq!(fs::read(kept).unwrap(), *content);
            assert!(!record(&dir).exists());
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_left_alone() {
        let dir = TempDir::new();
        let store = store(&dir);
        let content = r#"{"schema":"evenkeel.record/v2","anything":1}"#;
        fs::write(record(&dir), content).unwrap();
        let error = store.load_now(&stack(), noon()).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { .. }));
        assert_eq!(fs::read_to_string(record(&dir)).unwrap(), content);
    }

    #[test]
    fn a_full_disk_fails_the_save_and_keeps_the_old_record() {
        let dir = TempDir::new();
        let one = store(&dir)
            .save_now(&stack(), &acknowledged("x"), &Version::default())
            .unwrap();
        let error = full_disk(&dir)
            .save_now(&stack(), &acknowledged("y"), &one)
            .unwrap_err();
        assert!(matches!(error, StoreError::Unwritable { .. }), "{error}");
        let found = store(&dir).load_now(&stack(), noon()).unwrap();
        assert_eq!(found.history, acknowledged("x"));
        let files: Vec<_> = fs::read_dir(dir.path().join("records")).unwrap().collect();
        assert_eq!(files.len(), 1, "no temporary file takes the room");
    }

    #[test]
    fn two_writers_can_not_both_save_on_the_same_version() {
        let dir = TempDir::new();
        let (mine, theirs) = (store(&dir), store(&dir));
        let seen = mine.load_now(&stack(), noon()).unwrap().version;
        theirs.save_now(&stack(), &acknowledged("theirs"), &seen).unwrap();
        let error = mine.save_now(&stack(), &acknowledged("mine"), &seen).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        assert_eq!(
            mine.load_now(&stack(), noon()).unwrap().history,
            acknowledged("theirs")
        );
    }
}
