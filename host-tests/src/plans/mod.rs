//! Plans as data: a folder in `plans/` holds `from.yaml`, `to.yaml`, and in `expected.txt` the plan as a person reads it,
//! or why there is none.

pub mod model;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use rutter::{Diagnostic, Package as _, Plan};

/// A change and what is to be planned for it.
#[derive(Clone, Debug)]
pub struct Change {
    /// What the folder is called.
    pub name: String,
    /// What is installed.
    pub from: String,
    /// What is desired.
    pub to: String,
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
            let folder = entry?.path();
            let read = |name: &str| {
                fs::read_to_string(folder.join(name)).with_context(|| folder.join(name).display().to_string())
            };
            changes.push(Self {
                name: folder.file_name().context("a name")?.to_string_lossy().into_owned(),
                from: read("from.yaml")?,
                to: read("to.yaml")?,
                folder,
            });
        }
        changes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(changes)
    }

    /// The plan, made natively.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn plan(&self) -> Result<Plan, Vec<Diagnostic>> {
        let package = EtcdPackage.describe();
        let from = rutter::plan::state(&self.from, &package, None, "default")?;
        let to = rutter::plan::desired(&self.to, &package, None, "default")?;
        EtcdPackage.plan(&from, &to)
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
            Ok(plan) => format!("{}{}", show(&plan.warnings), plan.to_text()),
            Err(diagnostics) => show(&diagnostics),
        }
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
