//! The verb `test`: all that must hold before a change is good, as a list of steps.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::direction;
use crate::fuzz;
use crate::matrix;
use crate::supply;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

struct Step {
    name: &'static str,
    run: fn(&Workspace, &Cache) -> Result<()>,
    /// What to try when it fails.
    help: &'static str,
}

/// In this order: first what is needed, then what fails fastest.
const STEPS: &[Step] = &[
    Step {
        name: "tools",
        run: |_, cache| {
            tools::FOR_TESTS
                .iter()
                .try_for_each(|tool| tool.ensure(cache).map(|_| ()))
        },
        help: "see `cargo xtask doctor` for what is missing",
    },
    Step {
        name: "format",
        run: |workspace, _| command::run(workspace.cargo().args(["fmt", "--all", "--check"])),
        help: "run `cargo fmt --all`; if there is no such command, `rustup component add rustfmt`",
    },
    Step {
        name: "direction",
        run: |workspace, _| direction::check(workspace),
        help: "remove the dependency",
    },
    Step {
        name: "licences",
        run: deny,
        help: "use another crate, or add an exception with its reason to deny.toml",
    },
    Step {
        name: "lints",
        run: |workspace, _| {
            command::run(workspace.cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ]))
        },
        help: "mend the lines above; if there is no such command, `rustup component add clippy`",
    },
    Step {
        name: "docs",
        run: |workspace, _| {
            let mut cargo = workspace.cargo();
            command::run(
                cargo
                    .args(["doc", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            )
        },
        help: "mend the doc comments above",
    },
    Step {
        name: "unit tests",
        run: |workspace, _| command::run(workspace.cargo().arg("test")),
        help: "`cargo test NAME` runs the tests whose name contains NAME",
    },
    Step {
        name: "build",
        run: build::build,
        help: "see `cargo xtask doctor` for what is missing",
    },
    Step {
        name: "reproduce",
        run: supply::reproduce,
        help: "find out what of the machine or the folder gets into the component",
    },
    Step {
        name: "fuzz",
        run: |workspace, _| fuzz::short(workspace),
        help: "`cargo xtask fuzz TARGET` fuzzes one target; if there is no C++ compiler, install one",
    },
    Step {
        name: "host tests",
        run: host_tests,
        help: "`cargo xtask render -f FILE` renders one example by hand with what was just built",
    },
];

/// Runs all steps, up to the first that fails.
///
/// # Errors
///
/// If a step fails; says what to try.
pub(crate) fn test(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let start = Instant::now();
    let count = STEPS.len();
    for (index, step) in STEPS.iter().enumerate() {
        let place = format!("[{}/{count}] {}", index + 1, step.name);
        eprintln!("{place} …");
        let step_start = Instant::now();
        (step.run)(workspace, cache)
            .with_context(|| format!("{place} failed after {}\n  try: {}\n  why", took(step_start), step.help))?;
        eprintln!("{place}: good, {}", took(step_start));
    }
    println!("cargo xtask test: all {count} steps are good, {}", took(start));
    Ok(())
}

/// Licences, bans and sources. Advisories are left out: a new one is not the fault of the change at hand, and their
/// database cannot be had without a network.
fn deny(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let mut deny = Command::new(tools::CARGO_DENY.ensure(cache)?.binary);
    command::run(
        deny.args(["--log-level", "error", "check", "bans", "licenses", "sources"])
            .current_dir(workspace.root()),
    )
}

/// The tests that need what was built, and the real hosts. In release, because they run wasmtime's compiler.
fn host_tests(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let mut cargo = workspace.release_cargo("test");
    let matrix = workspace.scratch().join("matrix");
    if matrix.exists() {
        fs::remove_dir_all(&matrix)?;
    }
    cargo
        .env("RUTTER_DIST", workspace.dist())
        .env("RUTTER_MATRIX", &matrix)
        .env("PATH", path_with(&tools::FOR_TESTS, cache)?)
        // All that fails is worth more than the time that the rest takes.
        .arg("--no-fail-fast");
    command::run(&mut cargo)?;
    matrix::print(&matrix)
}

/// Has the test that compares the lists of etcd's flags with the real binaries write them instead.
///
/// # Errors
///
/// If a binary cannot be had, or the test fails.
pub(crate) fn flags(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args([
            "test",
            "-p",
            "host-tests",
            "--features",
            "host-tests/etcd",
            "--test",
            "etcd",
        ])
        .args(["--", "flags::"])
        .env("BLESS", "1")
        .env("PATH", path_with(&tools::ETCD, cache)?);
    command::run(&mut cargo)
}

/// The search path, with the pinned tools before any others.
pub(crate) fn path_with(tools: &[&Tool], cache: &Cache) -> Result<OsString> {
    let mut folders = Vec::new();
    for tool in tools {
        folders.extend(tool.ensure(cache)?.binary.parent().map(Path::to_path_buf));
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    Ok(env::join_paths(folders)?)
}

fn took(start: Instant) -> String {
    let elapsed = start.elapsed();
    match elapsed.as_secs() {
        0..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
