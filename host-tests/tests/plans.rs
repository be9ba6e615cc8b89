//! Every plan of `plans/`, as text; and what holds of any plan, on a model of etcd and Kubernetes.

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

/// Of all pairs of values one in so many is tried, always the same ones, and all of them where the tests of hosts run.
const ONE_IN: u64 = 11;

/// Whether a pair of values is tried, by their names, so that a new case changes nothing for the others.
fn is_tried(from: &str, to: &str) -> bool {
    let bytes = from.bytes().chain([0]).chain(to.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    from == to || hash.is_multiple_of(ONE_IN)
}

/// The file with the outcome of each pair. `BLESS=1` renews those that are tried.
const OUTCOMES: &str = "plan-pairs.txt";

/// What became of a pair of values, as a letter of [`OUTCOMES`].
type Outcome = char;

const NOTHING: Outcome = '=';
const APPLY: Outcome = 'a';
const STEPS: Outcome = 's';
/// There is no plan.
const REFUSED: Outcome = 'r';
/// The values are refused.
const INVALID: Outcome = 'x';

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let changes = Change::all()?;
    let blesses = std::env::var_os("BLESS").is_some();
    // Values by the first case that has them.
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
        "{OUTCOMES} lacks more than half of the {} pairs that are tried; BLESS=1 renews it",
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
                let outcome =
                    try_pair(before, after).map_err(|error| format!("from:\n{before}to:\n{after}{error:#}"))?;
                row.push(outcome);
                // A pair that the table does not have is only carried out.
                if wanted.is_some_and(|wanted| wanted != outcome) && !blesses {
                    return Err(format!(
                        "{name} to {other} is {outcome:?}, and {OUTCOMES} has another; BLESS=1 renews it"
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
    // Not where only some were asked for.
    if blesses && found.len() == values.len() {
        let path = host_tests::root().join("host-tests/data").join(OUTCOMES);
        std::fs::write(path, written(&found))?;
    }
    if is_whole && !conclusion.has_failed() {
        left_out.lock().unwrap_or_else(PoisonError::into_inner).check()?;
    }
    conclusion.exit()
}

/// The outcome of each pair, by the names of the values that are installed and desired.
fn expected() -> Result<BTreeMap<(String, String), Outcome>> {
    let text = host_tests::data(OUTCOMES).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(' ').context("a row"))
        .collect::<Result<_>>()?;
    let mut outcomes = BTreeMap::new();
    for (row, from) in &rows {
        ensure!(row.chars().count() == rows.len(), "{OUTCOMES}: the row of {from}");
        for (outcome, (_, to)) in row.chars().zip(&rows) {
            if outcome != '?' {
                outcomes.insert(((*from).to_owned(), (*to).to_owned()), outcome);
            }
        }
    }
    Ok(outcomes)
}

fn written(rows: &BTreeMap<String, String>) -> String {
    let mut text = String::from(
        "# What becomes of each pair of the values in plans/: rows are installed, columns are desired, in the same order.\n\
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

/// Values as a request, and what they are rendered to, unless they are refused.
fn rendered(values: &str) -> (Request, Arc<Option<Rendering>>) {
    static RENDERED: Mutex<BTreeMap<String, Arc<Option<Rendering>>>> = Mutex::new(BTreeMap::new());
    let request = request(values);
    let mut all = RENDERED.lock().unwrap_or_else(PoisonError::into_inner);
    let rendering = all
        .entry(values.to_owned())
        .or_insert_with(|| Arc::new(EtcdPackage.render(&request).ok()));
    (request, Arc::clone(rendering))
}

/// Plans, and carries the plan out on the model.
fn try_pair(from: &str, to: &str) -> Result<Outcome> {
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
        "values and what they are rendered to are planned otherwise:\n{of_values:?}\n{of_objects:?}"
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
            // Of what is not known nothing shows that it does not change.
            let is_unknown = |diagnostic: &Diagnostic| diagnostic.code == "unknown-cluster";
            ensure!(
                from != to || diagnostics.iter().any(is_unknown),
                "refused to change nothing: {}",
                shown(&diagnostics)
            );
            return Ok(REFUSED);
        }
    };
    if from == to {
        ensure!(plan.steps.is_empty(), "something is to do:\n{plan:#?}");
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
        Ok(again) => bail!("afterwards something is to do:\n{again:#?}"),
        Err(diagnostics) => return Err(anyhow!("afterwards: {}", shown(&diagnostics))),
    }
    Ok(match (plan.steps.is_empty(), plan.is_one_apply) {
        (true, _) => NOTHING,
        (false, true) => APPLY,
        (false, false) => STEPS,
    })
}

/// Actions whose absence the model cannot see, in which case, and why; without a case, in all. Nor can it see that of a
/// check, which fails only where something is wrong before: the tests of the prelude see each of them failing.
const UNSEEN: [(&str, &str, &str); 5] = [
    (
        "Apply",
        "peer-secret trust-both-cas",
        "each step is whole, and the step before has applied the same",
    ),
    (
        "DeleteClaims",
        "",
        "claims that are left over harm a later plan, which checks for them",
    ),
    ("MoveLeader", "", "it does something only where that member leads"),
    (
        "Restart",
        "",
        "etcd reads its certificate for each connection, and its CAs, which the model has, have not changed",
    ),
    (
        "TakeOver",
        "names-go apply",
        "the fields that go are in lists that an apply replaces as a whole",
    ),
];

/// A plan between values, and the manifests before and after it; none where something else is installed, nothing is to do or
/// there is no plan.
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

/// No step of a plan does harm where the cluster is not as it was when the plan was made.
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
    /// The entries of [`UNSEEN`] that plans need.
    unseen: BTreeSet<(&'static str, &'static str)>,
}

impl LeftOut {
    fn check(&self) -> Result<()> {
        ensure!(self.count > 200, "only {} actions were left out", self.count);
        for (action, place, _) in UNSEEN {
            let is_needed = self.unseen.contains(&(action, place));
            ensure!(is_needed, "the model sees that {action} {place} is missing");
        }
        Ok(())
    }
}

/// Each action of a plan, left out, makes the plan fail on the model, unless the model cannot see it.
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
    ensure!(is_fine(&plan), "the plan fails as it is");
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
                    bail!(
                        "step {} works without {action:?}, and UNSEEN has no reason why",
                        step.name
                    )
                };
                left_out.unseen.insert((of, place));
            }
        }
    }
    Ok(())
}

/// Pods of the state before a step can start again while the step is carried out: what they read is still there.
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
                "step {}: pods of the state before read {key} of {name}, which goes",
                step.name
            );
        }
        before = step.manifests.clone();
    }
    Ok(())
}

/// The ConfigMaps that pods cannot start without, and the keys that they read of them.
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
