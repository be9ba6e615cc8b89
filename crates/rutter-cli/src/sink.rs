//! The forms in which a rendered stream is written. None of them holds the stream in memory.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use rutter::{Diagnostic, Manifest};

use crate::json;
use crate::output::{Spool, separate};

/// Takes the documents of a rendered stream, in their order.
pub(crate) trait Sink {
    /// Adds a document that is not the package's, which starts on a line of a file. Returns why it cannot be written in
    /// this form.
    ///
    /// # Errors
    ///
    /// If there is no room to hold it.
    fn foreign(&mut self, file: &Arc<str>, text: &str, line: u32) -> Result<Vec<Diagnostic>>;

    /// Adds the manifests of an object of the package's kind, or of values. Returns why they cannot be written in this
    /// form.
    ///
    /// # Errors
    ///
    /// If there is no room to hold them, or they are not plain YAML.
    fn manifests(&mut self, manifests: &[Manifest]) -> Result<Vec<Diagnostic>>;
}

/// A YAML stream. Foreign documents stay as they are.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) spool: Spool,
    /// The file of the last foreign document.
    file: Option<Arc<str>>,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self {
            spool: Spool::new(),
            file: None,
        }
    }
}

impl Sink for Text {
    fn foreign(&mut self, file: &Arc<str>, text: &str, _: u32) -> Result<Vec<Diagnostic>> {
        let before = self.file.replace(Arc::clone(file));
        // Two files may look alike, where their names are no text.
        if before.is_none_or(|before| Arc::ptr_eq(&before, file)) {
            self.spool.write(text)?;
        } else {
            let (separator, text) = separate(text);
            self.spool.end_line()?;
            self.spool.write(separator)?;
            self.spool.write(text)?;
        }
        Ok(Vec::new())
    }

    fn manifests(&mut self, manifests: &[Manifest]) -> Result<Vec<Diagnostic>> {
        // The end of the last document may lack its line end.
        self.spool.end_line()?;
        for manifest in manifests {
            self.spool.write("---\n")?;
            self.spool.write(&manifest.document)?;
        }
        Ok(Vec::new())
    }
}

/// A JSON array of all objects.
#[derive(Debug)]
pub(crate) struct Json {
    spool: Spool,
    is_empty: bool,
}

impl Json {
    pub(crate) fn new() -> Self {
        Self {
            spool: Spool::new(),
            is_empty: true,
        }
    }

    /// Ends the array.
    ///
    /// # Errors
    ///
    /// Those of [`Spool::write`].
    pub(crate) fn finish(mut self) -> Result<Spool> {
        self.spool.write(if self.is_empty { "[]\n" } else { "\n]\n" })?;
        Ok(self.spool)
    }

    fn add(&mut self, object: Option<&serde_json::Value>) -> Result<()> {
        let Some(object) = object else { return Ok(()) };
        self.spool.write(if self.is_empty { "[\n  " } else { ",\n  " })?;
        self.is_empty = false;
        self.spool.write(&json::to_text(object).replace('\n', "\n  "))
    }
}

impl Sink for Json {
    fn foreign(&mut self, _: &Arc<str>, text: &str, line: u32) -> Result<Vec<Diagnostic>> {
        match json::read(text, line) {
            Ok(object) => self.add(object.as_ref()).map(|()| Vec::new()),
            Err(problems) => Ok(problems),
        }
    }

    fn manifests(&mut self, manifests: &[Manifest]) -> Result<Vec<Diagnostic>> {
        for manifest in manifests {
            let object = json::read(&manifest.document, 1).map_err(|problems| {
                let shown = problems
                    .iter()
                    .map(|problem| problem.display(&manifest.file_name).to_string());
                let shown: String = shown.collect();
                anyhow!("the package wrote a manifest that is not plain YAML\n{shown}")
            })?;
            self.add(object.as_ref())?;
        }
        Ok(Vec::new())
    }
}
