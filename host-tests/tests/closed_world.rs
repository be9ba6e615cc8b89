//! The closed world of plans: a difference at any field of an installed object is either a named change or an error
//! that names it. None is ignored.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::oracles::documents;
use host_tests::request;
use host_tests::types::{self, FieldType};
use libtest_mimic::{Arguments, Trial};
use rutter::{Change, ChangeRequest, Diagnostic, Package as _, Plan, Severity, State};
use serde_json::{Value, json};

/// The fraction of places that is tried, always the same ones. Optimized code tries all.
const ONE_IN: usize = if cfg!(debug_assertions) { 23 } else { 1 };

/// Types with fewer places are tried completely.
const MANY: usize = 300;

/// Values whose manifests have objects of every kind.
const VALUES: &str = "
replicas: 3
tls: {client: {mode: CertManager}, peer: {mode: CertManager}}
networkPolicy: {enabled: true}
defrag: {schedule: '@daily'}
backup: {schedule: '@daily'}
storage: {wal: {size: 2Gi}}
commonAnnotations: {a: b}
monitoring: {serviceMonitor: {enabled: true}, podMonitor: {enabled: true}, rules: {enabled: true}}
";

/// The kinds whose types are in the package's table.
const KINDS: [&str; 8] = [
    "ConfigMap",
    "CronJob",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
    "StatefulSet",
];

/// Differences that are not a user's intent: kind, prefix of the path, and reason.
const EXEMPT: [(&str, &str, &str); 23] = [
    ("*", "apiVersion", "it identifies the object"),
    ("*", "kind", "it identifies the object"),
    ("*", "metadata.name", "it identifies the object"),
    ("*", "metadata.namespace", "it identifies the object"),
    ("*", "metadata.creationTimestamp", "the API server writes it"),
    ("*", "metadata.deletionGracePeriodSeconds", "the API server writes it"),
    ("*", "metadata.generation", "the API server writes it"),
    ("*", "metadata.managedFields", "the API server writes it"),
    ("*", "metadata.resourceVersion", "the API server writes it"),
    ("*", "metadata.selfLink", "the API server writes it"),
    ("*", "metadata.uid", "the API server writes it"),
    ("*", "metadata.finalizers", "controllers write it"),
    (
        "*",
        "metadata.labels{app.kubernetes.io/instance}",
        "Argo CD and others change it in rendered objects",
    ),
    (
        "*",
        "metadata.labels{app.kubernetes.io/managed-by}",
        "Helm and others change it in rendered objects",
    ),
    (
        "StatefulSet",
        "spec.template.spec.serviceAccount",
        "the alias of serviceAccountName, which has the difference",
    ),
    (
        "CronJob",
        "spec.jobTemplate.spec.template.spec.serviceAccount",
        "the alias of serviceAccountName, which has the difference",
    ),
    (
        "StatefulSet",
        "spec.volumeClaimTemplates[].spec.volumeName",
        "a controller binds the claim",
    ),
    ("ServiceAccount", "secrets", "controllers of older releases write it"),
    (
        "PersistentVolumeClaim",
        "spec.volumeName",
        "a controller binds the claim",
    ),
    ("Service", "spec.clusterIP", "the API server allocates it by default"),
    ("Service", "spec.healthCheckNodePort", "the API server allocates it"),
    ("Service", "spec.ipFamilies", "the API server chooses them by default"),
    (
        "Service",
        "spec.ports[].nodePort",
        "the API server allocates it by default",
    ),
];

/// Rendered values that are Kubernetes' defaults, so that their absence is not a difference: kind and path.
const DEFAULTS: [(&str, &str); 16] = [
    (
        "CronJob",
        "spec.jobTemplate.spec.template.spec.containers[].imagePullPolicy",
    ),
    (
        "CronJob",
        "spec.jobTemplate.spec.template.spec.initContainers[].imagePullPolicy",
    ),
    ("CronJob", "spec.successfulJobsHistoryLimit"),
    ("NetworkPolicy", "spec.policyTypes[]"),
    ("Service", "spec.type"),
    ("StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenDeleted"),
    ("StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenScaled"),
    ("StatefulSet", "spec.template.spec.containers[].imagePullPolicy"),
    (
        "StatefulSet",
        "spec.template.spec.containers[].livenessProbe.initialDelaySeconds",
    ),
    (
        "StatefulSet",
        "spec.template.spec.containers[].livenessProbe.periodSeconds",
    ),
    (
        "StatefulSet",
        "spec.template.spec.containers[].readinessProbe.failureThreshold",
    ),
    (
        "StatefulSet",
        "spec.template.spec.containers[].readinessProbe.initialDelaySeconds",
    ),
    (
        "StatefulSet",
        "spec.template.spec.containers[].readinessProbe.successThreshold",
    ),
    (
        "StatefulSet",
        "spec.template.spec.containers[].startupProbe.initialDelaySeconds",
    ),
    ("StatefulSet", "spec.volumeClaimTemplates[].apiVersion"),
    ("StatefulSet", "spec.volumeClaimTemplates[].kind"),
];

