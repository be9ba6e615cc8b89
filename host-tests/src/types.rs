//! The types of Kubernetes' API, for tests that change each field.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// The type of a value.
#[derive(Clone, Debug)]
pub enum FieldType {
    /// The name of its type, and its fields.
    Struct(String, Vec<(String, Self)>),
    /// The type of its values.
    Map(Box<Self>),
    /// The type of its items.
    List(Box<Self>),
    /// Two values of the type, neither zero nor a default.
    Leaf([Value; 2]),
}

impl FieldType {
    /// Returns the type of a code of the table, such as `s` for a string.
    #[must_use]
    pub fn leaf(code: &str) -> Self {
        Self::Leaf(match code {
            "s" => [json!("rutter-1"), json!("rutter-2")],
            "i" => [json!(71), json!(72)],
            "b" => [json!(true), json!(false)],
            "q" => [json!("71Mi"), json!("72Mi")],
            "x" => [json!(71), json!("71")],
            "t" => [json!("2026-01-01T00:00:00Z"), json!("2026-01-02T00:00:00Z")],
            "y" => [json!("QQ=="), json!("Qg==")],
            _ => [json!(71), json!(72)],
        })
    }
}

/// Returns the types of these kinds, without `status`, from the table that the package compares objects with.
///
/// # Errors
///
/// If the table cannot be read or lacks a kind.
pub fn of_package<'k>(kinds: impl IntoIterator<Item = &'k str>) -> Result<BTreeMap<String, FieldType>> {
    let path = crate::root().join("crates/etcd-package/src/plan/difference/types.txt");
    let text = std::fs::read_to_string(path)?;
    let mut types: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut owner = "";
    for line in text.lines().filter(|line| !line.starts_with(['#', '@'])) {
        if let Some(name) = line.strip_suffix(':') {
            owner = name;
            types.entry(owner).or_default();
        } else {
            let (name, code) = line.split_once(' ').context("a field")?;
            let code = code.split_once('=').map_or(code, |(code, _)| code);
            types.entry(owner).or_default().push((name, code));
        }
    }
    fn shape(code: &str, types: &BTreeMap<&str, Vec<(&str, &str)>>) -> Result<FieldType> {
        if let Some(inner) = code.strip_prefix('*') {
            return shape(inner, types);
        }
        if let Some(inner) = code.strip_prefix("{}") {
            return Ok(FieldType::Map(Box::new(shape(inner, types)?)));
        }
        if let Some((_, inner)) = code.strip_prefix('[').and_then(|code| code.split_once(']')) {
            return Ok(FieldType::List(Box::new(shape(inner, types)?)));
        }
        let Some(name) = code.strip_prefix('.') else {
            ensure!(
                ["s", "i", "b", "q", "x", "t", "y", "u"].contains(&code),
                "unknown code {code}"
            );
            return Ok(FieldType::leaf(code));
        };
        let fields = types.get(name).with_context(|| name.to_owned())?.iter();
        let fields = fields.filter(|(_, code)| *code != "-");
        let fields = fields.map(|(field, code)| Ok(((*field).to_owned(), shape(code, types)?)));
        Ok(FieldType::Struct(name.to_owned(), fields.collect::<Result<_>>()?))
    }
    let of = |kind: &str| Ok((kind.to_owned(), shape(&format!(".{kind}"), &types)?));
    kinds.into_iter().map(of).collect()
}
