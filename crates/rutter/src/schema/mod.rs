//! The JSON Schema of a values type, and what people read instead of it: commented defaults, a reference, and the
//! explanation of one field. One source for all.

mod chart;
mod defaults;
mod explain;
mod field;
mod reference;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

pub use chart::{chart_schema, chart_values};
pub use defaults::defaults;
pub use explain::Depth;
pub(crate) use explain::{explain, paths, section};
pub use reference::reference;

/// The JSON Schema (draft-07, every definition in place) of `T`, as indented JSON with a line feed at the end.
#[must_use]
pub fn json<T: JsonSchema>() -> String {
    let schema = of::<T>();
    // A tree of JSON values has a text.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(join_lines));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Puts each paragraph of a documentation on one line: editors show a line's end as that of a paragraph.
fn join_lines(schema: &mut Schema) {
    let description = schema.as_object_mut().and_then(|schema| schema.get_mut("description"));
    if let Some(Value::String(text)) = description {
        *text = wrap(text, usize::MAX).join("\n");
    }
}

/// The paragraphs of a documentation as lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
