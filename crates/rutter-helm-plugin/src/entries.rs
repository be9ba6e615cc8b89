//! The functions that Extism's runtime calls: one for each kind of plugin. `plugin.yaml` names them.

use std::{env, io};

pub use extism_pdk;
use extism_pdk::{Error, FnResult, WithReturnCode};
use rutter::{Package, command};

use crate::{Failure, cli, post_renderer};

/// Exports the functions of a package.
#[macro_export]
macro_rules! entries {
    ($package:ty) => {
        const _: () = {
            use $crate::entries::extism_pdk;

            #[extism_pdk::plugin_fn]
            pub fn helm_plugin_main(message: Vec<u8>) -> extism_pdk::FnResult<String> {
                $crate::entries::command(&<$package as ::std::default::Default>::default(), &message)
            }

            #[extism_pdk::plugin_fn]
            pub fn post_render(message: Vec<u8>) -> extism_pdk::FnResult<String> {
                $crate::entries::post_render(&<$package as ::std::default::Default>::default(), &message)
            }
        };
    };
}

/// Runs a `cli/v1` plugin.
pub fn command(package: &dyn Package, message: &[u8]) -> FnResult<String> {
    let namespace = env::var("HELM_NAMESPACE").ok();
    let outcome = cli::run(package, message, namespace, || command::read(io::stdin())).map_err(told)?;
    let written = outcome.write(io::stdout().lock(), io::stderr());
    written.map_err(|error| told(Failure::host(format!("the output cannot be written: {error}"))))?;
    cli::failure(&outcome).map_or_else(|| Ok(cli::ANSWER.to_owned()), |failure| Err(told(failure)))
}

/// Runs a `postrenderer/v1` plugin.
pub fn post_render(package: &dyn Package, message: &[u8]) -> FnResult<String> {
    post_renderer::run(package, message).map_err(told)
}

fn told(Failure { message, status }: Failure) -> WithReturnCode<Error> {
    WithReturnCode::new(Error::msg(message), status.into())
}
