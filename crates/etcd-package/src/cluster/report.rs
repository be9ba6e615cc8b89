//! Collects what is wrong with values, each with its place in the document.

use std::collections::BTreeSet;

use rutter::yaml::Node;
use rutter::{Code, Diagnostic, Diagnostics};

/// Problems found while values are resolved.
pub struct Report<'a> {
    document: &'a Node,
    diagnostics: &'a mut Diagnostics,
    /// Paths that were refused as they were read. Their values are defaults now, of which nothing is said.
    refused: BTreeSet<String>,
}

impl<'a> Report<'a> {
    /// Reports about `document` into `diagnostics`, which holds what was found while it was read.
    pub fn new(document: &'a Node, diagnostics: &'a mut Diagnostics) -> Self {
        let refused = diagnostics.iter().map(|diagnostic| diagnostic.path.clone()).collect();
        Self {
            document,
            diagnostics,
            refused,
        }
    }

    /// Adds a problem with the value at `path`; an empty path is the document as a whole.
    pub fn add(&mut self, code: &'static Code, path: &str, message: impl Into<String>) -> Added<'_> {
        if self.refused.contains(path) {
            return Added(None);
        }
        let position = self.document.locate(path).position;
        self.diagnostics
            .push(Diagnostic::new(code, path, message).at(Some(position)));
        Added(self.diagnostics.last_mut())
    }
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
