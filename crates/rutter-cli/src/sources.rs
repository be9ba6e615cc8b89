//! The texts that values come from, by number.

/// All texts that were read, each with a name for people.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

/// A text that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// A file's path, `<stdin>`, or an option of the command line.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
}

impl Sources {
    /// Adds a text and gives its number.
    pub(crate) fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(Source {
            name: name.into(),
            text: text.into(),
        });
        number
    }

    /// The line of the first text at which `part`, a piece of it, starts.
    pub(crate) fn line_of(&self, part: &str) -> u32 {
        let text = self.get(0).map_or("", |source| source.text.as_str());
        let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        let before = text.get(..offset).unwrap_or_default();
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    }

    /// The text with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Source> {
        self.0.get(usize::try_from(number).ok()?)
    }
}
