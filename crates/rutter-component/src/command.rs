//! The command, which a binary crate is for the tool chain.

use std::process::ExitCode;
use std::{env, io};

use rutter::Package;
use rutter::command::{self, Invocation};

/// Runs the package as a command with the arguments and the standard streams of this process.
pub fn run(package: &dyn Package) -> ExitCode {
    // WASI does not say by what program, and from which file, a component runs. This is the common way.
    let program = format!("wasmtime run {}.wasm", package.describe().name);
    let invocation = Invocation {
        program: &program,
        namespace: "default",
    };
    let outcome = command::run(package, invocation, env::args_os().skip(1), || {
        command::read(io::stdin())
    });
    match outcome.write(io::stdout().lock(), io::stderr()) {
        Ok(()) => ExitCode::from(outcome.status),
        // Not even a broken pipe is a success: the reader has half a document.
        Err(_) => ExitCode::from(3),
    }
}
