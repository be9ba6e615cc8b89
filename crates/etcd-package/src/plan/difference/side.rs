//! The value of a field on one side of a comparison.

use rutter::yaml::{Node, Place, Resolved, Scalar, Value};

use super::table::Code;

/// A value on one side: written, or a default.
#[derive(Clone, Debug)]
pub(super) enum Side<'a> {
    /// Neither.
    Absent,
    /// An empty struct that is a default.
    Empty,
    /// A scalar that is a default.
    Scalar(Scalar),
    /// A list that is a default.
    Words(&'static [&'static str]),
    /// A written value. It is null only as an item of a list.
    Node(&'a Node),
}

impl<'a> Side<'a> {
    /// Returns the side of a written value. Null means absent.
    pub(super) fn written(node: Option<&'a Node>) -> Self {
        match node {
            Some(node) if !node.is_null() => Self::Node(node),
            _ => Self::Absent,
        }
    }

    /// A field as Kubernetes has it after reading: the zero value of a type that is no pointer is its absence.
    pub(super) fn read(code: &Code, node: Option<&'a Node>) -> Self {
        match Self::written(node) {
            Self::Node(node) if is_zero(code, node) => Self::Absent,
            side => side,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The scalar, if it is one.
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            Self::Node(node) => match &node.value {
                Value::Scalar(scalar) => Some(scalar),
                _ => None,
            },
            _ => None,
        }
    }

    /// The text, if it is a scalar that Kubernetes takes for a string.
    pub(super) fn text(&self) -> Option<&str> {
        match self.scalar()?.resolve() {
            Resolved::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The node that a difference shows.
    pub(super) fn into_node(self) -> Option<Node> {
        let value = match self {
            Self::Absent => return None,
            Self::Node(node) => return Some(node.clone()),
            Self::Empty => Value::Mapping(Vec::new()),
            Self::Scalar(scalar) => Value::Scalar(scalar),
            Self::Words(words) => {
                let words = words.iter().map(|word| node(Value::Scalar(Scalar::quoted(*word))));
                Value::Sequence(words.collect())
            }
        };
        Some(node(value))
    }
}

/// A node without a position.
pub(super) fn node(value: Value) -> Node {
    let place = Place {
        source: 0,
        position: rutter::Position { line: 1, column: 1 },
    };
    Node { value, place }
}

/// Whether a value says no more than its absence does.
fn is_zero(code: &Code, node: &Node) -> bool {
    let scalar = match &node.value {
        Value::Scalar(scalar) => scalar,
        Value::Sequence(items) => return items.is_empty() && matches!(code, Code::List(..)),
        Value::Mapping(entries) => return entries.is_empty() && matches!(code, Code::Map(_)),
    };
    match code {
        Code::Str | Code::Time | Code::Bytes => scalar.text.is_empty(),
        Code::Int => scalar.as_int() == Some(0),
        Code::Bool => scalar.resolve() == Resolved::Bool(false),
        Code::Quantity | Code::Resource => quantity(scalar).is_some_and(|quantity| quantity.nano_value() == Some(0)),
        Code::IntOrString => scalar.plain && scalar.as_int() == Some(0),
        _ => false,
    }
}

/// The quantity that a scalar is: a number, or a string.
fn quantity(scalar: &Scalar) -> Option<rutter::quantity::Quantity> {
    scalar.as_str()?.parse().ok()
}

/// Whether two scalars are equal as values of a type. Whatever does not fit the type has to be the same.
pub(super) fn is_same(code: &Code, left: &Scalar, right: &Scalar) -> bool {
    if left == right {
        return true;
    }
    match code {
        Code::Pointer(inner) => is_same(inner, left, right),
        Code::Int => is_some_and_same(left.as_int(), right.as_int()),
        Code::Quantity | Code::Resource => match (quantity(left), quantity(right)) {
            (Some(left), Some(right)) => {
                is_some_and_same(left.nano_value(), right.nano_value())
                    || *code == Code::Resource && left.milli_value() == right.milli_value()
            }
            _ => false,
        },
        // Line breaks are no part of base64: `encoding/base64` of Go skips them.
        Code::Bytes => match (left.resolve(), right.resolve()) {
            (Resolved::Str(left), Resolved::Str(right)) => {
                let is_digit = |b: &u8| !b"\r\n".contains(b);
                left.bytes().filter(is_digit).eq(right.bytes().filter(is_digit))
            }
            _ => false,
        },
        _ => match (left.resolve(), right.resolve()) {
            (Resolved::Str(left), Resolved::Str(right)) => left == right,
            (Resolved::Int(left), Resolved::Int(right)) => left == right && *code != Code::Str,
            (Resolved::Bool(left), Resolved::Bool(right)) => left == right && *code != Code::Str,
            // Other readers may parse it as another type.
            _ => false,
        },
    }
}

fn is_some_and_same<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    left.is_some() && left == right
}