/// Fields whose differences may have another name: a part of the path, and the name.
const NAMED_BY: [(&str, &str); 15] = [
    ("metadata.deletionTimestamp", "is being deleted"),
    ("metadata.ownerReferences", "is owned by"),
    // Options are compared, in whatever form they are written.
    ("containers[].command[]", "containers[etcd].args"),
    // The peer URLs contain it.
    ("env[].valueFrom.fieldRef.fieldPath", "peer URLs"),
    ("env[].value", "a variable has no name"),
    // A variable that others refer to.
    ("env[].name", "$(HOSTNAME)"),
    ("envFrom[]", "its variables"),
    ("spec.secretName", "the Certificate of the Secret"),
    // It is created again as a whole.
    (
        "volumeClaimTemplates[]",
        "refuses to change its selector, serviceName, podManagementPolicy and volumeClaimTemplates",
    ),
    // Without its key, an item is another one.
    ("ontainers[].name", "ontainers[\"\"]"),
    ("volumeMounts[].mountPath", "volumeMounts"),
    ("volumeMounts[].mountPath", "the container's own file system"),
    ("volumeMounts[].subPath", "naming.dataPath"),
    ("volumeClaimTemplate.spec.volumeName", "volumeClaimTemplate"),
    ("spec.updateStrategy.type", "spec.updateStrategy"),
];

/// A step from an object to a value in it.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// The value of a key of a map.
    Key(String),
    Item(usize),
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for kind in KINDS {
        trials.push(Trial::test(format!("each field of {kind}"), move || {
            Ok(each_field(kind)?)
        }));
    }
    trials.push(Trial::test("custom resources", || Ok(custom_resources()?)));
    trials.push(Trial::test("every kind is tried", || Ok(every_kind_is_tried()?)));
    trials.push(Trial::test("every exemption is needed", || {
        Ok(every_exemption_is_needed()?)
    }));
    libtest_mimic::run(&arguments, trials).exit()
}

fn rendered() -> Result<Vec<Value>> {
    let rendering = EtcdPackage.render(&request(VALUES));
    let rendering = rendering.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let mut all = Vec::new();
    for manifest in rendering.manifests {
        all.extend(documents(&manifest.document)?);
    }
    Ok(all)
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

fn every_kind_is_tried() -> Result<()> {
    let rendered = rendered()?;
    let found: BTreeSet<&str> = rendered.iter().map(kind).collect();
    let known: BTreeSet<&str> = KINDS.into_iter().chain(CUSTOM).collect();
    ensure!(found == known, "{found:?}");
    Ok(())
}

const CUSTOM: [&str; 5] = [
    "Certificate",
    "Issuer",
    "PodMonitor",
    "PrometheusRule",
    "ServiceMonitor",
];

/// Returns the type of a kind, from the table that the package compares objects with.
fn type_of(kind: &str) -> Result<FieldType> {
    types::of_package([kind])?.remove(kind).context("its type")
}

/// Returns every leaf of a type, as a path through an object: into present values, and into new items and keys.
fn places(shape: &FieldType, object: &Value, path: &mut Vec<Step>, all: &mut Vec<(Vec<Step>, [Value; 2])>) {
    match shape {
        FieldType::Leaf(values) => all.push((path.clone(), values.clone())),
        FieldType::Struct(_, fields) => {
            for (name, inner) in fields {
                path.push(Step::Field(name.clone()));
                places(inner, &object[name], path, all);
                path.pop();
            }
        }
        FieldType::Map(inner) => {
            let there = object.as_object().into_iter().flat_map(|map| map.keys());
            for key in there.cloned().chain(["rutter-key".to_owned()]) {
                path.push(Step::Key(key.clone()));
                places(inner, &object[&key], path, all);
                path.pop();
            }
        }
        FieldType::List(inner) => {
            let count = object.as_array().map_or(0, Vec::len);
            // The first item, and one after the last.
            for index in BTreeSet::from([0, count]) {
                path.push(Step::Item(index));
                places(inner, &object[index], path, all);
                path.pop();
            }
        }
    }
}

fn display(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Key(key) => format!("{{{key}}}"),
        Step::Item(_) => "[]".to_owned(),
    };
    let path: String = steps.iter().map(step).collect();
    path.trim_start_matches('.').to_owned()
}

