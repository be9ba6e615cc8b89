//! The tree: what was written, and where.

use super::Scalar;
use crate::Position;

/// Where a node was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which text: an index that the caller of [`parse`](super::parse) chose.
    pub source: u32,
    /// Where in it.
    pub position: Position,
}

/// A YAML node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it holds.
    pub value: Value,
    /// Where it starts.
    pub place: Place,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A leaf, not yet taken for a type.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Entries in the order written, keys unique.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Node,
}

/// The key of an entry. Only scalars can be keys, as in JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The scalar as written.
    pub scalar: Scalar,
    /// Where it starts.
    pub place: Place,
}

impl Node {
    /// The empty mapping, which is what an empty document means.
    #[must_use]
    pub fn empty(place: Place) -> Self {
        Self {
            value: Value::Mapping(Vec::new()),
            place,
        }
    }

    /// The entries, if this is a mapping.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|entry| entry.key.scalar.text == key)
            .map(|entry| &entry.value)
    }

    /// The text, if this is a scalar that is a string to every reader.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => scalar.as_str(),
            _ => None,
        }
    }

    /// Whether this is `null`, `~` or nothing at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What the node is, for a message: ``the number `3` ``, `a list`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.describe(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The place of `path`, or of its nearest ancestor that was written; none if not even its first step was.
    ///
    /// `path` is spelt as diagnostics spell it: `tls.certificates[2].name`, `labels["app.kubernetes.io/name"]`.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Place> {
        let mut place = None;
        let mut node = self;
        for step in steps(path) {
            let Some(next) = node.step(&step) else { break };
            place = Some(next.place);
            node = next;
        }
        place
    }

    /// The node at `path`, which is spelt as for [`Node::locate`].
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        steps(path).try_fold(self, |node, step| node.step(&step))
    }

    /// Whether something was written at `path`, which is spelt as for [`Node::locate`].
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.at(path).is_some()
    }

    fn step(&self, step: &Step<'_>) -> Option<&Self> {
        match (&self.value, step) {
            (Value::Mapping(_), Step::Key(key)) => self.get(key),
            (Value::Sequence(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]")?;
            rest = after;
            return Some(Step::Key(key));
        }
        if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            rest = after;
            return index.parse().ok().map(Step::Index);
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        rest = after;
        (!key.is_empty()).then_some(Step::Key(key))
    })
}

/// The path of `key` in the mapping at `path`, spelt as diagnostics spell it.
#[must_use]
pub fn join(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    push_key(&mut path, key);
    path
}

/// Appends the step into `key` to a path, quoting a key that would be mistaken for several.
pub(super) fn push_key(path: &mut String, key: &str) {
    if key.is_empty() || key.contains(['.', '[', ']', '"', ' ']) {
        path.push_str("[\"");
        path.push_str(key);
        path.push_str("\"]");
    } else {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}
