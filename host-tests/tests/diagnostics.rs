//! Every code with an example from a case: `docs/diagnostics.md`, and what `rutter explain` prints. `BLESS=1` writes both.

use std::fs;

use anyhow::{Context, Result};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::{Case, WASMTIME, root, same};
use rutter::{Code, DocumentedCode, Package as _, Severity};

const HEAD: &str = "\
# Diagnostics

The errors and warnings of the etcd package, by code. A code is stable: scripts can rely on it. An *error* refuses the input,
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
    let mut codes = Vec::new();
    for code in rutter::yaml::CODES
        .iter()
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

/// A code and the shortest example that has help, if any has.
fn document(code: &Code, printed: &[String]) -> Result<DocumentedCode> {
    let Code { id, severity, .. } = code;
    let start = format!("{severity}[{id}]");
    let examples = printed.iter().filter(|diagnostic| diagnostic.starts_with(&start));
    let example = examples
        .min_by_key(|diagnostic| (!diagnostic.contains("\n  help: "), diagnostic.len()))
        .with_context(|| format!("{id} is printed by no case"))?;
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
