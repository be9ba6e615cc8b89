//! Every code with an example from a case: `docs/diagnostics.md`, and the output of `rutter explain`. `BLESS=1` writes
//! both.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::{Case, WASMTIME, root, same};
use rutter::{Code, DocumentedCode, Package as _, Severity};
use serde_json::Value;

const HEAD: &str = "\
# Diagnostics

The errors and warnings of the etcd package, by code. A code is stable: scripts can rely on it. An *error* refuses the input,
and nothing is rendered; a *warning* does not. This page is generated from the tables in the source, and its examples
are what the test cases print.
";

#[test]
fn diagnostics_are_up_to_date_and_each_has_an_example() -> Result<()> {
    let mut printed = Vec::new();
    for case in Case::all()? {
        let args = case.args.iter().map(Into::into);
        let stderr = rutter::command::run(&EtcdPackage, WASMTIME, args, || Ok(case.input)).stderr;
        printed.extend(split(&stderr));
    }
    for case in Case::functions()? {
        let args = ["krm".into()].into_iter().chain(case.args.iter().map(Into::into));
        let stderr = rutter::command::run(&EtcdPackage, WASMTIME, args, || Ok(case.input)).stderr;
        printed.extend(split(&stderr));
    }
    for change in Change::all()? {
        printed.extend(split(&change.text()));
    }
    let mut codes = Vec::new();
    for code in rutter::yaml::CODES
        .iter()
        .chain(rutter::manifests::CODES)
        .chain(etcd_package::codes::ALL)
        .chain(kubernetes_validation::codes::ALL)
        .chain(rutter::krm::CODES)
    {
        codes.push(document(code, &printed)?);
    }
    let page = HEAD.to_owned() + &codes.iter().map(section).collect::<String>();
    let carried = serde_json::to_string_pretty(&codes)? + "\n";
    for (name, text) in [
        ("docs/diagnostics.md", page),
        ("crates/etcd-package/generated/codes.json", carried),
    ] {
        let path = root().join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &text)?;
        }
        same(name, &text, &fs::read_to_string(&path).unwrap_or_default())?;
    }
    Ok(())
}

#[test]
fn the_package_documents_all_its_codes() {
    let ids: Vec<String> = EtcdPackage.codes().into_iter().map(|code| code.id).collect();
    for code in etcd_package::codes::ALL.iter().chain(kubernetes_validation::codes::ALL) {
        assert!(ids.iter().any(|id| id == code.id), "{}", code.id);
    }
}

/// Splits a text into diagnostics, each with its lines.
fn split(stderr: &str) -> Vec<String> {
    let mut diagnostics: Vec<String> = Vec::new();
    for line in stderr.split_inclusive('\n') {
        match diagnostics.last_mut() {
            Some(last) if line.starts_with("  ") => last.push_str(line),
            _ => diagnostics.push(line.to_owned()),
        }
    }
    diagnostics
}

/// Returns a code and its shortest example, with help if any example has help.
fn document(code: &Code, printed: &[String]) -> Result<DocumentedCode> {
    let Code { id, severity, .. } = code;
    let start = format!("{severity}[{id}]");
    let examples = printed.iter().filter(|diagnostic| diagnostic.starts_with(&start));
    let example = examples
        .min_by_key(|diagnostic| (!diagnostic.contains("\n  help: "), diagnostic.len()))
        .with_context(|| format!("no case prints {id}"))?;
    Ok(DocumentedCode {
        example: example.clone(),
        ..DocumentedCode::from(code)
    })
}

fn section(code: &DocumentedCode) -> String {
    let DocumentedCode {
        id,
        severity,
        summary,
        example,
    } = code;
    let kind = match severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    format!("\n## `{id}`\n\n{kind}: {summary}.\n\n```text\n{example}```\n")
}

/// Codes of errors whose path is not that of a field: the field does not exist, or the text is not a values document.
const WITHOUT_FIELD: [&str; 5] = [
    "duplicate-key",
    "unknown-field",
    "yaml-feature",
    "yaml-limit",
    "yaml-syntax",
];

/// Paths of diagnostics are those of values, so that a reader finds the field.
#[test]
fn every_path_of_a_diagnostic_has_a_field() -> Result<()> {
    let mut found = Vec::new();
    for case in Case::all()? {
        if let Ok(values) = String::from_utf8(case.input) {
            found.extend(match host_tests::render("etcd", "default", &values) {
                Ok(rendering) => rendering.warnings,
                Err(problems) => problems,
            });
        }
    }
    for change in Change::all()? {
        found.extend(match change.plan() {
            Ok(plan) => plan.warnings,
            Err(problems) => problems,
        });
    }
    let paths: BTreeSet<(String, String)> = found
        .into_iter()
        .filter(|diagnostic| {
            !diagnostic.path.is_empty()
                && !diagnostic.path.starts_with('$')
                && !WITHOUT_FIELD.contains(&&*diagnostic.code)
        })
        .map(|diagnostic| (diagnostic.path.to_string(), diagnostic.code.to_string()))
        .collect();
    ensure!(paths.len() > 100, "only {} paths", paths.len());
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    let wrong: Vec<String> = paths
        .into_iter()
        .filter(|(path, _)| !has_path(&schema, &schema, &parts(path)))
        .map(|(path, code)| format!("{code}: {path}"))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(
        !has_path(&schema, &schema, &parts("tls.peer.modes")) && !has_path(&schema, &schema, &parts("replica")),
        "every path is accepted"
    );
    Ok(())
}

/// Returns the keys of a path, with none in place of an index: `a.b[0]["c.d"]`.
fn parts(path: &str) -> Vec<Option<String>> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.trim_start_matches('.');
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            parts.push(Some(key.to_owned()));
            rest = after;
        } else if let Some(index) = rest.strip_prefix('[') {
            parts.push(None);
            rest = index.split_once(']').map_or("", |(_, after)| after);
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            parts.push(Some(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    parts
}

/// Whether a schema has a field at a path. Below Kubernetes' own types, every path is accepted.
fn has_path(root: &Value, schema: &Value, path: &[Option<String>]) -> bool {
    let Some((part, rest)) = path.split_first() else {
        return true;
    };
    if let Some(pointer) = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'))
    {
        return root.pointer(pointer).is_some_and(|schema| has_path(root, schema, path));
    }
    for list in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema[list].as_array() {
            return schemas.iter().any(|schema| has_path(root, schema, path));
        }
    }
    let below = |schema: &Value| schema.is_null() || schema == true || has_path(root, schema, rest);
    match part {
        None => below(&schema["items"]),
        Some(key) => match schema["properties"].get(key) {
            Some(schema) => below(schema),
            None => schema["additionalProperties"] != false && below(&schema["additionalProperties"]),
        },
    }
}
