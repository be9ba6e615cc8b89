//! The files that are generated from the types of `values`. They are checked in, so that a change of a type shows what it
//! changes for people, and so that the component need not carry what generates them. `BLESS=1` writes them anew.

#![allow(
    clippy::disallowed_methods,
    reason = "the crate is pure; its tests read and write what is generated from it"
)]

use std::path::Path;
use std::{fs, io};

use etcd_package::values::Values;
use serde_json::{Value, json};

const HEAD: &str = "\
# Values

What can be asked of the etcd package: a values document, or the `spec` of an `EtcdCluster`. All values are optional,
and `null` means that a value is not there. `rutter explain FIELD` tells the same of one field. This page is generated
from the types in the source.

";

const CHART_HEAD: &str = "\
# All values, commented out with their defaults. Nothing has to be given. This file is generated.

";

/// `file` is named from the package's folder.
fn check(file: &str, fresh: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, fresh)?;
    }
    let found = fs::read_to_string(&path)?;
    assert!(
        found == fresh,
        "{file} is stale: `BLESS=1 cargo test -p etcd-package` writes it anew"
    );
    Ok(())
}

#[test]
fn the_schema_is_fresh() -> io::Result<()> {
    check("generated/values.schema.json", &rutter::schema::json::<Values>())
}

#[test]
fn the_defaults_are_fresh() -> io::Result<()> {
    check("generated/values.yaml", &rutter::schema::defaults::<Values>())
}

/// A chart's defaults are commented out: Helm would merge them into what it hands over, and drop what is `null` over a
/// default, so that `resources: {requests: {cpu: null}}` were no longer said.
#[test]
fn the_chart_s_values_are_fresh() -> io::Result<()> {
    let mut text = CHART_HEAD.to_owned();
    for line in rutter::schema::defaults::<Values>().lines() {
        let comment = if line.is_empty() { "" } else { "# " };
        text.push_str(&format!("{comment}{line}\n"));
    }
    check("../../chart/values.yaml", &text)
}

#[test]
fn the_chart_s_schema_is_fresh() -> io::Result<()> {
    let mut schema: Value = serde_json::from_str(&rutter::schema::json::<Values>())?;
    accept_null(&mut schema);
    schema["properties"]["global"] = json!({"description": "What Helm hands to all charts. It is not used."});
    schema["properties"]["enabled"] = json!({
        "type": ["boolean", "null"],
        "description": "For the condition of a dependency on this chart. It is not used by the chart itself.",
    });
    check("../../chart/values.schema.json", &format!("{schema:#}\n"))
}

/// Has every field accept `null`, which to Helm and to the package means that it is not there. Helm checks values while
/// such fields still are.
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

#[test]
fn the_reference_is_fresh() -> io::Result<()> {
    let reference = rutter::schema::reference::<Values>();
    check("../../docs/values.md", &format!("{HEAD}{reference}"))
}
