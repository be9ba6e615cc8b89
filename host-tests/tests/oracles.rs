//! Independent checks of the package's output, and of its own documentation.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use etcd_package::cluster::OWNERSHIP_LABEL;
use etcd_package::etcd::Version;
use host_tests::oracles::{check, documents, kind};
use host_tests::{Case, accepted, data};
use rutter::{Diagnostic, Package, Rendering};
use serde_json::Value;

/// Returns the renderings of all cases that are valid values.
fn renderings() -> Result<Vec<(String, Rendering)>> {
    let mut renderings = Vec::new();
    for case in Case::all()? {
        if let Ok(values) = String::from_utf8(case.input)
            && let Ok(rendering) = accepted(&values)
        {
            renderings.push((case.name, rendering));
        }
    }
    ensure!(
        renderings.len() > 15,
        "only {} cases are valid values",
        renderings.len()
    );
    Ok(renderings)
}

#[test]
fn every_object_keeps_all_fields_in_its_type() -> Result<()> {
    let mut kinds = BTreeSet::new();
    for (case, rendering) in renderings()? {
        // The types of the user's own objects are the user's responsibility.
        let ours = rendering.manifests.into_iter();
        for manifest in ours.filter(|manifest| !manifest.file_name.starts_with("extra-")) {
            let context = || format!("{case}: {}", manifest.file_name);
            let read = documents(&manifest.document).with_context(context)?;
            let [object] = read.as_slice() else {
                anyhow::bail!("{}: one document", context())
            };
            check(object).with_context(context)?;
            let metadata = &object["metadata"];
            ensure!(object["apiVersion"] == manifest.api_version.as_str(), "{}", context());
            ensure!(object["kind"] == manifest.kind.as_str(), "{}", context());
            ensure!(metadata["name"] == manifest.name.as_str(), "{}", context());
            ensure!(
                metadata.get("namespace").and_then(Value::as_str) == manifest.namespace.as_deref(),
                "{}",
                context()
            );
            kinds.insert(kind(object).to_owned());
        }
    }
    let expected = [
        "Certificate",
        "ClusterIssuer",
        "ConfigMap",
        "CronJob",
        "Issuer",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "PodMonitor",
        "PrometheusRule",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
        "StatefulSet",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into(), "every kind occurs in a case");
    Ok(())
}

/// Kinds of objects that no plan deletes, and the reasons.
const KEPT: [(&str, &str, &str); 3] = [
    ("apps", "StatefulSet", "its members would be deleted with it"),
    (
        "cert-manager.io",
        "ClusterIssuer",
        "the whole Kubernetes cluster shares it",
    ),
    ("", "PersistentVolumeClaim", "it contains data"),
];

/// An object that is no longer rendered would stay for ever, if its kind were forgotten.
#[test]
fn each_rendered_kind_is_pruned_or_kept_for_a_reason() -> Result<()> {
    let mut kinds = BTreeSet::new();
    for (_, rendering) in renderings()? {
        let ours = rendering.manifests.into_iter();
        for manifest in ours.filter(|manifest| !manifest.file_name.starts_with("extra-")) {
            let group = manifest.api_version.split_once('/').map_or("", |(group, _)| group);
            kinds.insert((group.to_owned(), manifest.kind));
        }
    }
    let kept = KEPT.map(|(group, kind, _)| (group, kind));
    let known: BTreeSet<(String, String)> = etcd_package::disposable()
        .iter()
        .copied()
        .chain(kept)
        .map(|(group, kind)| (group.to_owned(), kind.to_owned()))
        .collect();
    assert_eq!(kinds, known);
    assert_eq!(
        known.len(),
        etcd_package::disposable().len() + kept.len(),
        "a kind is in both lists"
    );
    Ok(())
}

/// Searches for the label in the text of each object, so that it is also found in a pod template, a selector or a claim
/// template, where it must not be.
#[test]
fn every_object_names_its_owner_only_in_its_metadata() -> Result<()> {
    let mut objects = 0;
    let mut check = |object: &Value, context: &str| -> Result<()> {
        let owner = &object["metadata"]["labels"][OWNERSHIP_LABEL];
        ensure!(owner.is_string(), "{context}: {object:#}");
        ensure!(
            object.to_string().matches(OWNERSHIP_LABEL).count() == 1,
            "{context}: {object:#}"
        );
        if kind(object) == "StatefulSet" {
            ensure!(*owner == object["metadata"]["name"], "{context}: {object:#}");
        }
        objects += 1;
        Ok(())
    };
    for (case, rendering) in renderings()? {
        for manifest in rendering.manifests {
            let object = documents(&manifest.document)?.remove(0);
            if manifest.file_name.starts_with("extra-") {
                ensure!(!object.to_string().contains(OWNERSHIP_LABEL), "{case}: {object:#}");
            } else {
                check(&object, &case)?;
            }
        }
    }
    // Objects of streams, among documents that pass through unchanged.
    for case in Case::all()? {
        let Some(expected) = case.expected()? else { continue };
        let input = std::str::from_utf8(&case.input)?;
        if !input.contains("EtcdCluster") {
            continue;
        }
        let input = documents(input)?;
        for object in documents(&expected)?.iter().filter(|object| !input.contains(object)) {
            check(object, &case.name)?;
        }
    }
    ensure!(objects > 300, "{objects} objects");
    Ok(())
}

