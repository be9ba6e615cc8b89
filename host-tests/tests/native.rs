//! The cases with the package in Rust, without a host. This test also writes their expected files with `BLESS=1`.

use anyhow::Result;
use etcd_package::EtcdPackage;
use host_tests::{Case, RouteOutput, WASMTIME, diagnostics, function_trials, trials};

fn main() -> Result<()> {
    let arguments = libtest_mimic::Arguments::from_args();
    if std::env::var_os("BLESS").is_some() {
        for case in Case::all()? {
            case.bless(&native(&case)?)?;
        }
        for case in Case::functions()? {
            case.bless(&function(&case)?)?;
        }
    }
    let mut all = trials("native", native)?;
    all.extend(function_trials("krm", function)?);
    libtest_mimic::run(&arguments, all).exit()
}

fn function(case: &Case) -> Result<RouteOutput> {
    let mut case = case.clone();
    case.args.insert(0, "krm".to_owned());
    native(&case)
}

fn native(case: &Case) -> Result<RouteOutput> {
    let args = case.args.iter().map(Into::into);
    let outcome = rutter::command::run(&EtcdPackage, WASMTIME, args, || Ok(case.input.clone()));
    Ok(RouteOutput {
        stdout: outcome.stdout,
        diagnostics: diagnostics(&outcome.stderr),
        status: outcome.status.into(),
    })
}
