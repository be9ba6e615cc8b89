//! The files of `dist/`, which are written only if they change.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The plugins that Helm runs in process, by their directories in `plugins/helm-in-process/`. They share one module.
pub(crate) const HELM_PLUGINS: [&str; 2] = ["etcd", "etcd-post-renderer"];

/// Writes a text to a file, unless the file contains it already.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn put_text(text: &str, to: &Path) -> Result<()> {
    if fs::read_to_string(to).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(to, text).with_context(|| format!("{} cannot be written", to.display()))?;
    eprintln!("xtask: wrote {}", to.display());
    Ok(())
}

/// Copies a built file, as a whole or not at all, unless the copy has the same bytes already.
///
/// # Errors
///
/// If a file cannot be read or written.
pub(crate) fn put(from: &Path, to: &Path) -> Result<()> {
    let built = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == built) {
        return Ok(());
    }
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    // Written next to it and then renamed, because `to` may be running, or be read by a test.
    let partial = to.with_extension("partial");
    fs::copy(from, &partial)?;
    fs::rename(&partial, to).with_context(|| format!("{} cannot be written", to.display()))?;
    eprintln!("xtask: wrote {}", to.display());
    Ok(())
}
