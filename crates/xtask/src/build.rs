//! The verbs `build` and `render`: from sources to `dist/`.
//!
//! Cargo decides what is fresh wherever it can. The two steps that it cannot see, compiling ahead of time and copying
//! into `dist/`, leave files alone that are up to date, so that nothing after them becomes stale either.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::command;
use crate::wasm::{TARGET, WasmToolchain};
use crate::workspace::Workspace;

/// Builds `dist/etcd.wasm` and `dist/rutter`.
///
/// # Errors
///
/// If a step fails.
pub(crate) fn build(workspace: &Workspace, cache: &Cache) -> Result<()> {
    build_component(workspace, cache)?;
    precompile(workspace)?;
    command::run_aside(workspace.release_cargo("build").args(["--bin", "rutter"]))?;
    put(&release_binary(workspace, "rutter"), &workspace.rutter())
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

fn build_component(workspace: &Workspace, cache: &Cache) -> Result<()> {
    let toolchain = WasmToolchain::ensure(cache)?;
    let target = toolchain.target_folder(workspace);
    let mut cargo = toolchain.cargo_build(workspace, &target);
    command::run_aside(cargo.args(["-p", "etcd-component", "--profile", "component"]))?;
    put(
        &target.join(TARGET).join("component/etcd-component.wasm"),
        &workspace.component(),
    )
}

/// Compiles the component for this machine, unless neither it nor the compiler is newer than the result.
fn precompile(workspace: &Workspace) -> Result<()> {
    command::run_aside(workspace.release_cargo("build").args(["--bin", "rutter-precompile"]))?;
    let compiler = release_binary(workspace, "rutter-precompile");
    let (component, precompiled) = (workspace.component(), workspace.precompiled());
    if is_newer(&precompiled, &component)? && is_newer(&precompiled, &compiler)? {
        return Ok(());
    }
    eprintln!("xtask: compiling dist/etcd.wasm ahead of time");
    fs::create_dir_all(workspace.scratch())?;
    command::run_aside(Command::new(compiler).arg(component).arg("-o").arg(precompiled))
}

fn release_binary(workspace: &Workspace, name: &str) -> PathBuf {
    workspace
        .target()
        .join("release")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Whether `file` is there and newer than `other`.
fn is_newer(file: &Path, other: &Path) -> Result<bool> {
    let modified = |path: &Path| fs::metadata(path)?.modified();
    match modified(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        time => Ok(time? > modified(other).with_context(|| format!("{} cannot be read", other.display()))?),
    }
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
