//! Plans as data: a folder in `plans/` holds `from.yaml`, `to.yaml`, and in `expected.txt` the plan as a person reads it,
//! or why there is none. `BLESS=1` writes it anew.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use host_tests::same;
use libtest_mimic::{Arguments, Trial};
use rutter::{Diagnostic, Package as _, Plan};

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("plans"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    folders.sort();
    for folder in folders {
        let name = folder.file_name().context("a name")?.to_string_lossy().into_owned();
        trials.push(Trial::test(name, move || Ok(check(&folder)?)));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn plan(from: &str, to: &str) -> Result<Plan, Vec<Diagnostic>> {
    let package = EtcdPackage.describe();
    let from = rutter::plan::state(from, &package, None, "default")?;
    let to = rutter::plan::desired(to, &package, None, "default")?;
    EtcdPackage.plan(&from, &to)
}

fn check(folder: &Path) -> Result<()> {
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).with_context(|| format!("{name} of {}", folder.display()));
    let (from, to) = (read("from.yaml")?, read("to.yaml")?);
    let show = |diagnostics: &[Diagnostic]| -> String {
        diagnostics
            .iter()
            .map(|diagnostic| diagnostic.display("to.yaml").to_string())
            .collect()
    };
    let found = match plan(&from, &to) {
        Ok(plan) => format!("{}{}", show(&plan.warnings), plan.to_text()),
        Err(diagnostics) => show(&diagnostics),
    };
    if std::env::var_os("BLESS").is_some() {
        fs::write(folder.join("expected.txt"), &found)?;
    }
    same("the plan", &read("expected.txt")?, &found)
}
