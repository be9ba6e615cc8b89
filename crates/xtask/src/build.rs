//! `cargo xtask build` and `render`: from sources to `dist/`.
//!
//! Cargo decides what is up to date wherever it can. Two steps are outside of its view: compiling ahead of time and
//! copying into `dist/`. They leave files alone that are up to date, so that later steps need not run either.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::command;
use crate::dist::{self, HELM_PLUGINS};
use crate::supply;
use crate::wasm::{Target, WasmToolchain};
use crate::workspace::Workspace;

/// Builds `dist/etcd.wasm`, `dist/rutter` and `dist/helm/`, and writes their bills of materials and checksums.
///
/// # Errors
///
/// If a step fails.
pub(crate) fn build(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let toolchain = WasmToolchain::ensure(cache)?;
    build_component(workspace, &toolchain)?;
    build_helm_plugins(workspace, &toolchain)?;
    precompile(workspace)?;
    command::run_to_stderr(workspace.release_cargo("build").args(["--bin", "rutter"]))?;
    dist::put(&workspace.release_binary("rutter"), &workspace.rutter())?;
    supply::write(workspace)
}

/// Builds, then runs `rutter render` with these arguments. Returns its exit code.
///
/// # Errors
///
/// If a step of the build fails, or a signal ended `rutter`.
pub(crate) fn render(workspace: &Workspace, cache: &Cache, args: &[OsString]) -> Result<ExitCode> {
    build(workspace, cache)?;
    let mut rutter = Command::new(workspace.rutter());
    let status = rutter
        .arg("render")
        .args(args)
        .status()
        .context("dist/rutter cannot be started")?;
    let Some(code) = status.code() else {
        bail!("dist/rutter was ended ({status})")
    };
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn build_component(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
    dist::put(&component(workspace, toolchain)?, &workspace.component())
}

/// Builds the component. Returns its path.
///
/// # Errors
///
/// If it cannot be built.
pub(crate) fn component(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<PathBuf> {
    let built = build_wasm(workspace, toolchain, Target::Component, "etcd-component")?;
    Ok(built.join("etcd-component.wasm"))
}

fn build_helm_plugins(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
    let module = build_wasm(workspace, toolchain, Target::Module, "etcd-helm-plugin")?.join("etcd_helm_plugin.wasm");
    for name in HELM_PLUGINS {
        let source = workspace.root().join("plugins/helm-in-process").join(name);
        let plugin = workspace.helm_plugin(name);
        dist::put(&source.join("plugin.yaml"), &plugin.join("plugin.yaml"))?;
        dist::put(&module, &plugin.join("plugin.wasm"))?;
    }
    Ok(())
}

/// Builds a crate for a target. Returns the directory of the result.
fn build_wasm(workspace: &Workspace, toolchain: &WasmToolchain, target: Target, krate: &str) -> Result<PathBuf> {
    let directory = toolchain.target_dir(workspace);
    let mut cargo = toolchain.cargo_build(workspace, target, &directory);
    command::run_to_stderr(cargo.args(["-p", krate, "--profile", "component"]))?;
    Ok(directory.join(target.name()).join("component"))
}

/// Compiles the component for this machine, unless the result is newer than both the component and the compiler.
fn precompile(workspace: &Workspace) -> Result<()> {
    command::run_to_stderr(workspace.release_cargo("build").args(["--bin", "rutter-precompile"]))?;
    let compiler = workspace.release_binary("rutter-precompile");
    let (component, precompiled) = (workspace.component(), workspace.precompiled());
    if is_newer(&precompiled, &component)? && is_newer(&precompiled, &compiler)? {
        return Ok(());
    }
    eprintln!("xtask: compiling dist/etcd.wasm ahead of time");
    fs::create_dir_all(workspace.scratch())?;
    command::run_to_stderr(Command::new(compiler).arg(component).arg("-o").arg(precompiled))
}

/// Whether `file` exists and is newer than `other`.
fn is_newer(file: &Path, other: &Path) -> Result<bool> {
    let modified = |path: &Path| fs::metadata(path)?.modified();
    match modified(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        time => Ok(time? > modified(other).with_context(|| format!("{} cannot be read", other.display()))?),
    }
}
