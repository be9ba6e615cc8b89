//! Compiles a component to the native code that the build embeds into `rutter`.
//!
//! With [`FOR_HOST`] it is the program of a `rutter_host::Compiler`.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: rutter-precompile IN.wasm -o OUT.cwasm";

/// The first argument from a host that compiles with this program.
const FOR_HOST: &str = "compile-component";

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|argument| argument == FOR_HOST) {
        return rutter_host::Compiler::run(env::args_os().skip(2));
    }
    let Some((component, image)) = parse(env::args_os().skip(1)) else {
        return fail(2, USAGE);
    };
    match precompile(&component, &image) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {}: {error}", component.display());
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            fail(3, &text)
        }
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Option<(PathBuf, PathBuf)> {
    let arguments: Vec<_> = arguments.collect();
    match arguments.as_slice() {
        [component, option, image] if option == "-o" => Some((component.into(), image.into())),
        _ => None,
    }
}

fn precompile(component: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    let native = rutter_host::precompile(&fs::read(component)?)?;
    // A build that is interrupted here must not leave half an image behind that looks like a whole one.
    let mut unfinished = image.as_os_str().to_owned();
    unfinished.push(".tmp");
    fs::write(&unfinished, native)?;
    fs::rename(&unfinished, image)?;
    Ok(())
}

#[allow(
    clippy::print_stderr,
    reason = "standard error is where a program says why it failed"
)]
fn fail(status: u8, text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(status)
}
