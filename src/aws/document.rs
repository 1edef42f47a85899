//! Whether the XML document of an answer is whole.
//!
//! The SDK reads leniently (`aws_smithy_xml::decode`): where a document ends or breaks in the midst, it takes what it has
//! read by then for the answer, and a page of groups that was cut on its way would be a page without the last of them.
//! CBOR needs none of this: its lists and maps say how long they are, or where they end, and the SDK demands it.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// It begins as an answer does and isn't well-formed to its end. What else may come instead of an answer, such as a
/// proxy's page, is the SDK's to refuse.
pub(super) fn is_cut(body: &[u8]) -> bool {
    // The SDK refuses what is no text.
    std::str::from_utf8(body).is_ok_and(|text| is_answer(text) && !is_closed(text))
}

/// The roots of the Query protocol: `<DescribeEventsResponse>`, `<ErrorResponse>`.
fn is_answer(text: &str) -> bool {
    let root = Tokenizer::from(text).find_map(|token| match token {
        Ok(Token::ElementStart { local, .. }) => Some(local),
        _ => None,
    });
    root.is_some_and(|name| name.ends_with("Response"))
}

fn is_closed(text: &str) -> bool {
    let mut open = Vec::new();
    for token in Tokenizer::from(text) {
        match token {
            Ok(Token::ElementStart { prefix, local, .. }) => open.push((prefix.as_str(), local.as_str())),
            Ok(Token::ElementEnd { end, .. }) => {
                let fits = match end {
                    ElementEnd::Open => true,
                    ElementEnd::Empty => open.pop().is_some(),
                    ElementEnd::Close(prefix, local) => open.pop() == Some((prefix.as_str(), local.as_str())),
                };
                if !fits {
                    return false;
                }
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "<?xml version=\"1.0\"?>\n<DescribeEventsResponse xmlns=\"http://e.amazonaws.com/\">\
        <DescribeEventsResult><Events><Event><Message>a &lt; b</Message><SourceIdentifier/></Event>\
        <Event><Message>c</Message></Event></Events></DescribeEventsResult></DescribeEventsResponse>";

    #[test]
    fn every_document_that_ends_before_its_end_is_cut() {
        assert!(!is_cut(EVENTS.as_bytes()));
        assert!(!is_cut(format!("{EVENTS}\n").as_bytes()));
        let root = EVENTS.find("Response xmlns").unwrap() + "Response".len();
        for end in root..EVENTS.len() {
            assert!(is_cut(&EVENTS.as_bytes()[..end]), "{}", &EVENTS[..end]);
        }
    }

    #[test]
    fn a_document_with_a_hole_is_cut() {
        let hole = EVENTS.replace("</Event><Event>", "");
        assert!(!is_cut(hole.as_bytes()), "this one stays well-formed: {hole}");
        for gone in [
            "</Event>",
            "</Message><SourceIdentifier/>",
            "</Events></DescribeEventsResult>",
        ] {
            assert!(is_cut(EVENTS.replacen(gone, "", 1).as_bytes()), "{gone}");
        }
    }

    #[test]
    fn what_is_no_answer_of_the_service_is_not_called_cut() {
        for other in ["", "<html><body>Bad gateway", "{\"message\": \"no\"", "\u{7f}ELF"] {
            assert!(!is_cut(other.as_bytes()), "{other}");
        }
        assert!(!is_cut(b"\xbf\x61\x61"), "CBOR");
    }
}