#[test]
fn an_oracle_refuses_invalid_objects() -> Result<()> {
    let (_, rendering) = renderings()?
        .into_iter()
        .find(|(case, _)| case == "tls-ca")
        .context("the case tls-ca")?;
    for manifest in rendering.manifests {
        let mut object = documents(&manifest.document)?.remove(0);
        object["spec"]["nonsense"] = true.into();
        assert!(
            ["ConfigMap", "ServiceAccount"].contains(&kind(&object)) || check(&object).is_err(),
            "{}",
            manifest.file_name
        );
    }
    Ok(())
}

#[test]
fn awkward_strings_stay_strings() -> Result<()> {
    let strings: Vec<String> = serde_json::from_str(&data("awkward-strings.json")?)?;
    assert!(strings.len() > 70);
    for string in &strings {
        // As JSON, which every YAML reader reads the same way.
        let values = serde_json::json!({"storage": {"data": {"annotations": {"a": string}}}}).to_string();
        let values = escaped(&values);
        let rendering = accepted(&values)?;
        let stateful_set = rendering.manifests.last().context("a StatefulSet")?;
        let object = documents(&stateful_set.document)?.remove(0);
        let annotation = &object["spec"]["volumeClaimTemplates"][0]["metadata"]["annotations"]["a"];
        assert_eq!(annotation, &Value::String(string.clone()), "{}", stateful_set.document);
    }
    Ok(())
}

/// Formats JSON in ASCII without control characters.
fn escaped(json: &str) -> String {
    let mut units = [0; 2];
    json.chars()
        .map(|c| match c {
            ' '..='~' => c.to_string(),
            _ => c
                .encode_utf16(&mut units)
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
        })
        .collect()
}

#[test]
fn file_names_are_plain_and_unique() -> Result<()> {
    for (case, rendering) in renderings()? {
        let mut names = BTreeSet::new();
        for manifest in rendering.manifests {
            let plain = manifest
                .file_name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
            assert!(
                plain && names.insert(manifest.file_name.clone()),
                "{case}: {}",
                manifest.file_name
            );
        }
    }
    Ok(())
}

#[test]
fn every_flag_exists_in_its_release() -> Result<()> {
    let tls = "tls: {client: {mode: CertManager}, peer: {mode: CertManager}}";
    for release in ["v3.5.33", "v3.6.14", "v3.7.1"] {
        let version: Version = release.parse().map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let rendering = accepted(&format!("version: {release}\nstorage: {{wal: {{}}}}\n{tls}\n"))?;
        let stateful_set = documents(&rendering.manifests.last().context("a StatefulSet")?.document)?.remove(0);
        let args = &stateful_set["spec"]["template"]["spec"]["containers"][0]["args"];
        for arg in args.as_array().context("arguments")? {
            let flag = arg
                .as_str()
                .unwrap_or_default()
                .trim_start_matches("--")
                .split('=')
                .next()
                .unwrap_or_default();
            assert!(version.minor().has_flag(flag), "etcd {release} has no --{flag}");
        }
    }
    Ok(())
}

/// A change of the template restarts every member, even those that a change of size need not affect.
#[test]
fn scaling_does_not_change_the_pod_template() -> Result<()> {
    let template = |replicas: u32, state: &str| -> Result<Value> {
        let tls = "tls: {client: {mode: CertManager}, peer: {mode: CertManager}}";
        let values = format!("replicas: {replicas}\nbootstrap: {{state: {state}}}\n{tls}\n");
        let rendering = accepted(&values)?;
        let stateful_set = documents(&rendering.manifests.last().context("a StatefulSet")?.document)?.remove(0);
        ensure!(stateful_set["spec"]["replicas"] == replicas, "{stateful_set:#}");
        Ok(stateful_set["spec"]["template"].clone())
    };
    assert_eq!(template(3, "New")?, template(5, "Existing")?);
    Ok(())
}

#[test]
fn defaults_are_the_default_and_match_the_schema() -> Result<()> {
    let defaults = EtcdPackage.defaults();
    assert_eq!(accepted(&defaults)?.manifests, accepted("")?.manifests);
    let values: Value = serde_yaml::from_str(&defaults)?;
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    let validator = jsonschema::draft7::new(&schema)?;
    let errors: Vec<String> = validator.iter_errors(&values).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Ok(())
}

/// Editors find the schema by `$schema`, and show descriptions.
#[test]
fn the_schema_is_draft_07_and_documents_every_field() -> Result<()> {
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(jsonschema::draft7::meta::is_valid(&schema));
    let mut silent = BTreeSet::new();
    collect_undocumented(&schema, "", &mut silent);
    assert!(silent.is_empty(), "without a description: {silent:?}");
    Ok(())
}

