//! Debian's packages, on machines that have them.
//!
//! Packages change the machine for all its users, so the commands are printed before they run.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Whether this machine uses Debian's packages.
pub(crate) fn is_debian() -> bool {
    command::find_program("apt-get").is_some() && os_release("ID").is_some_and(|id| id == "debian")
}

/// Returns a field of `/etc/os-release`.
pub(crate) fn os_release(key: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

/// Prints shell commands, then runs them as root, with sudo if required.
///
/// # Errors
///
/// If there is neither root nor sudo, or a command fails.
pub(crate) fn run_as_root(lines: &[String]) -> Result<()> {
    let am_root = command::read(Command::new("id").arg("-u"))?.trim() == "0";
    let all = lines.iter().map(|line| format!("\n  {line}")).collect::<String>();
    if !am_root && command::find_program("sudo").is_none() {
        bail!("this requires root, and there is no sudo. Run as root, then try again:{all}");
    }
    eprintln!("xtask: running as root:{all}");
    for line in lines {
        let mut shell = Command::new(if am_root { "env" } else { "sudo" });
        shell.args(["DEBIAN_FRONTEND=noninteractive", "sh", "-c", line]);
        command::run_to_stderr(&mut shell).with_context(|| format!("run as root, then try again:{all}"))?;
    }
    Ok(())
}
