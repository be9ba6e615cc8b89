//! Problems that are found while values are resolved, with their positions in the document.

use std::collections::BTreeSet;

use crate::yaml::{Node, UNKNOWN_FIELD};
use crate::{Code, Diagnostic, Diagnostics};

/// The number of problems from which on a report is full. The reader of values stops at the same number.
const MOST: usize = 100;

/// Problems that are found while values are resolved.
#[derive(Debug)]
pub struct Report<'a> {
    document: &'a Node,
    diagnostics: &'a mut Diagnostics,
    /// Paths of values that failed to parse. They hold defaults, which must not be reported.
    refused: BTreeSet<String>,
}

impl<'a> Report<'a> {
    /// Returns a report about a document that adds to `diagnostics`: those of reading the document.
    pub fn new(document: &'a Node, diagnostics: &'a mut Diagnostics) -> Self {
        let refused = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.code != UNKNOWN_FIELD.id)
            .map(|diagnostic| diagnostic.path.clone())
            .collect();
        Self {
            document,
            diagnostics,
            refused,
        }
    }

    /// Whether the mapping at `path` has an unknown key. A field that is missing there is probably that key, misspelt.
    #[must_use]
    pub fn has_unknown_field(&self, path: &str) -> bool {
        let unknown = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.code == UNKNOWN_FIELD.id);
        unknown.map(|diagnostic| &diagnostic.path).any(|unknown| {
            let key = unknown.strip_prefix(path);
            key.is_some_and(|key| key.rfind(['.', '[']) == Some(0))
        })
    }

    /// Whether so many problems were found that nobody reads further ones. Then each further value costs time only.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.diagnostics.iter().nth(MOST).is_some()
    }

    /// Whether the values are refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// Whether the document has a value at `path`, so that it is not the default.
    #[must_use]
    pub fn is_given(&self, path: &str) -> bool {
        self.document.has(path)
    }

    /// Whether the value at `path`, or a value in it, failed to parse, so that its absence means nothing.
    #[must_use]
    pub fn is_refused(&self, path: &str) -> bool {
        self.refused
            .iter()
            .any(|refused| contains(path, refused) || contains(refused, path))
    }

    /// Adds a problem with the value at `path`. An empty path is the document as a whole.
    pub fn add(&mut self, code: &'static Code, path: &str, message: impl Into<String>) -> Added<'_> {
        if self.is_refused(path) {
            return Added(None);
        }
        let position = self.document.locate(path).map(|place| place.position);
        self.diagnostics.push(Diagnostic::new(code, path, message).at(position));
        Added(self.diagnostics.last_mut())
    }
}

impl Extend<Diagnostic> for Report<'_> {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        self.diagnostics.extend(iter);
    }
}

/// Whether `inner` is `outer` or is in it. Every path is in the empty one, the document as a whole.
fn contains(outer: &str, inner: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A problem that was just added, for which a suggestion can follow.
#[derive(Debug)]
pub struct Added<'a>(Option<&'a mut Diagnostic>);

impl Added<'_> {
    /// Adds what to write instead.
    pub fn help(self, help: impl Into<String>) {
        if let Some(diagnostic) = self.0 {
            diagnostic.help = Some(help.into());
        }
    }
}
