//! `docs/diagnostics.md`: every code, with an example from a case. `BLESS=1` writes it anew.

use std::fs;

use anyhow::{Context, Result};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::{Case, WASMTIME, root, same};
use rutter::{Code, Severity};

const HEAD: &str = "\
# Diagnostics

What the etcd package says of values, by code. A code is stable: scripts can rely on it. An *error* refuses the input,
and nothing is rendered; a *warning* does not. This page is generated from the tables in the source, and its examples
are what the test cases print.
";

#[test]
fn the_page_of_diagnostics_is_fresh_and_has_an_example_of_each() -> Result<()> {
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
    let mut page = HEAD.to_owned();
    for code in rutter::yaml::CODES
        .iter()
        .chain(etcd_package::codes::ALL)
        .chain(kubernetes_validation::codes::ALL)
        .chain(rutter::krm::CODES)
    {
        page.push_str(&section(code, &printed)?);
    }
    let path = root().join("docs/diagnostics.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page)?;
    }
    same(
        "docs/diagnostics.md",
        &page,
        &fs::read_to_string(&path).unwrap_or_default(),
    )
}

/// The diagnostics in a text, each with the lines that belong to it.
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

/// A code and the shortest example that has a remedy, if any has.
fn section(code: &Code, printed: &[String]) -> Result<String> {
    let Code { id, severity, summary } = code;
    let start = format!("{severity}[{id}]");
    let examples = printed.iter().filter(|diagnostic| diagnostic.starts_with(&start));
    let example = examples
        .min_by_key(|diagnostic| (!diagnostic.contains("\n  help: "), diagnostic.len()))
        .with_context(|| format!("{id} is printed by no case"))?;
    let kind = match severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    Ok(format!("\n## `{id}`\n\n{kind}: {summary}.\n\n```text\n{example}```\n"))
}
