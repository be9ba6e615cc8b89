//! Merges values from several sources into one document, like Helm.
//!
//! Maps are merged. Lists and scalars replace earlier ones. Sources are applied by kind: files, then `--set-json`,
//! `--set`, `--set-string`, `--set-file`, `--set-literal`, each from left to right. Unlike in Helm, numbers keep their
//! text, and each part of the document has the position of its source. Text that Helm ignores silently (`--set a[0`) is
//! an error. All accepted text has the same meaning as in Helm: a test compares the results with Helm's.
//!
//! This crate does not know the meaning of values, and reads no files.

mod expression;
mod json;

use std::collections::BTreeMap;

use rutter::yaml::{self, Entry, Node, Place, SourceMap, Value};
use rutter::{Code, Diagnostic, Position, Severity};

pub use expression::{Expression, Kind};

/// The maximum depth of values. The parser of values documents refuses deeper ones.
const MAX_DEPTH: usize = 64;

/// The maximum number of list items that no expression sets. Items before a high index are `null`.
const MAX_GAPS: usize = 200_000;

/// A `--set` expression has a syntax error.
static SET_SYNTAX: Code = error("set-syntax", "the expression is not of the form KEY=VALUE");
/// A `--set` expression exceeds a limit.
static SET_LIMIT: Code = error(
    "set-limit",
    "an index or the nesting of an expression exceeds the limits of Helm",
);
/// A `--set` expression conflicts with the type of an earlier value.
static SET_CONFLICT: Code = error("set-conflict", "the expression requires a value of another type");

const fn error(id: &'static str, summary: &'static str) -> Code {
    Code {
        id,
        severity: Severity::Error,
        summary,
    }
}

/// A values document that is being merged.
#[derive(Debug, Default)]
pub struct Values {
    entries: Vec<Entry>,
    /// The number of list items that no expression set.
    gaps: usize,
}

impl Values {
    /// Merges a values document over the current values. `source` is the number of its text.
    ///
    /// # Errors
    ///
    /// Returns the errors in the text.
    pub fn merge_text(&mut self, text: &str, source: u32) -> Result<(), Vec<Diagnostic>> {
        let Some(node) = yaml::parse(text, source, 1)? else {
            return Ok(());
        };
        match node.value {
            Value::Mapping(entries) => merge(&mut self.entries, entries),
            _ if node.is_null() => {}
            _ => {
                let message = format!("expected a mapping, found {}", node.describe());
                return Err(vec![
                    Diagnostic::new(&yaml::WRONG_TYPE, "", message).at(Some(node.place.position)),
                ]);
            }
        }
        Ok(())
    }

    /// Applies an expression to the current values.
    ///
    /// # Errors
    ///
    /// Returns an error in the expression, or an error of `read_file`.
    pub fn apply<E: From<Diagnostic>>(
        &mut self,
        expression: &Expression<'_>,
        read_file: &mut dyn FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        expression.apply(&mut self.entries, &mut self.gaps, read_file)
    }

    /// Returns the document, with the source and position of each part.
    pub fn finish(self) -> Merged {
        let root = Node {
            value: Value::Mapping(self.entries),
            place: Place {
                source: 0,
                position: Position { line: 1, column: 1 },
            },
        };
        let (text, map) = root.to_text();
        Merged { root, text, map }
    }
}

/// A merged values document.
#[derive(Debug)]
pub struct Merged {
    root: Node,
    /// The document.
    pub text: String,
    map: SourceMap,
}

impl Merged {
    /// Returns the source and position of the value that a diagnostic about [`Merged::text`] is about.
    pub fn origin(&self, diagnostic: &Diagnostic) -> Option<Place> {
        let position = diagnostic.position?;
        self.map.origin(position).or_else(|| self.root.locate(&diagnostic.path))
    }

    /// Returns the document as a tree.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// Merges `over` over `entries`. Mappings are merged, all other values are replaced.
fn merge(entries: &mut Vec<Entry>, over: Vec<Entry>) {
    // An index of names, because both sides can have many entries.
    let names = entries.iter().map(|entry| entry.key.scalar.text.clone());
    let places: BTreeMap<String, usize> = names.zip(0..).collect();
    for entry in over {
        let place = places.get(&entry.key.scalar.text);
        match place.and_then(|place| entries.get_mut(*place)) {
            Some(Entry { value: node, .. }) => match (&mut node.value, entry.value.value) {
                (Value::Mapping(old), Value::Mapping(new)) => merge(old, new),
                (_, value) => {
                    *node = Node {
                        value,
                        place: entry.value.place,
                    };
                }
            },
            // The keys of one document differ.
            None => entries.push(entry),
        }
    }
}

fn find<'e>(entries: &'e mut [Entry], key: &str) -> Option<&'e mut Node> {
    entries
        .iter_mut()
        .find(|entry| entry.key.scalar.text == key)
        .map(|entry| &mut entry.value)
}
