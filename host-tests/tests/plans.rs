//! Every plan of `plans/`, as text; and properties of all plans, on a model of etcd and Kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use etcd_package::{EtcdPackage, Planned, planned};
use host_tests::oracles::{check, documents};
use host_tests::plans::Change;
use host_tests::plans::model::{Mishap, Model, Pace};
use host_tests::{request, same};
use libtest_mimic::{Arguments, Trial};
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Manifest, Package as _, Rendering, Request, Severity, State};

/// The fraction of pairs of values that is tried, always the same ones. The tests of hosts try all.
const ONE_IN: u64 = 11;

/// Whether a pair of values is tried, by their names, so that a new case does not change the selection.
fn is_tried(from: &str, to: &str) -> bool {
    let bytes = from.bytes().chain([0]).chain(to.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    from == to || hash.is_multiple_of(ONE_IN)
}

/// The file with the result of each pair. `BLESS=1` updates the pairs that are tried.
const RESULTS: &str = "plan-pairs.txt";

/// The result of a pair of values, as a letter of [`RESULTS`].
type PairResult = char;

const NOTHING: PairResult = '=';
const APPLY: PairResult = 'a';
const STEPS: PairResult = 's';
/// There is no plan.
const REFUSED: PairResult = 'r';
/// The values are refused.
const INVALID: PairResult = 'x';

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let changes = Change::all()?;
    let blesses = std::env::var_os("BLESS").is_some();
    // Values by the first case that contains them.
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for change in &changes {
        for (side, text) in [("from", &change.from), ("to", &change.to)] {
            if !text.contains("kind:") && !text.starts_with('{') || text.trim() == "{}" {
                values
                    .entry(text.clone())
                    .or_insert_with(|| format!("{}/{side}", change.name));
            }
        }
    }
    let mut values: Vec<(String, String)> = values.into_iter().map(|(text, name)| (name, text)).collect();
    values.sort();
    ensure!(values.len() > 60, "only {} values are found", values.len());
    let values = Arc::new(values);
    let expected = Arc::new(expected()?);
    let pairs = values
        .iter()
        .flat_map(|(from, _)| values.iter().map(move |(to, _)| (from, to)));
    let tried: Vec<_> = pairs.filter(|(from, to)| is_tried(from, to)).collect();
    let known = tried
        .iter()
        .filter(|(from, to)| expected.contains_key(&((*from).clone(), (*to).clone())));
    ensure!(
        blesses || 2 * known.count() > tried.len(),
        "{RESULTS} lacks more than half of the {} pairs that are tried; BLESS=1 updates it",
        tried.len()
    );
    let found = Arc::new(Mutex::new(BTreeMap::new()));
    let mut trials = Vec::new();
    for from in 0..values.len() {
        let (values, expected, found) = (Arc::clone(&values), Arc::clone(&expected), Arc::clone(&found));
        trials.push(Trial::test(format!("pairs {}", values[from].0), move || {
            let (name, before) = &values[from];
            let mut row = String::new();
            for (other, after) in values.iter() {
                let wanted = expected.get(&(name.clone(), other.clone())).copied();
                if !is_tried(name, other) && !cfg!(feature = "hosts") {
                    row.push(wanted.unwrap_or('?'));
                    continue;
                }
                let result =
                    try_pair(before, after).map_err(|error| format!("from:\n{before}to:\n{after}{error:#}"))?;
                row.push(result);
                // A pair that the table lacks is only run.
                if wanted.is_some_and(|wanted| wanted != result) && !blesses {
                    return Err(format!(
                        "{name} to {other} is {result:?}, and {RESULTS} has another; BLESS=1 updates it"
                    )
                    .into());
                }
            }
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.insert(name.clone(), row);
            Ok(())
        }));
    }
    for change in changes {
        trials.push(Trial::test(change.name.clone(), move || {
            Ok(change.check(&change.text())?)
        }));
    }
    let left_out = Arc::new(Mutex::new(LeftOut::default()));
    for change in Change::all()? {
        let left_out = Arc::clone(&left_out);
        trials.push(Trial::test(format!("without an action {}", change.name), move || {
            Ok(without_an_action(&change, &left_out)?)
        }));
    }
    for change in Change::all()? {
        trials.push(Trial::test(format!("mishaps {}", change.name), move || {
            Ok(meet_mishaps(&change).map_err(|error| format!("{error:#}"))?)
        }));
    }
    for change in Change::all()? {
        trials.push(Trial::test(format!("earlier pods start {}", change.name), move || {
            Ok(earlier_pods_start(&change)?)
        }));
    }
    let is_whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let found = found.lock().unwrap_or_else(PoisonError::into_inner);
    // Not if only some trials were selected.
    if blesses && found.len() == values.len() {
        let path = host_tests::root().join("host-tests/data").join(RESULTS);
        std::fs::write(path, written(&found))?;
    }
    if is_whole && !conclusion.has_failed() {
        left_out.lock().unwrap_or_else(PoisonError::into_inner).check()?;
    }
    conclusion.exit()
}

