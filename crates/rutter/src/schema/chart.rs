//! The values file and the schema of a Helm chart whose values are those of a package.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{defaults, of};

const HEAD: &str = "\
# All values, commented out with their defaults. Nothing has to be given. This file is generated.

";

/// Returns the `values.yaml` of a chart: all values as comments. Helm would merge defaults into the values that it passes
/// on, and drop a `null` over a default, so that the package would not learn of a `null` that removes a default.
#[must_use]
pub fn chart_values<T: JsonSchema>() -> String {
    let mut text = HEAD.to_owned();
    for line in defaults::<T>().lines() {
        let comment = if line.is_empty() { "" } else { "# " };
        text.push_str(&format!("{comment}{line}\n"));
    }
    text
}

/// Returns the `values.schema.json` of a chart. Helm checks values before it drops those that are `null`, and adds values of
/// its own.
#[must_use]
pub fn chart_schema<T: JsonSchema>() -> String {
    let mut schema = of::<T>();
    accept_null(&mut schema);
    schema["properties"]["global"] = json!({"description": "What Helm hands to all charts. It is not used."});
    schema["properties"]["enabled"] = json!({
        "type": ["boolean", "null"],
        "description": "For the condition of a dependency on this chart. It is not used by the chart itself.",
    });
    format!("{schema:#}\n")
}

/// Makes every field accept `null`, which to Helm and to the package means that the field is absent.
fn accept_null(schema: &mut Value) {
    let null = json!({"type": "null"});
    for property in schema
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|properties| properties.values_mut())
    {
        accept_null(property);
        let Some(property) = property.as_object_mut() else {
            continue;
        };
        if let Some(Value::Array(choices)) = property.get_mut("enum")
            && !choices.contains(&Value::Null)
        {
            choices.push(Value::Null);
        }
        match property.get_mut("type") {
            Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
            Some(only @ Value::String(_)) => *only = json!([only.clone(), "null"]),
            _ => {}
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(Value::Array(choices)) = property.get_mut(choice)
                && !choices.contains(&null)
            {
                choices.push(null.clone());
            }
        }
    }
    for part in ["items", "additionalProperties"] {
        if let Some(part) = schema.get_mut(part) {
            accept_null(part);
        }
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let choices = schema.get_mut(choice).and_then(Value::as_array_mut);
        choices.into_iter().flatten().for_each(accept_null);
    }
}
