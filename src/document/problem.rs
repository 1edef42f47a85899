//! What is wrong with a manifest: where, with which value, and what to do about it.

use std::fmt;

/// One thing that keeps a manifest from being accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Name of the file, `-` for standard input, empty where there is none.
    pub file: String,
    /// Line in the file, where one is known.
    pub line: Option<u64>,
    /// Which document of the file, from 1 on.
    pub document: usize,
    /// The field, such as `spec.zones[1].name`; empty when the whole document is meant.
    pub path: String,
    /// The value found, as written; `None` when something is missing.
    pub value: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

/// Gathers the problems of one document.
#[derive(Debug, Default)]
pub struct Problems {
    pub found: Vec<Problem>,
}

impl Problems {
    /// File and document are filled in by the caller that knows them.
    pub fn add(
        &mut self,
        line: u64,
        path: &str,
        value: Option<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found.push(Problem {
            file: String::new(),
            line: (line > 0).then_some(line),
            document: 1,
            path: path.to_owned(),
            value,
            message: message.into(),
            remedy: remedy.into(),
        });
    }
}

/// `, did you mean X?` for the nearest of the known words, when one is near.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|k| {
            let near = strsim::damerau_levenshtein(&lower, &k.to_lowercase());
            // "Monday" for "Mon", "replicas" for "minReplicasPerShard".
            let within = k.len() >= 3
                && (lower.starts_with(&k.to_lowercase())
                    || (lower.len() >= 4 && k.to_lowercase().contains(&lower)));
            (if within { near.min(1) } else { near }, k)
        })
        .filter(|(distance, k)| *distance <= 1.max(k.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["mode", "zones", "guardrails", "minReplicasPerShard", "Mon"];
        assert_eq!(did_you_mean("zone", known), Some("zones"));
        assert_eq!(did_you_mean("gaurdrails", known), Some("guardrails"));
        assert_eq!(
            did_you_mean("minreplicaspershard", known),
            Some("minReplicasPerShard")
        );
        assert_eq!(did_you_mean("replicas", known), Some("minReplicasPerShard"));
        assert_eq!(did_you_mean("Monday", known), Some("Mon"));
        assert_eq!(did_you_mean("colour", known), None);
    }
}
