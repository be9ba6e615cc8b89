//! Types and trees to text.

use std::collections::BTreeMap;

use serde::Serialize;

use super::block;
use super::node::{Node, Place, Value};
use super::scalar::{Resolved, Scalar};
use crate::Position;

/// Writes an object as a YAML document without `---`, ending with a line feed.
///
/// Every string that a reader of YAML 1.1 or 1.2 would take for something else is quoted; long strings stay on one line,
/// so that a change of one is a change of one line.
///
/// # Errors
///
/// Says why the value has no YAML form, which no object that consists of strings, numbers, booleans, lists and maps
/// with string keys lacks.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, String> {
    block::to_string(value).map_err(|error| error.to_string())
}

/// Says where the nodes of a text that [`Node::to_text`] wrote came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap(BTreeMap<Position, Place>);

impl SourceMap {
    /// The place where the key or node at `position` of the text was first written.
    #[must_use]
    pub fn origin(&self, position: Position) -> Option<Place> {
        self.0.get(&position).copied()
    }
}

impl Node {
    /// Writes the tree as one line of YAML's flow style (JSON, but for numbers, whose text is kept) and remembers
    /// where each part came from.
    #[must_use]
    pub fn to_text(&self) -> (String, SourceMap) {
        let mut writer = Writer::default();
        writer.node(self);
        (writer.text, writer.map)
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    column: u32,
    map: SourceMap,
}

impl Writer {
    fn node(&mut self, node: &Node) {
        self.mark(node.place);
        match &node.value {
            Value::Scalar(scalar) => self.scalar(scalar),
            Value::Sequence(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    self.node(item);
                }
                self.push("]");
            }
            Value::Mapping(entries) => {
                self.push("{");
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    self.mark(entry.key.place);
                    self.quoted(&entry.key.scalar);
                    self.push(": ");
                    self.node(&entry.value);
                }
                self.push("}");
            }
        }
    }

    fn scalar(&mut self, scalar: &Scalar) {
        match scalar.resolve() {
            Resolved::Null => self.push("null"),
            Resolved::Str(_) => self.quoted(scalar),
            // Words and numbers, in which no character means anything to the flow style.
            Resolved::Bool(_) | Resolved::Int(_) | Resolved::Float(_) | Resolved::Ambiguous(_) => {
                self.push(&scalar.text);
            }
        }
    }

    fn quoted(&mut self, scalar: &Scalar) {
        if scalar.as_str().is_none() {
            self.push(&scalar.text);
            return;
        }
        let mut quoted = String::with_capacity(scalar.text.len() + 2);
        quoted.push('"');
        for c in scalar.text.chars() {
            match c {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                ' '..='~' => quoted.push(c),
                // Printable in YAML and not a line break to any version of it.
                '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' => quoted.push(c),
                _ => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            }
        }
        quoted.push('"');
        self.push(&quoted);
    }

    fn mark(&mut self, place: Place) {
        let position = Position {
            line: 1,
            column: self.column + 1,
        };
        self.map.0.insert(position, place);
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column = self
            .column
            .saturating_add(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    }
}
