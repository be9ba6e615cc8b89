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
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo runs this")?);
    for file in ["values.schema.json", "values.yaml"] {
        let source = format!("generated/{file}");
        println!("cargo::rerun-if-changed={source}");
        let compressed = miniz_oxide::deflate::compress_to_vec(&fs::read(source)?, 10);
        fs::write(folder.join(format!("{file}.deflate")), compressed)?;
    }
    Ok(())
}
