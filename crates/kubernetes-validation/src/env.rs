//! Environment variables (`ValidateEnv`, `ValidateEnvFrom` and what they call).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector};
use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::names::{DnsSubdomain, LabelKey};
use rutter::quantity::Quantity;

use crate::field::{Field, given};

/// Fields of a pod that a variable can hold.
const POD_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Resources of a container that variables and files can hold, in addition to huge pages of any size.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
];

/// Checks the variables in the list `name`. Of two with the same name, Kubernetes uses the last, and a server-side
/// apply fails.
pub fn variables(container: &mut Field<'_, '_>, name: &str, variables: &[EnvVar]) {
    let mut taken = BTreeSet::new();
    container.each(name, variables, |field, variable| {
        if field.required("name", &variable.name) {
            check_name(field, "name", &variable.name);
        }
        field.unique("name", "variable", &variable.name, &mut taken);
        field.with("valueFrom", variable.value_from.as_ref(), source);
        field.at_most_one(&[
            ("value", given(variable.value.as_ref()).is_some()),
            ("valueFrom", variable.value_from.is_some()),
        ]);
    });
}

/// Checks the ConfigMaps and Secrets with variables in the list `name`.
pub fn variables_from(container: &mut Field<'_, '_>, name: &str, sources: &[EnvFromSource]) {
    container.each(name, sources, |field, source| {
        field.exactly_one(&[
            ("configMapRef", source.config_map_ref.is_some()),
            ("secretRef", source.secret_ref.is_some()),
        ]);
        field.with("configMapRef", source.config_map_ref.as_ref(), |field, config_map| {
            field.name::<DnsSubdomain>("name", &config_map.name);
        });
        field.with("secretRef", source.secret_ref.as_ref(), |field, secret| {
            field.name::<DnsSubdomain>("name", &secret.name);
        });
        if let Some(prefix) = given(source.prefix.as_ref()) {
            check_name(field, "prefix", prefix);
        }
    });
}

/// Checks a name like Kubernetes 1.32. Earlier releases accept only letters, digits, `_`, `-` and `.`.
fn check_name(variable: &mut Field<'_, '_>, field: &str, name: &str) {
    let accepted = |c: char| (' '..='~').contains(&c) && c != '=';
    if !name.chars().all(accepted) {
        variable.at(field).invalid(
            format!("{name:?} cannot be the name of a variable"),
            "use letters, digits and `_`",
        );
    }
}

fn source(field: &mut Field<'_, '_>, source: &EnvVarSource) {
    field.exactly_one(&[
        ("fieldRef", source.field_ref.is_some()),
        ("resourceFieldRef", source.resource_field_ref.is_some()),
        ("configMapKeyRef", source.config_map_key_ref.is_some()),
        ("secretKeyRef", source.secret_key_ref.is_some()),
    ]);
    field.with("fieldRef", source.field_ref.as_ref(), |field, pod| {
        pod_field(field, pod, &POD_FIELDS);
    });
    field.with("resourceFieldRef", source.resource_field_ref.as_ref(), resource);
    field.with(
        "configMapKeyRef",
        source.config_map_key_ref.as_ref(),
        |field, selector| key(field, &selector.name, &selector.key),
    );
    field.with("secretKeyRef", source.secret_key_ref.as_ref(), |field, selector| {
        key(field, &selector.name, &selector.key)
    });
}

/// Checks a key of a ConfigMap or a Secret.
fn key(field: &mut Field<'_, '_>, name: &str, key: &str) {
    field.name::<DnsSubdomain>("name", name);
    if field.required("key", key) {
        let accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !key.chars().all(accepted) || key.len() > 253 || key == "." || key.starts_with("..") {
            field.at("key").invalid(
                format!("{key:?} cannot be a key of a ConfigMap or a Secret"),
                "use at most 253 letters, digits, `-`, `_` and `.`",
            );
        }
    }
}

/// Checks a field of the pod: one of `known`, or a single label or annotation.
pub(crate) fn pod_field(field: &mut Field<'_, '_>, selector: &ObjectFieldSelector, known: &[&str]) {
    field.word("apiVersion", given(selector.api_version.as_ref()), &["v1"]);
    let path = &selector.field_path;
    if !field.required("fieldPath", path) {
        return;
    }
    let subscript = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"))
        .filter(|(map, _)| ["metadata.labels", "metadata.annotations"].contains(map));
    match subscript {
        // Keys of annotations can have capital letters in their prefix.
        Some(("metadata.annotations", key)) => {
            field.parsed::<LabelKey>("fieldPath", Some(&key.to_lowercase()));
        }
        Some((_, key)) => {
            field.parsed::<LabelKey>("fieldPath", Some(key));
        }
        // The earlier name of `spec.nodeName`, from the first versions of Kubernetes.
        None if path == "spec.host" && known.contains(&"spec.nodeName") => {}
        None => field.word("fieldPath", Some(path), known),
    }
}

/// Checks a resource of a container.
pub(crate) fn resource(field: &mut Field<'_, '_>, selector: &ResourceFieldSelector) {
    let resource = &selector.resource;
    if !field.required("resource", resource) {
        return;
    }
    let huge_pages = ["limits.hugepages-", "requests.hugepages-"];
    if !huge_pages.iter().any(|prefix| resource.starts_with(prefix)) {
        field.word("resource", Some(resource), &RESOURCES);
    }
    let divisor = selector.divisor.as_ref().map(|resource::Quantity(text)| text.as_str());
    let Some(divisor) = field.parsed::<Quantity>("divisor", divisor) else {
        return;
    };
    let cpu = resource.ends_with(".cpu");
    if !is_divisor(&divisor, cpu) {
        field.at("divisor").invalid(
            format!("{divisor} cannot divide {resource}"),
            if cpu {
                "write 1 or 1m"
            } else {
                "write 1, or one unit such as 1Mi or 1G"
            },
        );
    }
}

/// Whether an amount is one unit, of any size. Zero means no divisor.
fn is_divisor(divisor: &Quantity, cpu: bool) -> bool {
    let milli = divisor.milli_value();
    let base: i128 = if divisor.to_string().ends_with('i') { 1024 } else { 1000 };
    match (milli, cpu) {
        (0 | 1000, _) | (1, true) => true,
        (_, true) => false,
        (_, false) => (1..=6).any(|exponent| milli == 1000 * base.pow(exponent)),
    }
}
