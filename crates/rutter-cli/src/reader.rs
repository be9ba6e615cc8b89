//! Files and standard input, opened and read by the names on the command line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::anyhow;
use rutter::{printable, stream};

use crate::failure::Failure;

/// The name of standard input for people.
const STDIN: &str = "<stdin>";

/// Whether `path` stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.trim() == "-")
}

/// Reads a file, or standard input for `-`, and gives it a name for people. One byte more than is accepted is read at
/// most, and refused like any other input.
pub(crate) fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let most = u64::try_from(stream::MAX_BYTES + 1).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let (name, reader) = open(path)?;
    let read = reader.take(most).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&name, error))?;
    Ok((name, bytes))
}

/// Opens a file, or standard input for `-`, and gives it a name for people.
pub(crate) fn open(path: &Path) -> Result<(String, Box<dyn Read>), Failure> {
    if is_stdin(path) {
        return Ok((STDIN.to_owned(), Box::new(io::stdin())));
    }
    let name = printable::path(path);
    match File::open(path) {
        Ok(_) if path.is_dir() => Err(Failure::BadCommandLine(anyhow!(
            "{name} is a directory: only `rutter validate -f` and `rutter render -f` take one, as their one input"
        ))),
        Ok(file) => Ok((name, Box::new(file))),
        Err(error) => Err(unreadable(&name, error)),
    }
}

/// Returns the failure for an input that cannot be read: the name of a file is wrong on the command line.
pub(crate) fn unreadable(name: &str, error: io::Error) -> Failure {
    if name == STDIN {
        Failure::Host(anyhow!(error).context("standard input cannot be read"))
    } else {
        Failure::BadCommandLine(anyhow!(error).context(format!("{name} cannot be read")))
    }
}
