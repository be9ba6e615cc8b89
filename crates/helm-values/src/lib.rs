//! Values from many places made one document, as Helm does it.
//!
//! Maps merge, lists and scalars replace, and flags count by kind: files, then `--set-json`, `--set`, `--set-string`,
//! `--set-file`, `--set-literal`, each from left to right. Unlike in Helm, numbers keep their text, everything remembers
//! where it was written, and what Helm would silently drop (`--set a[0`) is refused. Whatever is accepted means what it
//! means to Helm; a test holds this against the real one.
//!
//! This crate must not know what values mean, nor read anything itself.

mod expression;
mod json;

use std::collections::BTreeMap;

use rutter::yaml::{self, Entry, Node, Place, SourceMap, Value};
use rutter::{Code, Diagnostic, Position, Severity};

pub use expression::{Expression, Kind};

/// How deep values nest at most: what is deeper, the reader of values documents refuses.
const MAX_DEPTH: usize = 64;

/// How many items all expressions together may make that none of them sets: what stands before a high index is `null`.
const MAX_GAPS: usize = 200_000;

/// A `--set` expression cannot be read.
static SET_SYNTAX: Code = error("set-syntax", "the expression is not of the form KEY=VALUE");
/// A `--set` expression goes too far.
static SET_LIMIT: Code = error(
    "set-limit",
    "an index or the nesting of an expression is larger than Helm accepts",
);
/// A `--set` expression takes a value for what it is not.
static SET_CONFLICT: Code = error(
    "set-conflict",
    "the expression goes into a value that is not of the kind it needs",
);

const fn error(id: &'static str, summary: &'static str) -> Code {
    Code {
        id,
        severity: Severity::Error,
        summary,
    }
}

/// A values document in the making.
#[derive(Debug, Default)]
pub struct Values {
    entries: Vec<Entry>,
    /// How many items there are that no expression set.
    gaps: usize,
}

impl Values {
    /// Merges a values document over what is there, where `source` numbers its text.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
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

    /// Applies an expression to what is there.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or with what it gets from `read_file`.
    pub fn apply<E: From<Diagnostic>>(
        &mut self,
        expression: &Expression<'_>,
        read_file: &mut dyn FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        expression.apply(&mut self.entries, &mut self.gaps, read_file)
    }

    /// The document, and where each part of it was written.
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

/// A values document that was put together.
#[derive(Debug)]
pub struct Merged {
    root: Node,
    /// The document.
    pub text: String,
    map: SourceMap,
}

impl Merged {
    /// Where what a diagnostic about [`Merged::text`] is about was written, and in which source.
    pub fn origin(&self, diagnostic: &Diagnostic) -> Option<Place> {
        let position = diagnostic.position?;
        self.map.origin(position).or_else(|| self.root.locate(&diagnostic.path))
    }

    /// The document as a tree.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }
}

/// Merges `over` over `entries`: mappings deeply, all else replaces.
fn merge(entries: &mut Vec<Entry>, over: Vec<Entry>) {
    // Found by name and not by looking at each: both sides may have many.
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
