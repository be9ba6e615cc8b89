//! `cargo xtask test`: all checks of a change, as a list of steps.

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
use crate::reproduce;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

struct Step {
    name: &'static str,
    run: fn(&Workspace, &Cache) -> Result<()>,
    /// The suggestion that is printed if the step fails.
    help: &'static str,
}

/// In this order: first requirements, then the steps that fail fastest.
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
        help: "fix the warnings above; if there is no such command, run `rustup component add clippy`",
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
        help: "fix the doc comments above",
    },
    Step {
        name: "unit tests",
        run: |workspace, _| command::run(workspace.cargo().arg("test")),
        help: "run `cargo test NAME` for the tests whose name contains NAME",
    },
    Step {
        name: "build",
        run: build::build,
        help: "see `cargo xtask doctor` for what is missing",
    },
    Step {
        name: "reproduce",
        run: reproduce::reproduce,
        help: "find the property of the machine or the directory that affects the component",
    },
    Step {
        name: "fuzz",
        run: |workspace, _| fuzz::short(workspace),
        help: "run `cargo xtask fuzz TARGET` for one target; if there is no C++ compiler, install one",
    },
    Step {
        name: "host tests",
        run: host_tests,
        help: "run `cargo xtask render -f FILE` to render one example with the new build",
    },
];

/// Runs all steps, up to the first that fails.
///
/// # Errors
///
/// If a step fails. The error contains its suggestion.
pub(crate) fn test(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let start = Instant::now();
    let count = STEPS.len();
    for (index, step) in STEPS.iter().enumerate() {
        let place = format!("[{}/{count}] {}", index + 1, step.name);
        eprintln!("{place} …");
        let step_start = Instant::now();
        (step.run)(workspace, cache).with_context(|| {
            format!(
                "{place} failed after {}\n  help: {}\n  cause",
                took(step_start),
                step.help
            )
        })?;
        eprintln!("{place}: ok, {}", took(step_start));
    }
    println!("cargo xtask test: all {count} steps are ok, {}", took(start));
    Ok(())
}

/// Checks licences, bans and sources. Advisories are left out: a new one is not the fault of the current change, and
/// their database requires a network.
fn deny(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let mut deny = Command::new(tools::CARGO_DENY.ensure(cache)?.binary);
    command::run(
        deny.args(["--log-level", "error", "check", "bans", "licenses", "sources"])
            .current_dir(workspace.root()),
    )
}

/// Runs the tests that require built artifacts and the real hosts. In release, because they run wasmtime's compiler.
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
        // A list of all failures is worth the time that the rest takes.
        .arg("--no-fail-fast");
    command::run(&mut cargo)?;
    matrix::print(&matrix)
}

/// Writes the lists of etcd's flags, with the test that compares them with the real binaries.
///
/// # Errors
///
/// If a binary cannot be installed, or the test fails.
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

/// Returns the search path, with the pinned tools before any others.
pub(crate) fn path_with(tools: &[&Tool], cache: &Cache) -> Result<OsString> {
    let mut directories = Vec::new();
    for tool in tools {
        directories.extend(tool.ensure(cache)?.binary.parent().map(Path::to_path_buf));
    }
    directories.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    Ok(env::join_paths(directories)?)
}

fn took(start: Instant) -> String {
    let elapsed = start.elapsed();
    match elapsed.as_secs() {
        0..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
