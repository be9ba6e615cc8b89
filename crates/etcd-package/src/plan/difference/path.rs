//! Paths into objects, and values in a form that is safe to print.

use std::fmt;
use std::rc::Rc;

use rutter::printable;
use rutter::yaml::{Node, Resolved, Scalar, Value};

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Into a field of a struct: `.spec`.
    Field(String),
    /// Into the value of a key of a map, such as labels: `["app"]`.
    Key(String),
    /// Into the item of a list that a merge key identifies: `[etcd]`. In a command line, that is the name of a flag.
    ///
    /// An [`Index`](Self::Index) follows for every item but the first of one key: `env[NAME][1]`. Items without a key
    /// have the key `""` and an index.
    Item(String),
    /// Into the item of a list at a position: `[0]`. In a command line, it counts positional arguments only.
    Index(usize),
    /// The order of a list's items, which is no node: `.order`. The values are the keys that both lists have.
    Order,
}

/// The path of a value in an object.
///
/// The paths of one comparison share their beginnings, so that many long ones take little memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Path(Option<Rc<Step>>);

#[derive(PartialEq, Eq)]
struct Step {
    before: Path,
    segment: Segment,
}

impl Path {
    /// Returns the path that goes one step further.
    #[must_use]
    pub fn join(&self, segment: Segment) -> Self {
        let before = self.clone();
        Self(Some(Rc::new(Step { before, segment })))
    }

    /// Returns the steps from the object's root.
    #[must_use]
    pub fn segments(&self) -> Vec<&Segment> {
        let mut segments = Vec::new();
        let mut rest = &self.0;
        while let Some(step) = rest {
            segments.push(&step.segment);
            rest = &step.before.0;
        }
        segments.reverse();
        segments
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

/// Writes `spec.template.spec.containers[etcd].env[ETCD_NAME].value` and `metadata.labels["a/b"]`, with whatever a
/// terminal would not print as it is escaped.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().into_iter().enumerate() {
            match segment {
                Segment::Field(name) if is_made_of(name, "-_") => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(name)?;
                }
                Segment::Item(key) if is_made_of(key, "-_./:@") => write!(f, "[{key}]")?,
                Segment::Field(key) | Segment::Key(key) | Segment::Item(key) => write!(f, "[{}]", quote(key))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Order => f.write_str(".order")?,
            }
        }
        Ok(())
    }
}

fn is_made_of(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Quotes a text, so that different texts are printed differently.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", printable::line(&escaped))
}

/// Longest text of a value, in characters as they are printed; what is longer is cut.
const LONGEST: usize = 120;

/// Characters of a long text that are printed before the first one that differs.
const BEFORE: usize = 20;

/// Returns a value in one line that is safe to print, cut to a sane length around its difference from another.
pub(super) fn text(value: Option<&Node>, other: Option<&Node>) -> String {
    let Some(value) = value else {
        return "(absent)".to_owned();
    };
    let mut line = Line {
        text: String::new(),
        left: LONGEST,
        is_cut: false,
    };
    match (value.as_str(), other.and_then(Node::as_str)) {
        (Some(text), Some(other)) if text.len().max(other.len()) > LONGEST => {
            let differ = text
                .char_indices()
                .zip(other.chars())
                .position(|((_, c), other)| c != other);
            let same = differ.unwrap_or_else(|| text.chars().count().min(other.chars().count()));
            let start = text
                .char_indices()
                .nth(same.saturating_sub(BEFORE))
                .map_or(text.len(), |(start, _)| start);
            if start > 0 {
                line.text.push('…');
            }
            line.quoted(&text[start..]);
        }
        _ => line.node(value),
    }
    if line.is_cut {
        line.text.push('…');
    }
    line.text
}

struct Line {
    text: String,
    left: usize,
    is_cut: bool,
}

impl Line {
    /// Writes a node. The recursion ends when the line is full, because each level writes a bracket.
    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar(scalar) => self.scalar(scalar),
            Value::Sequence(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    if self.is_cut {
                        return;
                    }
                    self.push(if index > 0 { ", " } else { "" });
                    self.node(item);
                }
                self.push("]");
            }
            Value::Mapping(entries) => {
                self.push("{");
                for (index, entry) in entries.iter().enumerate() {
                    if self.is_cut {
                        return;
                    }
                    self.push(if index > 0 { ", " } else { "" });
                    self.scalar(&entry.key.scalar);
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
            Resolved::Str(text) => self.quoted(text),
            _ => self.push(&scalar.text),
        }
    }

    fn quoted(&mut self, text: &str) {
        // Not the whole of a text of megabytes.
        let end = text.char_indices().nth(self.left).map_or(text.len(), |(end, _)| end);
        self.push(&quote(&text[..end]));
    }

    fn push(&mut self, text: &str) {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                self.left = 0;
                self.is_cut = true;
            }
            None => {
                self.text.push_str(text);
                self.left -= text.chars().count();
            }
        }
    }
}
