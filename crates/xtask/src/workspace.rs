//! The layout of the checkout, and cargo with the settings of this workspace.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// Sets rustc's flags for a cargo command, in the one variable that overrides all others.
pub(crate) fn set_rustc_flags(cargo: &mut Command, flags: &[String]) {
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
}

/// The checkout that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    host: String,
}

impl Workspace {
    /// Finds the checkout from the environment that cargo sets for the programs that it runs.
    ///
    /// # Errors
    ///
    /// If cargo did not start this program, or rustc does not print the machine's target.
    pub(crate) fn find() -> Result<Self> {
        // Read now, not with `env!`, because a checkout may be moved together with its target directory.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest_dir)
            .ancestors()
            .nth(2)
            .context("xtask is not at crates/xtask of a checkout")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
        let output = command::read(Command::new("rustc").arg("-vV"))?;
        let host = output.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("`rustc -vV` does not print its host")?.to_owned();
        Ok(Self { root, target, host })
    }

    /// Returns a copy of this checkout, with a target directory of its own.
    pub(crate) fn copied_to(&self, root: PathBuf) -> Self {
        Self {
            target: root.join("target"),
            root,
            host: self.host.clone(),
        }
    }

    /// The name of this machine's target in rustc.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The directory of the artifacts that people use.
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

    /// A plugin that Helm runs in process: a directory that `helm plugin install` takes.
    pub(crate) fn helm_plugin(&self, name: &str) -> PathBuf {
        self.dist().join("helm").join(name)
    }

    /// The directory of intermediate files, below cargo's, so that `cargo clean` removes them.
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

    /// Cargo for the release builds and tests of all crates that depend on wasmtime: `build` or `test`.
    ///
    /// They share one choice of packages, because cargo enables the features that any chosen package requires: with
    /// another choice wasmtime would have other features, and would be compiled again, for minutes. The same goes for
    /// the environment variable that names the component to embed in `rutter`.
    pub(crate) fn release_cargo(&self, verb: &str) -> Command {
        let mut cargo = self.cargo();
        cargo.args([
            verb,
            "--profile",
            "release",
            "-p",
            "rutter-host",
            "-p",
            "rutter-cli",
            "-p",
            "host-tests",
        ]);
        cargo.args(["--features", "host-tests/hosts"]);
        cargo.env("RUTTER_PRECOMPILED", self.precompiled());
        self.configure_release(&mut cargo);
        cargo
    }

    /// Configures cargo to link statically, which starts faster: looking up, mapping and binding the shared objects of
    /// the C library takes as long as all of `true`.
    pub(crate) fn configure_release(&self, cargo: &mut Command) {
        let mut flags = self.remapped();
        if self.links_statically() {
            flags.push("-Ctarget-feature=+crt-static".to_owned());
            // Relocations take a bit each, and not 24 bytes.
            flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
        }
        // With a target named, the flags do not apply to build scripts and to macros, which are loaded.
        cargo.args(["--target", &self.host]);
        set_rustc_flags(cargo, &flags);
    }

    /// Returns the path of a program that was built with [`configure_release`](Self::configure_release).
    pub(crate) fn release_binary(&self, name: &str) -> PathBuf {
        let directory = self.target.join(&self.host).join("release");
        directory.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Whether a statically linked program starts. Some distributions do not install the static C library with the
    /// compiler, and glibc before 2.36 has no packed relocations.
    fn links_statically(&self) -> bool {
        let (source, program) = (self.scratch().join("static.c"), self.scratch().join("static"));
        let mut cc = Command::new("cc");
        cc.args(["-static-pie", "-Wl,-z,pack-relative-relocs", "-o"])
            .args([&program, &source]);
        self.host.ends_with("-linux-gnu")
            && fs::create_dir_all(self.scratch()).is_ok()
            && fs::write(&source, "int main(void) { return 0; }\n").is_ok()
            && command::read(&mut cc).is_ok()
            && command::read(&mut Command::new(&program)).is_ok()
    }

    /// Returns the flags that keep directories of this machine out of the build output, so that the output is the same
    /// wherever it is built, and names nobody's home.
    pub(crate) fn remapped(&self) -> Vec<String> {
        let cargo_home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(env::home_dir()?.join(".cargo")));
        let directories = [(Some(self.root.clone()), "rutter"), (cargo_home, "cargo")];
        let remap = |(directory, name): (Option<PathBuf>, &str)| {
            Some(format!("--remap-path-prefix={}={name}", directory?.display()))
        };
        directories.into_iter().filter_map(remap).collect()
    }
}
