//! Kubernetes' own validation, and how to ask it about values that the package refuses to render.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

/// What an API server says of an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// Why it is refused, if it is.
    pub errors: Vec<Problem>,
    /// What its author should know.
    pub warnings: Vec<String>,
}

/// One reason to refuse an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// Where: empty if the object could not even be read.
    pub field: String,
    /// Why.
    pub message: String,
}

/// The kinds that `kubernetes-validation` knows.
pub const KINDS: [&str; 7] = [
    "ConfigMap",
    "CronJob",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "ServiceAccount",
    "StatefulSet",
];

/// Has Kubernetes' code judge objects of these kinds, in their order.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn judge(objects: &[Value]) -> Result<Vec<Verdict>> {
    judge_by("kubernetes-validation", objects)
}

/// Has a program judge objects, in their order.
///
/// # Errors
///
/// If it is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn judge_by(program: &str, objects: &[Value]) -> Result<Vec<Verdict>> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is missing: run this by `cargo xtask test`, which builds it"))?;
    let mut input = child.stdin.take().context("its standard input")?;
    let lines: Vec<String> = objects.iter().map(ToString::to_string).collect();
    // All of it is read before the first answer would fill the pipe, because the answers are shorter.
    let writer = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{program} failed: {}", output.status);
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    let verdicts: Vec<Verdict> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()?;
    ensure!(verdicts.len() == objects.len(), "a verdict for each");
    Ok(verdicts)
}

/// Values with Kubernetes' own types, and where they are rendered in the pod's `spec`.
const PLACES: [(&str, &str); 15] = [
    ("/extraEnv", "/containers/0/env"),
    ("/extraEnvFrom", "/containers/0/envFrom"),
    ("/scheduling/topologySpread", "/topologySpreadConstraints"),
    ("/scheduling/tolerations", "/tolerations"),
    ("/scheduling/affinity", "/affinity"),
    ("/pod/securityContext", "/securityContext"),
    ("/pod/containerSecurityContext", "/containers/0/securityContext"),
    ("/pod/dnsConfig", "/dnsConfig"),
    ("/pod/hostAliases", "/hostAliases"),
    ("/pod/extraContainers", "/containers"),
    ("/pod/extraInitContainers", "/initContainers"),
    ("/pod/extraVolumes", "/volumes"),
    ("/pod/extraVolumeMounts", "/containers/0/volumeMounts"),
    ("/pod/lifecycle", "/containers/0/lifecycle"),
    ("/pod/terminationGracePeriodSeconds", "/terminationGracePeriodSeconds"),
];

/// Takes those values out of `values`, and returns how to put them into a StatefulSet unseen by the package.
#[must_use]
pub fn take_grafts(values: &mut Value) -> Vec<(&'static str, Value)> {
    PLACES
        .iter()
        .filter_map(|(from, to)| {
            let (parent, key) = from.rsplit_once('/')?;
            let graft = values.pointer_mut(parent)?.as_object_mut()?.remove(key)?;
            Some((*to, graft))
        })
        .collect()
}

/// Puts values into a StatefulSet as the package would if it checked nothing: lists grow, the rest is replaced.
///
/// # Errors
///
/// If it is no StatefulSet of the package.
pub fn graft(stateful_set: &mut Value, grafts: Vec<(&'static str, Value)>) -> Result<()> {
    let spec = stateful_set.pointer_mut("/spec/template/spec").context("a pod")?;
    for (place, graft) in grafts {
        let (parent, key) = place.rsplit_once('/').context("a place")?;
        let field = &mut spec.pointer_mut(parent).with_context(|| parent.to_owned())?[key];
        match (field, graft) {
            (Value::Array(list), Value::Array(more)) => list.extend(more),
            (field, graft) => *field = graft,
        }
    }
    Ok(())
}

/// The StatefulSet among the documents of a rendering.
///
/// # Errors
///
/// If there is none.
pub fn stateful_set(manifests: &[rutter::Manifest]) -> Result<Value> {
    let manifest = manifests.iter().find(|manifest| manifest.kind == "StatefulSet");
    let documents = crate::oracles::documents(&manifest.context("a StatefulSet")?.document)?;
    documents.into_iter().next().context("a document")
}
