//! `cargo xtask count`: the instructions that the hot paths take, compared with the recorded ones.
//!
//! Times on shared machines vary, counts hardly do: callgrind runs a program on a simulated processor. Counts depend on
//! the compiler, so a new compiler requires new counts.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::apt;
use crate::bench::streams;
use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::workspace::Workspace;

/// The file of the recorded counts.
const COUNTS: &str = "host-tests/data/instructions.txt";

/// The allowed difference of a count, in per cent, either way: an improvement is recorded, too.
const TOLERANCE: u64 = 3;

/// The numbers of clusters in two streams. Their difference gives the cost of one more cluster.
const STREAMS: [u32; 2] = [200, 250];

/// The use of new counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Compare them with the recorded ones.
    Compare,
    /// Record them.
    Bless,
}

/// Builds, counts and prints a table.
///
/// # Errors
///
/// If the build fails, callgrind cannot be installed, or a count has changed.
pub(crate) fn count(workspace: &Workspace, cache: &Cache, mode: Mode) -> Result<()> {
    ensure!(
        env::consts::ARCH == "x86_64",
        "instructions are counted on x86-64 only, and this is {}",
        env::consts::ARCH
    );
    ensure_valgrind()?;
    build::build(workspace, cache)?;
    let page = workspace.root().join("examples/page-tls.yaml");
    let start = instructions(workspace, ["render".into(), "-f".into(), page.into()])?;
    let mut streams = [0; 2];
    for (count, clusters) in streams.iter_mut().zip(STREAMS) {
        let stream = streams::write(&workspace.scratch().join("bench"), clusters)?;
        *count = instructions(workspace, ["render".into(), "-f".into(), stream.into()])?;
    }
    let [few, many] = streams;
    let one_more = many.saturating_sub(few) / u64::from(STREAMS[1] - STREAMS[0]);
    let counts = BTreeMap::from([("process", start), ("cluster-of-a-stream", one_more)]);

    let path = workspace.root().join(COUNTS);
    if mode == Mode::Bless {
        return keep(&path, &counts);
    }
    let kept = read(&path)?;
    let mut changed = Vec::new();
    println!(
        "{:<22} {:>12} {:>12} {:>8}",
        "instructions of a", "recorded", "now", "change"
    );
    for (name, now) in &counts {
        let before = kept.get(*name).copied().unwrap_or_default();
        #[allow(clippy::cast_precision_loss, reason = "a percentage for people")]
        let change = (*now as f64 / before as f64 - 1.0) * 100.0;
        println!("{name:<22} {before:>12} {now:>12} {change:>+7.1}%");
        if now.abs_diff(before) * 100 > before * TOLERANCE {
            changed.push(*name);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    bail!(
        "changed by more than {TOLERANCE} %: {}. If that is intended, or the compiler has changed, \
         run `cargo xtask count --bless` to update {COUNTS}",
        changed.join(" and ")
    )
}

/// Counts the instructions of `rutter` in user mode.
fn instructions(workspace: &Workspace, args: [OsString; 3]) -> Result<u64> {
    let profile = workspace.scratch().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(workspace.rutter())
        .args(args)
        // The environment is on the stack, and is searched.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .stdout(Stdio::null());
    command::read(&mut valgrind)?;
    let text = fs::read_to_string(&profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.context("callgrind has printed no total")
}

fn ensure_valgrind() -> Result<()> {
    if command::find_program("valgrind").is_some() {
        return Ok(());
    }
    ensure!(
        apt::is_debian(),
        "valgrind is required to count instructions: install it"
    );
    apt::run_as_root(&["apt-get install -y --no-install-recommends valgrind".to_owned()])
}

fn keep(path: &Path, counts: &BTreeMap<&str, u64>) -> Result<()> {
    let lines: String = counts.iter().map(|(name, count)| format!("{name} {count}\n")).collect();
    let text = format!("# Instructions in user mode on x86-64. `cargo xtask count --bless` writes this.\n{lines}");
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, count) = line.split_once(' ').context("a name and a count")?;
            Ok((name.to_owned(), count.parse()?))
        })
        .collect::<Result<_>>()
        .with_context(|| path.display().to_string())
}
