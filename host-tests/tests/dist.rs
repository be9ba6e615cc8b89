//! What lies in `dist/` beside what is built there, and what must not be in any of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use host_tests::{artifact, root};
use serde_json::Value;

const BUILT: [&str; 4] = [
    "etcd.wasm",
    "rutter",
    "helm/etcd/plugin.wasm",
    "helm/etcd-post-renderer/plugin.wasm",
];

#[test]
fn checksums_are_of_all_that_is_built() -> Result<()> {
    let sums = artifact("SHA256SUMS")?;
    let folder = sums.parent().context("a folder")?;
    let text = fs::read_to_string(&sums)?;
    let mut summed: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    let mut present = Vec::new();
    collect(folder, "", &mut present)?;
    present.retain(|file| file != "SHA256SUMS");
    summed.sort_unstable();
    present.sort_unstable();
    ensure!(summed == present, "{summed:?}, and there is {present:?}");
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(folder)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// The files below a folder, by their paths in it.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_str().context("text")?);
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

#[test]
fn a_bill_of_materials_tells_licence_and_checksum_of_each_crate() -> Result<()> {
    for (file, subject, known, unknown) in [
        ("etcd.cdx.json", "etcd-component", "granit-parser", "wasmtime"),
        ("rutter.cdx.json", "rutter-cli", "wasmtime", "proptest"),
        ("rutter.cdx.json", "rutter-cli", "k8s-openapi", "proptest"),
        ("helm.cdx.json", "etcd-helm-plugin", "extism-pdk", "wasmtime"),
    ] {
        let bill: Value = serde_json::from_str(&fs::read_to_string(artifact(file)?)?)?;
        ensure!(
            bill["bomFormat"] == "CycloneDX" && bill["metadata"]["component"]["name"] == subject,
            "{file}"
        );
        let components = bill["components"].as_array().context("components")?;
        let find = |name: &str| components.iter().find(|component| component["name"] == name);
        let known = find(known).context("a crate that it has")?;
        ensure!(
            known["hashes"][0]["content"]
                .as_str()
                .is_some_and(|sum| sum.len() == 64),
            "{known}"
        );
        ensure!(find(unknown).is_none(), "{unknown} is no part of it");
        for component in components {
            let licence = component["licenses"][0]["expression"].as_str();
            ensure!(licence.is_some_and(|licence| !licence.is_empty()), "{component}");
        }
    }
    Ok(())
}

/// Neither this checkout nor anybody's home: what is built tells nothing of the machine that built it.
#[test]
fn no_folder_of_this_machine_is_in_what_is_built() -> Result<()> {
    let home = std::env::home_dir().context("a home")?;
    let of_tool = |variable, default| std::env::var_os(variable).map_or_else(|| home.join(default), PathBuf::from);
    let folders = [
        root().canonicalize()?,
        of_tool("CARGO_HOME", ".cargo"),
        of_tool("RUSTUP_HOME", ".rustup"),
    ];
    for file in BUILT {
        let bytes = fs::read(artifact(file)?)?;
        for folder in &folders {
            let folder = folder.to_str().context("text")?;
            let found = bytes
                .windows(folder.len())
                .position(|window| window == folder.as_bytes());
            let around = |at: usize| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 120)]).into_owned();
            ensure!(found.is_none(), "{file} has {:?}", found.map(around));
        }
    }
    Ok(())
}
