//! The command `test`: runs the cases of a package through all hosts of this machine.

mod case;
mod route;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;

use crate::args::{Route, Test};
use crate::failure::Failure;
use crate::output::{self, Style};
use crate::{package, report};
use case::Case;
use route::{Routes, Verdict};

/// Runs the cases. Fails if one does not give the expected result.
pub(crate) fn run(args: &Test) -> Result<ExitCode, Failure> {
    let all = Case::all(&args.directory).map_err(Failure::BadCommandLine)?;
    let count = all.len();
    let cases: Vec<Case> = match &args.filter {
        Some(filter) => all.into_iter().filter(|case| case.name.contains(filter)).collect(),
        None => all,
    };
    if cases.is_empty() {
        let error = anyhow::anyhow!("none of the {count} cases has such a name");
        return Err(Failure::BadCommandLine(error));
    }
    let package = package::load_for_many(&args.source).map_err(Failure::Host)?;
    let mut routes = Routes::new(package, args.source.component.as_deref()).map_err(Failure::Host)?;
    if args.bless {
        bless(&routes, &cases).map_err(Failure::Host)?;
    }
    let mut left_out = Vec::new();
    let mut prepared = Vec::new();
    for route in chosen(args) {
        match routes.prepare(route).map_err(Failure::Host)? {
            None => prepared.push(route),
            Some(reason) if args.routes.is_empty() => left_out.push(format!("{} ({reason})", route.name())),
            Some(reason) => {
                let error = anyhow::anyhow!("--route {}: {reason}", route.name());
                return Err(Failure::BadCommandLine(error));
            }
        }
    }
    let tally = run_all(&routes, &prepared, &cases).map_err(Failure::Host)?;
    output::to_stdout(&tally.to_text(&prepared, &left_out)).map_err(Failure::Host)?;
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

fn chosen(args: &Test) -> Vec<Route> {
    let mut routes = args.routes.clone();
    if routes.is_empty() {
        routes = clap::ValueEnum::value_variants().to_vec();
    }
    routes.sort();
    routes.dedup();
    routes
}

/// Writes the expected results, and prints which have changed.
fn bless(routes: &Routes, cases: &[Case]) -> anyhow::Result<()> {
    for case in cases {
        let answer = routes.answer(case).with_context(|| case.name.clone())?;
        if case.expected()?.as_ref() != Some(&answer) {
            case.bless(&answer)?;
            report::to_stderr(&format!("wrote the expected result of {}", case.name));
        }
    }
    Ok(())
}

/// The numbers of results.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// The number of cases that each route took.
    taken: BTreeMap<Route, usize>,
}

impl Tally {
    fn to_text(&self, routes: &[Route], left_out: &[String]) -> String {
        let taken = |route: &Route| {
            let count = self.taken.get(route).copied().unwrap_or_default();
            format!("{} {count}", route.name())
        };
        let mut text = format!(
            "\n{} passed, {} failed\ncases by route: {}\n",
            self.passed,
            self.failed,
            routes.iter().map(taken).collect::<Vec<_>>().join(", ")
        );
        if !left_out.is_empty() {
            text.push_str(&format!("left out: {}\n", left_out.join(", ")));
        }
        text
    }
}

/// The verdicts of a case, or the error that kept it from being run.
type Verdicts = anyhow::Result<Vec<(Route, Verdict)>>;

/// Runs cases in parallel, and prints the results in their order.
fn run_all(routes: &Routes, prepared: &[Route], cases: &[Case]) -> anyhow::Result<Tally> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..workers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, case)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(index).map(|case| (index, case))
                } {
                    if sender.send((index, verdicts(routes, prepared, case))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut printed = 0;
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&printed) {
                if let Some(case) = cases.get(printed) {
                    print(case, result, &mut tally)?;
                }
                printed += 1;
            }
        }
        Ok(tally)
    })
}

fn verdicts(routes: &Routes, prepared: &[Route], case: &Case) -> Verdicts {
    let expected = case
        .expected()?
        .context("there is no expected result: write --bless to have it written, and read it")?;
    let run = |route: &Route| Ok((*route, routes.check(*route, case, &expected)?));
    prepared.iter().map(run).collect()
}

/// Prints the result of a case, and counts it.
fn print(case: &Case, result: Verdicts, tally: &mut Tally) -> anyhow::Result<()> {
    let style = Style::for_stdout();
    let mut failures = Vec::new();
    match result {
        Ok(verdicts) => {
            for (route, verdict) in verdicts {
                *tally.taken.entry(route).or_default() += usize::from(verdict != Verdict::NotApplicable);
                if let Verdict::Failed(difference) = verdict {
                    failures.push(format!("{}: {difference}", route.name()));
                }
            }
        }
        Err(error) => failures.push(report::error(&error)),
    }
    let is_failed = !failures.is_empty();
    tally.failed += usize::from(is_failed);
    tally.passed += usize::from(!is_failed);
    let word = if is_failed {
        style.red("FAILED")
    } else {
        style.green("ok")
    };
    let mut text = format!("{} ... {word}\n", case.name);
    for line in failures.iter().flat_map(|failure| failure.lines()) {
        text.push_str(&format!("    {}\n", rutter::printable::line(line)));
    }
    output::coloured_to_stdout(&text)
}
