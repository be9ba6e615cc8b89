//! `cargo xtask e2e`: scenarios on a real Kubernetes.
//!
//! The cluster and the scenarios are in the crate `e2e`. This module installs what they require.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::apt;
use crate::build;
use crate::cache::Cache;
use crate::command;
use crate::test;
use crate::tools;
use crate::workspace::Workspace;

/// The programs, or files by their path, that a cluster requires, and the Debian packages that contain them.
const PACKAGES: [(&str, &[&str]); 7] = [
    ("containerd", &["containerd", "ctr"]),
    ("runc", &["runc"]),
    ("containernetworking-plugins", &["/usr/lib/cni/bridge"]),
    ("iptables", &["iptables"]),
    ("iproute2", &["ip"]),
    ("busybox-static", &["busybox"]),
    ("util-linux", &["unshare", "nsenter", "setpriv", "mount"]),
];

#[derive(Args, Debug)]
pub(crate) struct E2e {
    /// Scenarios to run; all if none is named
    #[arg(conflicts_with = "down")]
    scenarios: Vec<String>,
    /// Run the selection that CI runs
    #[arg(long, conflicts_with_all = ["scenarios", "down"])]
    short: bool,
    /// Leave the cluster running, for `kubectl` and for the next `cargo xtask e2e`
    #[arg(long, conflicts_with = "down")]
    keep: bool,
    /// List the scenarios, and run none
    #[arg(long, conflicts_with_all = ["scenarios", "short", "keep", "down"])]
    list: bool,
    /// Take down the cluster that was left running
    #[arg(long)]
    down: bool,
}

/// Runs scenarios on a cluster.
///
/// # Errors
///
/// If the machine cannot run a cluster, or a required program cannot be installed.
pub(crate) fn e2e(workspace: &Workspace, cache: &Cache, options: &E2e) -> Result<ExitCode> {
    if !cfg!(target_os = "linux") {
        bail!("a Kubernetes cluster requires Linux, and root");
    }
    if !options.list && command::read(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!(
            "a cluster requires root, for namespaces, mounts and control groups: \
             `sudo -E env PATH=$PATH cargo xtask e2e`"
        );
    }
    let mut cargo = workspace.cargo();
    command::run_to_stderr(cargo.args(["build", "--release", "-p", "e2e"]))?;
    let mut program = Command::new(workspace.target().join("release/e2e"));
    let home = cache.run_directory("e2e");
    if options.down {
        program.arg("down").arg("--home").arg(home);
    } else if options.list {
        program.arg("list");
    } else {
        install_packages()?;
        build::build(workspace, cache)?;
        program.arg("run").arg("--home").arg(home);
        program.arg("--checkout").arg(workspace.root());
        program.arg("--failures").arg(workspace.scratch().join("e2e"));
        program.args(options.short.then_some("--short"));
        program.args(options.keep.then_some("--keep"));
        program.args(&options.scenarios);
        program.env("PATH", test::path_with(&tools::FOR_E2E, cache)?);
    }
    let status = program.status()?;
    Ok(ExitCode::from(
        status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}

/// Installs missing packages, or reports which are missing.
fn install_packages() -> Result<()> {
    let is_there = |name: &&str| Path::new(name).is_file() || command::find_program(name).is_some();
    let (packages, programs): (Vec<_>, Vec<_>) = PACKAGES
        .iter()
        .filter(|(_, programs)| !programs.iter().all(&is_there))
        .map(|(package, programs)| (*package, programs.join(", ")))
        .unzip();
    if packages.is_empty() {
        return Ok(());
    }
    let install = format!(
        "apt-get install --yes --no-install-recommends --no-remove {}",
        packages.join(" ")
    );
    if !apt::is_debian() {
        bail!(
            "a cluster requires {}; on Debian, `{install}` installs them",
            programs.join(", ")
        );
    }
    apt::run_as_root(&["apt-get update".to_owned(), install])
}
