//! Debian's Rust as a compiler for WebAssembly.
//!
//! Debian 12 and 13 keep a recent compiler for their web browsers, `rustc-web`, with its sources in `rust-web-src`:
//! cargo builds the standard library from those. `wasi-libc` has the C library, and `lld` the linker. For components,
//! `wasm-component-ld` calls this linker. Debian lacks it, and cargo installs it.
//!
//! Packages change the machine for all its users, so the commands are printed before they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::apt::{os_release, run_as_root};
use crate::cache::Cache;
use crate::command;
use crate::tools;
use crate::wasm::{Target, names};

/// The packages to install, besides the newest linker, and the C library, which may come from backports.
const PACKAGES: &str = "rustc-web rust-web-src";

const RUSTC: &str = "/usr/bin/rustc";
const STD_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// The first Debian whose `wasi-libc` has the targets under these names. Older ones have it in backports.
const FIRST_WITH_LIBC: u32 = 13;

/// Debian's Rust, with everything else that it requires.
#[derive(Debug)]
pub(crate) struct DebianBuildStd {
    wasm_ld: PathBuf,
    component_ld: PathBuf,
}

impl DebianBuildStd {
    /// Looks for the packages, and changes nothing.
    pub(crate) fn find(cache: &Cache) -> Option<Self> {
        let wasm_ld = packages_are_there().then(newest_wasm_ld)??;
        let component_ld = tools::WASM_COMPONENT_LD.find(cache)?.binary;
        Some(Self { wasm_ld, component_ld })
    }

    /// Prints the commands that install the packages, then runs them.
    ///
    /// # Errors
    ///
    /// If root is required, with the commands to run; or if Debian does not offer a package.
    pub(crate) fn install(cache: &Cache) -> Result<Self> {
        if !packages_are_there() || newest_wasm_ld().is_none() {
            install_packages()?;
        }
        tools::WASM_COMPONENT_LD.ensure(cache)?;
        Self::find(cache).context("Debian's packages are installed, but some of their files are missing")
    }

    /// Describes the commands that [`install`](Self::install) would run.
    ///
    /// # Errors
    ///
    /// If the tool that is not Debian's cannot be installed.
    pub(crate) fn plan(cache: &Cache) -> Result<String> {
        let linker = tools::WASM_COMPONENT_LD.plan(cache)?;
        Ok(format!(
            "will run, as root, `apt-get install {PACKAGES} wasi-libc lld-N` (the newest N), and `{linker}`"
        ))
    }

    /// Describes the toolchain in one line.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{RUSTC}, with a standard library of its own, and {}",
            self.wasm_ld.display()
        )
    }

    /// Configures `cargo build` to use it. Returns the flags that rustc requires.
    pub(crate) fn configure(&self, target: Target, cargo: &mut Command) -> Vec<String> {
        let libc = libc(target);
        let mut flags = vec![
            // Otherwise rustc would start the linker of the rustup toolchain, which does not exist.
            "-Clink-self-contained=no".to_owned(),
            format!("-Lnative={libc}"),
        ];
        let (variable, linker) = match target {
            Target::Component => {
                flags.push(format!("-Clink-arg=--wasm-ld-path={}", self.wasm_ld.display()));
                flags.push(format!("-Clink-arg={libc}/crt1-command.o"));
                ("CARGO_TARGET_WASM32_WASIP2_LINKER", &self.component_ld)
            }
            // Without a start file: functions are called from outside, and the linker adds a call that starts the C
            // library to each.
            Target::Module => ("CARGO_TARGET_WASM32_WASIP1_LINKER", &self.wasm_ld),
        };
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", RUSTC)
            // Building the standard library is unstable only because its interface may change, and this compiler does
            // not change.
            .env("RUSTC_BOOTSTRAP", "1")
            .env(variable, linker)
            // It contains the libraries of the compiler that built xtask.
            .env_remove("LD_LIBRARY_PATH");
        flags
    }
}

/// Returns the directory of the C library for a target.
fn libc(target: Target) -> String {
    format!("/usr/lib/{}", target.name())
}

