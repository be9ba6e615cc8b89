//! The differences between two Kubernetes objects, found by the types of Kubernetes' API.
//!
//! Both objects are read as an API server reads them: `null` is absence, a field that is absent has its default, and two
//! quantities are equal if their values are. Everything that is left is reported, also what the types do not know.

mod claim;
mod compare;
mod custom;
mod defaults;
mod path;
mod side;
mod table;

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use rutter::yaml::{Entry, Node, Scalar, Value};

use compare::Comparison;
use table::Table;

pub use path::{Path, Segment};

/// A value of an object that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The path of the value.
    pub path: Path,
    /// The installed value, which is the default if none is written. None if there is no default either.
    pub installed: Option<Node>,
    /// The desired value, likewise.
    pub desired: Option<Node>,
    /// Whether the desired value is written. An apply changes no other, unless kubectl knows that the field was its own.
    pub is_written: bool,
    is_secret: bool,
}

impl Difference {
    /// Returns the installed value in one line that is safe to print. A long text is cut around what differs.
    #[must_use]
    pub fn installed_text(&self) -> String {
        self.text(self.installed.as_ref(), self.desired.as_ref())
    }

    /// Returns the desired value in one line that is safe to print. A long text is cut around what differs.
    #[must_use]
    pub fn desired_text(&self) -> String {
        self.text(self.desired.as_ref(), self.installed.as_ref())
    }

    fn text(&self, value: Option<&Node>, other: Option<&Node>) -> String {
        if self.is_secret && value.is_some() {
            "(secret)".to_owned()
        } else {
            path::text(value, other)
        }
    }
}

/// Returns the differences between two objects of one group and kind.
///
/// `installed` may be as an API server prints it: with defaults, values that the API server decided, a status and managed
/// fields. A status is not compared, and neither are the fields of `metadata` that identify the object or that the API
/// server writes. All labels, annotations, finalizers and owners are.
///
/// Each difference is as deep as possible. A struct, list or map that only one side has is reported at those of its leaves
/// that are not defaults, or at itself if there are none.
#[must_use]
pub fn differences(group: &str, kind: &str, installed: &Node, desired: &Node) -> Vec<Difference> {
    let table = Table::get();
    let mut comparison = Comparison::new(table);
    let code = table.kind(group, kind);
    if (group, kind) == ("", "Secret") {
        comparison.is_secret = true;
        let (installed, desired) = (with_unknown(as_stored(installed)), as_stored(desired));
        comparison.run(&code, Some(&installed), Some(&desired));
    } else {
        comparison.run(&code, Some(installed), Some(desired));
    }
    let is_claim = (group, kind) == ("", "PersistentVolumeClaim");
    comparison.differences.retain(|difference| {
        !(custom::is_default(group, installed, desired, difference)
            || is_claim && claim::is_filled_in(installed, desired, difference))
    });
    comparison.differences
}

/// Returns a Secret with its `stringData` in `data`, as it is stored.
///
/// Source: `Convert_v1_Secret_To_core_Secret` in `pkg/apis/core/v1/conversion.go` of Kubernetes.
pub(super) fn as_stored(secret: &Node) -> Node {
    let mut secret = secret.clone();
    let Value::Mapping(fields) = &mut secret.value else {
        return secret;
    };
    let find = |fields: &[Entry], name: &str| fields.iter().position(|entry| entry.key.scalar.text == name);
    let Some(at) = find(fields, "stringData") else {
        return secret;
    };
    let encode = |entry: &Entry| {
        let text = entry.value.as_str()?;
        let Ok(serde_json::Value::String(base64)) = serde_json::to_value(ByteString(text.into())) else {
            return None;
        };
        let mut entry = entry.clone();
        entry.value.value = Value::Scalar(Scalar::quoted(base64));
        Some(entry)
    };
    let strings = fields[at].value.entries().unwrap_or_default();
    let Some(encoded) = strings.iter().map(encode).collect::<Option<Vec<_>>>() else {
        return secret;
    };
    let mut string_data = fields.remove(at);
    let data = find(fields, "data").map(|at| fields.remove(at));
    let names: BTreeSet<_> = encoded.iter().map(|entry| &entry.key.scalar.text).collect();
    let data = data.iter().flat_map(|data| data.value.entries().unwrap_or_default());
    let kept = data.filter(|entry| !names.contains(&entry.key.scalar.text)).cloned();
    let all = kept.collect::<Vec<_>>().into_iter().chain(encoded);
    string_data.key.scalar = Scalar::quoted("data");
    string_data.value.value = Value::Mapping(all.collect());
    fields.push(string_data);
    secret
}

/// Returns a Secret in which values that were kept back, which are null, are there, and are no value that can be desired.
fn with_unknown(mut secret: Node) -> Node {
    let Value::Mapping(fields) = &mut secret.value else {
        return secret;
    };
    for field in fields.iter_mut().filter(|field| field.key.scalar.text == "data") {
        let Value::Mapping(entries) = &mut field.value.value else {
            continue;
        };
        for entry in entries.iter_mut().filter(|entry| entry.value.is_null()) {
            // It is not base64.
            entry.value.value = Value::Scalar(Scalar::quoted("?"));
        }
    }
    secret
}

#[cfg(test)]
mod tests;
