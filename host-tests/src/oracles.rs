//! Independent checks of our output: another YAML reader, Kubernetes' types, the CRDs' schemas.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use jsonschema::Validator;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::data;

/// Parses the documents of a stream with a YAML reader that is not ours.
///
/// # Errors
///
/// If it cannot parse them.
pub fn documents(stream: &str) -> Result<Vec<Value>> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(stream)
        .map(|document| Value::deserialize(document).context("parsing the output"))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// Returns the kind of an object.
#[must_use]
pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// Checks that an object has a type, and that the type keeps all of its fields.
///
/// # Errors
///
/// If a field is unknown, has a wrong type or is missing, or the kind has no check here.
pub fn check(object: &Value) -> Result<()> {
    match (object["apiVersion"].as_str().unwrap_or_default(), kind(object)) {
        ("v1", "ConfigMap") => round_trip::<ConfigMap>(object),
        ("v1", "PersistentVolumeClaim") => round_trip::<PersistentVolumeClaim>(object),
        ("v1", "ServiceAccount") => round_trip::<ServiceAccount>(object),
        ("v1", "Service") => round_trip::<Service>(object),
        ("policy/v1", "PodDisruptionBudget") => round_trip::<PodDisruptionBudget>(object),
        ("batch/v1", "CronJob") => round_trip::<CronJob>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => round_trip::<NetworkPolicy>(object),
        ("apps/v1", "StatefulSet") => round_trip::<StatefulSet>(object),
        ("cert-manager.io/v1", "Certificate") => custom_resource(object, "certificates"),
        ("cert-manager.io/v1", "Issuer") => custom_resource(object, "issuers"),
        ("cert-manager.io/v1", "ClusterIssuer") => custom_resource(object, "clusterissuers"),
        // The Prometheus operator's types are in Go: see `tests/prometheus.rs`.
        ("monitoring.coreos.com/v1", "ServiceMonitor" | "PodMonitor" | "PrometheusRule") => Ok(()),
        (api_version, kind) => bail!("no oracle checks {api_version} {kind}"),
    }
}

fn round_trip<T: DeserializeOwned + Serialize>(object: &Value) -> Result<()> {
    let typed: T = serde_json::from_value(object.clone())?;
    let back = serde_json::to_value(&typed)?;
    ensure!(&back == object, "fields are lost: {object:#}\nbecame {back:#}");
    Ok(())
}

fn custom_resource(object: &Value, plural: &'static str) -> Result<()> {
    static VALIDATORS: Mutex<BTreeMap<&str, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = match validators.entry(plural) {
        Entry::Occupied(entry) => Arc::clone(entry.get()),
        Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(validator(plural)?))),
    };
    drop(validators);
    let errors: Vec<String> = validator
        .iter_errors(object)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    ensure!(errors.is_empty(), "{}", errors.join("\n"));
    Ok(())
}

/// Returns the validator of a CRD's schema. Building it takes longer than using it.
fn validator(plural: &str) -> Result<Validator> {
    let crd: Value = serde_yaml::from_str(&data(&format!("crds/{plural}.yaml"))?)?;
    let versions = crd["spec"]["versions"].as_array().context("the CRD's versions")?;
    let v1 = versions
        .iter()
        .find(|version| version["name"] == "v1")
        .context("the CRD's v1")?;
    let mut schema = v1["schema"]["openAPIV3Schema"].clone();
    close(&mut schema);
    Ok(jsonschema::draft7::new(&schema)?)
}

/// Makes a structural schema refuse unknown fields, like the API server's strict validation.
fn close(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    let open = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    if schema.get("properties").is_some() && !open {
        schema.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        // The API server knows these fields of every object. The CRD does not describe `metadata`.
        properties.values_mut().for_each(close);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            close(inner);
        }
    }
}

/// Returns the parts of an object by path, with lists of named items by name and flags by flag. So two objects can be
/// compared in any order.
#[must_use]
pub fn parts(object: &Value) -> Map<String, Value> {
    let mut parts = Map::new();
    collect(object, String::new(), &mut parts);
    parts
}

fn collect(value: &Value, path: String, parts: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                collect(value, path, parts);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                match item {
                    Value::String(flag) if flag.starts_with("--") => {
                        let (flag, value) = flag.split_once('=').unwrap_or((flag, "true"));
                        parts.insert(format!("{path}[{flag}]"), Value::String(value.to_owned()));
                    }
                    Value::String(text) => {
                        parts.insert(format!("{path}[{text}]"), Value::Bool(true));
                    }
                    _ => {
                        let name = item
                            .get("name")
                            .or(item["metadata"].get("name"))
                            .and_then(Value::as_str);
                        let step = name.map_or_else(|| index.to_string(), str::to_owned);
                        collect(item, format!("{path}[{step}]"), parts);
                    }
                }
            }
        }
        leaf => {
            parts.insert(path, leaf.clone());
        }
    }
}
