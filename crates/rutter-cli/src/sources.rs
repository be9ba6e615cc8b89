//! The texts that values come from, by number.

use rutter::printable;

/// All texts that were read, each with a name for people.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<SourceText>);

/// A text that was read.
#[derive(Debug)]
pub(crate) struct SourceText {
    /// A file's path, `<stdin>`, or an option of the command line. Printable, and cut where it is too long to be read.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
    /// The line of the file on which the text starts, from 1.
    pub(crate) first_line: u32,
}

impl Sources {
    /// Adds a text and gives its number.
    pub(crate) fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        self.add_part(name, text, 1)
    }

    /// Adds a text that starts on a line of the file with this name, and gives its number.
    pub(crate) fn add_part(&mut self, name: impl Into<String>, text: impl Into<String>, first_line: u32) -> u32 {
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(SourceText {
            name: printable::excerpt(&name.into()).into_owned(),
            text: text.into(),
            first_line,
        });
        number
    }

    /// The lines of the first text, from its start.
    pub(crate) fn lines(&self) -> Lines<'_> {
        let rest = self.get(0).map_or("", |source| source.text.as_str());
        Lines { rest, line: 1 }
    }

    /// The text with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&SourceText> {
        self.0.get(usize::try_from(number).ok()?)
    }
}

/// Counts the lines of a text up to pieces of it, which are asked for in the order in which they stand in it.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl Lines<'_> {
    /// The line at which `piece` starts.
    pub(crate) fn start_of(&mut self, piece: &str) -> u32 {
        let offset = piece.as_ptr().addr().saturating_sub(self.rest.as_ptr().addr());
        if let Some((before, rest)) = self.rest.split_at_checked(offset) {
            self.line += before.matches('\n').count();
            self.rest = rest;
        }
        u32::try_from(self.line).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_start_at_their_lines() {
        let mut sources = Sources::default();
        sources.add("a", "a\nb\n\nc");
        let text = &sources.get(0).unwrap().text;
        let mut lines = sources.lines();
        let starts = [0, 0, 2, 5, 6].map(|at| lines.start_of(&text[at..]));
        assert_eq!(starts, [1, 1, 2, 4, 4]);
    }
}
