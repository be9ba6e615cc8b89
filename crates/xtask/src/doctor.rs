//! The verb `doctor`: what is there, what is missing, and what the other verbs would do about it.
//!
//! It only looks. What it reports comes from the very code that does the setting up, so that it cannot promise
//! something else.

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
    /// Found; holds a version or the like.
    There(String),
    /// Missing; holds what happens about it.
    Missing(String),
}

/// Prints the findings; the status is 0 if `build` has all that it needs.
///
/// # Errors
///
/// If the environment asks for something impossible.
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
            (Some(installed), _) => State::There(installed.version.to_owned()),
            (None, Ok(plan)) => State::Missing(format!("will run `{plan}`")),
            (None, Err(need)) => State::Missing(format!("{need:#}")),
        },
    }));

    println!("`cargo xtask build` and `render` need:");
    for_build.iter().for_each(print);
    println!("`cargo xtask test` also needs:");
    for_tests.iter().for_each(print);
    println!("`cargo xtask build` has made:");
    print(&built("dist/etcd.wasm", &workspace.component()));
    print(&built("dist/rutter", &workspace.rutter()));
    print(&built(
        "dist/helm/etcd",
        &workspace.helm_plugin("etcd").join("plugin.wasm"),
    ));
    let ready = for_build.iter().all(|finding| matches!(finding.state, State::There(_)));
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(finding: &Finding) {
    let (mark, text) = match &finding.state {
        State::There(text) => ("there", text),
        State::Missing(text) => ("missing", text),
    };
    println!("  {:<15} {mark:<8} {text}", finding.what);
}

fn version(what: &'static str, command: &mut Command, advice: &str) -> Finding {
    let state = match command::read(command) {
        Ok(version) => State::There(version.trim().to_owned()),
        Err(_) => State::Missing(advice.to_owned()),
    };
    Finding { what, state }
}

fn built(what: &'static str, path: &Path) -> Finding {
    let state = match fs::metadata(path) {
        Ok(file) => State::There(format!(
            "{} kB; cargo knows whether it is fresh",
            file.len().div_ceil(1000)
        )),
        Err(_) => State::Missing("run `cargo xtask build`".to_owned()),
    };
    Finding { what, state }
}

/// One toolchain is for all targets, so that all of them are there or none.
fn wasm_toolchain(target: Target, cache: &Cache) -> Result<Finding> {
    let state = match WasmToolchain::find(cache)? {
        Some(toolchain) => State::There(toolchain.describe()),
        None => State::Missing(WasmToolchain::plan(cache)?),
    };
    Ok(Finding {
        what: target.name(),
        state,
    })
}