/// Sets a value, and creates its parents.
fn set(object: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *object = value;
        return;
    };
    match step {
        Step::Field(name) | Step::Key(name) => {
            if !object.is_object() {
                *object = json!({});
            }
            set(&mut object[name], rest, value);
        }
        Step::Item(index) => {
            if !object.is_array() {
                *object = json!([]);
            }
            if let Some(items) = object.as_array_mut() {
                while items.len() <= *index {
                    items.push(Value::Null);
                }
                set(&mut items[*index], rest, value);
            }
        }
    }
}

fn get<'v>(object: &'v Value, steps: &[Step]) -> &'v Value {
    steps.iter().fold(object, |value, step| match step {
        Step::Field(name) | Step::Key(name) => &value[name],
        Step::Item(index) => &value[index],
    })
}

fn remove(object: &mut Value, steps: &[Step]) {
    let Some((last, around)) = steps.split_last() else {
        return;
    };
    let mut value = object;
    for step in around {
        value = match step {
            Step::Field(name) | Step::Key(name) => &mut value[name],
            Step::Item(index) => &mut value[index],
        };
    }
    match (last, value) {
        (Step::Field(name) | Step::Key(name), Value::Object(fields)) => {
            fields.remove(name);
        }
        (Step::Item(index), Value::Array(items)) => {
            items.remove(*index);
        }
        _ => {}
    }
}

fn plan(objects: &[Value], accept: Vec<String>) -> Result<Plan, Vec<Diagnostic>> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let desired = ChangeRequest {
        name: Some("etcd".to_owned()),
        namespace: Some("default".to_owned()),
        accept,
        ..ChangeRequest::new(VALUES)
    };
    EtcdPackage.plan(&State::Objects(list.to_string()), &desired)
}

/// Plans with one object of a kind changed. Returns how the difference is ignored, if it is.
fn ignored(objects: &[Value], index: usize, steps: &[Step]) -> Option<String> {
    // The name that a user would search for.
    let named = steps.iter().rev().find_map(|step| match step {
        Step::Field(name) | Step::Key(name) => Some(name.as_str()),
        Step::Item(_) => None,
    });
    let path = display(steps);
    let named = named.unwrap_or_default();
    let others = NAMED_BY.iter().filter(|(part, _)| path.contains(part));
    let names = |text: &str| text.contains(named) || others.clone().any(|(_, word)| text.contains(word));
    let name = objects[index]["metadata"]["name"].as_str().unwrap_or_default();
    // A name alone, such as `etcd`, is in every other message.
    let of_object = [format!("{} {name}", kind(&objects[index])), format!("/{name}:")];
    match plan(objects, Vec::new()) {
        Err(problems) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            let is_about_it = |problem: &Diagnostic| {
                let text = format!("{} {} {:?}", problem.path, problem.message, problem.help);
                names(&text) || of_object.iter().any(|object| text.contains(object))
            };
            if !errors.clone().any(is_about_it) {
                return Some(format!("no error names it: {problems:?}"));
            }
            let asked: Vec<String> = errors.clone().filter_map(accepted_name).collect();
            if asked.is_empty() {
                return None;
            }
            // An accepted difference passes.
            match plan(objects, asked.clone()) {
                Ok(plan) if plan.change == Change::Nothing => Some(format!("{asked:?} makes it nothing")),
                Ok(_) => None,
                Err(problems) => {
                    let again: Vec<String> = problems.iter().filter_map(accepted_name).collect();
                    (!again.is_empty()).then(|| format!("{asked:?} is accepted, and asked for: {again:?}"))
                }
            }
        }
        Ok(plan) => match &plan.change {
            // A cluster that is not healthy does not block a plan without changes.
            Change::Nothing if plan.warnings.iter().any(|warning| names(&warning.message)) => None,
            Change::Nothing => Some("nothing to do".to_owned()),
            Change::Steps(steps) => {
                let text: String = steps
                    .iter()
                    .flat_map(|step| [&step.title, &step.reason].into_iter().chain(&step.effects))
                    .chain(plan.warnings.iter().map(|warning| &warning.message))
                    .chain(plan.differences.iter().map(|difference| &difference.path))
                    .map(|text| format!("{text}; "))
                    .collect();
                (!names(&text)).then(|| format!("steps, which do not name it: {text}"))
            }
            Change::Apply(step) => {
                let warnings = plan.warnings.iter().map(|warning| &*warning.message);
                let text: String = [&*step.title, &*step.reason].into_iter().chain(warnings).collect();
                (!names(&text)).then(|| format!("one apply, which does not name it: {text}"))
            }
        },
    }
}

/// Returns the path that an error says to accept.
fn accepted_name(problem: &Diagnostic) -> Option<String> {
    let (_, name) = problem.help.as_ref()?.split_once("--accept '")?;
    Some(name.strip_suffix('\'')?.replace(r"'\''", "'"))
}

fn is_exempt(kind: &str, path: &str) -> bool {
    EXEMPT
        .iter()
        .any(|(of, start, _)| (*of == "*" || *of == kind) && path.starts_with(start))
}