/// Returns the result of each pair, by the names of the installed and desired values.
fn expected() -> Result<BTreeMap<(String, String), PairResult>> {
    let text = host_tests::data(RESULTS).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(' ').context("a row"))
        .collect::<Result<_>>()?;
    let mut results = BTreeMap::new();
    for (row, from) in &rows {
        ensure!(row.chars().count() == rows.len(), "{RESULTS}: the row of {from}");
        for (result, (_, to)) in row.chars().zip(&rows) {
            if result != '?' {
                results.insert(((*from).to_owned(), (*to).to_owned()), result);
            }
        }
    }
    Ok(results)
}

fn written(rows: &BTreeMap<String, String>) -> String {
    let mut text = String::from(
        "# Results of each pair of the values in plans/: rows are installed, columns are desired, in the same order.\n\
         # = nothing to do, a one apply, s steps, r refused, x the values are refused\n",
    );
    for (name, row) in rows {
        text.push_str(&format!("{row} {name}\n"));
    }
    text
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.display("to.yaml").to_string())
        .collect()
}

fn stream(manifests: &[Manifest]) -> String {
    manifests
        .iter()
        .map(|manifest| format!("---\n{}", manifest.document))
        .collect()
}

/// Returns values as a request, and their rendering, unless they are refused.
fn rendered(values: &str) -> (Request, Arc<Option<Rendering>>) {
    static RENDERED: Mutex<BTreeMap<String, Arc<Option<Rendering>>>> = Mutex::new(BTreeMap::new());
    let request = request(values);
    let mut all = RENDERED.lock().unwrap_or_else(PoisonError::into_inner);
    let rendering = all
        .entry(values.to_owned())
        .or_insert_with(|| Arc::new(EtcdPackage.render(&request).ok()));
    (request, Arc::clone(rendering))
}

