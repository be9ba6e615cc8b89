//! The reference of all values, as Markdown.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde_json::Value;

use super::field::Field;
use super::{of, wrap};
use crate::yaml;

/// How wide the text is, as all of our Markdown.
const WIDTH: usize = 120;

/// What every field of `T` is for, in the order of the types: a table of the values, and then a section for each that
/// has a list of all fields below it.
#[must_use]
pub fn reference<T: JsonSchema>() -> String {
    let schema = of::<T>();
    let mut text = String::new();
    let Some(root) = Field::new(&schema) else {
        return text;
    };
    text.push_str("| value | type | description |\n|---|---|---|\n");
    for (name, field) in root.fields() {
        let link = format!("[`{name}`](#{})", name.to_lowercase());
        let row = [link, field.type_name(), field.summary().unwrap_or_default().to_owned()];
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    for (name, field) in root.fields() {
        let _ = write!(text, "\n## `{name}`\n\n");
        paragraph(&facts(&field, root.requires(name)), "", &mut text);
        text.push('\n');
        paragraph(field.description().unwrap_or_default(), "", &mut text);
        if !field.words().is_empty() || !field.fields().is_empty() {
            text.push('\n');
        }
        words(&field, "", &mut text);
        fields(&field, name, &mut text);
    }
    text
}

/// One entry for each field below `field`, at whatever depth.
fn fields(field: &Field<'_>, path: &str, text: &mut String) {
    let elements = if field.is_list() { "[]" } else { "" };
    for (name, below) in field.fields() {
        let path = yaml::join(&format!("{path}{elements}"), name);
        let facts = facts(&below, field.requires(name));
        let entry = format!("- `{path}` ({facts}): {}", below.description().unwrap_or_default());
        paragraph(&entry, "  ", text);
        words(&below, "  ", text);
        fields(&below, &path, text);
    }
}

/// One entry for each word that `field` accepts.
fn words(field: &Field<'_>, indent: &str, text: &mut String) {
    for (word, meaning) in field.words() {
        let meaning = meaning.map_or_else(String::new, |meaning| format!(": {meaning}"));
        let mut entry = String::new();
        paragraph(&format!("- `{word}`{meaning}"), "  ", &mut entry);
        for line in entry.lines() {
            let _ = writeln!(text, "{indent}{line}");
        }
    }
}

/// Type, range and default, or an example of what has none.
fn facts(field: &Field<'_>, required: bool) -> String {
    let mut facts = field.type_name();
    if field.is_open() {
        facts.push_str(" of Kubernetes' own");
    }
    if let Some(range) = field.range() {
        let _ = write!(facts, ", {range}");
    }
    if required {
        facts.push_str(", required");
    }
    match (field.default(), field.example()) {
        (Some(default), _) => {
            let _ = write!(facts, ", default `{}`", inline(default));
        }
        (None, Some(example)) => {
            let _ = write!(facts, ", example `{}`", inline(example));
        }
        (None, None) => {}
    }
    facts
}

/// A value in one line of YAML.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", inline(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        // What ends a value inside of brackets must stand in quotes.
        Value::String(text) if text.contains([',', '[', ']', '{', '}']) => value.to_string(),
        // A scalar has a YAML form.
        scalar => yaml::to_string(scalar).unwrap_or_default().trim_end().to_owned(),
    }
}

/// Writes wrapped lines, all but the first of a paragraph behind `indent`.
fn paragraph(content: &str, indent: &str, text: &mut String) {
    for (index, line) in wrap(content, WIDTH - indent.len()).iter().enumerate() {
        let indent = if index == 0 { "" } else { indent };
        text.push_str(format!("{indent}{line}").trim_end());
        text.push('\n');
    }
}
