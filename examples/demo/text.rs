//! Coloured text that knows its width.

use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Strong,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Paint {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
        }
    }
}

/// One line in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(Vec<(Paint, String)>);

impl Line {
    pub fn of(paint: Paint, text: impl Into<String>) -> Self {
        Self(vec![(paint, text.into())])
    }

    pub fn and(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.0.push((paint, text.into()));
        self
    }

    /// Spaces up to this column, one at least.
    pub fn pad(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.len()).max(1);
        self.and(Paint::Plain, " ".repeat(missing))
    }

    /// Columns: every character that is drawn here is one wide.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// As it goes to the terminal: no wider than `width`, what is cut shown by an ellipsis.
    pub fn render(&self, width: usize, color: bool) -> String {
        let mut left = if self.len() > width {
            width.saturating_sub(1)
        } else {
            width
        };
        let mut out = String::new();
        for (paint, text) in &self.0 {
            let shown: String = text.chars().take(left).collect();
            left -= shown.chars().count();
            match paint.code().filter(|_| color && !shown.is_empty()) {
                // Writing to a String cannot fail.
                Some(code) => drop(write!(out, "\x1b[{code}m{shown}\x1b[0m")),
                None => out.push_str(&shown),
            }
        }
        if self.len() > width {
            out.push('…');
        }
        out
    }
}

/// Breaks a text between words: `head` before the first line, `indent` spaces before the others, `most` lines.
pub fn paragraph(
    head: Line,
    indent: usize,
    paint: Paint,
    text: &str,
    width: usize,
    most: usize,
) -> Vec<Line> {
    let mut lines = vec![head.pad(indent)];
    let mut fresh = true;
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, Line::len);
        if !fresh && last + 1 + word.chars().count() > width {
            if lines.len() == most {
                if let Some(last) = lines.last_mut() {
                    *last = std::mem::take(last).and(paint, " …");
                }
                break;
            }
            lines.push(Line::of(Paint::Plain, " ".repeat(indent)));
            fresh = true;
        }
        if let Some(last) = lines.last_mut() {
            let gap = if fresh { "" } else { " " };
            *last = std::mem::take(last).and(paint, format!("{gap}{word}"));
        }
        fresh = false;
    }
    lines
}
