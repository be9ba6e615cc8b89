//! The etcd package as a component: the contract's typed exports, and a command that reads standard input.
//!
//! It translates types and does nothing else. Both exports need a `main`, because a binary crate is what gets
//! `wasi:cli/run` from the tool chain.

#[cfg(target_family = "wasm")]
mod exports;

use std::env;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use etcd_package::EtcdPackage;
use rutter::command::{self, Invocation, Outcome};
use rutter::stream;

/// Half the price of the C library's, and smaller.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// WASI does not say by what program, and from which file, a component runs. This is the common way.
const INVOCATION: Invocation<'_> = Invocation {
    program: "wasmtime run etcd.wasm",
    namespace: "default",
};

fn main() -> ExitCode {
    let outcome = command::run(&EtcdPackage, INVOCATION, env::args_os().skip(1), || {
        let mut input = Vec::new();
        // One byte more than is accepted is enough to be refused.
        let most = u64::try_from(stream::MAX_BYTES + 1).unwrap_or(u64::MAX);
        io::stdin().take(most).read_to_end(&mut input)?;
        Ok(input)
    });
    match write(&outcome) {
        Ok(()) => ExitCode::from(outcome.status),
        // Not even a broken pipe is success: whoever reads has got half a document. There may be nobody left to tell.
        Err(_) => ExitCode::from(3),
    }
}

fn write(outcome: &Outcome) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(outcome.stdout.as_bytes())?;
    stdout.flush()?;
    io::stderr().write_all(outcome.stderr.as_bytes())
}
