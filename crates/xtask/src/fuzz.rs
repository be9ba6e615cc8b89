//! `cargo xtask fuzz`: searches for harmful input with libFuzzer.
//!
//! `cargo fuzz` does the same, but with a sanitizer that only nightly has. The sanitizer finds memory errors, which
//! safe Rust does not have. Coverage, which guides the search, works on stable.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::command;
use crate::workspace::{Workspace, set_rustc_flags};

/// The fuzz targets: the names of the programs in `fuzz/`.
const TARGETS: [&str; 7] = ["values", "stream", "resource_list", "helm", "set", "plan", "payloads"];

/// The time for all targets together in `cargo xtask test`: they try the corpus, and little more.
pub(crate) const SHORT: Duration = Duration::from_secs(30);

/// The flags of `cargo fuzz`.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Options of the fuzzer.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Fuzz these [default: all]
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
    /// For this many minutes in total
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Add the input of earlier runs that covers more than the corpus to `fuzz/corpus/`
    #[arg(long, conflicts_with = "minutes")]
    keep: bool,
}

impl Fuzz {
    /// Runs the fuzzer as the options describe.
    ///
    /// # Errors
    ///
    /// If a target fails.
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
/// If a target fails.
pub(crate) fn short(workspace: &Workspace) -> Result<()> {
    fuzz(workspace, &TARGETS.map(str::to_owned), SHORT)
}

fn fuzz(workspace: &Workspace, targets: &[String], time: Duration) -> Result<()> {
    let built = build(workspace)?;
    let each = time.as_secs().div_ceil(u64::try_from(targets.len())?);
    for target in targets {
        let Directories {
            found,
            kept,
            seeds,
            harmful,
        } = Directories::of(workspace, target)?;
        eprintln!("xtask: fuzzing {target} for {each} s");
        let mut fuzzer = Command::new(built.join(target));
        fuzzer.arg(found).args([kept, seeds]);
        fuzzer.arg(format!("-dict={}", seeds_dir(workspace).join("dictionary").display()));
        fuzzer.arg(format!("-artifact_prefix={}/", harmful.display()));
        fuzzer.arg(format!("-max_total_time={each}"));
        // Seconds for one input, and MiB. Small input must be fast.
        fuzzer.args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=8192",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        command::run_to_stderr(&mut fuzzer).with_context(|| {
            format!(
                "{target}: the input is in {}. Fix the error, and keep the input in fuzz/corpus/{target}/ under a name \
                 that describes it",
                harmful.display()
            )
        })?;
    }
    Ok(())
}

/// Writes the input that covers more than the corpus into the corpus.
fn keep(workspace: &Workspace, targets: &[String]) -> Result<()> {
    let built = build(workspace)?;
    for target in targets {
        let Directories { found, kept, seeds, .. } = Directories::of(workspace, target)?;
        let mut fuzzer = Command::new(built.join(target));
        // The fuzzer writes to the first directory. Coverage of the seeds need not be kept twice.
        fuzzer.arg("-merge=1").args([&kept, &seeds, &found]);
        command::run_to_stderr(&mut fuzzer)?;
    }
    Ok(())
}

/// The directories of a target's input.
struct Directories {
    /// Input that covered something new, in this run and earlier ones.
    found: PathBuf,
    /// The corpus.
    kept: PathBuf,
    /// Seeds, from the cases of the tests.
    seeds: PathBuf,
    /// Harmful input.
    harmful: PathBuf,
}

impl Directories {
    fn of(workspace: &Workspace, target: &str) -> Result<Self> {
        let scratch = workspace.scratch().join("fuzz");
        let directories = Self {
            found: scratch.join("found").join(target),
            kept: workspace.root().join("fuzz/corpus").join(target),
            seeds: seeds_dir(workspace).join(target),
            harmful: scratch.join("harmful").join(target),
        };
        for directory in [&directories.found, &directories.kept, &directories.harmful] {
            fs::create_dir_all(directory)?;
        }
        Ok(directories)
    }
}

fn seeds_dir(workspace: &Workspace) -> PathBuf {
    workspace.scratch().join("fuzz/seeds")
}

/// Builds the programs and writes their seeds. Returns the directory of the programs.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    ensure!(cfg!(unix), "fuzzing requires Unix");
    let host = workspace.host();
    let directory = workspace.target().join("fuzz");
    let mut cargo = workspace.cargo();
    // With a target named, the flags do not apply to programs that run during the build.
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
    cargo.arg(&directory);
    set_rustc_flags(&mut cargo, &COVERAGE.map(str::to_owned));
    command::run_to_stderr(&mut cargo)?;
    let built = directory.join(host).join("fuzz");
    let mut seeds = Command::new(built.join(format!("seeds{}", env::consts::EXE_SUFFIX)));
    command::run_to_stderr(seeds.arg(seeds_dir(workspace)))?;
    Ok(built)
}
