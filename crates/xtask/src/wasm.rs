//! The compilers for WebAssembly on this machine.
//!
//! Usually this is the current Rust toolchain, to which rustup adds the targets. If rustup is missing or cannot reach
//! its server, Debian's packages are used: they come from a mirror that most such machines can reach.

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

/// A build target of a package.
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

    /// The name of the target in rustc.
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

/// The environment variable that selects the toolchain.
const OVERRIDE: &str = "RUTTER_WASM_TOOLCHAIN";

/// The time limit of rustup. Its server is either fast or, behind a firewall, cannot be reached at all.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// A compiler with the standard library of every [`Target`].
#[derive(Debug)]
pub(crate) enum WasmToolchain {
    /// The current Rust toolchain, which has the targets' standard libraries.
    Sysroot,
    /// Debian's Rust, which first builds the standard library from its sources.
    DebianBuildStd(DebianBuildStd),
}

impl WasmToolchain {
    /// Looks for a toolchain, and changes nothing.
    ///
    /// # Errors
    ///
    /// If the override is invalid.
    pub(crate) fn find(cache: &Cache) -> Result<Option<Self>> {
        if !debian_is_forced()? && sysroot_has_targets() {
            return Ok(Some(Self::Sysroot));
        }
        Ok(DebianBuildStd::find(cache).map(Self::DebianBuildStd))
    }

    /// Finds a toolchain, or installs one.
    ///
    /// # Errors
    ///
    /// If this machine cannot have one. The error suggests what to do.
    pub(crate) fn ensure(cache: &Cache) -> Result<Self> {
        if let Some(found) = Self::find(cache)? {
            return Ok(found);
        }
        if !debian_is_forced()? && command::find_program("rustup").is_some() {
            let mut rustup = rustup_target_add();
            eprintln!("xtask: adding {}: {}", names(" and "), command::line(&rustup));
            match command::run_to_stderr_within(RUSTUP_LIMIT, &mut rustup) {
                Ok(()) if sysroot_has_targets() => return Ok(Self::Sysroot),
                Ok(()) => eprintln!("xtask: the current Rust still lacks the targets: is it rustup's?"),
                Err(error) => eprintln!("xtask: {error:#}"),
            }
        }
        if !apt::is_debian() {
            bail!(
                "nothing on this machine compiles for {}. Install Rust with rustup, and run `{}` with access to its server",
                names(" and "),
                command::line(&rustup_target_add())
            );
        }
        let toolchain = DebianBuildStd::install(cache).with_context(|| {
            let rustup = command::line(&rustup_target_add());
            format!("Debian's packages cannot replace `{rustup}`")
        })?;
        Ok(Self::DebianBuildStd(toolchain))
    }

    /// Describes the commands that [`ensure`](Self::ensure) would run, in their order, if there is no toolchain.
    ///
    /// # Errors
    ///
    /// If the override is invalid.
    pub(crate) fn plan(cache: &Cache) -> Result<String> {
        let mut commands = Vec::new();
        if !debian_is_forced()? && command::find_program("rustup").is_some() {
            commands.push(format!("will run `{}`", command::line(&rustup_target_add())));
        }
        if apt::is_debian() {
            commands.push(DebianBuildStd::plan(cache)?);
        }
        if commands.is_empty() {
            commands.push("install Rust with rustup".to_owned());
        }
        Ok(commands.join("; if that fails, "))
    }

    /// Describes the toolchain in one line.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Sysroot => "standard library of the current Rust toolchain".to_owned(),
            Self::DebianBuildStd(debian) => debian.describe(),
        }
    }

    /// Returns `cargo build` for a target into the given target directory.
    pub(crate) fn cargo_build(&self, workspace: &Workspace, target: Target, directory: &Path) -> Command {
        let mut cargo = workspace.cargo();
        cargo
            .args(["build", "--target", target.name(), "--target-dir"])
            .arg(directory);
        let mut flags = workspace.remapped();
        if let Self::DebianBuildStd(debian) = self {
            flags.extend(debian.configure(target, &mut cargo));
        }
        set_rustc_flags(&mut cargo, &flags);
        cargo
    }

    /// Returns the target directory of this compiler. Each has its own, because one would rebuild what the other has
    /// built.
    pub(crate) fn target_dir(&self, workspace: &Workspace) -> PathBuf {
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
        Some(value) => bail!("{OVERRIDE} is {value:?}: only `debian` is accepted"),
    }
}

fn sysroot_has_targets() -> bool {
    Target::ALL.into_iter().all(|target| {
        let mut rustc = Command::new("rustc");
        command::read(rustc.args(["--print", "target-libdir", "--target", target.name()]))
            .is_ok_and(|directory| Path::new(directory.trim_end()).is_dir())
    })
}

fn rustup_target_add() -> Command {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add"]).args(Target::ALL.map(Target::name));
    rustup
}
