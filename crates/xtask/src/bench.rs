//! The verb `bench`: how long whole processes take, ours beside others that do the same work.
//!
//! Whole processes, because that is what people and deployment tools wait for. The rivals run in the same minutes, on
//! the same machine and in turns with ours: only so do ratios mean something.

mod rivals;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::rivals::Rivals;
use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::tools;
use crate::workspace::Workspace;

/// A command, and how long its runs took.
struct Contender {
    label: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
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
        // Once unmeasured: files come into memory, wasmtime fills its cache, and a command that fails is found out.
        command::read(&mut contender.command()).with_context(|| format!("{} cannot be measured", contender.label))?;
    }
    eprintln!("xtask: measuring {} commands, {runs} times each", contenders.len());
    for _ in 0..runs {
        for contender in &mut contenders {
            contender.measure()?;
        }
    }
    print(&mut contenders);
    Ok(())
}

/// All that take part; the first two are what the others are compared with.
fn contenders(workspace: &Workspace, cache: &Cache) -> Result<Vec<Contender>> {
    let true_ = command::find_program("true").context("there is no program `true` to compare with")?;
    let rutter = workspace.rutter();
    let mut contenders = vec![
        Contender::new("true", true_, []),
        Contender::new("dist/rutter render", rutter.clone(), ["render".into()]),
    ];
    let page = workspace.root().join("examples/page.yaml");
    if page.exists() {
        let args = ["render".into(), "-f".into(), page.into()];
        contenders.push(Contender::new("dist/rutter render -f examples/page.yaml", rutter, args));
    }

    let folder = workspace.scratch().join("bench");
    let rivals = Rivals::write(&folder)?;
    if let Some(wasmtime) = installed(&tools::WASMTIME, cache) {
        let component = workspace.component();
        let precompiled = folder.join("etcd.cwasm");
        command::run_aside(
            Command::new(&wasmtime)
                .arg("compile")
                .arg(&component)
                .arg("-o")
                .arg(&precompiled),
        )?;
        let args = ["run".into(), component.into()];
        contenders.push(Contender::new("wasmtime run dist/etcd.wasm", wasmtime.clone(), args));
        let args = ["run".into(), "--allow-precompiled".into(), precompiled.into()];
        contenders.push(Contender::new(
            "wasmtime run --allow-precompiled etcd.cwasm",
            wasmtime,
            args,
        ));
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

fn installed(tool: &tools::Tool, cache: &Cache) -> Option<PathBuf> {
    let found = tool.find(cache);
    if found.is_none() {
        eprintln!("xtask: without {}, which `cargo xtask test` installs", tool.name());
    }
    Some(found?.binary)
}

impl Contender {
    fn new<const N: usize>(label: &'static str, program: PathBuf, args: [OsString; N]) -> Self {
        Self {
            label,
            program,
            args: args.into(),
            times: Vec::new(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Cargo sets the variable for xtask. It would have each of these search cargo's folders for its libraries.
        command.args(&self.args).env_remove("LD_LIBRARY_PATH");
        command
    }

    fn measure(&mut self) -> Result<()> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status()?;
        self.times.push(start.elapsed());
        ensure!(
            status.success(),
            "{} failed ({status}), though not the first time",
            self.label
        );
        Ok(())
    }

    /// The middle of the sorted times; of an even number, the later of the two in the middle.
    fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }
}

fn print(contenders: &mut [Contender]) {
    for contender in &mut *contenders {
        contender.times.sort_unstable();
    }
    let medians: Vec<_> = contenders.iter().map(Contender::median).collect();
    println!(
        "{:<44} {:>10} {:>10} {:>8} {:>10}",
        "command", "median", "min", "× true", "× rutter"
    );
    for (contender, median) in contenders.iter().zip(&medians) {
        let min = contender.times.first().copied().unwrap_or_default();
        let times = |reference: usize| median.as_secs_f64() / medians[reference].as_secs_f64();
        println!(
            "{:<44} {:>10} {:>10} {:>8.1} {:>10.2}",
            contender.label,
            milliseconds(*median),
            milliseconds(min),
            times(0),
            times(1)
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
