//! Compresses what the package carries and hardly any call asks for: all that a component carries is loaded for each
//! call, and the schema and the defaults would be a third of it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the package does no input and output, and this is none of it"
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo runs this")?);
    for source in [
        "generated/codes.json",
        "generated/values.schema.json",
        "generated/values.yaml",
        "src/plan/difference/types.txt",
    ] {
        println!("cargo::rerun-if-changed={source}");
        let compressed = miniz_oxide::deflate::compress_to_vec(&fs::read(source)?, 10);
        let file = Path::new(source).file_name().ok_or("the source is a file")?;
        fs::write(folder.join(file).with_added_extension("deflate"), compressed)?;
    }
    Ok(())
}
