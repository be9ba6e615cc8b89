//! What Extism's runtime calls: one function for each kind of plugin, which `plugin.yaml` names.

use std::env;
use std::io::{self, Read as _, Write as _};

use etcd_package::EtcdPackage;
use extism_pdk::{Error, FnResult, WithReturnCode, plugin_fn};
use rutter::command::Outcome;
use rutter::stream;

use crate::{Failure, cli, post_renderer};

/// The entry of a `cli/v1` plugin.
#[plugin_fn]
#[allow(unreachable_pub, reason = "the macro exports public functions alone")]
pub fn helm_plugin_main(message: Vec<u8>) -> FnResult<String> {
    let namespace = env::var("HELM_NAMESPACE").ok();
    let outcome = cli::run(&EtcdPackage, &message, namespace, stdin).map_err(told)?;
    write(&outcome).map_err(|error| told(Failure::host(format!("the output cannot be written: {error}"))))?;
    cli::failure(&outcome).map_or_else(|| Ok(cli::ANSWER.to_owned()), |failure| Err(told(failure)))
}

/// The entry of a `postrenderer/v1` plugin.
#[plugin_fn]
#[allow(unreachable_pub, reason = "the macro exports public functions alone")]
pub fn post_render(message: Vec<u8>) -> FnResult<String> {
    post_renderer::run(&EtcdPackage, &message).map_err(told)
}

fn stdin() -> io::Result<Vec<u8>> {
    let mut input = Vec::new();
    // One byte more than is accepted is enough to be refused.
    let most = u64::try_from(stream::MAX_BYTES + 1).unwrap_or(u64::MAX);
    io::stdin().take(most).read_to_end(&mut input)?;
    Ok(input)
}

fn write(outcome: &Outcome) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(outcome.stdout.as_bytes())?;
    stdout.flush()?;
    io::stderr().write_all(outcome.stderr.as_bytes())
}

fn told(Failure { message, status }: Failure) -> WithReturnCode<Error> {
    WithReturnCode::new(Error::msg(message), status.into())
}
