//! The verbs `build` and `render`: from sources to `dist/`.
//!
//! Cargo decides what is fresh wherever it can. The two steps that it cannot see, compiling ahead of time and copying
//! into `dist/`, leave files alone that are up to date, so that nothing after them becomes stale either.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::command;
use crate::supply;
use crate::wasm::{Target, WasmToolchain};
use crate::workspace::Workspace;

/// The plugins of the one module that Helm runs in process, by their folders in `plugins/helm-in-process/`.
pub(crate) const HELM_PLUGINS: [&str; 2] = ["etcd", "etcd-post-renderer"];

/// Builds `dist/etcd.wasm`, `dist/rutter` and `dist/helm/`, and writes what they consist of and their checksums.
///
/// # Errors
///
/// If a step fails.
pub(crate) fn build(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let toolchain = WasmToolchain::ensure(cache)?;
    build_component(workspace, &toolchain)?;
    build_helm_plugins(workspace, &toolchain)?;
    precompile(workspace)?;
    command::run_aside(workspace.release_cargo("build").args(["--bin", "rutter"]))?;
    put(&workspace.release_binary("rutter"), &workspace.rutter())?;
    supply::write(workspace)
}

/// Builds, then renders as `rutter render` with these arguments does, and with its exit status.
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
    put(&component(workspace, toolchain)?, &workspace.component())
}

/// Builds the component; gives where it then lies.
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
        put(&source.join("plugin.yaml"), &plugin.join("plugin.yaml"))?;
        put(&module, &plugin.join("plugin.wasm"))?;
    }
    Ok(())
}

/// Builds a crate for a target; gives the folder with the result.
fn build_wasm(workspace: &Workspace, toolchain: &WasmToolchain, target: Target, krate: &str) -> Result<PathBuf> {
    let folder = toolchain.target_folder(workspace);
    let mut cargo = toolchain.cargo_build(workspace, target, &folder);
    command::run_aside(cargo.args(["-p", krate, "--profile", "component"]))?;
    Ok(folder.join(target.name()).join("component"))
}

/// Compiles the component for this machine, unless neither it nor the compiler is newer than the result.
fn precompile(workspace: &Workspace) -> Result<()> {
    command::run_aside(workspace.release_cargo("build").args(["--bin", "rutter-precompile"]))?;
    let compiler = workspace.release_binary("rutter-precompile");
    let (component, precompiled) = (workspace.component(), workspace.precompiled());
    if is_newer(&precompiled, &component)? && is_newer(&precompiled, &compiler)? {
        return Ok(());
    }
    eprintln!("xtask: compiling dist/etcd.wasm ahead of time");
    fs::create_dir_all(workspace.scratch())?;
    command::run_aside(Command::new(compiler).arg(component).arg("-o").arg(precompiled))
}

/// Whether `file` is there and newer than `other`.
fn is_newer(file: &Path, other: &Path) -> Result<bool> {
    let modified = |path: &Path| fs::metadata(path)?.modified();
    match modified(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        time => Ok(time? > modified(other).with_context(|| format!("{} cannot be read", other.display()))?),
    }
}

/// Writes a text to its place, unless it is there already.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn put_text(text: &str, to: &Path) -> Result<()> {
    if fs::read_to_string(to).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(to, text).with_context(|| format!("{} cannot be written", to.display()))?;
    eprintln!("xtask: wrote {}", to.display());
    Ok(())
}

/// Copies a built file to its place, whole or not at all, unless the same bytes are there already.
fn put(from: &Path, to: &Path) -> Result<()> {
    let built = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == built) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    // Beside it and then renamed: `to` may be running, or be read by a test.
    let partial = to.with_extension("partial");
    fs::copy(from, &partial)?;
    fs::rename(&partial, to).with_context(|| format!("{} cannot be written", to.display()))?;
    eprintln!("xtask: wrote {}", to.display());
    Ok(())
}
