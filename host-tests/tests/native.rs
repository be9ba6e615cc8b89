//! The cases through the package as Rust, without a host. Here they are blessed too.

use anyhow::Result;
use etcd_package::EtcdPackage;
use host_tests::{Case, Outcome, WASMTIME, diagnostics, trials};

fn main() -> Result<()> {
    let arguments = libtest_mimic::Arguments::from_args();
    if std::env::var_os("BLESS").is_some() {
        for case in Case::all()? {
            case.bless(&native(&case)?)?;
        }
    }
    libtest_mimic::run(&arguments, trials("native", native)?).exit()
}

fn native(case: &Case) -> Result<Outcome> {
    let args = case.args.iter().map(Into::into);
    let outcome = rutter::command::run(&EtcdPackage, WASMTIME, args, || Ok(case.input.clone()));
    Ok(Outcome {
        stdout: outcome.stdout,
        diagnostics: diagnostics(&outcome.stderr),
        status: outcome.status.into(),
    })
}
