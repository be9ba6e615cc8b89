//! Scenarios on a real Kubernetes: `cargo xtask e2e` runs this program with everything that it requires.
//!
//! [`cluster`] starts a Kubernetes on this machine and does not know Rutter. [`scenarios`] are the tests that run on
//! it. They use the tools of a user: kubectl, etcdctl, `rutter`; and an issuer that replaces cert-manager.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "telling people what happens is what this program is for"
)]
mod cluster;
mod etcd;
mod issuer;
mod kubectl;
mod process;
mod scenarios;
mod stage;
mod writer;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::cluster::Cluster;
use crate::issuer::BackgroundIssuer;
use crate::kubectl::Kubectl;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a cluster, run scenarios, delete the cluster
    Run(Run),
    /// Delete the cluster that was kept
    Down {
        /// Directory of the clusters' state
        #[arg(long)]
        home: PathBuf,
    },
    /// List the scenarios
    List,
    /// The cluster's first process
    #[command(hide = true)]
    Inside {
        state: PathBuf,
        #[arg(long)]
        until_input_ends: bool,
    },
}

#[derive(Args, Debug)]
struct Run {
    /// Directory of the clusters' state
    #[arg(long)]
    home: PathBuf,
    /// The root of the checkout
    #[arg(long)]
    checkout: PathBuf,
    /// Directory for pods and logs of failed scenarios
    #[arg(long)]
    failures: PathBuf,
    /// Leave the cluster running
    #[arg(long)]
    keep: bool,
    /// Run the selection that CI runs
    #[arg(long)]
    short: bool,
    /// Scenarios to run, by prefixes of their names [default: all]
    scenarios: Vec<String>,
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
    match verb {
        Verb::Inside {
            state,
            until_input_ends,
        } => cluster::run_inside(&state, until_input_ends)?,
        Verb::Down { home } => {
            let there_was = cluster::down(&home)?;
            println!(
                "{}",
                if there_was {
                    "the cluster is down"
                } else {
                    "no cluster was kept"
                }
            );
        }
        Verb::List => {
            for scenario in scenarios::all() {
                let short = if scenario.short { "  (CI)" } else { "" };
                println!("{:18} {}{short}", scenario.name, scenario.about);
            }
        }
        Verb::Run(options) => return run_scenarios(&options),
    }
    Ok(ExitCode::SUCCESS)
}

fn run_scenarios(options: &Run) -> Result<ExitCode> {
    let chosen = match (options.short, options.scenarios.as_slice()) {
        (true, _) => scenarios::all().into_iter().filter(|scenario| scenario.short).collect(),
        (false, []) => scenarios::all(),
        (false, names) => scenarios::named(names)?,
    };
    let _ = fs::remove_dir_all(&options.failures);
    if !options.keep {
        cluster::down_on_signals(&options.home)?;
    }
    let cluster = Cluster::find_or_start(&options.home, options.keep)?;
    let kubectl = Kubectl {
        entrance: cluster.entrance(),
    };
    let good = install_crds(&kubectl, options).map(|()| {
        let _issuer = BackgroundIssuer::start(kubectl);
        scenarios::run(&chosen, &cluster, &options.checkout, &options.failures)
    });
    if !matches!(good, Ok(true)) {
        cluster.keep_logs(&options.failures.join("cluster"))?;
    }
    // If a part has ended, that is the cause of all other failures.
    cluster.check()?;
    let good = good?;
    if options.keep {
        println!(
            "The cluster is up; `cargo xtask e2e --down` takes it down. Without the issuer, no certificates come."
        );
        println!("export KUBECONFIG={}", cluster.kubeconfig().display());
        cluster.keep();
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn install_crds(kubectl: &Kubectl, options: &Run) -> Result<()> {
    for crds in [
        options.checkout.join("host-tests/data/crds"),
        process::find("monitoring-crds.yaml")?,
    ] {
        let crds = crds.display().to_string();
        kubectl.run(&["apply", "--server-side", "--filename", &crds])?;
    }
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
    Ok(())
}
