//! Plans as data: a directory in `plans/` contains `from.yaml`, `to.yaml`, optionally `args` with one argument of
//! `rutter plan` a line, and in `expected.txt` the plan as it is printed, or the errors.

pub mod injection;
pub mod model;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Package as _, Plan, State};

/// The heading of a plan's functions.
const FUNCTIONS: &str = "\nfunctions that the commands call";

/// A change, and the directory of its expected plan.
#[derive(Clone, Debug)]
pub struct Change {
    /// The name of the directory.
    pub name: String,
    /// The installed state.
    pub from: String,
    /// The desired state.
    pub to: String,
    /// The arguments of `rutter plan`.
    pub args: Vec<String>,
    directory: PathBuf,
}

impl Change {
    /// Returns all changes, by name.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn all() -> Result<Vec<Self>> {
        let mut changes = Vec::new();
        for entry in fs::read_dir(crate::root().join("host-tests/plans"))? {
            changes.push(Self::read(entry?.path())?);
        }
        changes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(changes)
    }

    /// Returns the change of this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        Self::read(crate::root().join("host-tests/plans").join(name))
    }

    fn read(directory: PathBuf) -> Result<Self> {
        let read = |name: &str| {
            fs::read_to_string(directory.join(name)).with_context(|| directory.join(name).display().to_string())
        };
        Ok(Self {
            name: directory.file_name().context("a name")?.to_string_lossy().into_owned(),
            from: read("from.yaml")?,
            to: read("to.yaml")?,
            args: if directory.join("args").exists() {
                read("args")?.lines().map(str::to_owned).collect()
            } else {
                Vec::new()
            },
            directory,
        })
    }

    /// Plans the change in Rust.
    ///
    /// # Errors
    ///
    /// The reasons why there is no plan.
    pub fn plan(&self) -> Result<Plan, Vec<Diagnostic>> {
        let (from, to) = self.request()?;
        EtcdPackage.plan(&from, &to)
    }

    /// Returns the installed state and the change, as a package receives them.
    ///
    /// # Errors
    ///
    /// The errors in the texts.
    pub fn request(&self) -> Result<(State, ChangeRequest), Vec<Diagnostic>> {
        let package = EtcdPackage.describe();
        let of = |flag: &'static str| self.values_of(flag).next();
        let (name, namespace) = (of("--name"), of("--namespace"));
        let from = rutter::plan::state(&self.from, &package, name, namespace.unwrap_or("default"))?;
        let mut to = rutter::plan::desired(&self.to, &package, name, namespace)?;
        to.accept = self.values_of("--accept").map(str::to_owned).collect();
        to.install = self.args.iter().any(|arg| arg == "--install");
        to.snapshot = self.args.iter().all(|arg| arg != "--no-snapshot");
        Ok((from, to))
    }

    fn values_of<'a>(&'a self, flag: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.args.iter().zip(self.args.iter().skip(1));
        pairs
            .filter(move |(arg, _)| *arg == flag)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the printed plan.
    #[must_use]
    pub fn text(&self) -> String {
        let show = |diagnostics: &[Diagnostic]| -> String {
            let shown = diagnostics
                .iter()
                .map(|diagnostic| diagnostic.display("to.yaml").to_string());
            shown.collect()
        };
        match self.plan() {
            Ok(plan) => {
                let body = plan.body(Detail::All);
                // The functions are the same in all plans.
                let (body, _) = body.split_once(FUNCTIONS).unwrap_or((&body, ""));
                format!("{}\n{}{}\n", plan.headline(), show(&plan.warnings), body.trim_end())
            }
            Err(diagnostics) => show(&diagnostics),
        }
    }

    /// Returns the change and its plan, without commands.
    #[must_use]
    pub fn outline(&self) -> String {
        let printed = without_tls_disabled(&self.text());
        // Commands are indented deeper than reasons.
        let lines = printed
            .lines()
            .filter(|line| *line != "before the first step")
            .filter(|line| !line.starts_with("   - ") && !line.starts_with("       "));
        let mut outline = String::new();
        for (name, text) in [("from", &self.from), ("to", &self.to)] {
            let values = text.lines().filter(|line| !line.starts_with('#'));
            let values: Vec<&str> = values.filter(|line| !line.trim().is_empty()).collect();
            // Whole objects are only for the test.
            let shown = match values.as_slice() {
                [only] => format!(" {only}"),
                _ if text.contains("kind:") => " its objects".to_owned(),
                _ => format!("\n  {}", values.join("\n  ")),
            };
            outline.push_str(&format!("{name}:{shown}\n"));
        }
        outline.push('\n');
        for line in lines {
            outline.push_str(line);
            outline.push('\n');
        }
        outline
    }

    /// Compares a text with the expected one. `BLESS=1` writes it instead.
    ///
    /// # Errors
    ///
    /// If they differ.
    pub fn check(&self, text: &str) -> Result<()> {
        let path = self.directory.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, text)?;
        }
        crate::same("the plan", &fs::read_to_string(&path).unwrap_or_default(), text)
    }
}

/// Removes the warning that nearly all changes have, because their values have no TLS.
fn without_tls_disabled(text: &str) -> String {
    let mut is_left_out = false;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        let continues = line.starts_with("  help: ") || line.starts_with("  --> ");
        is_left_out = line.starts_with("warning[tls-disabled]") || (is_left_out && continues);
        if !is_left_out {
            kept.push_str(line);
        }
    }
    kept
}
