//! The bytes of a file as text: UTF-8, or a problem that says what else it seems to be.

use super::Problem;

/// `file` is the name that problems give it.
pub fn decode(file: &str, bytes: Vec<u8>) -> Result<String, Box<Problem>> {
    let found = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(problem(file, None, "is UTF-16 text".to_owned())),
        _ => String::from_utf8(bytes),
    };
    found.map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (before, rest) = error.as_bytes().split_at(at);
        let line = 1 + before.split(|b| *b == b'\n').skip(1).count() as u64;
        let byte = rest.first().copied().unwrap_or_default();
        problem(file, Some(line), format!("the byte {byte:#04x} is no UTF-8 text"))
    })
}

fn problem(file: &str, line: Option<u64>, message: String) -> Box<Problem> {
    Box::new(Problem {
        file: file.to_owned(),
        line,
        document: 1,
        path: String::new(),
        value: None,
        message,
        remedy: "save the file as UTF-8".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_told_with_its_line_and_what_to_do() {
        let refused = |bytes: &[u8]| decode("web.yaml", bytes.to_vec()).unwrap_err().to_string();
        assert_eq!(
            refused(b"kind: HAStack\nmetadata: {name: caf\xe9}\n"),
            "web.yaml:2: the byte 0xe9 is no UTF-8 text; save the file as UTF-8"
        );
        assert_eq!(
            refused(b"\xff\xfek\0i\0n\0d\0"),
            "web.yaml: is UTF-16 text; save the file as UTF-8"
        );
        assert_eq!(decode("web.yaml", "caf\u{e9}".into()).unwrap(), "caf\u{e9}");
    }
}