fn collect_undocumented(schema: &Value, path: &str, silent: &mut BTreeSet<String>) {
    for choice in schema["anyOf"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(schema.get("items"))
    {
        collect_undocumented(choice, path, silent);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect_undocumented(schema, &path, silent);
        if schema["description"].as_str().is_none_or(str::is_empty) {
            silent.insert(path);
        }
    }
}

#[test]
fn the_schema_accepts_all_accepted_values() -> Result<()> {
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    let validator = jsonschema::draft7::new(&schema)?;
    for case in Case::all()? {
        let Ok(text) = String::from_utf8(case.input) else {
            continue;
        };
        let Ok(values) = serde_yaml::from_str::<Value>(&text) else {
            continue;
        };
        // A schema sees the values that Helm passes: merged, and without `null`.
        let before_helm = ["null-is-absent", "yaml-anchors"].contains(&case.name.as_str());
        if !values.is_object() || values.get("kind").is_some() || before_helm {
            continue;
        }
        if accepted(&text).is_ok() {
            let errors: Vec<String> = validator
                .iter_errors(&values)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", case.name);
        }
    }
    Ok(())
}

/// The codes that a schema can check. The other errors of these codes depend on grammars that no regular expression
/// has.
const OF_THE_SCHEMA: [&str; 4] = ["unknown-field", "wrong-type", "unknown-variant", "missing-field"];

#[test]
fn the_schema_refuses_what_it_can() -> Result<()> {
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    let validator = jsonschema::draft7::new(&schema)?;
    let mut refused = 0;
    for case in Case::all()? {
        let Ok(text) = String::from_utf8(case.input) else {
            continue;
        };
        let Ok(values) = serde_yaml::from_str::<Value>(&text) else {
            continue;
        };
        if values.get("kind").is_some() {
            continue;
        }
        let diagnostics = host_tests::render("etcd", "default", &text).err().unwrap_or_default();
        let expressible = diagnostics
            .iter()
            .find(|diagnostic| OF_THE_SCHEMA.contains(&&*diagnostic.code) && is_typed(&schema, &place(diagnostic)));
        if let Some(diagnostic) = expressible {
            refused += 1;
            assert!(!validator.is_valid(&values), "{}: {diagnostic:?}", case.name);
        }
    }
    assert!(refused > 5, "{refused} cases are refused by the schema");
    Ok(())
}

/// Returns the path of an error. A missing field has the path of its mapping.
fn place(diagnostic: &Diagnostic) -> String {
    let Diagnostic { path, code, .. } = diagnostic;
    if code == "missing-field" {
        format!("{path}.missing")
    } else {
        path.clone()
    }
}

/// Whether a path leads only through the package's own types, and not into one of Kubernetes', which the schema leaves
/// open.
fn is_typed(schema: &Value, path: &str) -> bool {
    let mut at = schema;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        for choice in at["anyOf"].as_array().into_iter().flatten() {
            if choice["type"] != "null" {
                at = choice;
            }
        }
        if step.ends_with(']') {
            at = &at["items"];
        } else if let Some(field) = at["properties"].get(step) {
            at = field;
        } else if at["additionalProperties"] == false {
            return true;
        } else {
            at = &at["additionalProperties"];
        }
    }
    !at.is_null() && at != &Value::Bool(true)
}

#[test]
fn codes_are_unique() {
    let all: Vec<&str> = rutter::yaml::CODES
        .iter()
        .chain(rutter::manifests::CODES)
        .chain(etcd_package::codes::ALL)
        .chain(kubernetes_validation::codes::ALL)
        .map(|code| code.id)
        .collect();
    let unique: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(unique.len(), all.len(), "two codes have one name");
}

#[test]
fn every_field_is_in_an_accepted_case() -> Result<()> {
    let schema: Value = serde_json::from_str(&EtcdPackage.schema())?;
    let mut known = BTreeSet::new();
    collect_known(&schema, "", &mut known);
    let mut seen = BTreeSet::new();
    for case in Case::all()? {
        if let Ok(text) = String::from_utf8(case.input)
            && accepted(&text).is_ok()
            && let Ok(values) = serde_yaml::from_str(&text)
        {
            collect_seen(&values, "", &mut seen);
        }
    }
    let missing: Vec<_> = known.difference(&seen).collect();
    assert!(missing.is_empty(), "in no case: {missing:?}");
    Ok(())
}

fn collect_known(schema: &Value, path: &str, known: &mut BTreeSet<String>) {
    // An optional struct is a choice between the struct and null.
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        collect_known(choice, path, known);
    }
    // Kubernetes' own types are open. Kubernetes tests them.
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return;
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect_known(schema, &path, known);
        known.insert(path);
    }
}

fn collect_seen(values: &Value, path: &str, seen: &mut BTreeSet<String>) {
    for (name, value) in values.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect_seen(value, &path, seen);
        seen.insert(path);
    }
}
