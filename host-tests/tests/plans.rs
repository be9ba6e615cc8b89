//! Every plan of `plans/`, as text; and what holds of any plan, on a model of etcd and Kubernetes.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use etcd_package::EtcdPackage;
use host_tests::oracles::{check, documents};
use host_tests::plans::Change;
use host_tests::plans::model::Model;
use host_tests::request;
use libtest_mimic::{Arguments, Trial};
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Manifest, Package as _, Severity, State};

/// Of all pairs of values one in so many is tried, always the same ones; all where the code is fast.
const ONE_IN: usize = if cfg!(debug_assertions) { 41 } else { 1 };

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let changes = Change::all()?;
    let mut values: Vec<String> = changes
        .iter()
        .flat_map(|change| [change.from.clone(), change.to.clone()])
        .filter(|text| !text.contains("kind:"))
        .collect();
    values.sort();
    values.dedup();
    let values = Arc::new(values);
    let mut trials = Vec::new();
    for from in 0..values.len() {
        let values = Arc::clone(&values);
        trials.push(Trial::test(format!("pairs {from}"), move || {
            let mut planned = 0;
            for (to, text) in values.iter().enumerate() {
                if from == to || (from + to) % ONE_IN == 0 {
                    planned += u32::from(
                        try_pair(&values[from], text)
                            .map_err(|error| format!("from:\n{}to:\n{text}{error:#}", values[from]))?,
                    );
                }
            }
            if planned == 0 {
                return Err("nothing was planned".into());
            }
            Ok(())
        }));
    }
    for change in changes {
        trials.push(Trial::test(change.name.clone(), move || {
            Ok(change.check(&change.text())?)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit()
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

/// Plans, and carries out on the model; gives whether there was a way.
fn try_pair(from: &str, to: &str) -> Result<bool> {
    let (from, to) = (request(from), request(to));
    // Values that are refused are refused before anything is planned.
    let (Ok(before), Ok(after)) = (EtcdPackage.render(&from), EtcdPackage.render(&to)) else {
        return Ok(true);
    };
    let desired = ChangeRequest {
        name: Some(to.name.clone()),
        namespace: Some(to.namespace.clone()),
        ..ChangeRequest::new(to.values.clone())
    };
    let of_values = EtcdPackage.plan(&State::Values(from.clone()), &desired);
    let of_objects = EtcdPackage.plan(&State::Objects(stream(&before.manifests)), &desired);
    // A namespace may hold another cluster, where values are those of one.
    let is_renamed = of_values
        .as_ref()
        .is_err_and(|problems| problems.iter().any(|problem| problem.code == "fixed-name"));
    ensure!(
        is_renamed || of_values == of_objects,
        "values and what they are rendered to are planned otherwise"
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
                "refused without a remedy: {}",
                shown(&diagnostics)
            );
            ensure!(from != to, "refused to change nothing: {}", shown(&diagnostics));
            return Ok(false);
        }
    };
    let steps = plan.change.steps();
    if from == to {
        ensure!(steps.is_empty(), "something is to do:\n{}", plan.to_text(Detail::All));
        return Ok(true);
    }
    let mut model = Model::healthy(&before.manifests)?;
    for step in steps {
        if ONE_IN == 1 {
            for object in documents(&stream(&step.manifests))? {
                check(&object).with_context(|| format!("step {}", step.name))?;
            }
        }
        model.carry_out(step).with_context(|| plan.to_text(Detail::All))?;
    }
    if let Some(last) = steps.iter().rev().find(|step| !step.manifests.is_empty()) {
        ensure!(
            last.manifests == after.manifests,
            "it ends elsewhere:\n{}",
            plan.to_text(Detail::All)
        );
        model
            .is(&host_tests::kubernetes::stateful_set(&after.manifests)?)
            .with_context(|| plan.to_text(Detail::All))?;
    }
    match EtcdPackage.plan(&State::Objects(stream(&after.manifests)), &desired) {
        Ok(again) if again.change.steps().is_empty() => Ok(true),
        Ok(again) => bail!("afterwards something is to do:\n{}", again.to_text(Detail::All)),
        Err(diagnostics) => Err(anyhow!("afterwards: {}", shown(&diagnostics))),
    }
}
