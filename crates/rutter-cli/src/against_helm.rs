//! Merges what `tests/data/helm.yaml` lists, here and with the real Helm.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use helm_values::{Expression, Values};
use rutter::Diagnostic;
use serde_json::Value;

use crate::args::{Cli, Command as Verb};
use crate::json;

const CASES: &str = include_str!("../tests/data/helm.yaml");

struct Case {
    name: String,
    files: Vec<String>,
    read: Vec<(String, String)>,
    args: Vec<String>,
    refused: Refused,
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Nowhere,
    Both,
    Here,
}

fn cases() -> Vec<Case> {
    let document = json::read(CASES, 1).expect("cases").expect("some cases");
    let texts = |value: &Value| {
        let texts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        texts
            .iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    };
    let case = |case: &Value| Case {
        name: case["name"].as_str().expect("a name").to_owned(),
        files: texts(&case["files"]),
        read: case["read"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, text)| (name.clone(), text.as_str().expect("a text").to_owned()))
            .collect(),
        args: texts(&case["args"]),
        refused: match case["refused"].as_str() {
            None => Refused::Nowhere,
            Some("both") => Refused::Both,
            Some("here") => Refused::Here,
            Some(other) => panic!("{other}"),
        },
    };
    document.as_array().expect("a list").iter().map(case).collect()
}

#[test]
fn values_merge_as_helm_merges_them() {
    let mut differences = String::new();
    for case in cases() {
        let directory = tempfile::tempdir().expect("a directory");
        let (here, helm) = (here(&case), helm(&case, directory.path()));
        let agree = match case.refused {
            Refused::Nowhere => here.is_ok() && here == helm,
            Refused::Both => here.is_err() && helm.is_err(),
            Refused::Here => here.is_err() && helm.is_ok(),
        };
        if !agree {
            differences.push_str(&format!(
                "{} ({:?})\n  here: {}\n  helm: {}\n",
                case.name,
                case.refused,
                show(here),
                show(helm)
            ));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

fn show(result: Result<Value, String>) -> String {
    result.map_or_else(|error| format!("refused: {}", error.trim()), |value| value.to_string())
}

fn here(case: &Case) -> Result<Value, String> {
    let text = |diagnostics: Vec<Diagnostic>| {
        diagnostics
            .iter()
            .map(|d| d.display("x").to_string())
            .collect::<String>()
    };
    let command_line = ["rutter", "render"]
        .into_iter()
        .chain(case.args.iter().map(String::as_str));
    let Verb::Render(args) = Cli::parse_from(command_line).command else {
        panic!("another command")
    };
    let mut values = Values::default();
    for file in &case.files {
        values.merge_text(file, 0).map_err(text)?;
    }
    for (kind, expression) in args.input.set.expressions() {
        let expression = Expression {
            kind,
            source: 0,
            text: expression,
        };
        let mut read = |path: &str| {
            let file = case.read.iter().find(|(name, _)| name == path);
            file.map(|(_, text)| text.clone())
                .ok_or(Failed("no such file".to_owned()))
        };
        values
            .apply(&expression, &mut read)
            .map_err(|Failed(message)| message)?;
    }
    let value = json::from_node(values.finish().root()).map_err(text)?;
    Ok(normal(value))
}

struct Failed(String);

impl From<Diagnostic> for Failed {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(diagnostic.display("x").to_string())
    }
}

fn helm(case: &Case, directory: &Path) -> Result<Value, String> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n");
    write(
        "chart/templates/values.yaml",
        "apiVersion: v1\nkind: Values\nvalues: {{ toJson .Values }}\n",
    );
    let mut helm = Command::new("helm");
    helm.args(["template", "chart"]).current_dir(directory);
    for (name, text) in &case.read {
        write(name, text);
    }
    for (index, text) in case.files.iter().enumerate() {
        let name = format!("{index}.yaml");
        write(&name, text);
        helm.args(["-f", &name]);
    }
    let output = helm.args(&case.args).output();
    let output = output.unwrap_or_else(|error| panic!("helm cannot be started ({error}): run `cargo xtask test`"));
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let stdout = String::from_utf8(output.stdout).expect("text");
    let line = stdout.lines().find_map(|line| line.strip_prefix("values: "));
    let value = serde_json::from_str(line.unwrap_or_else(|| panic!("{stdout}"))).expect("JSON");
    Ok(normal(value))
}

/// Whole and fractional numbers alike, as JSON has them.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, normal(value))).collect(),
        other => other,
    }
}
