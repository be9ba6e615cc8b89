//! The values document that says nothing new: every field with its default, and what it means.

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::{of, wrap};
use crate::yaml;

/// All fields of `T` with their defaults, as YAML with each field's documentation above it. A field without a default
/// is a comment that shows an example.
#[must_use]
pub fn defaults<T: JsonSchema>() -> String {
    let mut text = String::new();
    if let Value::Object(schema) = of::<T>() {
        fields(&schema, 0, &mut text);
    }
    text
}

fn fields(schema: &Map<String, Value>, depth: usize, text: &mut String) {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return;
    };
    let indent = "  ".repeat(depth);
    for (index, (name, property)) in properties.iter().enumerate() {
        let Value::Object(property) = property else { continue };
        if depth == 0 && index > 0 {
            text.push('\n');
        }
        if let Some(Value::String(description)) = property.get("description") {
            for line in wrap(description, 100 - indent.len()) {
                text.push_str(format!("{indent}# {line}").trim_end());
                text.push('\n');
            }
        }
        match property.get("default").filter(|default| !default.is_null()) {
            // Of a struct without any default an example stands there: its key alone would mean null.
            Some(Value::Object(_)) if is_ours(property) && !has_default(property) => {
                entry(name, &examples(property), &indent, "# ", text);
            }
            Some(Value::Object(_)) if is_ours(property) => {
                text.push_str(&format!("{indent}{name}:\n"));
                fields(property, depth + 1, text);
            }
            Some(default) => entry(name, default, &indent, "", text),
            None => {
                let example = property.get("examples").and_then(|examples| examples.get(0));
                entry(name, example.unwrap_or(&Value::Null), &indent, "# ", text);
            }
        }
    }
}

/// Whether anything in a struct has a default.
fn has_default(property: &Map<String, Value>) -> bool {
    let fields = property.get("properties").and_then(Value::as_object);
    let default = |field: &Value| field.get("default").is_some_and(|default| !default.is_null());
    fields.is_some_and(|fields| fields.values().any(default))
}

/// A struct of its fields' examples.
fn examples(property: &Map<String, Value>) -> Value {
    let fields = property.get("properties").and_then(Value::as_object);
    let example = |(name, field): (&String, &Value)| Some((name.clone(), field.get("examples")?.get(0)?.clone()));
    Value::Object(fields.into_iter().flatten().filter_map(example).collect())
}

/// Writes one entry in block style, each line after `indent` and `prefix`.
fn entry(name: &str, value: &Value, indent: &str, prefix: &str, text: &mut String) {
    let entry = Map::from_iter([(name.to_owned(), value.clone())]);
    // A tree of JSON values has a YAML form.
    for line in yaml::to_string(&entry).unwrap_or_default().lines() {
        text.push_str(&format!("{indent}{prefix}{line}\n"));
    }
}

/// Whether a struct is one of the package's own, all of whose fields are worth showing. Those of Kubernetes accept
/// unknown fields as far as their schema goes.
fn is_ours(property: &Map<String, Value>) -> bool {
    property.get("additionalProperties") == Some(&Value::Bool(false))
}
