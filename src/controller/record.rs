//! A stack's record as text in `status.record`: JSON, compressed where it is long. Pure.
//!
//! One string, so that the API server neither interprets it nor tracks the ownership of each of its leaves. The reasons
//! of actions are left out: they are sentences for people and are made again.

use crate::execute::store::Version;
use crate::plan::History;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};

const SCHEMA: &str = "evenkeel.record/v1";
const SCHEMA_FAMILY: &str = "evenkeel.record/";
/// Longer texts are compressed; shorter ones stay readable.
const READABLE: usize = 4096;
const GZIP: &str = "gzip:";
/// A record of more than this is none of ours: the API server itself refuses objects of 1.5 MiB.
const MOST: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    schema: String,
    /// Who wrote it.
    holder: String,
    history: History,
}

/// Only the part that every version has.
#[derive(Deserialize)]
struct AnyStored {
    schema: String,
}

/// Why a record can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A newer version wrote it: it is left alone.
    Newer(String),
    /// It says nothing: a new one begins.
    Garbage(String),
}

/// The text of a record. `Err` only if a history can't be written as JSON.
pub fn encode(history: &History, holder: &str) -> Result<String, String> {
    let mut history = history.clone();
    for action in history.tickets.iter_mut().flat_map(|t| &mut t.actions) {
        action.why.clear();
    }
    let stored = Stored {
        schema: SCHEMA.to_owned(),
        holder: holder.to_owned(),
        history,
    };
    let text = serde_json::to_string(&stored).map_err(|e| e.to_string())?;
    if text.len() <= READABLE {
        return Ok(text);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
    let bytes = encoder.finish().map_err(|e| e.to_string())?;
    Ok(format!("{GZIP}{}", STANDARD.encode(bytes)))
}

/// The history in a record's text.
pub fn decode(text: &str) -> Result<History, Unreadable> {
    let garbage = |why: String| Unreadable::Garbage(why);
    let json = match text.strip_prefix(GZIP) {
        None => text.to_owned(),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).map_err(|e| garbage(e.to_string()))?;
            let mut json = String::new();
            GzDecoder::new(bytes.as_slice())
                .take(MOST)
                .read_to_string(&mut json)
                .map_err(|e| garbage(e.to_string()))?;
            json
        }
    };
    let any: AnyStored = serde_json::from_str(&json).map_err(|e| garbage(e.to_string()))?;
    if any.schema != SCHEMA {
        return Err(if any.schema.starts_with(SCHEMA_FAMILY) {
            Unreadable::Newer(any.schema)
        } else {
            Unreadable::Garbage(format!("schema {:?}", any.schema))
        });
    }
    let stored: Stored = serde_json::from_str(&json).map_err(|e| garbage(e.to_string()))?;
    Ok(stored.history)
}

/// Which record it is: the object's uid and the text. None at all is [`Version::default`].
pub fn version(uid: &str, text: Option<&str>) -> Version {
    match text {
        None => Version::default(),
        Some(text) => {
            let digest = Sha256::digest(text.as_bytes());
            let hex: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
            Version(format!("{uid}/{hex}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::history::{AddedNode, Phase, SeenPrimary, Ticket};
    use crate::plan::{Action, ActionId, ActionKind};
    use jiff::Timestamp;

    fn ticket() -> Ticket {
        Ticket {
            id: "20260302T000000Z-m".to_owned(),
            actions: vec![Action {
                id: ActionId("m".to_owned()),
                component: "sessions".into(),
                kind: ActionKind::MovePrimary { shard: "0001".into() },
                from_zone: None,
                to_zone: None,
                why: "a sentence for people".to_owned(),
            }],
            phase: Phase::Settling,
            prepared_at: Timestamp::UNIX_EPOCH,
            called_at: None,
            deadline: Timestamp::UNIX_EPOCH,
            before: [].into(),
            finished_at: None,
            outcome: None,
            holder: "me".to_owned(),
            incarnation: None,
        }
    }

    fn long() -> History {
        let primaries = (0..166)
            .map(|i| {
                let node = SeenPrimary {
                    node: format!("sessions-{i:04}-001").as_str().into(),
                    replaced_by: None,
                };
                (format!("{i:04}").as_str().into(), node)
            })
            .collect();
        History {
            primaries: [("sessions".into(), primaries)].into(),
            ..History::default()
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_but_for_the_reasons_of_actions() {
        let history = History {
            tickets: vec![ticket()],
            added_nodes: [(
                "n".into(),
                AddedNode {
                    component: "sessions".into(),
                    shard: "0001".into(),
                    at: Timestamp::UNIX_EPOCH,
                    replaces: None,
                    created: None,
                },
            )]
            .into(),
            ..History::default()
        };
        let text = encode(&history, "me").unwrap();
        assert!(
            text.starts_with(r#"{"schema":"evenkeel.record/v1","holder":"me","#),
            "{text}"
        );
        let mut expected = history;
        expected.tickets[0].actions[0].why.clear();
        assert_eq!(decode(&text).unwrap(), expected);
    }

    #[test]
    fn a_long_record_is_compressed() {
        let text = encode(&long(), "me").unwrap();
        assert!(text.starts_with("gzip:"), "{text}");
        assert!(text.len() < 2000, "{} bytes", text.len());
        assert_eq!(decode(&text).unwrap(), long());
    }

    #[test]
    fn half_a_record_is_garbage_and_a_newer_one_is_not() {
        for text in [
            encode(&long(), "me").unwrap(),
            encode(&History::default(), "me").unwrap(),
        ] {
            let half = &text[..text.len() / 2];
            assert!(matches!(decode(half), Err(Unreadable::Garbage(_))), "{half}");
        }
        assert_eq!(
            decode(r#"{"schema":"evenkeel.record/v2","x":1}"#),
            Err(Unreadable::Newer("evenkeel.record/v2".to_owned()))
        );
        assert!(matches!(
            decode(r#"{"schema":"other"}"#),
            Err(Unreadable::Garbage(_))
        ));
    }

    #[test]
    fn the_version_names_the_object_and_the_text() {
        assert_eq!(version("u", None), Version::default());
        assert_ne!(version("u", Some("a")), version("u", Some("b")));
        assert_ne!(version("u", Some("a")), version("v", Some("a")));
        assert_eq!(version("u", Some("a")), version("u", Some("a")));
    }
}
