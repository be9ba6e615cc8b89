//! What compiles for WebAssembly on this machine.
//!
//! Mostly that is the Rust in use once it has the targets, which rustup adds. Where rustup is missing or cannot reach
//! its server, Debian's packages do: they come from a mirror that most such machines can reach.

mod debian;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::cache::Cache;
use crate::command;
use crate::wasm::debian::DebianBuildStd;
use crate::workspace::{Workspace, set_rustc_flags};

/// What a package is built as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A component.
    Component,
    /// A core module, for the hosts that load no components.
    Module,
}

impl Target {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Component, Self::Module];

    /// As Rust calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Component => "wasm32-wasip2",
            Self::Module => "wasm32-wasip1",
        }
    }
}

/// The names of all targets, for a command line or a message.
fn names(separator: &str) -> String {
    Target::ALL.map(Target::name).join(separator)
}

/// Names the toolchain to use, where the choice is not to be ours.
const OVERRIDE: &str = "RUTTER_WASM_TOOLCHAIN";

/// How long rustup may try. Its server is either near or, behind a firewall, never to be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// A compiler that has everything for every [`Target`].
#[derive(Debug)]
pub(crate) enum WasmToolchain {
    /// The Rust in use, which has the targets' standard libraries.
    Sysroot,
    /// Debian's Rust, which first builds the standard library from its sources.
    DebianBuildStd(DebianBuildStd),
}

impl WasmToolchain {
    /// Looks for one without changing anything.
    ///
    /// # Errors
    ///
    /// If the override names none.
    pub(crate) fn find(cache: &Cache) -> Result<Option<Self>> {
        if !debian_is_forced()? && sysroot_has_targets() {
            return Ok(Some(Self::Sysroot));
        }
        Ok(DebianBuildStd::find(cache).map(Self::DebianBuildStd))
    }

    /// Finds one, or sets one up.
    ///
    /// # Errors
    ///
    /// If no way leads to one on this machine; says what to do.
    pub(crate) fn ensure(cache: &Cache) -> Result<Self> {
        if let Some(found) = Self::find(cache)? {
            return Ok(found);
        }
        if !debian_is_forced()? && command::find_program("rustup").is_some() {
            let mut rustup = rustup_target_add();
            eprintln!("xtask: adding {}: {}", names(" and "), command::line(&rustup));
            match command::run_aside_within(RUSTUP_LIMIT, &mut rustup) {
                Ok(()) if sysroot_has_targets() => return Ok(Self::Sysroot),
                Ok(()) => eprintln!("xtask: the Rust in use does not have them even so: is it rustup's?"),
                Err(error) => eprintln!("xtask: {error:#}"),
            }
        }
        if !apt::is_debian() {
            bail!(
                "nothing here can compile for {}. Install Rust with rustup and run `{}` where its server can be reached",
                names(" and "),
                command::line(&rustup_target_add())
            );
        }
        let toolchain = DebianBuildStd::install(cache).with_context(|| {
            let rustup = command::line(&rustup_target_add());
            format!("Debian's packages cannot stand in for `{rustup}`")
        })?;
        Ok(Self::DebianBuildStd(toolchain))
    }

    /// What [`ensure`](Self::ensure) would do if there is none, in its order.
    ///
    /// # Errors
    ///
    /// If the override names none.
    pub(crate) fn plan(cache: &Cache) -> Result<String> {
        let mut ways = Vec::new();
        if !debian_is_forced()? && command::find_program("rustup").is_some() {
            ways.push(format!("will run `{}`", command::line(&rustup_target_add())));
        }
        if apt::is_debian() {
            ways.push(DebianBuildStd::plan(cache)?);
        }
        if ways.is_empty() {
            ways.push("install Rust with rustup".to_owned());
        }
        Ok(ways.join("; should that fail, "))
    }

    /// Names it in one line.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Sysroot => "standard library of the Rust in use".to_owned(),
            Self::DebianBuildStd(debian) => debian.describe(),
        }
    }

    /// `cargo build` for a target into the given target folder.
    pub(crate) fn cargo_build(&self, workspace: &Workspace, target: Target, folder: &Path) -> Command {
        let mut cargo = workspace.cargo();
        cargo
            .args(["build", "--target", target.name(), "--target-dir"])
            .arg(folder);
        let mut flags = workspace.remapped();
        if let Self::DebianBuildStd(debian) = self {
            flags.extend(debian.configure(target, &mut cargo));
        }
        set_rustc_flags(&mut cargo, &flags);
        cargo
    }

    /// The target folder to build in: each compiler has its own, or they would undo each other's work.
    pub(crate) fn target_folder(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Sysroot => workspace.target().to_path_buf(),
            Self::DebianBuildStd(_) => workspace.target().join("debian"),
        }
    }
}

fn debian_is_forced() -> Result<bool> {
    match env::var_os(OVERRIDE) {
        None => Ok(false),
        Some(value) if value == "debian" => Ok(true),
        Some(value) => bail!("{OVERRIDE} is {value:?}: it may only be `debian`"),
    }
}

fn sysroot_has_targets() -> bool {
    Target::ALL.into_iter().all(|target| {
        let mut rustc = Command::new("rustc");
        command::read(rustc.args(["--print", "target-libdir", "--target", target.name()]))
            .is_ok_and(|folder| Path::new(folder.trim_end()).is_dir())
    })
}

fn rustup_target_add() -> Command {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add"]).args(Target::ALL.map(Target::name));
    rustup
}
