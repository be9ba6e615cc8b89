//! The generated files of a package, for its build script and its tests.
//!
//! Schema and defaults are generated from the types of the values, and checked in: a change of a type shows what it changes
//! for users, and the component need not carry the generator. A test of the package generates them with [`check`]. The
//! build script compresses them with [`compress`], and `rutter::compressed!` returns their text.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Compresses files of the package, named from its directory, for `rutter::compressed!`. Build scripts call it.
///
/// # Errors
///
/// If a file cannot be read or written, or cargo is not the caller.
#[allow(clippy::print_stdout, reason = "cargo reads the standard output of build scripts")]
pub fn compress<'a>(sources: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let target = PathBuf::from(variable("OUT_DIR")?);
    for source in sources {
        println!("cargo::rerun-if-changed={source}");
        let compressed = miniz_oxide::deflate::compress_to_vec(&fs::read(source)?, 10);
        let file = Path::new(source).file_name().unwrap_or_default();
        fs::write(target.join(file).with_added_extension("deflate"), compressed)?;
    }
    Ok(())
}

/// Checks that a file, named from the directory of the package, has this text. With `BLESS=1` it writes the file. Tests call
/// it.
///
/// # Errors
///
/// If the file has another text, or cannot be read or written.
pub fn check(file: &str, text: &str) -> io::Result<()> {
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(file);
    if env::var_os("BLESS").is_some() {
        fs::write(&path, text)?;
    }
    if fs::read_to_string(&path)? == text {
        return Ok(());
    }
    let package = variable("CARGO_PKG_NAME")?;
    Err(io::Error::other(format!(
        "{file} is stale: `BLESS=1 cargo test -p {package}` writes it"
    )))
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
