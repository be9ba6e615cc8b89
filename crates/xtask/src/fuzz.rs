//! The verb `fuzz`: looks for input that does harm, with libFuzzer.
//!
//! `cargo fuzz` would do the same, but with a sanitizer that only nightly has. What it finds is memory that is misused,
//! which safe Rust does not; what guides the search, coverage, the stable compiler has.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::command;
use crate::workspace::{Workspace, set_rustc_flags};

/// What is fuzzed, by the names of the programs in `fuzz/`.
const TARGETS: [&str; 7] = ["values", "stream", "resource_list", "helm", "set", "plan", "payloads"];

/// How long all targets together are fuzzed in `cargo xtask test`: what is kept in the corpus is tried, and a little
/// more.
pub(crate) const SHORT: Duration = Duration::from_secs(30);

/// As `cargo fuzz` has it.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What to fuzz.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Fuzz these [default: all]
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
    /// For so many minutes together
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Keep of what was found in earlier runs only what covers more than the rest, in `fuzz/corpus/`
    #[arg(long, conflicts_with = "minutes")]
    keep: bool,
}

impl Fuzz {
    /// What the command line asks for.
    ///
    /// # Errors
    ///
    /// If something was found.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        let all = TARGETS.map(str::to_owned);
        let targets = if self.targets.is_empty() {
            &all[..]
        } else {
            &self.targets
        };
        if self.keep {
            return keep(workspace, targets);
        }
        fuzz(workspace, targets, Duration::from_secs(60 * self.minutes))
    }
}

/// Fuzzes all targets for a moment.
///
/// # Errors
///
/// If something was found.
pub(crate) fn short(workspace: &Workspace) -> Result<()> {
    fuzz(workspace, &TARGETS.map(str::to_owned), SHORT)
}

fn fuzz(workspace: &Workspace, targets: &[String], time: Duration) -> Result<()> {
    let built = build(workspace)?;
    let each = time.as_secs().div_ceil(u64::try_from(targets.len())?);
    for target in targets {
        let Folders {
            found,
            kept,
            seeds,
            harmful,
        } = Folders::of(workspace, target)?;
        eprintln!("xtask: fuzzing {target} for {each} s");
        let mut fuzzer = Command::new(built.join(target));
        fuzzer.arg(found).args([kept, seeds]);
        fuzzer.arg(format!(
            "-dict={}",
            seeds_folder(workspace).join("dictionary").display()
        ));
        fuzzer.arg(format!("-artifact_prefix={}/", harmful.display()));
        fuzzer.arg(format!("-max_total_time={each}"));
        // Seconds for one input, and MiB. What is small must be fast.
        fuzzer.args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=8192",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        command::run_aside(&mut fuzzer).with_context(|| {
            format!(
                "{target}: the input lies in {}. Mend what it finds, and keep it in fuzz/corpus/{target}/ under a name \
                 that says what it is",
                harmful.display()
            )
        })?;
    }
    Ok(())
}

/// Writes what covers more than all that is kept into the corpus.
fn keep(workspace: &Workspace, targets: &[String]) -> Result<()> {
    let built = build(workspace)?;
    for target in targets {
        let Folders { found, kept, seeds, .. } = Folders::of(workspace, target)?;
        let mut fuzzer = Command::new(built.join(target));
        // The first is written to; what the seeds cover need not be kept twice.
        fuzzer.arg("-merge=1").args([&kept, &seeds, &found]);
        command::run_aside(&mut fuzzer)?;
    }
    Ok(())
}

/// Where the input of a target lies.
struct Folders {
    /// What was found to cover something new, in this run and those before.
    found: PathBuf,
    /// What is checked in.
    kept: PathBuf,
    /// The cases of the tests.
    seeds: PathBuf,
    /// What did harm.
    harmful: PathBuf,
}

impl Folders {
    fn of(workspace: &Workspace, target: &str) -> Result<Self> {
        let scratch = workspace.scratch().join("fuzz");
        let folders = Self {
            found: scratch.join("found").join(target),
            kept: workspace.root().join("fuzz/corpus").join(target),
            seeds: seeds_folder(workspace).join(target),
            harmful: scratch.join("harmful").join(target),
        };
        for folder in [&folders.found, &folders.kept, &folders.harmful] {
            fs::create_dir_all(folder)?;
        }
        Ok(folders)
    }
}

fn seeds_folder(workspace: &Workspace) -> PathBuf {
    workspace.scratch().join("fuzz/seeds")
}

/// Builds the programs and has them write their seeds; gives the folder with the programs.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    ensure!(cfg!(unix), "libFuzzer is built for Unix alone here");
    let host = workspace.host();
    let folder = workspace.target().join("fuzz");
    let mut cargo = workspace.cargo();
    // With a target named, what runs while it is built is built without the flags.
    cargo.args([
        "build",
        "--package",
        "fuzz",
        "--profile",
        "fuzz",
        "--target",
        host,
        "--target-dir",
    ]);
    cargo.arg(&folder);
    set_rustc_flags(&mut cargo, &COVERAGE.map(str::to_owned));
    command::run_aside(&mut cargo)?;
    let built = folder.join(host).join("fuzz");
    let mut seeds = Command::new(built.join(format!("seeds{}", env::consts::EXE_SUFFIX)));
    command::run_aside(seeds.arg(seeds_folder(workspace)))?;
    Ok(built)
}
