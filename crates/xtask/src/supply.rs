//! The bills of materials and the checksums in `dist/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::command;
use crate::dist::{self, HELM_PLUGINS};
use crate::wasm::Target;
use crate::workspace::Workspace;

/// The bills of materials: a file in `dist/`, and its crates. The first crate is the subject.
const BILLS: [(&str, &[Crate]); 3] = [
    ("etcd.cdx.json", &[COMPONENT]),
    // The command embeds the component.
    ("rutter.cdx.json", &[("rutter-cli", None), COMPONENT]),
    ("helm.cdx.json", &[("etcd-helm-plugin", Some(Target::Module))]),
];

/// A crate and its target, if that is not this machine.
type Crate = (&'static str, Option<Target>);

const COMPONENT: Crate = ("etcd-component", Some(Target::Component));

/// Writes the bills of materials and the checksums of all files in `dist/`.
///
/// # Errors
///
/// If cargo fails, or a file cannot be read or written.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let dist = workspace.dist();
    for (file, crates) in BILLS {
        dist::put_text(&bill_of_materials(workspace, crates)?, &dist.join(file))?;
    }
    let mut files: Vec<PathBuf> = [workspace.component(), workspace.rutter()].into();
    files.extend(BILLS.map(|(file, _)| dist.join(file)));
    for name in HELM_PLUGINS {
        files.extend(["plugin.wasm", "plugin.yaml"].map(|file| workspace.helm_plugin(name).join(file)));
    }
    let mut sums = String::new();
    for path in files {
        let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        // In the format of `sha256sum --check`.
        writeln!(
            sums,
            "{}  {}",
            hex(&Sha256::digest(bytes)),
            path.strip_prefix(&dist)?.display()
        )?;
    }
    dist::put_text(&sums, &dist.join("SHA256SUMS"))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns a bill of materials in CycloneDX's format (<https://cyclonedx.org/docs/1.6/json/>). It contains neither time
/// nor serial number, so it changes only with the crates.
fn bill_of_materials(workspace: &Workspace, contents: &[Crate]) -> Result<String> {
    let lock = fs::read_to_string(workspace.root().join("Cargo.lock"))?;
    let checksums = checksums(&lock);
    let mut crates = BTreeSet::new();
    for (krate, target) in contents {
        let tree = tree(workspace, krate, *target)?;
        crates.extend(tree.lines().map(str::to_owned));
    }
    let subject_name = contents.first().map_or("", |(krate, _)| krate);
    let mut components = Vec::new();
    let mut subject = Value::Null;
    for line in crates {
        let component = component(&line, &checksums).with_context(|| format!("`cargo tree` wrote {line:?}"))?;
        if component["name"] == subject_name {
            subject = component;
        } else {
            components.push(component);
        }
    }
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
    });
    Ok(format!("{bill:#}\n"))
}

/// Returns a crate and its dependencies, in lines `NAME vVERSION …|LICENCE`.
fn tree(workspace: &Workspace, krate: &str, target: Option<Target>) -> Result<String> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "tree",
        "--locked",
        "--package",
        krate,
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    cargo.args(["--no-dedupe", "--format", "{p}|{l}"]);
    if let Some(target) = target {
        cargo.args(["--target", target.name()]);
    }
    command::read(&mut cargo)
}

/// Returns the entry of a crate in a bill of materials, from a line `NAME vVERSION …|LICENCE`.
fn component(line: &str, checksums: &BTreeMap<(&str, &str), &str>) -> Option<Value> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let purl = format!("pkg:cargo/{name}@{version}");
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        // Old crates use `A/B`.
        "licenses": [{"expression": licence.replace('/', " OR ")}],
        "purl": purl,
    });
    // Crates of this workspace have none.
    if let Some(checksum) = checksums.get(&(name, version)) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    Some(component)
}

/// Returns the checksums of crates in `Cargo.lock`, by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let packages = lock.split("[[package]]").skip(1);
    let checksum = |package| {
        Some((
            (field(package, "name")?, field(package, "version")?),
            field(package, "checksum")?,
        ))
    };
    packages.filter_map(checksum).collect()
}

fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    let mut values = package
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
    values.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_licence_and_checksum() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let checksums = checksums(lock);
        let a = component("a v1.0.0 (proc-macro)|MIT/Apache-2.0", &checksums).unwrap();
        assert_eq!(a["purl"], "pkg:cargo/a@1.0.0");
        assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(a["hashes"][0]["content"], "00ff");
        let b = component("b v2.0.0 (/somewhere/b)|Apache-2.0", &checksums).unwrap();
        assert_eq!(b.get("hashes"), None);
        assert!(!b.to_string().contains("somewhere"));
        assert_eq!(component("nonsense", &checksums), None);
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        assert_eq!(
            hex(&Sha256::digest("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