fn packages_are_there() -> bool {
    let libcs = Target::ALL.map(|target| format!("{}/libc.a", libc(target)));
    let mut paths = [RUSTC, STD_SOURCES].into_iter().chain(libcs.iter().map(String::as_str));
    paths.all(|path| Path::new(path).exists())
}

fn newest_wasm_ld() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/bin").ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    newest(names, "wasm-ld-").map(|name| Path::new("/usr/bin").join(name))
}

fn install_packages() -> Result<()> {
    eprintln!(
        "xtask: {} require Debian's packages: {PACKAGES} wasi-libc and the newest lld.\n\
         xtask: they do not change a rustup toolchain.",
        names(" and ")
    );
    let mut prepare = Vec::new();
    let mut libc = "wasi-libc".to_owned();
    let version = os_release("VERSION_ID").and_then(|version| version.parse::<u32>().ok());
    if version.is_some_and(|version| version < FIRST_WITH_LIBC) {
        let codename = os_release("VERSION_CODENAME").context("/etc/os-release has no VERSION_CODENAME")?;
        let suite = format!("{codename}-backports");
        if !archives()?.iter().any(|(_, release)| *release == suite) {
            let (mirror, _) = archives()?
                .into_iter()
                .find(|(_, release)| *release == codename)
                .with_context(|| format!("apt has no archive of {codename}"))?;
            prepare.push(format!(
                "echo 'deb {mirror} {suite} main' > /etc/apt/sources.list.d/rutter-backports.list"
            ));
        }
        libc = format!("wasi-libc/{suite}");
    }
    prepare.push("apt-get update".to_owned());
    run_as_root(&prepare)?;

    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let offered = candidate("rustc-web")?.context("Debian offers no package rustc-web for this release")?;
    ensure!(
        is_at_least(&offered, wanted),
        "Debian's rustc-web is {offered}, but this workspace requires {wanted} or newer"
    );
    let found = command::read(Command::new("apt-cache").args(["search", "--names-only", "^lld-[0-9]+$"]))?;
    let names = found
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()));
    let lld = newest(names, "lld-").context("Debian offers no package lld-N")?;
    // `--no-remove`: rustc-web conflicts with rustc, and the choice is the user's.
    run_as_root(&[format!(
        "apt-get install --yes --no-install-recommends --no-remove {PACKAGES} {lld} {libc}"
    )])
}

/// Returns the package archives that apt is configured with: address and release.
fn archives() -> Result<Vec<(String, String)>> {
    let targets = command::read(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"]))?;
    Ok(targets
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect())
}

/// Returns the version of a package that apt would install.
fn candidate(package: &str) -> Result<Option<String>> {
    let policy = command::read(Command::new("apt-cache").args(["policy", package]))?;
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(version.filter(|version| *version != "(none)").map(str::to_owned))
}

/// Returns the name with the highest number, of names like `lld-19`.
fn newest(names: impl Iterator<Item = String>, prefix: &str) -> Option<String> {
    let number = |name: &String| name.strip_prefix(prefix)?.parse::<u32>().ok();
    names.filter(|name| number(name).is_some()).max_by_key(number)
}

/// Whether a Debian version like `1.96.0+dfsg1-1~deb12u2` is at least a Rust version like `1.95`.
fn is_at_least(debian: &str, wanted: &str) -> bool {
    let parts = |version: &str| -> Vec<u32> {
        version
            .split(|c: char| !c.is_ascii_digit())
            .map_while(|part| part.parse().ok())
            .take(2)
            .collect()
    };
    parts(debian) >= parts(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_compares_numbers() {
        let names = ["lld-9", "lld-22", "lld-19", "lld-x"].map(str::to_owned);
        assert_eq!(newest(names.into_iter(), "lld-").as_deref(), Some("lld-22"));
    }

    #[test]
    fn debian_versions_compare_with_rust_versions() {
        assert!(is_at_least("1.96.0+dfsg1-1~deb12u2", "1.95"));
        assert!(is_at_least("1.100.0-1", "1.95"));
        assert!(!is_at_least("1.85.0+dfsg3-1", "1.95"));
    }
}
