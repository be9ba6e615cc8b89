//! Kubernetes' own validation, and a way to apply it to values that the package refuses to render.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of an API server about an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// The errors, if the object is refused.
    pub errors: Vec<Problem>,
    /// The warnings for its author.
    pub warnings: Vec<String>,
}

/// A reason to refuse an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    /// The field path; empty if the object could not be parsed.
    pub field: String,
    /// The message.
    pub message: String,
}

/// The kinds that `kubernetes-validation` supports.
pub const KINDS: [&str; 7] = [
    "ConfigMap",
    "CronJob",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "ServiceAccount",
    "StatefulSet",
];

/// Validates objects of these kinds with Kubernetes' code. The verdicts are in the objects' order.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn judge(objects: &[Value]) -> Result<Vec<Verdict>> {
    judge_by("kubernetes-validation", objects)
}

/// Validates objects with a program. The verdicts are in the objects' order.
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
    /// The error, if there are none.
    pub error: Option<String>,
    /// The object with its defaults.
    pub defaulted: Option<Value>,
    /// The object as an API server prints it.
    pub printed: Option<Value>,
}

/// Adds defaults to objects with Kubernetes' code.
///
/// # Errors
///
/// If `kubernetes-validation` is not on the search path, where `cargo xtask test` puts it, or fails.
pub fn defaulted(objects: &[Value]) -> Result<Vec<Forms>> {
    ask("kubernetes-validation", &["default"], objects)
}

/// Whether two objects are equal, with their defaults and without their status.
#[derive(Clone, Debug, Deserialize)]
pub struct Sameness {
    /// The error, if Kubernetes cannot parse one of them.
    pub error: Option<String>,
    /// Whether they are equal.
    pub equal: bool,
}

/// Compares pairs of objects with Kubernetes' code.
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
    let output = output.context("kubernetes-validation is missing: run `cargo xtask test`, which builds it")?;
    ensure!(
        output.status.success(),
        "kubernetes-validation failed: {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Sends values to a program, and returns its answers in the values' order.
fn ask<T: DeserializeOwned>(program: &str, args: &[&str], values: &[impl Serialize]) -> Result<Vec<T>> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is missing: run `cargo xtask test`, which builds it"))?;
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
    ensure!(answers.len() == values.len(), "{program} must answer each value");
    Ok(answers)
}

/// Values with Kubernetes' own types, and their paths in the rendered pod's `spec`.
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

/// Removes these values from `values`, and returns them with their paths in a StatefulSet. The package does not see
/// them.
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

/// Puts values into a StatefulSet as the package would without checks: lists are extended, other fields are replaced.
///
/// # Errors
///
/// If it is not a StatefulSet of the package.
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

/// Returns the StatefulSet of a rendering.
///
/// # Errors
///
/// If there is none.
pub fn stateful_set(manifests: &[rutter::Manifest]) -> Result<Value> {
    let manifest = manifests.iter().find(|manifest| manifest.kind == "StatefulSet");
    let documents = crate::oracles::documents(&manifest.context("a StatefulSet")?.document)?;
    documents.into_iter().next().context("a document")
}
