//! Running other programs: one way to start them, to print them in messages and to report their failure.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The cargo that runs this xtask.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Searches for a program on the `PATH`, like a shell.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(&file))
        .find(|path| path.is_file())
}

/// Formats a command for a shell, without its environment.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = iter::once(program).chain(command.get_args()).map(quoted).collect();
    words.join(" ")
}

/// Formats a command for a shell, with the environment that is set for it.
pub(crate) fn line_with_environment(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={} ", name.display(), quoted(value?))));
    set.chain([line(command)]).collect()
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"\\$`&|;<>()*?[]#~".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

/// Runs a command to its end. Its output goes where ours goes.
///
/// # Errors
///
/// If it cannot be started, or its exit code is not 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("`{}` cannot be started", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a command whose output is progress, not a result. All of it goes to stderr.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_to_stderr(command: &mut Command) -> Result<()> {
    run(command.stdout(io::stderr()))
}

/// Runs a command like [`run_to_stderr`], and ends it when it takes longer than `limit`.
///
/// # Errors
///
/// As [`run`], and if the limit was reached.
pub(crate) fn run_to_stderr_within(limit: Duration, command: &mut Command) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` cannot be started", line(command)))?;
    // Standard output closes when the process ends. Waiting for that can have a limit, unlike waiting for the process.
    let (ended, end) = mpsc::channel();
    if let Some(mut output) = child.stdout.take() {
        thread::spawn(move || ended.send(io::copy(&mut output, &mut io::stderr())));
    }
    if matches!(end.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout)) {
        child
            .kill()
            .with_context(|| format!("`{}` cannot be ended", line(command)))?;
        child.wait()?;
        bail!("`{}` took longer than {limit:?}", line(command));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a command and returns its output. Its messages are printed only if it fails.
///
/// # Errors
///
/// As [`run`], and if the output is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` cannot be started", line(command)))?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, messages.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something other than text", line(command)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_end_is_ended() {
        let mut command = Command::new("tail");
        let error = run_to_stderr_within(Duration::from_millis(50), command.args(["-f", "/dev/null"])).unwrap_err();
        assert_eq!(error.to_string(), "`tail -f /dev/null` took longer than 50ms");
    }

    #[test]
    fn a_command_that_fails_in_time_is_reported() {
        let error = run_to_stderr_within(Duration::from_secs(60), &mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed (exit status: 1)");
    }

    #[test]
    fn lines_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/usr/bin/printf");
        command.args(["%s", "it's", "", "$HOME"]).env("LC_ALL", "C");
        assert_eq!(
            line_with_environment(&command),
            r"LC_ALL=C printf %s 'it'\''s' '' '$HOME'"
        );
    }
}
