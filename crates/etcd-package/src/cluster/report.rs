//! Collects what is wrong with values, each with its place in the document.

use std::collections::BTreeSet;

use rutter::yaml::{Node, UNKNOWN_FIELD};
use rutter::{Code, Diagnostic, Diagnostics};

/// Most problems of one kind of entry that are told; the reader of values tells as many.
const MOST: usize = 100;

/// Problems found while values are resolved.
pub struct Report<'a> {
    document: &'a Node,
    diagnostics: &'a mut Diagnostics,
    /// Paths of values that were refused as they were read. Defaults stand in for them, of which nothing is said.
    refused: BTreeSet<String>,
}

impl<'a> Report<'a> {
    /// Reports about `document` into `diagnostics`, which holds what was found while it was read.
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

    /// Whether the mapping at `path` has a key that nothing reads. What is missing there is probably that one,
    /// misspelt.
    pub(super) fn has_unknown_field(&self, path: &str) -> bool {
        let unknown = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.code == UNKNOWN_FIELD.id);
        unknown.map(|diagnostic| &diagnostic.path).any(|unknown| {
            let key = unknown.strip_prefix(path);
            key.is_some_and(|key| key.rfind(['.', '[']) == Some(0))
        })
    }

    /// Whether as much was found as anyone reads. Then each further value costs time and says nothing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.diagnostics.iter().nth(MOST).is_some()
    }

    /// Whether the values are refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// Whether the author wrote something at `path`, rather than its default standing there.
    #[must_use]
    pub fn is_given(&self, path: &str) -> bool {
        self.document.has(path)
    }

    /// Whether the value at `path`, or something in it, was refused as it was read, so that its absence says nothing.
    #[must_use]
    pub fn is_refused(&self, path: &str) -> bool {
        self.refused
            .iter()
            .any(|refused| contains(path, refused) || contains(refused, path))
    }

    /// Adds a problem with the value at `path`; an empty path is the document as a whole.
    pub fn add(&mut self, code: &'static Code, path: &str, message: impl Into<String>) -> Added<'_> {
        if self.is_refused(path) {
            return Added(None);
        }
        let position = self.document.locate(path).map(|place| place.position);
        self.diagnostics.push(Diagnostic::new(code, path, message).at(position));
        Added(self.diagnostics.last_mut())
    }
}

/// Whether `inner` is `outer` or lies in it. Everything lies in the document as a whole.
fn contains(outer: &str, inner: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A problem that was just added, to which a remedy can be added.
pub struct Added<'a>(Option<&'a mut Diagnostic>);

impl Added<'_> {
    /// Says what to write instead.
    pub fn help(self, help: impl Into<String>) {
        if let Some(diagnostic) = self.0 {
            diagnostic.help = Some(help.into());
        }
    }
}
