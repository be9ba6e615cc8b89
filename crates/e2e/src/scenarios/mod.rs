//! The scenarios, each in namespaces of its own.

mod acceptance;
mod bootstrap;
mod hosts;
mod life;
mod plans;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cluster::Cluster;
use crate::process;
use crate::stage::Stage;

/// The number of scenarios that run at once. Members mostly wait for each other. With more of them, two cores are late
/// for probes.
const AT_ONCE: usize = 3;

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The name, also of its namespace.
    pub(crate) name: &'static str,
    /// The statement that the scenario checks.
    pub(crate) about: &'static str,
    /// Whether CI runs it.
    pub(crate) short: bool,
    pub(crate) run: fn(&Stage<'_>) -> Result<()>,
}

impl Scenario {
    const fn new(name: &'static str, about: &'static str, run: fn(&Stage<'_>) -> Result<()>) -> Self {
        Self {
            name,
            about,
            short: false,
            run,
        }
    }

    const fn short(self) -> Self {
        Self { short: true, ..self }
    }
}

/// Returns all scenarios.
pub(crate) fn all() -> Vec<Scenario> {
    [
        acceptance::SCENARIOS,
        bootstrap::SCENARIOS,
        hosts::SCENARIOS,
        life::SCENARIOS,
        &plans::scenarios(),
    ]
    .concat()
}

/// Returns the scenarios with these names or prefixes of names.
///
/// # Errors
///
/// If a name matches none.
pub(crate) fn named(names: &[String]) -> Result<Vec<Scenario>> {
    let chosen_by = |name: &String, scenario: &Scenario| scenario.name.starts_with(name.as_str());
    if let Some(name) = names
        .iter()
        .find(|name| !all().iter().any(|scenario| chosen_by(name, scenario)))
    {
        bail!("there is no scenario {name}; `cargo xtask e2e --list` lists them");
    }
    // Each only once, because two runs of one scenario would share its namespaces.
    Ok(all()
        .into_iter()
        .filter(|scenario| names.iter().any(|name| chosen_by(name, scenario)))
        .collect())
}

struct ScenarioResult {
    name: &'static str,
    took: Duration,
    notes: Vec<String>,
    result: Result<()>,
}

/// Runs scenarios, prints a table, and returns whether all succeeded.
pub(crate) fn run(scenarios: &[Scenario], cluster: &Cluster, checkout: &Path, failures: &Path) -> bool {
    let outcomes = Mutex::new(Vec::new());
    let run = |scenario: &Scenario| {
        let outcome = run_one(scenario, cluster, checkout, failures);
        let sign = if outcome.result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("e2e: {} {sign}, {:.0} s", outcome.name, outcome.took.as_secs_f64());
        outcomes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(outcome);
    };
    let next = Mutex::new(scenarios.iter());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let scenario = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some(scenario) = scenario else { break };
                    run(scenario);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    print!("{}", table(&outcomes));
    outcomes.iter().all(|outcome| outcome.result.is_ok())
}

fn run_one(scenario: &Scenario, cluster: &Cluster, checkout: &Path, failures: &Path) -> ScenarioResult {
    let start = Instant::now();
    eprintln!("e2e: {} …", scenario.name);
    let mut notes = Vec::new();
    let result = Stage::new(cluster, checkout, scenario.name).and_then(|stage| {
        let result = (scenario.run)(&stage);
        notes = stage.take_notes();
        if let Err(error) = &result {
            match stage.keep_failure(&failures.join(scenario.name)) {
                Ok(directory) => eprintln!(
                    "e2e: {}: {error:#}\n  its pods and logs: {}",
                    scenario.name,
                    directory.display()
                ),
                Err(also) => eprintln!("e2e: {}: {error:#}\n  and its logs: {also:#}", scenario.name),
            }
        }
        stage.clear();
        result
    });
    ScenarioResult {
        name: scenario.name,
        took: start.elapsed(),
        notes,
        result,
    }
}

fn table(outcomes: &[ScenarioResult]) -> String {
    let mut table = String::new();
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.len())
        .max()
        .unwrap_or_default();
    for outcome in outcomes {
        let result = match &outcome.result {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("FAILED: {error:#}"),
        };
        let _ = writeln!(
            table,
            "{:width$}  {:>4} s  {result}",
            outcome.name,
            outcome.took.as_secs()
        );
        for note in &outcome.notes {
            let _ = writeln!(table, "{:width$}          {note}", "");
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    let _ = writeln!(table, "{} scenarios, {failed} failed", outcomes.len());
    table
}

/// Waits for `condition`, within the time limit of members.
fn eventually<T>(what: &str, condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    process::wait(crate::etcd::READY, what, condition)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn scenarios_share_no_namespace() {
        let names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
        let namespaces = names
            .iter()
            .flat_map(|name| ["", "clients-of-"].map(|prefix| format!("{prefix}{name}")));
        let distinct: BTreeSet<String> = namespaces.collect();
        assert_eq!(distinct.len(), 2 * names.len());
    }
}
