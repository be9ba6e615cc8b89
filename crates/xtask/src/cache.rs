//! Installed tools, kept per user and version, so that a fresh clone finds them.
//!
//! The layout is `tools/<name>-<version>/bin/<name>`. A tool whose binary exists is complete: installers fill a
//! directory next to it, which is renamed only when they succeed.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The directory of the installed tools.
#[derive(Debug)]
pub(crate) struct Cache {
    tools: PathBuf,
}

impl Cache {
    /// Returns `$RUTTER_CACHE`, else `$XDG_CACHE_HOME/rutter`, else `~/.cache/rutter`. It need not exist.
    ///
    /// # Errors
    ///
    /// If none of them is set.
    pub(crate) fn find() -> Result<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = set("RUTTER_CACHE")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("rutter")))
            .or_else(|| Some(env::home_dir()?.join(".cache/rutter")))
            .context("there is no directory for tools: set RUTTER_CACHE")?;
        let tools = std::path::absolute(directory)?.join("tools");
        Ok(Self { tools })
    }

    /// Returns a directory next to the tools, for the files of one run.
    pub(crate) fn run_directory(&self, name: &str) -> PathBuf {
        self.tools.with_file_name(name)
    }

    /// Returns the directory of one version of a tool, which need not exist.
    pub(crate) fn directory(&self, name: &str, version: &str) -> PathBuf {
        self.tools.join(format!("{name}-{version}"))
    }

    /// Returns the binary of one version of a tool, if it is installed.
    pub(crate) fn binary(&self, name: &str, version: &str) -> Option<PathBuf> {
        Some(binary_in(&self.directory(name, version), name)).filter(|binary| binary.is_file())
    }

    /// Installs one version of a tool into a directory with `fill`, and keeps it if that leaves the binary in `bin/`.
    ///
    /// If another process is installing the same version, waits for it instead.
    ///
    /// # Errors
    ///
    /// If `fill` fails or leaves no binary, or the cache cannot be written.
    pub(crate) fn install(&self, name: &str, version: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let directory = self.directory(name, version);
        let partial = self.tools.join(format!("{name}-{version}.partial"));
        fs::create_dir_all(&self.tools).with_context(|| format!("{} cannot be created", self.tools.display()))?;

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

        remove_directory(&partial)?;
        fs::create_dir(&partial)?;
        fill(&partial)?;
        ensure!(
            binary_in(&partial, name).is_file(),
            "installing {name} {version} left no bin/{name}"
        );
        remove_directory(&directory)?;
        fs::rename(&partial, &directory)?;
        Ok(binary_in(&directory, name))
    }
}

/// Returns the path of the binary `name` of a tool in `directory`.
pub(crate) fn binary_in(directory: &Path, name: &str) -> PathBuf {
    directory.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn remove_directory(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("{} cannot be removed", directory.display()))?;
    }
    Ok(())
}
