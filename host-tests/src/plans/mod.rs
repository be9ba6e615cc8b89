//! Plans as data: a directory in `plans/` holds `from.yaml`, `to.yaml`, perhaps `args` with one argument of `rutter plan` a
//! line, and in `expected.txt` the plan as a person reads it, or why there is none.

pub mod injection;
pub mod model;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Package as _, Plan, State};

/// What stands above the functions of a plan.
const FUNCTIONS: &str = "\nfunctions that the commands call";

/// A change and what is to be planned for it.
#[derive(Clone, Debug)]
pub struct Change {
    /// What the folder is called.
    pub name: String,
    /// What is installed.
    pub from: String,
    /// What is desired.
    pub to: String,
    /// The arguments of `rutter plan`.
    pub args: Vec<String>,
    folder: PathBuf,
}

impl Change {
    /// All of them, by name.
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

    /// The one of this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        Self::read(crate::root().join("host-tests/plans").join(name))
    }

    fn read(folder: PathBuf) -> Result<Self> {
        let read =
            |name: &str| fs::read_to_string(folder.join(name)).with_context(|| folder.join(name).display().to_string());
        Ok(Self {
            name: folder.file_name().context("a name")?.to_string_lossy().into_owned(),
            from: read("from.yaml")?,
            to: read("to.yaml")?,
            args: if folder.join("args").exists() {
                read("args")?.lines().map(str::to_owned).collect()
            } else {
                Vec::new()
            },
            folder,
        })
    }

    /// The plan, made natively.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn plan(&self) -> Result<Plan, Vec<Diagnostic>> {
        let (from, to) = self.asked()?;
        EtcdPackage.plan(&from, &to)
    }

    /// The installed state and the change, as the package is asked for a plan.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the texts.
    pub fn asked(&self) -> Result<(State, ChangeRequest), Vec<Diagnostic>> {
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

    /// What a person reads of it.
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
                // The functions are the same everywhere.
                let (body, _) = body.split_once(FUNCTIONS).unwrap_or((&body, ""));
                format!("{}\n{}{}\n", plan.headline(), show(&plan.warnings), body.trim_end())
            }
            Err(diagnostics) => show(&diagnostics),
        }
    }

    /// The change and its plan, without commands.
    #[must_use]
    pub fn outline(&self) -> String {
        let said = without_tls_disabled(&self.text());
        // Commands are indented deeper than reasons.
        let lines = said
            .lines()
            .filter(|line| *line != "before the first step")
            .filter(|line| !line.starts_with("   - ") && !line.starts_with("       "));
        let mut outline = String::new();
        for (name, text) in [("from", &self.from), ("to", &self.to)] {
            let values = text.lines().filter(|line| !line.starts_with('#'));
            let values: Vec<&str> = values.filter(|line| !line.trim().is_empty()).collect();
            // Whole objects are for the test alone.
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

    /// Compares a text with what is expected; `BLESS=1` writes it down instead.
    ///
    /// # Errors
    ///
    /// Where they differ.
    pub fn check(&self, text: &str) -> Result<()> {
        let path = self.folder.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, text)?;
        }
        crate::same("the plan", &fs::read_to_string(&path).unwrap_or_default(), text)
    }
}

/// A text without the warning that nearly all changes have, since their values have no TLS.
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
