//! etcd itself: the real binary of each minor version that the package knows, on this machine's loopback.

mod authority;
mod invocation;
mod process;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use etcd_package::etcd::{MINORS, Minor};

pub use authority::{Authority, Subject};
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
    /// One for each minor version that the package knows, oldest first.
    ///
    /// # Errors
    ///
    /// If one is missing, or is not what its name says.
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
        let version = version.with_context(|| format!("{program} does not say its version: {text}"))?;
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

    /// What `--help` prints: the usage goes to standard error, the flags to standard output.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn help(&self) -> Result<String> {
        let output = self.output(&["--help"])?;
        Ok(String::from_utf8(output.stderr)? + str::from_utf8(&output.stdout)?)
    }

    /// Whether it has the flag `name`, whatever the flag's value may be.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn accepts(&self, name: &str) -> Result<bool> {
        // A known flag leads to the version, or to a complaint of the value.
        let output = self.output(&["--version", &format!("--{name}=1")])?;
        let unknown = format!("flag provided but not defined: -{name}");
        Ok(!String::from_utf8(output.stderr)?.lines().any(|line| line == unknown))
    }

    /// What the values of a flag are, as `flags/v*.txt` of the package has it: what its parser takes. Of a flag whose
    /// values have a grammar of their own, and of one that takes any text, nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn values_of(&self, name: &str) -> Result<Option<&'static str>> {
        let takes = |value: &str| -> Result<bool> {
            let output = self.output(&["--version", &format!("--{name}={value}")])?;
            // "for flag -name: ", or of booleans "for -name: ".
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

    /// The flags among `names` that it has.
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

    /// The feature gates that its help lists.
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

/// The names of flags that may be one: all that any help mentions, each with and without `experimental-`.
///
/// A help is no list of flags. That of 3.7.1 has flags that were removed, that of 3.4 lacks one that was added, and none
/// has `--config-file` and `--version` but in its usage.
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
            // `--help` is of every program in Go, and no setting.
            if !["", "help"].contains(&stable) {
                names.extend([stable.to_owned(), format!("experimental-{stable}")]);
            }
        }
    }
    Ok(names)
}
