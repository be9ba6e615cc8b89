//! `cargo xtask`: everything one does with this checkout, one verb each.
//!
//! It exists so that nobody has to know which artifact is built from which, for which target and in which order, nor
//! where the real hosts come from that the tests need. It knows cargo, the tools' installers and the layout of the
//! checkout. It must not know etcd, but as one more tool to install, nor depend on a crate of the workspace: it has to
//! compile in seconds on a machine where nothing was built yet.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "telling people what happens is what this program is for"
)]

mod apt;
mod bench;
mod build;
mod cache;
mod command;
mod count;
mod direction;
mod doctor;
mod e2e;
mod fuzz;
mod matrix;
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
/// Every verb first brings about what it needs, and what is already there costs nothing. On a fresh machine start
/// with `cargo xtask render`, which ends with the manifests of a default etcd cluster, then `cargo xtask test`.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_long_help = "\
Built things lie in dist/:
  dist/etcd.wasm  the etcd package as a component:  wasmtime run dist/etcd.wasm < values.yaml
  dist/rutter     the command, with the component inside:  dist/rutter render -f values.yaml
  dist/helm/etcd  the package as a plugin that Helm 4 runs in process:  helm plugin install dist/helm/etcd

Environment:
  RUTTER_CACHE           where tools are kept [default: $XDG_CACHE_HOME/rutter, else ~/.cache/rutter]
  RUTTER_WASM_TOOLCHAIN  `debian`: build the package with Debian's compiler even where rustup's would do

The fast inner loop needs no xtask: plain `cargo test`."
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
    /// Progress goes to stderr, so that stdout holds the manifests and nothing else. The exit status is that of
    /// `rutter render`.
    #[command(after_help = "\
Examples:
  cargo xtask render > etcd.yaml               the default cluster
  cargo xtask render -f examples/page.yaml     the values of a file
  cargo xtask render -- --help                 what `rutter render` accepts")]
    Render {
        /// Passed on to `rutter render`, flags included
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run everything that must hold: format, lints, docs, licences, and the tests through every real host
    ///
    /// Installs the real hosts and etcd itself first (wasmtime, Helm 3 and 4, kustomize, kubectl, Argo CD's server of
    /// plugins, an etcd of each minor version: all but the first need Go), each once per user. kpt cannot be installed
    /// so, and takes part where it is. Stops at the first failure and says what to try; ends with a table of cases and
    /// hosts.
    Test,
    /// Run what is rendered on a real Kubernetes of three nodes, on this machine (Linux, root)
    ///
    /// Builds Kubernetes and CoreDNS from their sources once per user, starts a cluster in namespaces of its own, runs
    /// scenarios and prints a table. What a failed one left, pods and logs, is kept below target/rutter/e2e/. The cluster
    /// is always taken down, unless it is to be kept.
    #[command(after_help = "\
Examples:
  cargo xtask e2e                    all scenarios
  cargo xtask e2e --list             what there is
  cargo xtask e2e rolling-update     one of them
  cargo xtask e2e --keep NAME        and leave the cluster up; the next run uses it
  cargo xtask e2e --down             take that one down")]
    E2e(e2e::E2e),
    /// Write the lists of etcd's flags anew, from what the real binaries accept
    ///
    /// The lists lie in crates/etcd-package/src/etcd/flags/, one per minor version. `cargo xtask test` fails where one of
    /// them differs from its binary. Run this when tools.rs names another release, and read the difference.
    Flags,
    /// Look for input that does harm, with libFuzzer, for an hour (needs a C++ compiler)
    ///
    /// What covers something new is remembered below target/rutter/fuzz/ from run to run. `cargo xtask test` tries what
    /// is kept in fuzz/corpus/ and fuzzes for a moment.
    #[command(after_help = "\
Examples:
  cargo xtask fuzz                        all targets, an hour together
  cargo xtask fuzz --minutes 5 values     one of them, for five minutes
  cargo xtask fuzz --keep                 put what was found into fuzz/corpus/, as far as it covers more")]
    Fuzz(fuzz::Fuzz),
    /// Build, then count the instructions of the hot paths, and fail if they have changed (x86-64, valgrind)
    ///
    /// Counts hardly depend on what else the machine does. They do depend on the compiler.
    Count {
        /// Keep the counts, instead of comparing them with those that are kept
        #[arg(long)]
        bless: bool,
    },
    /// Build, then measure whole processes against `true`, wasmtime, helm and kustomize
    ///
    /// The commands run in turns, so that a busy moment of the machine hits all alike. Compare the ratios: times of
    /// different runs or machines say little. helm and kustomize take part once `cargo xtask test` has installed them.
    Bench {
        /// How many times each command is measured
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
    },
    /// Say what is there, what is missing, and which commands `build` and `test` would run about it
    ///
    /// Changes nothing. Exits with 0 if `build` needs to set up nothing, with 1 otherwise.
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
            let then = if bless { count::Then::Keep } else { count::Then::Compare };
            count::count(&workspace, &cache, then)?;
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
