//! A writer for the XML of the Query protocol: elements, text, nothing else.
//!
//! Written by hand because the replies need no attributes but one namespace, and element order is the caller's.

use std::fmt::Display;

/// An XML document under construction.
#[derive(Default)]
pub struct Xml {
    out: String,
}

impl Xml {
    /// An element with children.
    pub fn node(&mut self, tag: &str, children: impl FnOnce(&mut Self)) {
        self.open(tag);
        children(self);
        self.close(tag);
    }

    /// An element with text.
    pub fn text(&mut self, tag: &str, value: impl Display) {
        self.open(tag);
        escape_into(&value.to_string(), &mut self.out);
        self.close(tag);
    }

    /// An element with text, or nothing at all.
    pub fn opt(&mut self, tag: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(tag, value);
        }
    }

    /// A list: one wrapper element, one element for each item.
    pub fn list<T>(
        &mut self,
        tag: &str,
        item: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.open(tag);
        for value in items {
            self.open(item);
            each(self, value);
            self.close(item);
        }
        self.close(tag);
    }

    /// The bytes so far.
    pub fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, tag: &str) {
        self.out.push('<');
        self.out.push_str(tag);
        self.out.push('>');
    }

    fn close(&mut self, tag: &str) {
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }
}

/// Text content, escaped.
pub fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nests_lists_and_escapes_text() {
        let mut xml = Xml::default();
        xml.node("A", |x| {
            x.text("B", "1 < 2 & 3");
            x.opt("C", None::<&str>);
            x.list("D", "E", [1, 2], |x, n| x.text("F", n));
        });
        assert_eq!(
            xml.finish(),
            "<A><B>1 &lt; 2 &amp; 3</B><D><E><F>1</F></E><E><F>2</F></E></D></A>"
        );
    }
}
