//! Kubernetes' own validation, and how to ask it about values that the package refuses to render.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    ask(program, &[], objects)
}

/// Two forms of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forms {
    /// Why there are none.
    pub error: Option<String>,
    /// The object with its defaults.
    pub defaulted: Option<Value>,
    /// The object as an API server prints it.
    pub printed: Option<Value>,
}

/// Has Kubernetes' code fill in the defaults of objects.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn defaulted(objects: &[Value]) -> Result<Vec<Forms>> {
    ask("kubernetes-validation", &["default"], objects)
}

/// Whether the objects of a pair are equal, with their defaults and but for their status.
#[derive(Clone, Debug, Deserialize)]
pub struct Sameness {
    /// Why that is unknown: Kubernetes cannot read one of them.
    pub error: Option<String>,
    /// Whether they are.
    pub equal: bool,
}

/// Has Kubernetes' code compare the objects of pairs.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn equal(pairs: &[[Value; 2]]) -> Result<Vec<Sameness>> {
    ask("kubernetes-validation", &["equal"], pairs)
}

/// Returns the table of Kubernetes' types.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn types() -> Result<String> {
    let output = Command::new("kubernetes-validation").arg("types").output();
    let output = output.context("kubernetes-validation is missing: run this by `cargo xtask test`, which builds it")?;
    ensure!(
        output.status.success(),
        "kubernetes-validation failed: {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Has a program answer each of these values, in their order.
fn ask<T: DeserializeOwned>(program: &str, args: &[&str], values: &[impl Serialize]) -> Result<Vec<T>> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is missing: run this by `cargo xtask test`, which builds it"))?;
    let mut input = child.stdin.take().context("its standard input")?;
    let lines = values
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    let writer = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{program} failed: {}", output.status);
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    let answers: Vec<T> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()?;
    ensure!(answers.len() == values.len(), "an answer for each");
    Ok(answers)
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
