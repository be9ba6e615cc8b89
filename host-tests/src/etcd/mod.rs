//! The real etcd of each minor version that the package supports, on this machine's loopback.

mod certificates;
mod invocation;
mod process;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use etcd_package::etcd::{MINORS, Minor};

pub use certificates::{CertificateAuthority, Subject};
pub use invocation::{Invocation, Place};
pub use process::Process;

/// The binary of one minor version.
#[derive(Clone, Debug)]
pub struct Etcd {
    /// Its minor version.
    pub minor: Minor,
    /// Its version, with all three numbers.
    pub version: String,
}

impl Etcd {
    /// Returns one for each minor version that the package supports, oldest first.
    ///
    /// # Errors
    ///
    /// If one is missing, or has another version.
    pub fn all() -> Result<Vec<Self>> {
        MINORS.into_iter().map(Self::find).collect()
    }

    fn find(minor: Minor) -> Result<Self> {
        let program = format!("etcd-{minor}");
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .with_context(|| format!("the command {program}: `cargo xtask test` installs it"))?;
        let text = String::from_utf8(output.stdout)?;
        let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: "));
        let version = version.with_context(|| format!("{program} does not print its version: {text}"))?;
        ensure!(version.starts_with(&format!("{minor}.")), "{program} is etcd {version}");
        Ok(Self {
            minor,
            version: version.to_owned(),
        })
    }

    fn command(&self) -> Command {
        Command::new(format!("etcd-{}", self.minor))
    }

    fn output(&self, args: &[&str]) -> Result<Output> {
        Ok(self.command().args(args).output()?)
    }

    /// Returns the output of `--help`: the usage from standard error, the flags from standard output.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn help(&self) -> Result<String> {
        let output = self.output(&["--help"])?;
        Ok(String::from_utf8(output.stderr)? + str::from_utf8(&output.stdout)?)
    }

    /// Whether it has the flag `name`, with whatever value.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn accepts(&self, name: &str) -> Result<bool> {
        // With a known flag it prints its version, or an error about the value.
        let output = self.output(&["--version", &format!("--{name}=1")])?;
        let unknown = format!("flag provided but not defined: -{name}");
        Ok(!String::from_utf8(output.stderr)?.lines().any(|line| line == unknown))
    }

    /// Returns the type of a flag's values in the package's `flags/v*.txt`, which is that of its parser. Returns
    /// nothing for values with a grammar of their own, or with any text.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn values_of(&self, name: &str) -> Result<Option<&'static str>> {
        let takes = |value: &str| -> Result<bool> {
            let output = self.output(&["--version", &format!("--{name}={value}")])?;
            // "for flag -name: ", or for booleans "for -name: ".
            let refused = format!(" -{name}: ");
            Ok(!String::from_utf8(output.stderr)?.contains(&refused))
        };
        Ok(if takes("text")? {
            None
        } else if takes("true")? {
            Some("bool")
        } else if takes("1s")? {
            Some("duration")
        } else if takes("0.5")? {
            Some("float")
        } else if takes("-1")? {
            Some("int")
        } else if takes("1")? {
            Some("uint")
        } else {
            None
        })
    }

    /// Returns those of `names` that are flags of it.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn flags<'a>(&self, names: &'a BTreeSet<String>) -> Result<BTreeSet<&'a str>> {
        let mut flags = BTreeSet::new();
        for name in names {
            if self.accepts(name)? {
                flags.insert(name.as_str());
            }
        }
        Ok(flags)
    }

    /// Returns the feature gates in its help.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn feature_gates(&self) -> Result<BTreeSet<String>> {
        let help = self.help()?;
        let gates = help.lines().filter_map(|line| line.split_once("=true|false "));
        Ok(gates.map(|(gate, _)| gate.trim().to_owned()).collect())
    }
}

/// Returns the names that may be flags: all that any help mentions, each with and without `experimental-`.
///
/// The help is not a list of flags. That of 3.7.1 has flags that were removed, that of 3.4 lacks one that was added,
/// and all have `--config-file` and `--version` only in their usage.
///
/// # Errors
///
/// If a binary cannot be run.
pub fn candidates(binaries: &[Etcd]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for etcd in binaries {
        for after in etcd.help()?.split("--").skip(1) {
            let end = after.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-');
            let name = after[..end.unwrap_or(after.len())].trim_end_matches('-');
            let stable = name.strip_prefix("experimental-").unwrap_or(name);
            // Every program in Go has `--help`. It is not a setting.
            if !["", "help"].contains(&stable) {
                names.extend([stable.to_owned(), format!("experimental-{stable}")]);
            }
        }
    }
    Ok(names)
}
