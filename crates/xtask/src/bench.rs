//! `cargo xtask bench`: the time that whole processes take, compared with other tools for the same work.
//!
//! People and deployment tools wait for whole processes. The rivals run in the same minutes, on the same machine and in
//! turns with ours, because only then do ratios mean something.

mod rivals;
pub(crate) mod streams;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::rivals::Rivals;
use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::tools;
use crate::workspace::Workspace;

/// A command, and the times of its runs.
struct Contender {
    label: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    /// The file that it reads from standard input.
    input: Option<PathBuf>,
    times: Vec<Duration>,
}

/// Builds, measures, and prints a table.
///
/// # Errors
///
/// If the build or one of the commands fails.
pub(crate) fn bench(workspace: &Workspace, cache: &Cache, runs: u32) -> Result<()> {
    build::build(workspace, cache)?;
    let mut contenders = contenders(workspace, cache)?;
    for contender in &contenders {
        // Once unmeasured: this loads files into memory, fills wasmtime's cache, and detects a command that fails.
        command::run(&mut contender.command()?).with_context(|| format!("{} cannot be measured", contender.label))?;
    }
    eprintln!("xtask: measuring {} commands, {runs} times each", contenders.len());
    for _ in 0..runs {
        for contender in &mut contenders {
            contender.measure()?;
        }
    }
    print(&mut contenders);
    eprintln!("xtask: measuring renders in a running process");
    let mut cargo = workspace.release_cargo("bench");
    command::run(cargo.args(["--bench", "warm"]).env("RUTTER_DIST", workspace.dist()))?;
    eprintln!("xtask: measuring long streams");
    streams::bench(workspace)
}

/// Returns all commands. The others are compared with the first two.
fn contenders(workspace: &Workspace, cache: &Cache) -> Result<Vec<Contender>> {
    let true_ = command::find_program("true").context("there is no program `true` to compare with")?;
    let rutter = workspace.rutter();
    let page = workspace.root().join("examples/page-tls.yaml");
    let mut contenders = vec![
        Contender::new("true", true_, []),
        Contender::new(
            "rutter render -f examples/page-tls.yaml",
            rutter.clone(),
            ["render".into(), "-f".into(), page.clone().into()],
        ),
        Contender::new("rutter render", rutter, ["render".into()]),
        Contender::new("the package, compiled as a native command", native(workspace)?, []).reading(&page),
    ];

    let directory = workspace.scratch().join("bench");
    let rivals = Rivals::write(&directory)?;
    if let Some(wasmtime) = installed(&tools::WASMTIME, cache) {
        let component = workspace.component();
        let precompiled = directory.join("etcd.cwasm");
        command::run_to_stderr(
            Command::new(&wasmtime)
                .arg("compile")
                .arg(&component)
                .arg("-o")
                .arg(&precompiled),
        )?;
        let args = ["run".into(), component.into()];
        contenders.push(Contender::new("wasmtime run dist/etcd.wasm", wasmtime.clone(), args).reading(&page));
        let args = ["run".into(), "--allow-precompiled".into(), precompiled.into()];
        let label = "wasmtime run --allow-precompiled etcd.cwasm";
        contenders.push(Contender::new(label, wasmtime.clone(), args).reading(&page));
        // wasmtime's own share of both.
        let nothing = directory.join("nothing.wat");
        fs::write(&nothing, "(module (func (export \"_start\")))\n")?;
        let args = ["run".into(), nothing.into()];
        contenders.push(Contender::new("wasmtime run of an empty program", wasmtime, args));
    }
    if let Some(helm) = installed(&tools::HELM, cache) {
        let args = ["template".into(), "etcd".into(), rivals.chart.into()];
        contenders.push(Contender::new("helm template etcd RIVAL", helm, args));
    }
    if let Some(kustomize) = installed(&tools::KUSTOMIZE, cache) {
        let args = ["build".into(), rivals.kustomization.into()];
        contenders.push(Contender::new("kustomize build RIVAL", kustomize, args));
    }
    Ok(contenders)
}

/// Builds the component's own program for this machine. It shows the cost of rendering without a sandbox.
fn native(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "-p", "etcd-component"]);
    workspace.configure_release(&mut cargo);
    command::run_to_stderr(&mut cargo)?;
    Ok(workspace.release_binary("etcd-component"))
}

fn installed(tool: &tools::Tool, cache: &Cache) -> Option<PathBuf> {
    let found = tool.find(cache);
    if found.is_none() {
        eprintln!("xtask: skipping {}, which `cargo xtask test` installs", tool.name());
    }
    Some(found?.binary)
}

impl Contender {
    fn new<const N: usize>(label: &'static str, program: PathBuf, args: [OsString; N]) -> Self {
        Self {
            label,
            program,
            args: args.into(),
            input: None,
            times: Vec::new(),
        }
    }

    fn reading(mut self, input: &Path) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        let input = match &self.input {
            Some(path) => File::open(path).with_context(|| path.display().to_string())?.into(),
            None => Stdio::null(),
        };
        command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        // Cargo sets the variable for xtask. Each of these would search cargo's directories for its libraries.
        command.args(&self.args).env_remove("LD_LIBRARY_PATH");
        Ok(command)
    }

    fn measure(&mut self) -> Result<()> {
        let mut command = self.command()?;
        let start = Instant::now();
        let status = command.status()?;
        self.times.push(start.elapsed());
        ensure!(
            status.success(),
            "{} failed ({status}), but not the first time",
            self.label
        );
        Ok(())
    }

    /// Returns the median of the sorted times; of an even number, the later of the two in the middle.
    fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }

    /// Formats the range of the middle half of the sorted times.
    fn spread(&self) -> String {
        let quarter = self.times.len() / 4;
        let at = |index: usize| self.times.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0;
        format!(
            "{:.2}-{:.2}",
            at(quarter),
            at(self.times.len().saturating_sub(quarter + 1))
        )
    }
}

fn print(contenders: &mut [Contender]) {
    for contender in &mut *contenders {
        contender.times.sort_unstable();
    }
    let medians: Vec<_> = contenders.iter().map(Contender::median).collect();
    println!(
        "{:<44} {:>10} {:>15} {:>8} {:>10}",
        "command", "median", "middle half", "× true", "× rutter"
    );
    for (contender, median) in contenders.iter().zip(&medians) {
        let times = |reference: usize| median.as_secs_f64() / medians[reference].as_secs_f64();
        println!(
            "{:<44} {:>10} {:>15} {:>8.1} {:>10.2}",
            contender.label,
            milliseconds(*median),
            contender.spread(),
            times(0),
            times(1)
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
