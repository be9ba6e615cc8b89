//! What the built component asks of its host.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use host_tests::{artifact, data};
use wasmparser::{Parser, Payload};

#[test]
fn it_imports_what_the_list_says_and_nothing_else() -> Result<()> {
    let list = data("imports.txt")?;
    let (mut needed, mut possible) = (BTreeSet::new(), BTreeSet::new());
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (names, interface) = match line.strip_prefix("? ") {
            Some(line) => (&mut possible, line),
            None => (&mut needed, line),
        };
        let (interface, _reason) = interface
            .split_once(" - ")
            .context("an import needs a reason, behind ` - `")?;
        names.insert(interface.to_owned());
    }
    let imports = names(Side::Imports)?;
    let missing: Vec<_> = needed.difference(&imports).collect();
    let unlisted: Vec<_> = imports
        .iter()
        .filter(|name| !needed.contains(*name) && !possible.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "listed in data/imports.txt, but not imported: {missing:?}"
    );
    assert!(
        unlisted.is_empty(),
        "imported, but not listed in data/imports.txt: {unlisted:?}"
    );
    Ok(())
}

#[test]
fn it_exports_the_typed_interface_and_the_command() -> Result<()> {
    let exports = names(Side::Exports)?;
    assert_eq!(
        exports,
        [
            "rutter:package/documentation",
            "rutter:package/renderer",
            "wasi:cli/run"
        ]
        .map(str::to_owned)
        .into()
    );
    Ok(())
}

enum Side {
    Imports,
    Exports,
}

/// The interfaces that the component imports or exports, without their versions, which its tool chain chooses.
fn names(side: Side) -> Result<BTreeSet<String>> {
    let component = fs::read(artifact("etcd.wasm")?)?;
    let mut depth = 0;
    let mut names = BTreeSet::new();
    let mut add = |name: &str| {
        names.insert(name.split('@').next().unwrap_or(name).to_owned());
    };
    for payload in Parser::new(0).parse_all(&component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 0 && matches!(side, Side::Imports) => {
                for import in imports {
                    add(import?.name.name);
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 && matches!(side, Side::Exports) => {
                for export in exports {
                    add(export?.name.name);
                }
            }
            _ => {}
        }
    }
    Some(names)
        .filter(|names| !names.is_empty())
        .context("a component has both")
}
