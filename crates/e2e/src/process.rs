//! Running other programs, and waiting for conditions.

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The interval between two checks of a condition. It bounds the cost of the checks, not the time that anything may
/// take.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a program to its end and returns its standard output.
///
/// # Errors
///
/// If it cannot be started, or its exit code is not 0. The error contains its messages.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` cannot be started", line(command)))?;
    finished(command, output)
}

/// Like [`read`], without the output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    read(command).map(|_| ())
}

/// Like [`read`], with `input` as its standard input.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` cannot be started", line(command)))?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // In a thread, because the program may print before it has read all input. An error means that it stopped
        // reading, which it may.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    finished(command, child.wait_with_output()?)
}

fn finished(command: &Command, output: Output) -> Result<String> {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let mut messages = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !printed.trim().is_empty() {
            let _ = write!(messages, "\n{}", printed.trim());
        }
        bail!("`{}` failed ({}): {messages}", line(command), output.status);
    }
    Ok(printed)
}

/// Formats a command for people.
fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Calls `look` until it returns a value.
///
/// # Errors
///
/// If there is none within `limit`. The error contains `what`, and the error of the last call.
pub(crate) fn wait<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let reason = match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if start.elapsed() > limit {
            let waited = format!("waited {} s for {what}", limit.as_secs());
            return Err(match reason {
                Some(error) => error.context(waited),
                None => anyhow::anyhow!(waited),
            });
        }
        thread::sleep(LOOK);
    }
}

/// Searches for a program on the search path.
///
/// # Errors
///
/// If it is not found.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is not on the search path; `cargo xtask e2e` installs what is missing"))
}
