//! The check that build output is the same wherever it is built.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::wasm::WasmToolchain;
use crate::workspace::Workspace;

/// Builds the component from scratch in another directory, and checks that its bytes are the same.
///
/// # Errors
///
/// If they differ, or it cannot be built there.
pub(crate) fn reproduce(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let directory = workspace.scratch().join("elsewhere");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let mut git = Command::new("git");
    let files = command::read(
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(workspace.root()),
    )?;
    for file in files.split_terminator('\0').map(Path::new) {
        let (from, to) = (workspace.root().join(file), directory.join(file));
        // The list contains deleted files whose deletion is not committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file has a parent directory")?)?;
            fs::copy(from, to)?;
        }
    }
    let elsewhere = workspace.copied_to(directory.clone());
    let built = build::component(&elsewhere, &WasmToolchain::ensure(cache)?)?;
    let same = fs::read(&built)? == fs::read(workspace.component())?;
    ensure!(
        same,
        "{} and {} differ",
        built.display(),
        workspace.component().display()
    );
    fs::remove_dir_all(directory)?;
    Ok(())
}
