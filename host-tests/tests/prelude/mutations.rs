//! Mutations of the prelude: each of its checks is changed to one that cannot fail, or that succeeds instead of
//! failing. A case must detect that.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::Trial;

use super::{Case, cases, foreign_cases, functions, run, shells};

/// Texts that are replaced wherever a line contains them, and their replacements.
const REPLACED: [(&str, &str); 32] = [
    ("|| exit 0", "|| :"),
    ("|| exit 1", "|| :"),
    ("|| exit 2", "|| :"),
    (" exit 1", " exit 0"),
    (" exit 2", " exit 0"),
    ("exit \"$result\"", "exit 0"),
    ("exit id == leader", "exit 0"),
    ("exit failed + 0", "exit 0"),
    ("exit found", "exit !found"),
    ("exit !found", "exit found"),
    ("exit !(", "exit ("),
    ("exit failed ||", "exit"),
    ("|| open != 0 }", "}"),
    ("|| result=1", "|| :"),
    ("|| missing=yes", "|| :"),
    ("; missing=yes", ""),
    ("[ -n ", "[ -z "),
    ("[ -z ", "[ -n "),
    (" == ", " != "),
    ("\" = ", "\" != "),
    (" != ", " = "),
    (" -lt ", " -ge "),
    (" -gt ", " -le "),
    (" >= 1", " < 1"),
    (" > 2 ", " <= 2 "),
    (" > number", " <= number"),
    (" !~ ", " ~ "),
    ("!((", "(("),
    ("!(suffix", "(suffix"),
    (" && ", " || "),
    ("if is_done", "if ! is_done"),
    ("sleep \"$seconds\"", ":"),
];

/// Equivalent mutations: function or any, part of the line, replaced text, and the reason.
const EQUIVALENT: [(&str, &str, &str, &str); 5] = [
    (
        "metrics_of",
        "read -r line || exit 1",
        "|| exit 1",
        "a missing line has no port",
    ),
    (
        "connections",
        "list=$(members_of",
        "|| exit 1",
        "the one member of an empty list has no ID, and no connection",
    ),
    (
        "is_copy",
        "copy=$(ca_of",
        "|| exit 2",
        "a copy without a CA does not have the other's",
    ),
    (
        "",
        "status=$(status_of",
        "|| exit 1",
        "without a status there is no result",
    ),
    (
        "",
        "status=$(status_of",
        "|| exit 2",
        "without a status there is no result",
    ),
];

/// A prelude with one text replaced.
struct Mutant {
    function: String,
    line: String,
    replaced: (&'static str, &'static str),
    /// The index among several in the line.
    place: usize,
    prelude: String,
    /// The cases, one of which must detect it.
    cases: fn() -> Vec<Case>,
}

impl Mutant {
    fn of(prelude: &str, cases: fn() -> Vec<Case>) -> Vec<Self> {
        let mut all = Vec::new();
        let (mut function, mut start) = ("", 0);
        for line in prelude.split_inclusive('\n') {
            if let Some((name, _)) = line.split_once("() ") {
                function = if name.contains(' ') { function } else { name };
            }
            for (old, new) in REPLACED {
                for (place, _) in line.match_indices(old) {
                    // A comment, a condition of messages only, or a part of what another mutation replaces.
                    let prints = line.contains("{ print \"") && !line.contains(';');
                    if line.trim_start().starts_with('#')
                        || prints
                        || old.starts_with(" exit") && line[..place].ends_with("||")
                    {
                        continue;
                    }
                    // awk has another syntax.
                    let new = if old == " != " && !line.trim_start().starts_with(['[', 'i']) {
                        " == "
                    } else {
                        new
                    };
                    let at = start + place;
                    all.push(Self {
                        function: function.to_owned(),
                        line: line.trim().to_owned(),
                        replaced: (old, new),
                        place,
                        prelude: format!("{}{new}{}", &prelude[..at], &prelude[at + old.len()..]),
                        cases,
                    });
                }
            }
            start += line.len();
        }
        all
    }

