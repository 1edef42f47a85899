//! Text with colours, widths and line breaks.

use std::fmt::Write as _;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours: on a terminal, unless people don't want them.
    pub color: bool,
    /// Columns to fill at most.
    pub width: usize,
}

/// What a piece of text means; colours follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    Strong,
    Dim,
    Good,
    Warn,
    Bad,
    Odd,
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
            Self::Odd => Some("35"),
        }
    }
}

/// A line in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Paint, String)>);

impl Line {
    pub(super) fn of(paint: Paint, text: impl Into<String>) -> Self {
        Self(vec![(paint, text.into())])
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::of(Paint::Plain, text)
    }

    pub(super) fn and(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.0.push((paint, text.into()));
        self
    }

    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Spaces up to this column.
    pub(super) fn pad(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.len());
        self.and(Paint::Plain, " ".repeat(missing))
    }

    /// Columns taken: every character that we write is one wide.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Breaks between words so that nothing goes beyond `width`; what follows the first line begins at `indent`.
    /// A word goes on over a change of colour.
    pub(super) fn wrap(self, width: usize, indent: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut line = Self::default();
        let mut fresh = true;
        for word in self.words() {
            let shown: usize = word
                .0
                .iter()
                .map(|(_, text)| text.trim_end().chars().count())
                .sum();
            if !fresh && shown > 0 && line.len() + shown > width {
                lines.push(std::mem::take(&mut line).trimmed());
                line = Self::plain(" ".repeat(indent));
            }
            fresh = false;
            line = line.then(word);
        }
        lines.push(line.trimmed());
        lines
    }

    /// Words with the space after them.
    fn words(self) -> Vec<Self> {
        let mut words: Vec<Self> = Vec::new();
        let mut open = false;
        for (paint, text) in self.0 {
            for part in text.split_inclusive(' ') {
                match words.last_mut().filter(|_| open) {
                    Some(word) => word.0.push((paint, part.to_owned())),
                    None => words.push(Self::of(paint, part)),
                }
                open = !part.ends_with(' ');
            }
        }
        words
    }

    fn trimmed(mut self) -> Self {
        while let Some((_, last)) = self.0.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            self.0.pop();
        }
        self
    }

    fn write(&self, color: bool, out: &mut String) {
        let mut pieces = self.clone().trimmed().0.into_iter().peekable();
        while let Some((paint, mut text)) = pieces.next() {
            // Neighbours of one colour are one piece.
            while let Some((_, more)) = pieces.next_if(|(next, _)| *next == paint) {
                text.push_str(&more);
            }
            match paint.code().filter(|_| color) {
                // Writing to a String cannot fail.
                Some(code) => drop(write!(out, "\x1b[{code}m{text}\x1b[0m")),
                None => out.push_str(&text),
            }
        }
        out.push('\n');
    }
}

/// Lines one below the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page(Vec<Line>);

impl Page {
    pub(super) fn line(&mut self, line: Line) {
        self.0.push(line);
    }

    pub(super) fn blank(&mut self) {
        self.0.push(Line::default());
    }

    /// A paragraph that begins with `head` and goes on in the same column as its text.
    pub(super) fn paragraph(&mut self, head: Line, text: Line, style: Style) {
        let indent = head.len();
        // A head that leaves no room: the text below it.
        if indent + 24 > style.width {
            self.0.extend(
                head.wrap(style.width, 4)
                    .into_iter()
                    .filter(|line| line.len() > 0),
            );
            let below = Line::plain("    ").then(text);
            self.0.extend(below.wrap(style.width, 4));
        } else {
            self.0.extend(head.then(text).wrap(style.width, indent));
        }
    }

    pub(super) fn render(&self, style: Style) -> String {
        let mut out = String::new();
        for line in &self.0 {
            line.write(style.color, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_between_words_and_keeps_colours() {
        let line = Line::of(Paint::Bad, "NO  ").and(Paint::Plain, "one two three four");
        let mut page = Page::default();
        for line in line.wrap(12, 4) {
            page.line(line);
        }
        let plain = Style {
            color: false,
            width: 12,
        };
        assert_eq!(page.render(plain), "NO  one two\n    three\n    four\n");
        let pieces = Line::of(Paint::Warn, "one two").and(Paint::Plain, ": three");
        let shown: Vec<_> = pieces.wrap(7, 0).iter().map(Line::len).collect();
        assert_eq!(shown, [3, 4, 5], "a colon stays with its word");
        let colour = Style { color: true, ..plain };
        assert_eq!(
            page.render(colour),
            "\x1b[1;31mNO  \x1b[0mone two\n    three\n    four\n"
        );
    }
}
