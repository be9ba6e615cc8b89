//! The files in `dist/` next to the build output, and text that no build output may contain.

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
fn checksums_cover_all_files() -> Result<()> {
    let sums = artifact("SHA256SUMS")?;
    let directory = sums.parent().context("a directory")?;
    let text = fs::read_to_string(&sums)?;
    let mut summed: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    let mut present = Vec::new();
    collect(directory, "", &mut present)?;
    present.retain(|file| file != "SHA256SUMS");
    summed.sort_unstable();
    present.sort_unstable();
    ensure!(
        summed == present,
        "checksums of {summed:?}, but the files are {present:?}"
    );
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(directory)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// Collects the files below a directory, by their paths in it.
fn collect(directory: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
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
fn a_bill_of_materials_has_licence_and_checksum_of_each_crate() -> Result<()> {
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

/// The build output contains neither the path of this checkout nor of a home directory.
#[test]
fn build_output_contains_no_directory_of_this_machine() -> Result<()> {
    let home = std::env::home_dir().context("a home")?;
    let of_tool = |variable, default| std::env::var_os(variable).map_or_else(|| home.join(default), PathBuf::from);
    let directories = [
        root().canonicalize()?,
        of_tool("CARGO_HOME", ".cargo"),
        of_tool("RUSTUP_HOME", ".rustup"),
    ];
    for file in BUILT {
        let bytes = fs::read(artifact(file)?)?;
        for directory in &directories {
            let directory = directory.to_str().context("text")?;
            let found = bytes
                .windows(directory.len())
                .position(|window| window == directory.as_bytes());
            let around = |at: usize| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 120)]).into_owned();
            ensure!(found.is_none(), "{file} has {:?}", found.map(around));
        }
    }
    Ok(())
}
