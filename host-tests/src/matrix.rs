//! What each host made of each case, for the table that `cargo xtask test` prints at its end.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// How a host's result compares with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The bytes of each object are the same.
    Bytes,
    /// The objects are the same; the host writes them its own way.
    Objects,
    /// The host refused the case, as it should, and gave nothing.
    Refused,
}

/// Notes a result in the folder that the variable `RUTTER_MATRIX` names, if it names one.
///
/// # Errors
///
/// If the note cannot be written.
pub fn record(host: &str, case: &str, agreement: Agreement) -> Result<()> {
    let Some(folder) = env::var_os("RUTTER_MATRIX") else {
        return Ok(());
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let mark = match agreement {
        Agreement::Bytes => '=',
        Agreement::Objects => '~',
        Agreement::Refused => 'x',
    };
    // One write each: tests run side by side.
    let line = format!("{case}\t{mark}\n");
    let file = OpenOptions::new().append(true).create(true).open(folder.join(host));
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .with_context(|| folder.join(host).display().to_string())
}
