//! Replaces every scalar and key of the installed objects of each case in `plans/` by texts that a shell, a terminal or
//! a template would act on. None may have an effect in any plan.

#![cfg(unix)]

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use etcd_package::{Action, EtcdPackage, planned};
use host_tests::plans::Change;
use host_tests::plans::injection::{PAYLOADS, Place, Scripts, actions, objects, places, replaced};
use libtest_mimic::{Arguments, Trial};
use rutter::{Change as Planned, ChangeRequest, Command, Package as _, Plan};
use serde_json::Value;

/// The fraction of combinations of place, payload and replacement that is tried, always the same ones. Each kind of
/// place is also tried once.
const ONE_IN: usize = if cfg!(debug_assertions) { 4999 } else { 7 };

/// The installed objects of a case, and the payloads to put there.
struct Injection {
    case: String,
    objects: Value,
    to: ChangeRequest,
    tries: Vec<Try>,
}

struct Try {
    place: Place,
    payload: (&'static str, &'static str),
    is_behind: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let (mut kinds, mut number) = (HashSet::new(), 0);
    for case in Change::all()? {
        let Some((objects, to)) = objects(&EtcdPackage, &case)? else {
            continue;
        };
        let mut tries = Vec::new();
        for place in places(&objects) {
            let is_new = kinds.insert(place.kind(&objects));
            let ways = PAYLOADS
                .iter()
                .flat_map(|payload| [(*payload, false), (*payload, true)]);
            for (way, (payload, is_behind)) in ways.enumerate() {
                number += 1;
                if number % ONE_IN == 0 || is_new && way == kinds.len() % (2 * PAYLOADS.len()) {
                    tries.push(Try {
                        place: place.clone(),
                        payload,
                        is_behind,
                    });
                }
            }
        }
        let injection = Injection {
            case: case.name.clone(),
            objects,
            to,
            tries,
        };
        trials.push(Trial::test(case.name, move || {
            inject(&injection).map_err(|error| format!("{error:#}").into())
        }));
    }
    ensure!(
        trials.len() > 90 && kinds.len() > 500,
        "only {} cases with {} kinds of places are found",
        trials.len(),
        kinds.len()
    );
    trials.push(Trial::test("each text of each action", || {
        each_action().map_err(|error| format!("{error:#}").into())
    }));
    trials.push(Trial::test("what is run is found", || Ok(what_is_run_is_found()?)));
    libtest_mimic::run(&arguments, trials).exit()
}

fn inject(injection: &Injection) -> Result<()> {
    let Injection {
        case,
        objects,
        to,
        tries,
    } = injection;
    let mut scripts = Scripts::default();
    // Without a payload, it must run.
    scripts.plan(&EtcdPackage, objects, to, case)?;
    for Try {
        place,
        payload: (name, payload),
        is_behind,
    } in tries
    {
        let behind = if *is_behind { ", after the present text" } else { "" };
        let what = format!("{name} at {}{behind}", place.text());
        let changed = replaced(objects, place, payload, *is_behind);
        let planned = scripts.plan(&EtcdPackage, &changed, to, &what);
        planned.with_context(|| what.clone())?;
    }
    scripts.run()
}

/// Tries each text of each action of all cases, even if it would be refused before actions exist.
fn each_action() -> Result<()> {
    let mut all = BTreeMap::new();
    for case in Change::all()? {
        if let Ok((from, to)) = case.request()
            && let Ok(planned) = planned(&from, &to)
        {
            for action in actions(&planned) {
                let name = format!("{action:?}").split(' ').next().unwrap_or_default().to_owned();
                all.entry(name).or_insert(action);
            }
        }
    }
    ensure!(all.len() > 40, "only {:?} are found", all.keys());
    let all: Vec<_> = all.into_values().collect();
    let run = |actions: &[Action], text: &str| {
        let mut scripts = Scripts::default();
        scripts.actions(actions, text, "")?;
        scripts.run()?;
        ensure!(scripts.count() == 1, "nothing is run");
        Ok(())
    };
    for (name, payload) in PAYLOADS {
        for text in [payload.to_owned(), format!("etcd-0{payload}")] {
            let Err(error) = run(&all, &text) else { continue };
            // A single action identifies itself.
            for action in &all {
                run(std::slice::from_ref(action), &text).with_context(|| format!("{name} in {action:?}: {text:?}"))?;
            }
            return Err(error.context(format!("{name}: {text:?}")));
        }
    }
    Ok(())
}

/// Lines, words of lines and other texts of a plan that contain active text, outside of quotes or despite of them, are
/// detected.
fn what_is_run_is_found() -> Result<()> {
    let (from, to) = Change::named("scale-1-to-3")?
        .request()
        .map_err(|problems| anyhow!("{problems:?}"))?;
    let plan = EtcdPackage
        .plan(&from, &to)
        .map_err(|problems| anyhow!("{problems:?}"))?;
    runs(&plan)?;
    for (what, text) in [
        ("a command", " $(touch pwned)"),
        ("a command in backquotes", " `touch pwned`"),
        ("a list", "; touch pwned"),
        ("a program", " && no-such-program"),
        ("a file", " > made"),
        ("a file among the notes", " > \"$notes/made\""),
        ("a quote", " '"),
        ("an end", "; exit 0"),
        ("output", "; echo forged"),
        ("a variable", " $no_such_variable"),
        ("an option", " '--all'"),
        ("an option with a value", " --namespace=other"),
    ] {
        let mut of_preflight = plan.clone();
        let first = of_preflight.preflight.first_mut().context("a check")?;
        first.line.push_str(text);
        let (mut of_line, mut of_condition, mut of_prelude) = (plan.clone(), plan.clone(), plan.clone());
        last(&mut of_line)?.line.push_str(text);
        last(&mut of_condition)?
            .unless
            .as_mut()
            .context("a condition")?
            .push_str(text);
        of_prelude.prelude =
            of_prelude
                .prelude
                .replacen("etcdctl_in() (\n", &format!("etcdctl_in() (\nk x{text}\n"), 1);
        for (place, plan) in [
            ("preflight", of_preflight),
            ("a line", of_line),
            ("a condition", of_condition),
            ("the prelude", of_prelude),
        ] {
            // The function that it ends prints nothing.
            let is_hidden = (what, place) == ("an end", "the prelude");
            ensure!(
                is_hidden || runs(&plan).is_err(),
                "{what} in {place} was run, but not detected"
            );
        }
    }
    Ok(())
}

fn runs(plan: &Plan) -> Result<()> {
    let mut scripts = Scripts::default();
    scripts.add(plan, "", false)?;
    scripts.run()?;
    ensure!(scripts.count() == 1, "nothing is run");
    Ok(())
}

/// Returns the last command of a plan that has a condition.
fn last(plan: &mut Plan) -> Result<&mut Command> {
    let Planned::Steps(steps) = &mut plan.change else {
        bail!("no steps")
    };
    let commands = steps.iter_mut().flat_map(|step| &mut step.commands);
    commands
        .filter(|command| command.unless.is_some())
        .last()
        .context("a command")
}
