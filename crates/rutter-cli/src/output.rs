//! Writing results: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rutter::Manifest;

/// Writes to standard output.
///
/// # Errors
///
/// If not all of it could be written; a broken pipe is no exception, for half a manifest is none.
pub(crate) fn to_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context("standard output cannot be written")
}

/// Writes one file per manifest into `folder`, which is made if need be.
///
/// The files appear under their names only once all of them are written, and each at once. Their names are plain, as the
/// host has seen to.
///
/// # Errors
///
/// If a file cannot be written. Then no file that was there before has changed, unless renaming itself failed.
pub(crate) fn to_folder(folder: &Path, manifests: &[Manifest]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let mut finished = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        finished.push(Unfinished::write(folder, manifest)?);
    }
    finished.into_iter().try_for_each(Unfinished::finish)
}

/// A file under a name of its own, which is removed unless it gets its final one.
struct Unfinished {
    path: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    fn write(folder: &Path, manifest: &Manifest) -> Result<Self> {
        let target = folder.join(&manifest.file_name);
        if target.is_dir() {
            anyhow::bail!("{} is a folder, where a file is to be written", target.display());
        }
        let path = folder.join(format!(".{}.{}", manifest.file_name, std::process::id()));
        let unfinished = Self { path, target };
        // A new file: a link that somebody put there is not followed.
        File::create_new(&unfinished.path)
            .and_then(|mut file| file.write_all(manifest.document.as_bytes()))
            .with_context(|| format!("{} cannot be written", unfinished.target.display()))?;
        Ok(unfinished)
    }

    fn finish(self) -> Result<()> {
        fs::rename(&self.path, &self.target).with_context(|| format!("{} cannot be written", self.target.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
