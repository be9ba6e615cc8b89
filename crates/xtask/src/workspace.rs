//! Where things lie in the checkout, and cargo as it is to be run there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// The checkout that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the checkout from what cargo tells the programs that it runs.
    ///
    /// # Errors
    ///
    /// If cargo did not start this program.
    pub(crate) fn find() -> Result<Self> {
        // Read now, not with `env!`: a checkout may be moved together with its target folder.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest_dir)
            .ancestors()
            .nth(2)
            .context("xtask is not at crates/xtask of a checkout")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
        Ok(Self { root, target })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where the built things lie that people use.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The etcd package as a component.
    pub(crate) fn component(&self) -> PathBuf {
        self.dist().join("etcd.wasm")
    }

    /// The `rutter` command.
    pub(crate) fn rutter(&self) -> PathBuf {
        self.dist().join(format!("rutter{}", env::consts::EXE_SUFFIX))
    }

    /// A plugin that Helm runs in process: a folder as `helm plugin install` takes it.
    pub(crate) fn helm_plugin(&self, name: &str) -> PathBuf {
        self.dist().join("helm").join(name)
    }

    /// Intermediate files of our own, below cargo's so that `cargo clean` removes them.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("rutter")
    }

    /// The component compiled ahead of time, which the `rutter` command embeds.
    pub(crate) fn precompiled(&self) -> PathBuf {
        self.scratch().join("etcd.cwasm")
    }

    /// Cargo at the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = command::cargo();
        cargo.current_dir(&self.root);
        cargo
    }

    /// Cargo for the release builds and tests of all crates that meet wasmtime: `build` or `test`.
    ///
    /// They share one choice of packages, because cargo enables the features that any chosen package wants: with
    /// another choice wasmtime would have other features, and compile for minutes once more. The same goes for the
    /// environment that names the component to embed in `rutter`.
    pub(crate) fn release_cargo(&self, verb: &str) -> Command {
        let mut cargo = self.cargo();
        cargo.args([
            verb,
            "--release",
            "-p",
            "rutter-host",
            "-p",
            "rutter-cli",
            "-p",
            "host-tests",
        ]);
        cargo.args(["--features", "host-tests/hosts"]);
        cargo.env("RUTTER_PRECOMPILED", self.precompiled());
        cargo
    }
}
