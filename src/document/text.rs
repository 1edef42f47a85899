//! The bytes of a file as text: UTF-8 of a size that can be, or a problem that says what else it seems to be.

use super::Problem;
use std::io::{self, Read};

/// How much a file may hold. Reading takes about a second and twenty megabytes of memory for each.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    megabytes: usize,
    /// What to do with more.
    remedy: &'static str,
}

impl Limit {
    /// Thousands of stacks.
    pub const MANIFEST: Self = Self {
        megabytes: 4,
        remedy: "split it into several files",
    };
    /// Tens of thousands of nodes.
    pub const SNAPSHOT: Self = Self {
        megabytes: 32,
        remedy: "take one of fewer stacks",
    };

    fn bytes(self) -> usize {
        self.megabytes * 1024 * 1024
    }

    /// Reads enough to see whether it is too much, and no more: some files never end.
    pub fn read(self, from: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.take(self.bytes() as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// `file` is the name that problems give it.
pub fn decode(file: &str, bytes: Vec<u8>, limit: Limit) -> Result<String, Box<Problem>> {
    if bytes.len() > limit.bytes() {
        let message = format!("is larger than {} MiB", limit.megabytes);
        return Err(problem(file, None, message, limit.remedy));
    }
    let found = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(problem(file, None, "is UTF-16 text".to_owned(), SAVE));
        }
        _ => String::from_utf8(bytes),
    };
    found.map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (before, rest) = error.as_bytes().split_at(at);
        let line = 1 + before.split(|b| *b == b'\n').skip(1).count() as u64;
        let byte = rest.first().copied().unwrap_or_default();
        problem(
            file,
            Some(line),
            format!("the byte {byte:#04x} is no UTF-8 text"),
            SAVE,
        )
    })
}

const SAVE: &str = "save the file as UTF-8";

fn problem(file: &str, line: Option<u64>, message: String, remedy: &str) -> Box<Problem> {
    Box::new(Problem {
        file: file.to_owned(),
        line,
        document: 1,
        path: String::new(),
        value: None,
        message,
        remedy: remedy.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_told_with_its_line_and_what_to_do() {
        let decode = |bytes: Vec<u8>| decode("web.yaml", bytes, Limit::MANIFEST);
        let refused = |bytes: &[u8]| decode(bytes.to_vec()).unwrap_err().to_string();
        assert_eq!(
            refused(b"kind: HAStack\nmetadata: {name: caf\xe9}\n"),
            "web.yaml:2: the byte 0xe9 is no UTF-8 text; save the file as UTF-8"
        );
        assert_eq!(
            refused(b"\xff\xfek\0i\0n\0d\0"),
            "web.yaml: is UTF-16 text; save the file as UTF-8"
        );
        assert_eq!(decode("caf\u{e9}".into()).unwrap(), "caf\u{e9}");
    }

    #[test]
    fn what_is_too_large_is_not_read_to_its_end_and_told_with_what_to_do() {
        let read = |bytes: u64, limit: Limit| limit.read(io::repeat(b'#').take(bytes)).unwrap();
        let (fits, over) = (4 * 1024 * 1024, 4 * 1024 * 1024 + 1);
        assert!(decode("web.yaml", read(fits, Limit::MANIFEST), Limit::MANIFEST).is_ok());
        let bytes = read(u64::MAX, Limit::MANIFEST);
        assert_eq!(bytes.len(), over);
        assert_eq!(
            decode("web.yaml", bytes, Limit::MANIFEST)
                .unwrap_err()
                .to_string(),
            "web.yaml: is larger than 4 MiB; split it into several files"
        );
        let snapshot = decode("now.json", read(u64::MAX, Limit::SNAPSHOT), Limit::SNAPSHOT);
        assert_eq!(
            snapshot.unwrap_err().to_string(),
            "now.json: is larger than 32 MiB; take one of fewer stacks"
        );
    }
}
