//! `cargo xtask doctor`: what is installed, what is missing, and how to get it.
//!
//! It changes nothing. Its report comes from the code that installs, so that the two cannot differ.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cache::Cache;
use crate::command;
use crate::tools;
use crate::wasm::{Target, WasmToolchain};
use crate::workspace::Workspace;

struct Finding {
    what: &'static str,
    state: State,
}

enum State {
    /// Found, with its version or size.
    Found(String),
    /// Missing, with the way to get it.
    Missing(String),
}

/// Prints the findings. The exit code is 0 if `build` has everything that it requires.
///
/// # Errors
///
/// If an environment variable has an invalid value.
pub(crate) fn doctor(workspace: &Workspace, cache: &Cache) -> Result<ExitCode> {
    let mut for_build = vec![version(
        "rustc",
        Command::new("rustc").arg("--version"),
        "install Rust with rustup",
    )];
    for target in Target::ALL {
        for_build.push(wasm_toolchain(target, cache)?);
    }
    let cargo = |subcommand: &str| {
        let mut cargo = workspace.cargo();
        cargo.args([subcommand, "--version"]);
        cargo
    };
    let mut for_tests = vec![
        version("rustfmt", &mut cargo("fmt"), "run `rustup component add rustfmt`"),
        version("clippy", &mut cargo("clippy"), "run `rustup component add clippy`"),
    ];
    for_tests.extend(tools::FOR_TESTS.map(|tool| Finding {
        what: tool.name(),
        state: match (tool.find(cache), tool.plan(cache)) {
            (Some(installed), _) => State::Found(installed.version.to_owned()),
            (None, Ok(plan)) => State::Missing(format!("will run `{plan}`")),
            (None, Err(need)) => State::Missing(format!("{need:#}")),
        },
    }));

    println!("Required by `cargo xtask build` and `render`:");
    for_build.iter().for_each(print);
    println!("Also required by `cargo xtask test`:");
    for_tests.iter().for_each(print);
    println!("Built by `cargo xtask build`:");
    print(&built("dist/etcd.wasm", &workspace.component()));
    print(&built("dist/rutter", &workspace.rutter()));
    print(&built(
        "dist/helm/etcd",
        &workspace.helm_plugin("etcd").join("plugin.wasm"),
    ));
    let ready = for_build.iter().all(|finding| matches!(finding.state, State::Found(_)));
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(finding: &Finding) {
    let (mark, text) = match &finding.state {
        State::Found(text) => ("ok", text),
        State::Missing(text) => ("missing", text),
    };
    println!("  {:<15} {mark:<8} {text}", finding.what);
}

fn version(what: &'static str, command: &mut Command, advice: &str) -> Finding {
    let state = match command::read(command) {
        Ok(version) => State::Found(version.trim().to_owned()),
        Err(_) => State::Missing(advice.to_owned()),
    };
    Finding { what, state }
}

fn built(what: &'static str, path: &Path) -> Finding {
    let state = match fs::metadata(path) {
        Ok(file) => State::Found(format!(
            "{} kB; `cargo xtask build` updates it if needed",
            file.len().div_ceil(1000)
        )),
        Err(_) => State::Missing("run `cargo xtask build`".to_owned()),
    };
    Finding { what, state }
}

/// All targets share one toolchain, so either all of them are found or none.
fn wasm_toolchain(target: Target, cache: &Cache) -> Result<Finding> {
    let state = match WasmToolchain::find(cache)? {
        Some(toolchain) => State::Found(toolchain.describe()),
        None => State::Missing(WasmToolchain::plan(cache)?),
    };
    Ok(Finding {
        what: target.name(),
        state,
    })
}
