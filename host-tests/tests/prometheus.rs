//! The validation of Prometheus and its operator, with their own code, of the objects that are rendered for them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use host_tests::kubernetes::judge_by;
use host_tests::oracles::{documents, kind};
use host_tests::{Case, render};
use serde_json::Value;

/// Returns their objects in all cases.
fn objects() -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for case in Case::all()? {
        let Ok(values) = String::from_utf8(case.input) else {
            continue;
        };
        let Ok(rendering) = render("etcd", "default", &values) else {
            continue;
        };
        for manifest in rendering.manifests {
            if manifest.api_version == "monitoring.coreos.com/v1" {
                objects.extend(documents(&manifest.document)?);
            }
        }
    }
    Ok(objects)
}

fn judge(objects: &[Value]) -> Result<Vec<Vec<String>>> {
    let verdicts = judge_by("prometheus-validation", objects)?;
    let messages = verdicts.into_iter().map(|verdict| verdict.errors);
    Ok(messages
        .map(|errors| errors.into_iter().map(|error| error.message).collect())
        .collect())
}

#[test]
fn prometheus_accepts_rendered_objects() -> Result<()> {
    let objects = objects()?;
    let kinds: BTreeSet<&str> = objects.iter().map(kind).collect();
    assert_eq!(kinds, ["PodMonitor", "PrometheusRule", "ServiceMonitor"].into());
    for (object, errors) in objects.iter().zip(judge(&objects)?) {
        ensure!(errors.is_empty(), "{object:#}: {errors:?}");
    }
    Ok(())
}

#[test]
fn prometheus_refuses_invalid_objects() -> Result<()> {
    let objects = objects()?;
    let of_kind = |wanted: &str| objects.iter().find(|object| kind(object) == wanted).cloned();
    let mut wrong = Vec::new();
    for (wanted, pointer, value) in [
        ("ServiceMonitor", "/spec/endpoints/0/ports", "etcd-metrics"),
        ("PodMonitor", "/spec/nonsense", "x"),
        ("PrometheusRule", "/spec/groups/0/rules/0/expr", "count(up{) < 1"),
        (
            "PrometheusRule",
            "/spec/groups/0/rules/0/annotations/summary",
            "{{ $labels.pod",
        ),
        ("PrometheusRule", "/spec/groups/0/rules/0/for", "1 minute"),
    ] {
        let mut object = of_kind(wanted).context("an object")?;
        let (parent, key) = pointer.rsplit_once('/').context("a pointer")?;
        object.pointer_mut(parent).context("a parent")?[key] = value.into();
        wrong.push(object);
    }
    for (object, errors) in wrong.iter().zip(judge(&wrong)?) {
        ensure!(!errors.is_empty(), "accepted: {object:#}");
    }
    Ok(())
}
