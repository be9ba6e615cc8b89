//! `cargo xtask`: all work with this checkout, in one subcommand each.
//!
//! It knows which artifact is built from which, for which target and in which order, and where the real hosts come from
//! that the tests require. It knows cargo, the tools' installers and the layout of the checkout. It must not know etcd,
//! except as one more tool to install. It must not depend on a crate of the workspace, because it has to compile in
//! seconds on a machine where nothing is built yet.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program is there to print progress"
)]

mod apt;
mod bench;
mod build;
mod cache;
mod command;
mod count;
mod direction;
mod dist;
mod doctor;
mod e2e;
mod fuzz;
mod matrix;
mod reproduce;
mod supply;
mod test;
mod tools;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cache::Cache;
use crate::workspace::Workspace;

/// Sets up, builds, renders, tests and measures Rutter
///
/// Each command first installs and builds what it requires, unless that is up to date. On a fresh machine, start with
/// `cargo xtask render`, which prints the manifests of a default etcd cluster. Then run `cargo xtask test`.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_long_help = "\
Build output:
  dist/etcd.wasm  the etcd package as a component:  wasmtime run dist/etcd.wasm < values.yaml
  dist/rutter     the command, with the component embedded:  dist/rutter render -f values.yaml
  dist/helm/etcd  the package as a plugin that Helm 4 runs in process:  helm plugin install dist/helm/etcd

Environment:
  RUTTER_CACHE           directory of the installed tools [default: $XDG_CACHE_HOME/rutter, else ~/.cache/rutter]
  RUTTER_WASM_TOOLCHAIN  `debian`: build the package with Debian's compiler, even if rustup's works

For the inner loop, plain `cargo test` is enough."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build dist/etcd.wasm, dist/rutter and dist/helm/
    ///
    /// Adds the wasm32-wasip2 and wasm32-wasip1 targets if they are missing, builds the component and the plugins for
    /// Helm 4, compiles the component ahead of time for this machine and builds the `rutter` command around it.
    Build,
    /// Build, then run `dist/rutter render`
    ///
    /// Progress goes to stderr, and stdout contains only the manifests. The exit code is that of `rutter render`.
    #[command(after_help = "\
Examples:
  cargo xtask render > etcd.yaml               the default cluster
  cargo xtask render -f examples/page.yaml     values from a file
  cargo xtask render -- --help                 the options of `rutter render`")]
    Render {
        /// Arguments of `rutter render`, including flags
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run all checks: format, lints, docs, licences, and the tests with every real host
    ///
    /// First installs the real hosts and etcd itself, each once per user: wasmtime, Helm 3 and 4, kustomize, kubectl,
    /// Argo CD's plugin server, an etcd of each minor version. All but wasmtime require Go. kpt is tested if it is on
    /// the PATH. Stops at the first failure and suggests what to try. Ends with a table of cases and hosts.
    Test,
    /// Run scenarios on a real Kubernetes of three nodes, on this machine (Linux, root)
    ///
    /// Builds Kubernetes and CoreDNS from their sources once per user, starts a cluster in namespaces of its own, runs
    /// scenarios and prints a table. Pods and logs of a failed scenario are kept below target/rutter/e2e/. The cluster
    /// is always deleted at the end, except with --keep.
    #[command(after_help = "\
Examples:
  cargo xtask e2e                    all scenarios
  cargo xtask e2e --list             list the scenarios
  cargo xtask e2e rolling-update     one scenario
  cargo xtask e2e --keep NAME        one scenario; the cluster stays up, and the next run uses it
  cargo xtask e2e --down             delete that cluster")]
    E2e(e2e::E2e),
    /// Update the lists of etcd's flags, from the flags that the real binaries accept
    ///
    /// The lists are in crates/etcd-package/src/etcd/flags/, one per minor version. `cargo xtask test` fails if one of
    /// them differs from its binary. Run this after you change a release in tools.rs, and read the difference.
    Flags,
    /// Search for harmful input with libFuzzer, for an hour (requires a C++ compiler)
    ///
    /// Input that covers something new is kept below target/rutter/fuzz/ for later runs. `cargo xtask test` tries the
    /// input in fuzz/corpus/ and fuzzes for some seconds.
    #[command(after_help = "\
Examples:
  cargo xtask fuzz                        all targets, an hour in total
  cargo xtask fuzz --minutes 5 values     one target, for five minutes
  cargo xtask fuzz --keep                 add input that covers more to fuzz/corpus/")]
    Fuzz(fuzz::Fuzz),
    /// Build, then count the instructions of the hot paths, and fail if they have changed (x86-64, valgrind)
    ///
    /// Counts hardly depend on the machine's load. They do depend on the compiler.
    Count {
        /// Record the counts, instead of comparing them with the recorded ones
        #[arg(long)]
        bless: bool,
    },
    /// Build, then measure whole processes against `true`, wasmtime, helm and kustomize
    ///
    /// The commands run in turns, so that a busy moment of the machine affects all of them. Compare ratios, not times
    /// of different runs or machines. helm and kustomize are measured once `cargo xtask test` has installed them.
    Bench {
        /// Number of measurements of each command
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
    },
    /// Report installed and missing tools, and the commands that `build` and `test` would run to install them
    ///
    /// Changes nothing. Exits with 0 if `build` requires nothing more, with 1 otherwise.
    Doctor,
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let cache = Cache::find()?;
    match verb {
        Verb::Build => build::build(&workspace, &cache)?,
        Verb::Render { args } => return build::render(&workspace, &cache, &args),
        Verb::Test => test::test(&workspace, &cache)?,
        Verb::E2e(options) => return e2e::e2e(&workspace, &cache, &options),
        Verb::Flags => test::flags(&workspace, &cache)?,
        Verb::Fuzz(options) => options.run(&workspace)?,
        Verb::Count { bless } => {
            let mode = if bless {
                count::Mode::Bless
            } else {
                count::Mode::Compare
            };
            count::count(&workspace, &cache, mode)?;
        }
        Verb::Bench { runs } => bench::bench(&workspace, &cache, runs)?,
        Verb::Doctor => return doctor::doctor(&workspace, &cache),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn render_passes_flags_on() {
        let cli = Cli::try_parse_from(["xtask", "render", "-f", "a.yaml", "--set", "replicas=5", "--help"]).unwrap();
        let Verb::Render { args } = cli.verb else {
            panic!("not render: {cli:?}")
        };
        assert_eq!(args, ["-f", "a.yaml", "--set", "replicas=5", "--help"]);
    }
}
