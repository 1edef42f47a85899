//! Small pieces of sentences that findings, verdicts and holds share, so that they read alike.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Display;

/// How many ids a sentence names before it only counts.
const NAMED: usize = 5;

/// `Shard 0001`, `shards 0001 and 0002`, `shards 0001, 0002, 0003, 0004, 0005 and 161 more`.
pub fn listed<T: Display>(noun: &str, ids: &[T]) -> String {
    format!("{noun}{} {}", plural(ids.len(), "", "s"), joined(ids))
}

/// `a`, `a and b`, `a, b and c`, with the tail counted when it is long.
pub fn joined<T: Display>(ids: &[T]) -> String {
    let mut names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    if ids.len() > NAMED {
        names.push(format!("{} more", ids.len() - NAMED));
    }
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

pub fn plural<'t>(count: usize, one: &'t str, many: &'t str) -> &'t str {
    if count == 1 { one } else { many }
}

/// `2m`, `250ms`.
pub fn span(span: SignedDuration) -> String {
    format!("{span:#}")
}

/// RFC 3339, UTC, whole seconds.
pub fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}
