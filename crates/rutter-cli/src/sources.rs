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

    /// The text with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Source> {
        self.0.get(usize::try_from(number).ok()?)
    }
}
