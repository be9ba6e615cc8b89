//! The results of each host for each case, for the table at the end of `cargo xtask test`.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// The comparison of a host's output with the expected output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The bytes of each object are the same.
    Bytes,
    /// The objects are the same, but the host writes them in its own format.
    Objects,
    /// The host refused the case, as expected, and wrote no objects.
    Refused,
}

/// Appends a result to the host's file in the directory `RUTTER_MATRIX`, if this variable is set.
///
/// # Errors
///
/// If it cannot be written.
pub fn record(host: &str, case: &str, agreement: Agreement) -> Result<()> {
    let Some(directory) = env::var_os("RUTTER_MATRIX") else {
        return Ok(());
    };
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    let mark = match agreement {
        Agreement::Bytes => '=',
        Agreement::Objects => '~',
        Agreement::Refused => 'x',
    };
    // In one write, because tests run in parallel.
    let line = format!("{case}\t{mark}\n");
    let file = OpenOptions::new().append(true).create(true).open(directory.join(host));
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .with_context(|| directory.join(host).display().to_string())
}