/// Plans, and runs the plan on the model.
fn try_pair(from: &str, to: &str) -> Result<PairResult> {
    let ((from, before), (to, after)) = (rendered(from), rendered(to));
    let (Some(before), Some(after)) = (&*before, &*after) else {
        return Ok(INVALID);
    };
    let desired = ChangeRequest {
        name: Some(to.name.clone()),
        namespace: Some(to.namespace.clone()),
        ..ChangeRequest::new(to.values.clone())
    };
    let of_values = planned(&State::Values(from.clone()), &desired);
    let of_objects = planned(&State::Objects(stream(&before.manifests)), &desired);
    ensure!(
        of_values == of_objects,
        "values and their manifests have different plans:\n{of_values:?}\n{of_objects:?}"
    );
    let plan = match of_values {
        Ok(plan) => plan,
        Err(diagnostics) => {
            ensure!(
                diagnostics
                    .iter()
                    .any(|diagnostic| diagnostic.severity == Severity::Error),
                "refused without a reason"
            );
            ensure!(
                diagnostics.iter().all(|diagnostic| diagnostic.help.is_some()),
                "refused without help: {}",
                shown(&diagnostics)
            );
            // Unknown values may change.
            let is_unknown = |diagnostic: &Diagnostic| diagnostic.code == "unknown-cluster";
            ensure!(
                from != to || diagnostics.iter().any(is_unknown),
                "no change, but refused: {}",
                shown(&diagnostics)
            );
            return Ok(REFUSED);
        }
    };
    if from == to {
        ensure!(plan.steps.is_empty(), "a plan without changes has steps:\n{plan:#?}");
        return Ok(NOTHING);
    }
    let text = || match EtcdPackage.plan(&State::Values(from.clone()), &desired) {
        Ok(plan) => plan.to_text(Detail::All),
        Err(diagnostics) => shown(&diagnostics),
    };
    if !cfg!(debug_assertions) {
        for step in &plan.steps {
            for object in documents(&stream(&step.manifests))? {
                check(&object).with_context(|| format!("step {}", step.name))?;
            }
        }
    }
    for pace in [Pace::Eager, Pace::Lazy] {
        let mut model = Model::healthy(&before.manifests, &after.manifests, pace)?;
        model
            .carry_out(&plan, true)
            .and_then(|()| model.is(&after.manifests))
            .map_err(|error| anyhow!("{pace:?}: {error:#}\n{}", text()))?;
    }
    if let Some(last) = plan.steps.iter().rev().find(|step| !step.manifests.is_empty()) {
        same(
            "the last manifests",
            &stream(&after.manifests),
            &stream(&last.manifests),
        )
        .with_context(text)?;
    }
    match planned(&State::Objects(stream(&after.manifests)), &desired) {
        Ok(again) if again.steps.is_empty() => {}
        Ok(again) => bail!("a second plan is not empty:\n{again:#?}"),
        Err(diagnostics) => return Err(anyhow!("afterwards: {}", shown(&diagnostics))),
    }
    Ok(match (plan.steps.is_empty(), plan.is_one_apply) {
        (true, _) => NOTHING,
        (false, true) => APPLY,
        (false, false) => STEPS,
    })
}

/// Actions whose absence the model cannot detect, with the case and the reason; without a case, in all. It cannot
/// detect a missing check either, because a check fails only in an invalid state. The tests of the prelude make each of
/// them fail.
const UNSEEN: [(&str, &str, &str); 5] = [
    (
        "Apply",
        "peer-secret trust-both-cas",
        "each step is complete, and the previous step has applied the same",
    ),
    (
        "DeleteClaims",
        "",
        "claims that are not pruned harm a later plan, which checks for them",
    ),
    ("MoveLeader", "", "it only has an effect if that member leads"),
    (
        "Restart",
        "",
        "etcd reads its certificate for each connection, and its CAs, which the model has, do not change",
    ),
    (
        "TakeOver",
        "names-go apply",
        "the removed fields are in lists that an apply replaces as a whole",
    ),
];

/// A plan between values, and the manifests before and after it; none for another installed cluster, or if there are no
/// steps or no plan.
struct OnModel {
    plan: Planned,
    before: Vec<Manifest>,
    last: Vec<Manifest>,
    has_snapshot: bool,
}

impl OnModel {
    fn of(change: &Change) -> Option<Self> {
        let Ok((State::Values(from), desired)) = change.request() else {
            return None;
        };
        let plan = planned(&State::Values(from.clone()), &desired).ok()?;
        Some(Self {
            before: EtcdPackage.render(&from).ok()?.manifests,
            last: plan.steps.last()?.manifests.clone(),
            has_snapshot: desired.snapshot,
            plan,
        })
    }
}

/// Checks that no step of a plan does harm if the cluster has changed since the plan was made.
fn meet_mishaps(change: &Change) -> Result<()> {
    let Some(OnModel { plan, before, last, .. }) = OnModel::of(change) else {
        return Ok(());
    };
    let mut stopped = 0;
    for pace in [Pace::Eager, Pace::Lazy] {
        let mut model = Model::healthy(&before, &last, pace)?;
        let mishaps = [Mishap::Down(0), Mishap::Down(1), Mishap::Voter, Mishap::Learner];
        stopped += model.meet(&plan, &mishaps).with_context(|| format!("{pace:?}"))?;
    }
    ensure!(stopped > 0 || plan.is_one_apply, "no mishap stops the plan");
    Ok(())
}

