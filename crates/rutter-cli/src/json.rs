//! YAML documents as JSON.

use rutter::yaml::{self, AMBIGUOUS_SCALAR, Node, Resolved, Scalar};
use rutter::{Diagnostic, Diagnostics, printable};
use serde_json::{Map, Number, Value};

/// Reads a YAML document, or nothing, that starts on line `first_line` of the first source.
///
/// # Errors
///
/// What is wrong with it, among which is every scalar that YAML 1.1 and 1.2 readers understand differently: JSON could
/// only say one of it.
pub(crate) fn read(text: &str, first_line: u32) -> Result<Option<Value>, Vec<Diagnostic>> {
    let node = yaml::parse(text, 0, first_line)?;
    node.filter(|node| !node.is_null())
        .map(|node| from_node(&node))
        .transpose()
}

/// The JSON of a tree.
///
/// # Errors
///
/// As for [`read`].
pub(crate) fn from_node(node: &Node) -> Result<Value, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let value = convert(node, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.into_vec());
    }
    Ok(value)
}

/// A value as indented JSON that every terminal can show.
pub(crate) fn to_text(value: &Value) -> String {
    printable::json(&format!("{value:#}")).into_owned()
}

fn convert(node: &Node, diagnostics: &mut Diagnostics) -> Value {
    match &node.value {
        yaml::Value::Sequence(items) => items.iter().map(|item| convert(item, diagnostics)).collect(),
        yaml::Value::Mapping(entries) => {
            let mut object = Map::new();
            for entry in entries {
                check(&entry.key.scalar, entry.key.place, diagnostics);
                object.insert(entry.key.scalar.text.clone(), convert(&entry.value, diagnostics));
            }
            Value::Object(object)
        }
        yaml::Value::Scalar(scalar) => {
            check(scalar, node.place, diagnostics);
            match scalar.resolve() {
                Resolved::Null => Value::Null,
                Resolved::Bool(value) => Value::Bool(value),
                Resolved::Int(value) => value.into(),
                Resolved::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
                Resolved::Str(text) => text.into(),
                Resolved::Ambiguous(_) => Value::Null,
            }
        }
    }
}

fn check(scalar: &Scalar, place: yaml::Place, diagnostics: &mut Diagnostics) {
    if let Resolved::Ambiguous(meaning) = scalar.resolve() {
        let message = format!("`{}` is {meaning}, and JSON can only say one of it", scalar.text);
        diagnostics.push(
            Diagnostic::new(&AMBIGUOUS_SCALAR, "", message)
                .help("quote it if it is a string")
                .at(Some(place.position)),
        );
    }
}
