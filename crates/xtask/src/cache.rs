//! Installed tools, kept per user and version, so that a clean clone finds them again.
//!
//! The layout is `tools/<name>-<version>/bin/<name>`. A tool whose binary is there is finished: installers fill a
//! folder beside it, which is renamed only when they succeed.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder of the installed tools.
#[derive(Debug)]
pub(crate) struct Cache {
    tools: PathBuf,
}

impl Cache {
    /// `$RUTTER_CACHE`, else `$XDG_CACHE_HOME/rutter`, else `~/.cache/rutter`. It need not exist.
    ///
    /// # Errors
    ///
    /// If none of them is known.
    pub(crate) fn find() -> Result<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("RUTTER_CACHE")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("rutter")))
            .or_else(|| Some(env::home_dir()?.join(".cache/rutter")))
            .context("no place for tools is known: set RUTTER_CACHE to a folder")?;
        let tools = std::path::absolute(folder)?.join("tools");
        Ok(Self { tools })
    }

    /// A folder beside the tools, for what lives no longer than one run.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.tools.with_file_name(name)
    }

    /// The folder of one version of a tool, there or not.
    pub(crate) fn folder(&self, name: &str, version: &str) -> PathBuf {
        self.tools.join(format!("{name}-{version}"))
    }

    /// The binary of one version of a tool, if it is installed.
    pub(crate) fn binary(&self, name: &str, version: &str) -> Option<PathBuf> {
        Some(binary_in(&self.folder(name, version), name)).filter(|binary| binary.is_file())
    }

    /// Has `fill` install one version of a tool into a folder, and keeps it if that leaves the binary in `bin/`.
    ///
    /// Where another process is installing the same, waits for that one instead.
    ///
    /// # Errors
    ///
    /// If `fill` fails or leaves no binary, or the cache cannot be written.
    pub(crate) fn install(&self, name: &str, version: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = self.folder(name, version);
        let partial = self.tools.join(format!("{name}-{version}.partial"));
        fs::create_dir_all(&self.tools).with_context(|| format!("{} cannot be made", self.tools.display()))?;

        let lock = File::create(self.tools.join(format!("{name}-{version}.lock")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("xtask: another process is installing {name} {version}: waiting for it");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        if let Some(binary) = self.binary(name, version) {
            return Ok(binary);
        }

        remove_folder(&partial)?;
        fs::create_dir(&partial)?;
        fill(&partial)?;
        ensure!(
            binary_in(&partial, name).is_file(),
            "installing {name} {version} left no bin/{name}"
        );
        remove_folder(&folder)?;
        fs::rename(&partial, &folder)?;
        Ok(binary_in(&folder, name))
    }
}

/// The binary `name` of a tool in `folder`.
pub(crate) fn binary_in(folder: &Path, name: &str) -> PathBuf {
    folder.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}