/// The actions that were left out.
#[derive(Default)]
struct LeftOut {
    count: usize,
    /// The entries of [`UNSEEN`] that plans require.
    unseen: BTreeSet<(&'static str, &'static str)>,
}

impl LeftOut {
    fn check(&self) -> Result<()> {
        ensure!(self.count > 200, "only {} actions were left out", self.count);
        for (action, place, _) in UNSEEN {
            let is_needed = self.unseen.contains(&(action, place));
            ensure!(is_needed, "the model detects a missing {action} {place}");
        }
        Ok(())
    }
}

/// Each action of a plan is required: without it, the plan fails on the model, unless the model cannot detect it.
fn without_an_action(change: &Change, left_out: &Mutex<LeftOut>) -> Result<()> {
    let Some(OnModel {
        plan,
        before,
        last,
        has_snapshot,
    }) = OnModel::of(change)
    else {
        return Ok(());
    };
    let is_fine = |plan: &Planned| {
        [Pace::Eager, Pace::Lazy].into_iter().all(|pace| {
            let model = Model::healthy(&before, &last, pace);
            model.is_ok_and(|mut model| {
                model
                    .carry_out_undisturbed(plan, has_snapshot)
                    .and_then(|()| model.is(&last))
                    .is_ok()
            })
        })
    };
    ensure!(is_fine(&plan), "the plan itself fails");
    for (index, step) in plan.steps.iter().enumerate() {
        for (place, action) in step.actions.iter().enumerate() {
            let text = format!("{action:?}");
            let name = text.split(' ').next().unwrap_or_default();
            let of_step = format!("{} {}", change.name, step.name);
            if action.is_check() {
                continue;
            }
            let mut without = plan.clone();
            without.steps[index].actions.remove(place);
            let is_fine = is_fine(&without);
            let mut left_out = left_out.lock().unwrap_or_else(PoisonError::into_inner);
            left_out.count += 1;
            if is_fine {
                let mut unseen = UNSEEN
                    .iter()
                    .filter(|(of, place, _)| *of == name && (place.is_empty() || *place == of_step));
                let Some(&(of, place, _)) = unseen.next() else {
                    bail!("step {} works without {action:?}, and UNSEEN has no reason", step.name)
                };
                left_out.unseen.insert((of, place));
            }
        }
    }
    Ok(())
}

/// Pods of the state before a step can restart while the step runs, because the objects that they read still exist.
fn earlier_pods_start(change: &Change) -> Result<()> {
    let Ok((State::Values(from), desired)) = change.request() else {
        return Ok(());
    };
    let (Ok(rendering), Ok(plan)) = (
        EtcdPackage.render(&from),
        planned(&State::Values(from.clone()), &desired),
    ) else {
        return Ok(());
    };
    let mut before = rendering.manifests;
    for step in plan.steps.iter().filter(|step| !step.manifests.is_empty()) {
        let objects = documents(&stream(&step.manifests))?;
        for (name, key) in settings_of_pods(&documents(&stream(&before))?) {
            let map = objects
                .iter()
                .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == *name);
            ensure!(
                map.is_none_or(|map| map["data"].get(&key).is_some()),
                "step {}: pods of the state before read {key} of {name}, which is removed",
                step.name
            );
        }
        before = step.manifests.clone();
    }
    Ok(())
}

/// Returns the ConfigMaps that pods require to start, and the keys that they read.
fn settings_of_pods(objects: &[serde_json::Value]) -> Vec<(String, String)> {
    let sets = objects.iter().filter(|object| object["kind"] == "StatefulSet");
    let containers = sets.flat_map(|set| {
        ["initContainers", "containers"].map(|list| set["spec"]["template"]["spec"][list].as_array().cloned())
    });
    let variables = containers
        .flatten()
        .flatten()
        .filter_map(|container| container["env"].as_array().cloned())
        .flatten();
    variables
        .filter_map(|variable| {
            let source = &variable["valueFrom"]["configMapKeyRef"];
            Some((source["name"].as_str()?.to_owned(), source["key"].as_str()?.to_owned()))
        })
        .collect()
}
