//! Where things lie in the checkout, and cargo as it is to be run there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// Has a cargo give rustc these flags, by the one variable that no other overrules.
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
    /// Finds the checkout from what cargo tells the programs that it runs.
    ///
    /// # Errors
    ///
    /// If cargo did not start this program, or rustc does not say what machine this is.
    pub(crate) fn find() -> Result<Self> {
        // Read now, not with `env!`: a checkout may be moved together with its target folder.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest_dir)
            .ancestors()
            .nth(2)
            .context("xtask is not at crates/xtask of a checkout")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
        let said = command::read(Command::new("rustc").arg("-vV"))?;
        let host = said.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not say for what it compiles")?.to_owned();
        Ok(Self { root, target, host })
    }

    /// A copy of this checkout, with a target folder of its own.
    pub(crate) fn copied_to(&self, root: PathBuf) -> Self {
        Self {
            target: root.join("target"),
            root,
            host: self.host.clone(),
        }
    }

    /// What this machine is called among the targets of rustc.
    pub(crate) fn host(&self) -> &str {
        &self.host
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

    /// Has cargo build for this machine what starts fast: linked with the C library, whose shared objects would be
    /// looked for, mapped and bound at each start, as long as all of `true` takes.
    pub(crate) fn configure_release(&self, cargo: &mut Command) {
        let mut flags = self.remapped();
        if self.links_statically() {
            flags.push("-Ctarget-feature=+crt-static".to_owned());
            // The places that depend on where the program lies take a bit each, and not 24 bytes.
            flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
        }
        // Named, so that the flags are not those of build scripts and of macros, which are loaded.
        cargo.args(["--target", &self.host]);
        set_rustc_flags(cargo, &flags);
    }

    /// A program that [`configure_release`](Self::configure_release) was built for.
    pub(crate) fn release_binary(&self, name: &str) -> PathBuf {
        let folder = self.target.join(&self.host).join("release");
        folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Whether a program that is linked so starts. Not each distribution installs what that takes with the compiler, and
    /// before 2.36 glibc knew no packed relocations.
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

    /// The flags that keep the folders of this machine out of what is built, so that it is the same wherever it is
    /// built, and tells of nobody's home.
    pub(crate) fn remapped(&self) -> Vec<String> {
        let cargo_home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(env::home_dir()?.join(".cargo")));
        let folders = [(Some(self.root.clone()), "rutter"), (cargo_home, "cargo")];
        let remap =
            |(folder, name): (Option<PathBuf>, &str)| Some(format!("--remap-path-prefix={}={name}", folder?.display()));
        folders.into_iter().filter_map(remap).collect()
    }
}