fn each_field(of: &str) -> Result<()> {
    let rendered = rendered()?;
    let shape = type_of(of)?;
    let mut failures = Vec::new();
    let mut tried = 0;
    let unchanged = plan(&rendered, Vec::new()).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    ensure!(
        unchanged.change == Change::Nothing,
        "a plan without a difference is not empty: {unchanged:?}"
    );
    let found = rendered.iter().enumerate().filter(|(_, object)| kind(object) == of);
    for (number, (index, object)) in found.enumerate() {
        let mut all = Vec::new();
        places(&shape, object, &mut Vec::new(), &mut all);
        for (at, (steps, values)) in all.iter().enumerate() {
            if (all.len() > MANY && (at + number) % ONE_IN != 0) || is_exempt(of, &display(steps)) {
                continue;
            }
            let old = get(object, steps);
            let mut variants = Vec::new();
            for value in values.iter().filter(|value| *value != old).take(1) {
                let mut objects = rendered.clone();
                set(&mut objects[index], steps, value.clone());
                variants.push((format!("{value}"), objects));
            }
            if !old.is_null() && !DEFAULTS.contains(&(of, &display(steps))) {
                let mut objects = rendered.clone();
                remove(&mut objects[index], steps);
                variants.push(("its absence".to_owned(), objects));
            }
            for (what, objects) in variants {
                tried += 1;
                if let Some(reason) = ignored(&objects, index, steps) {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    failures.push(format!("{of} {name}: {} with {what}: {reason}", display(steps)));
                }
            }
        }
    }
    ensure!(tried > 10, "only {tried} differences were tried");
    ensure!(
        failures.is_empty(),
        "{} of {tried} differences are ignored:\n{}",
        failures.len(),
        failures.join("\n")
    );
    Ok(())
}

/// An exemption of a field whose differences are reported would hide it if they were no longer.
fn every_exemption_is_needed() -> Result<()> {
    let rendered = rendered()?;
    for (of, start, _) in EXEMPT {
        // Differences of other objects do not count.
        if ["apiVersion", "kind", "metadata.name", "metadata.namespace"].contains(&start) {
            continue;
        }
        let of = if of == "*" { "StatefulSet" } else { of };
        let index = rendered
            .iter()
            .position(|object| kind(object) == of)
            .context("an object")?;
        let mut all = Vec::new();
        places(&type_of(of)?, &rendered[index], &mut Vec::new(), &mut all);
        let is_ignored = all.iter().any(|(steps, values)| {
            let mut objects = rendered.clone();
            set(&mut objects[index], steps, values[0].clone());
            display(steps).starts_with(start) && ignored(&objects, index, steps).is_some()
        });
        ensure!(is_ignored, "differences of {of} {start} are reported");
    }
    Ok(())
}

/// Checks each scalar of custom resources, and an unknown field.
fn custom_resources() -> Result<()> {
    fn scalars(value: &Value, path: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
        match value {
            Value::Object(fields) => {
                let is_map =
                    matches!(path.last(), Some(Step::Field(name)) if name == "labels" || name == "annotations");
                for (name, inner) in fields {
                    path.push(if is_map {
                        Step::Key(name.clone())
                    } else {
                        Step::Field(name.clone())
                    });
                    scalars(inner, path, all);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    path.push(Step::Item(index));
                    scalars(inner, path, all);
                    path.pop();
                }
            }
            _ => all.push(path.clone()),
        }
    }
    let rendered = rendered()?;
    let mut failures = Vec::new();
    let mut tried = 0;
    for (index, object) in rendered
        .iter()
        .enumerate()
        .filter(|(_, object)| CUSTOM.contains(&kind(object)))
    {
        let mut all = Vec::new();
        scalars(object, &mut Vec::new(), &mut all);
        all.push(vec![
            Step::Field("spec".to_owned()),
            Step::Field("rutterField".to_owned()),
        ]);
        for (at, steps) in all.iter().enumerate() {
            let path = display(steps);
            if is_exempt(kind(object), &path) || at % ONE_IN.min(5) != 0 && !path.ends_with("rutterField") {
                continue;
            }
            let mut objects = rendered.clone();
            let old = get(object, steps);
            let value = match old {
                Value::Bool(old) => json!(!old),
                Value::Number(_) => json!(7171),
                _ => json!("rutter-1"),
            };
            set(&mut objects[index], steps, value);
            tried += 1;
            if let Some(reason) = ignored(&objects, index, steps) {
                failures.push(format!("{} {path}: {reason}", kind(object)));
            }
        }
    }
    ensure!(tried > 20, "only {tried} differences were tried");
    ensure!(
        failures.is_empty(),
        "ignored:\n{}",
        failures.join(
            "
    "
        )
    );
    Ok(())
}
