//! Every scalar and key of the installed objects of each case in `plans/`, replaced by texts that a shell, a terminal or a
//! template would act on: none acts in any plan that is still made.

#![cfg(unix)]

use std::collections::HashSet;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use etcd_package::EtcdPackage;
use host_tests::plans::Change;
use host_tests::plans::injection::{PAYLOADS, check, check_lines, objects, places, replaced};
use libtest_mimic::{Arguments, Trial};
use rutter::{Change as Planned, Package as _};

/// Of all places and payloads one in so many is tried, always the same ones; all where the code is fast.
// FIXME: each input starts a shell; try more of them where the code is fast.
const ONE_IN: usize = 9973;

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let cases = Change::all()?.into_iter();
    let mut trials: Vec<Trial> = cases
        .map(|case| Trial::test(case.name.clone(), move || Ok(inject(&case)?)))
        .collect();
    trials.push(Trial::test("what is run is found", || Ok(what_is_run_is_found()?)));
    libtest_mimic::run(&arguments, trials).exit()
}

/// A line, a condition and a preflight check that hold a payload which no quotes keep from a shell.
fn what_is_run_is_found() -> Result<()> {
    let case = Change::all()?.into_iter().find(|case| case.name == "scale-1-to-3");
    let (from, to) = case
        .context("a case")?
        .asked()
        .map_err(|problems| anyhow!("{problems:?}"))?;
    let plan = EtcdPackage
        .plan(&from, &to)
        .map_err(|problems| anyhow!("{problems:?}"))?;
    check_lines(&plan)?;
    let mut of_preflight = plan.clone();
    let first = of_preflight.preflight.first_mut().context("a check")?;
    first.line.push_str(" $(touch pwned)");
    let mut of_step = plan.clone();
    let mut of_condition = plan;
    for (plan, is_condition) in [(&mut of_step, false), (&mut of_condition, true)] {
        let Planned::Steps(steps) = &mut plan.change else {
            bail!("no steps")
        };
        let commands = steps.iter_mut().flat_map(|step| &mut step.commands);
        let command = commands
            .filter(|command| command.unless.is_some())
            .last()
            .context("a command")?;
        let line = if is_condition {
            command.unless.as_mut().context("a condition")?
        } else {
            &mut command.line
        };
        line.push_str(" `touch pwned`");
    }
    for plan in [of_preflight, of_step, of_condition] {
        ensure!(check_lines(&plan).is_err(), "a payload was run, and nobody has seen it");
    }
    Ok(())
}

fn inject(case: &Change) -> Result<()> {
    let Some((objects, to)) = objects(&EtcdPackage, case)? else {
        return Ok(());
    };
    let mut seen = HashSet::new();
    // As it is, it runs.
    check(&EtcdPackage, &objects, &to, &mut seen)?;
    let places = places(&objects);
    // A list of nothing has nothing to replace.
    ensure!(
        places.is_empty() || !objects.as_array().is_none_or(Vec::is_empty),
        "no place is found"
    );
    let mut number = case.name.len();
    for place in &places {
        for (name, payload) in PAYLOADS {
            for is_behind in [false, true] {
                number += 1;
                if !number.is_multiple_of(ONE_IN) {
                    continue;
                }
                let changed = replaced(&objects, place, payload, is_behind);
                check(&EtcdPackage, &changed, &to, &mut seen).with_context(|| {
                    format!(
                        "{name} at {}{}",
                        place.text(),
                        if is_behind { ", behind what is there" } else { "" }
                    )
                })?;
            }
        }
    }
    Ok(())
}
