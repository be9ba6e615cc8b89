//! The lines around a place in a source, as a terminal draws them.
//!
//! `miette` would print them as they are, and a line of a megabyte whole. Here they are made printable and cut first, and
//! the label is moved along, so that it stays below the word that it is about.

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use rutter::{Position, printable};

use crate::sources::SourceText;

/// The most characters that are drawn of a line, before they are escaped.
const WIDTH: usize = 160;

/// How many of them stand before the word, where the line is longer.
const BEFORE: usize = 40;

/// A few lines of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet<'a> {
    name: &'a str,
    /// The line before the place, its own, and the line behind it.
    text: String,
    /// Lines of the source before the text.
    lines_before: usize,
    /// Where the place really is in its line, from 0.
    column: usize,
    /// The word at the place, in bytes of the text.
    start: usize,
    length: usize,
}

impl<'a> Snippet<'a> {
    /// What is around a position in a source, if the source has that position.
    pub(super) fn of(source: &'a SourceText, position: Position) -> Option<Self> {
        let index = |number: u32| usize::try_from(number.checked_sub(1)?).ok();
        let first_line = index(source.first_line)?;
        let line = index(position.line)?.checked_sub(first_line)?;
        let column = index(position.column)?;
        let first = line.saturating_sub(1);
        let mut lines = (first..).zip(lines(&source.text).skip(first)).take(line - first + 2);
        let (_, of_place) = lines.clone().find(|(number, _)| *number == line)?;
        let is_long = of_place.chars().nth(WIDTH).is_some();
        let left = if is_long { column.saturating_sub(BEFORE) } else { 0 };
        let mut snippet = Self {
            name: &source.name,
            text: String::new(),
            lines_before: first_line + first,
            column,
            start: 0,
            length: 0,
        };
        lines.try_for_each(|(number, text)| {
            if number > first {
                snippet.text.push('\n');
            }
            let window = Window::of(text, left);
            snippet.push(window.starts_inside.then_some("…"));
            if number == line {
                let at = byte_of(window.text, column - left)?;
                let (before, rest) = window.text.split_at(at);
                let (word, behind) = rest.split_at(word(rest));
                snippet.push_printable(before);
                snippet.start = snippet.text.len();
                snippet.push_printable(word);
                snippet.length = snippet.text.len() - snippet.start;
                snippet.push_printable(behind);
            } else {
                snippet.push_printable(window.text);
            }
            snippet.push(window.ends_inside.then_some("…"));
            Some(())
        })?;
        Some(snippet)
    }

    /// Marks the word at the place.
    pub(super) fn label(&self) -> LabeledSpan {
        LabeledSpan::new(None, self.start, self.length)
    }

    fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or_default());
    }

    fn push_printable(&mut self, text: &str) {
        self.text.push_str(&printable::source_line(text));
    }
}

impl SourceCode for Snippet<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let lines = self.text.read_span(span, before, after)?;
        // Without lines around it, it is asked where the place is.
        let column = if before == 0 { self.column } else { lines.column() };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_owned(),
            lines.data(),
            *lines.span(),
            self.lines_before + lines.line(),
            column,
            lines.line_count(),
        )))
    }
}

/// The part of a line that is drawn.
struct Window<'t> {
    text: &'t str,
    starts_inside: bool,
    ends_inside: bool,
}

impl<'t> Window<'t> {
    /// The part of a line that starts at a column.
    fn of(line: &'t str, left: usize) -> Self {
        let start = byte_of(line, left).unwrap_or(line.len());
        let rest = &line[start..];
        let end = byte_of(rest, WIDTH).unwrap_or(rest.len());
        Self {
            text: &rest[..end],
            starts_inside: start > 0,
            ends_inside: end < rest.len(),
        }
    }
}

/// The lines of a text as YAML has them, without their ends.
fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        rest = behind.strip_prefix("\r\n").or_else(|| behind.get(1..));
        Some(line)
    })
}

/// Where a character of a text starts; its end is where one more would.
fn byte_of(text: &str, character: usize) -> Option<usize> {
    let starts = text.char_indices().map(|(start, _)| start);
    starts.chain([text.len()]).nth(character)
}

/// How long the word is with which a text starts.
fn word(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '}' | ']'))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Sources;

    fn with<T>(text: &str, line: u32, column: u32, see: impl FnOnce(Option<Snippet<'_>>) -> T) -> T {
        let mut sources = Sources::default();
        sources.add("a.yaml", text);
        let source = sources.get(0).expect("a source");
        see(Snippet::of(source, Position { line, column }))
    }

    /// The text, with `[` and `]` around the word.
    fn marked(text: &str, line: u32, column: u32) -> Option<String> {
        with(text, line, column, |snippet| {
            let Snippet {
                text, start, length, ..
            } = snippet?;
            let end = start + length;
            Some(format!("{}[{}]{}", &text[..start], &text[start..end], &text[end..]))
        })
    }

    #[test]
    fn labels_cover_the_word_at_a_position() {
        let text = "a: 1\nbé: word, x\n";
        for (line, column, expected) in [
            (1, 1, Some("[a]: 1\nbé: word, x")),
            (2, 1, Some("a: 1\n[bé]: word, x\n")),
            (2, 5, Some("a: 1\nbé: [word], x\n")),
            (2, 12, Some("a: 1\nbé: word, x[]\n")),
            (3, 1, Some("bé: word, x\n[]")),
            (2, 99, None),
            (9, 1, None),
            (0, 0, None),
        ] {
            assert_eq!(marked(text, line, column).as_deref(), expected, "{line}:{column}");
        }
    }

    #[test]
    fn labels_stay_below_their_word_where_others_are_escaped() {
        let text = "# a\u{7}\r\n\u{1b}[2J\u{202e}: \u{9b}x, y\r\tb: c\r\u{7f}: d";
        let expected = "# a\\u{7}\n\\u{1b}[2J\\u{202e}: [\\u{9b}x], y\n\tb: c";
        assert_eq!(marked(text, 2, 8).as_deref(), Some(expected));
    }

    #[test]
    fn long_lines_are_cut_around_the_word() {
        let long = format!("{}: word, {}", "k".repeat(1000), "\u{7}".repeat(1000));
        let text = format!("a: 1\n{long}\n{}", "z".repeat(2000));
        let shown = marked(&text, 2, 1003).expect("a snippet");
        let expected = format!(
            "…\n…{}: [word], {}…\n…{}…",
            "k".repeat(38),
            "\\u{7}".repeat(114),
            "z".repeat(160)
        );
        assert_eq!(shown, expected);
        with(&text, 2, 1003, |snippet| {
            assert_eq!(snippet.expect("a snippet").column, 1002)
        });
        // From the start as far as there is room.
        assert_eq!(
            marked(&long, 1, 1).expect("a snippet"),
            format!("[{}]…", "k".repeat(160))
        );
    }

    #[test]
    fn parts_of_files_have_the_lines_of_the_file() {
        let mut sources = Sources::default();
        sources.add_part("a.yaml", "a: 1\nb: 2\nc: 3\nd: 4\n", 101);
        let source = sources.get(0).expect("a source");
        let at = |line| Snippet::of(source, Position { line, column: 4 });
        let snippet = at(103).expect("a snippet");
        assert_eq!((snippet.text.as_str(), snippet.lines_before), ("b: 2\nc: 3\nd: 4", 101));
        assert_eq!(at(100), None);
    }
}