    /// Whether it is of this kind.
    fn is(&self, (function, line, old, _): &(&str, &str, &str, &str)) -> bool {
        (function.is_empty() || self.function == *function) && self.line.contains(line) && self.replaced.0 == *old
    }
}

/// Returns a test for each mutation. They take long: all run with the tests of hosts, and only a fraction elsewhere.
pub(crate) fn trials(prelude: &str, foreign: &str) -> Vec<Trial> {
    let one_in = if cfg!(feature = "hosts") { 1 } else { 4 };
    let mutants = all(prelude, foreign);
    let reached = reached(prelude);
    let tried = mutants
        .into_iter()
        .filter(|mutant| !EQUIVALENT.iter().any(|kind| mutant.is(kind)));
    let mut trials: Vec<Trial> = tried
        .step_by(one_in)
        .map(|mutant| {
            let (old, new) = mutant.replaced;
            let Mutant {
                function, line, place, ..
            } = &mutant;
            let name = format!("mutations::{function}: {old:?} is {new:?} at {place} of {line}");
            let reached = reached.clone();
            Trial::test(name, move || Ok(is_detected(&mutant, &reached)?))
        })
        .collect();
    let (prelude, foreign) = (prelude.to_owned(), foreign.to_owned());
    trials.push(Trial::test("mutations::all_are_found", move || {
        Ok(all_are_found(&prelude, &foreign)?)
    }));
    trials
}

/// Returns all mutations.
fn all(prelude: &str, foreign: &str) -> Vec<Mutant> {
    let mut all = Mutant::of(prelude, cases);
    let foreign = Mutant::of(foreign, foreign_cases).into_iter();
    // The other functions are the same.
    all.extend(foreign.filter(|mutant| mutant.function == "etcdctl_in"));
    all
}

/// Checks that each text to replace is found.
fn all_are_found(prelude: &str, foreign: &str) -> Result<()> {
    let all = all(prelude, foreign);
    ensure!(all.len() > 150, "only {} checks are found", all.len());
    for (old, _) in REPLACED {
        let is_found = all.iter().any(|mutant| mutant.replaced.0 == old);
        ensure!(is_found, "{old:?} is not in the prelude");
    }
    for kind in EQUIVALENT {
        ensure!(all.iter().any(|mutant| mutant.is(&kind)), "{kind:?} is not found");
    }
    Ok(())
}

/// Returns the functions that each function reaches by its calls, including itself.
fn reached(prelude: &str) -> BTreeMap<String, BTreeSet<String>> {
    let names = functions(prelude);
    let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut function = "";
    for line in prelude.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some((name, _)) = line.split_once("() ") {
            function = if name.contains(' ') { function } else { name };
        }
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let called = words.filter(|word| names.contains(word)).map(str::to_owned);
        direct.entry(function.to_owned()).or_default().extend(called);
    }
    let mut all = direct.clone();
    for _ in 0..names.len() {
        let before = all.clone();
        for callees in all.values_mut() {
            let further: BTreeSet<String> = callees.iter().flat_map(|callee| before[callee].clone()).collect();
            callees.extend(further);
        }
        if before == all {
            break;
        }
    }
    all
}

fn is_detected(mutant: &Mutant, reached: &BTreeMap<String, BTreeSet<String>>) -> Result<()> {
    let (_, shell) = shells().into_iter().next().context("a shell")?;
    let calls = |case: &Case, function: &str| case.call.split([' ', ';']).any(|word| word == function);
    let mut cases = (mutant.cases)();
    cases.retain(|case| {
        let mut callers = reached.iter().filter(|(_, reached)| reached.contains(&mutant.function));
        callers.any(|(function, _)| calls(case, function))
    });
    // Those of the function itself are most likely to detect it.
    cases.sort_by_key(|case| !calls(case, &mutant.function));
    ensure!(!cases.is_empty(), "no case calls {}", mutant.function);
    for case in &cases {
        if run(&shell, &mutant.prelude, case).is_err() {
            return Ok(());
        }
    }
    bail!("no case detects it, of {} cases", cases.len())
}
