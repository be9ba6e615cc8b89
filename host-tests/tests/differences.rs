//! The comparison of objects, checked against the schemas of `k8s-openapi`, and against Kubernetes' own code if it is
//! available.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use etcd_package::difference::{Difference, Segment, differences};
use host_tests::types::{self, FieldType};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use rutter::yaml::{self, Entry, Node, Scalar};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// The kinds that are compared by their types, with the versions of their groups.
const KINDS: [(&str, &str, &str); 10] = [
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("batch", "v1", "CronJob"),
    ("", "v1", "ConfigMap"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("policy", "v1", "PodDisruptionBudget"),
];

/// Fields of an object's metadata that are not compared.
const IDENTITY: [&str; 8] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Whether the API server decides a value that is not set.
fn is_decided(kind: &str, path: &str) -> bool {
    let of_service = [
        "spec.clusterIP",
        "spec.clusterIPs[]",
        "spec.healthCheckNodePort",
        "spec.ipFamilies[]",
        "spec.ports[].nodePort",
    ];
    let of_claim = path == "spec.volumeName" && kind == "PersistentVolumeClaim"
        || path.ends_with("volumeClaimTemplate.spec.volumeName")
        || path.ends_with("volumeClaimTemplates[].spec.volumeName");
    // The deprecated alias of `serviceAccountName`, which has the difference.
    of_claim || kind == "Service" && of_service.contains(&path) || path.ends_with("spec.serviceAccount")
}

/// A step from an object to a value in it.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Key,
    Item,
}

/// A place in an object, and the type of its value.
struct Place<'a> {
    steps: Vec<Step>,
    /// The type of the struct that contains the value.
    owner: &'a str,
    shape: &'a FieldType,
}

/// Returns the types of the package's table.
fn table_of_package() -> Result<BTreeMap<String, FieldType>> {
    types::of_package(KINDS.map(|(_, _, kind)| kind))
}

/// Returns the types of `k8s-openapi`.
fn types_of_schemas() -> Result<BTreeMap<String, FieldType>> {
    fn of<T: JsonSchema>() -> Result<FieldType> {
        let root = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
        shape(&root, &root)
    }
    fn shape(schema: &Value, root: &Value) -> Result<FieldType> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return match name.rsplit('.').next().unwrap_or_default() {
                "Quantity" => Ok(FieldType::leaf("q")),
                "IntOrString" => Ok(FieldType::leaf("x")),
                "FieldsV1" => Ok(FieldType::leaf("u")),
                _ => shape(&root["$defs"][name], root),
            };
        }
        match schema["type"].as_str() {
            Some("object") if schema.get("additionalProperties").is_some() => {
                Ok(FieldType::Map(Box::new(shape(&schema["additionalProperties"], root)?)))
            }
            Some("object") => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                let fields = fields.filter(|(name, _)| *name != "status");
                let fields = fields.map(|(name, schema)| Ok((name.clone(), shape(schema, root)?)));
                Ok(FieldType::Struct(String::new(), fields.collect::<Result<_>>()?))
            }
            Some("array") => Ok(FieldType::List(Box::new(shape(&schema["items"], root)?))),
            Some("integer") => Ok(FieldType::leaf("i")),
            Some("boolean") => Ok(FieldType::leaf("b")),
            Some("string") => Ok(FieldType::leaf(match schema["format"].as_str() {
                Some("byte") => "y",
                Some("date-time") => "t",
                None => "s",
                Some(other) => bail!("{other}"),
            })),
            _ => bail!("a schema of no known type: {schema}"),
        }
    }
    let types = [
        ("Deployment", of::<Deployment>()?),
        ("StatefulSet", of::<StatefulSet>()?),
        ("CronJob", of::<CronJob>()?),
        ("ConfigMap", of::<ConfigMap>()?),
        ("PersistentVolumeClaim", of::<PersistentVolumeClaim>()?),
        ("Secret", of::<Secret>()?),
        ("Service", of::<Service>()?),
        ("ServiceAccount", of::<ServiceAccount>()?),
        ("NetworkPolicy", of::<NetworkPolicy>()?),
        ("PodDisruptionBudget", of::<PodDisruptionBudget>()?),
    ];
    Ok(types.map(|(kind, shape)| (kind.to_owned(), shape)).into())
}

/// Returns every compared place in objects of a type.
fn places(root: &FieldType) -> Vec<Place<'_>> {
    let start = Place {
        steps: Vec::new(),
        owner: "",
        shape: root,
    };
    let mut places = vec![start];
    let mut next = 0;
    while let Some(Place { steps, owner, shape }) = places.get(next) {
        let further = |step| steps.iter().cloned().chain([step]).collect::<Vec<_>>();
        let is_metadata = *steps == [Step::Field("metadata".to_owned())];
        let inner: Vec<_> = match shape {
            FieldType::Leaf(_) => Vec::new(),
            FieldType::Map(inner) => vec![(Step::Key, *owner, &**inner)],
            FieldType::List(inner) => vec![(Step::Item, *owner, &**inner)],
            FieldType::Struct(name, fields) => {
                let fields = fields.iter().filter(|(field, _)| {
                    let is_identity = is_metadata && IDENTITY.contains(&field.as_str());
                    let is_type = steps.is_empty() && ["apiVersion", "kind"].contains(&field.as_str());
                    !is_identity && !is_type
                });
                fields
                    .map(|(field, shape)| (Step::Field(field.clone()), name.as_str(), shape))
                    .collect()
            }
        };
        let inner: Vec<_> = inner
            .into_iter()
            .map(|(step, owner, shape)| Place {
                steps: further(step),
                owner,
                shape,
            })
            .collect();
        places.extend(inner);
        next += 1;
    }
    places
}

/// Formats a path without keys: `spec.ports[].name`.
fn display(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Key => "{}".to_owned(),
        Step::Item => "[]".to_owned(),
    };
    steps
        .iter()
        .map(step)
        .collect::<String>()
        .trim_start_matches('.')
        .to_owned()
}

/// Returns an object with a value at a place, or with all of its parents but no value.
fn object(steps: &[Step], value: Option<Value>) -> Value {
    let Some((step, rest)) = steps.split_first() else {
        return value.unwrap_or_default();
    };
    if rest.is_empty() && value.is_none() {
        return match step {
            Step::Item => json!([]),
            Step::Field(_) | Step::Key => json!({}),
        };
    }
    let inner = object(rest, value);
    match step {
        Step::Field(name) => json!({ name: inner }),
        Step::Key => json!({ "k": inner }),
        Step::Item => json!([inner]),
    }
}

/// Returns the node that a parser would make of an object's text, in less time.
fn node(value: &Value) -> Node {
    let place = yaml::Place {
        source: 0,
        position: rutter::Position { line: 1, column: 1 },
    };
    let scalar = match value {
        Value::String(text) => Scalar::quoted(text),
        Value::Array(items) => {
            let value = yaml::Value::Sequence(items.iter().map(node).collect());
            return Node { value, place };
        }
        Value::Object(fields) => {
            let entries = fields.iter().map(|(name, value)| Entry {
                key: yaml::Key {
                    scalar: Scalar::quoted(name),
                    place,
                },
                value: node(value),
            });
            let value = yaml::Value::Mapping(entries.collect());
            return Node { value, place };
        }
        other => Scalar::plain(other.to_string()),
    };
    Node {
        value: yaml::Value::Scalar(scalar),
        place,
    }
}

fn compare(group: &str, kind: &str, installed: &Value, desired: &Value) -> Vec<Difference> {
    differences(group, kind, &node(installed), &node(desired))
}

/// Whether a difference is at a place.
fn names(difference: &Difference, steps: &[Step]) -> bool {
    let mut segments = difference.path.segments().into_iter().peekable();
    for step in steps {
        match (step, segments.next()) {
            (Step::Field(name), Some(Segment::Field(field))) if name == field => {}
            (Step::Key, Some(Segment::Key(key))) if key == "k" => {}
            (Step::Item, Some(Segment::Index(0))) => {}
            (Step::Item, Some(Segment::Item(_))) => {
                segments.next_if(|segment| matches!(segment, Segment::Index(_)));
            }
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// Changes, adds and removes a value at each place.
fn check_each_place(types: &BTreeMap<String, FieldType>) -> Result<usize> {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (group, _, kind) in KINDS {
        for Place { steps, shape, .. } in places(&types[kind]) {
            let FieldType::Leaf(values) = shape else { continue };
            tried += 1;
            let [first, second] = values.clone().map(|value| object(&steps, Some(value)));
            let none = object(&steps, None);
            if steps.first() == Some(&Step::Field("stringData".to_owned())) {
                // It is stored as data.
                ensure!(!compare(group, kind, &first, &second).is_empty());
                continue;
            }
            let found = |installed, desired| {
                let found = compare(group, kind, installed, desired);
                found.iter().any(|difference| names(difference, &steps))
            };
            // A boolean's value may be the same as its absence.
            let is_bool = values[0].is_boolean();
            let added = found(&none, &first) || is_bool && found(&none, &second);
            let removed = found(&first, &none) || is_bool && found(&second, &none);
            let path = display(&steps);
            let is_decided = is_decided(kind, &path);
            for (what, holds) in [
                ("changed", found(&first, &second) && found(&second, &first)),
                ("added", added),
                ("removed", removed != is_decided),
            ] {
                if !holds {
                    wrong.push(format!("{kind}: {what} at {path}"));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    Ok(tried)
}

#[test]
fn a_difference_at_any_field_of_the_table_is_found() -> Result<()> {
    let tried = check_each_place(&table_of_package()?)?;
    ensure!(tried > 2000, "{tried}");
    Ok(())
}

#[test]
fn a_difference_at_any_field_of_the_schemas_is_found() -> Result<()> {
    let tried = check_each_place(&types_of_schemas()?)?;
    ensure!(tried > 2000, "{tried}");
    Ok(())
}

/// Returns a container with these fields.
fn container(fields: &str) -> String {
    format!("{{spec: {{template: {{spec: {{containers: [{{name: etcd, {fields}}}]}}}}}}}}")
}

/// Returns the shortest of a few times of a comparison.
fn time(installed: &Node, desired: &Node) -> Result<Duration> {
    let once = || {
        let start = std::time::Instant::now();
        let found = differences("apps", "StatefulSet", installed, desired);
        let took = start.elapsed();
        ensure!(!found.is_empty());
        Ok(took)
    };
    let times = (0..2).map(|_| once()).collect::<Result<Vec<_>>>()?;
    times.into_iter().min().context("a time")
}

#[test]
fn objects_that_grow_take_time_in_proportion() -> Result<()> {
    type Objects = fn(usize) -> [String; 2];
    let shapes: [(&str, Objects); 6] = [
        ("items with keys", |count| {
            ["A", "B"].map(|key| list("env", count, &|i| format!("{{name: {key}{i}}}")))
        }),
        ("items with one key", |count| {
            [count, 1].map(|count| list("env", count, &|_| "{name: A}".to_owned()))
        }),
        ("items without keys", |count| {
            ["A", "B"].map(|key| list("envFrom", count, &|i| format!("{{prefix: {key}{i}}}")))
        }),
        ("items in another order", |count| {
            [
                list("args", count, &|i| format!("--a{i}")),
                list("args", count, &|i| format!("--a{}", count - i)),
            ]
        }),
        ("unknown fields", |count| {
            [1, 2].map(|value| container(&(0..count).map(|i| format!("a{i}: {value}, ")).collect::<String>()))
        }),
        ("long paths", |count| {
            let long = "k".repeat(1000);
            let (open, close) = (format!("{{{long}: ").repeat(50), "}".repeat(50));
            [1, 2].map(|value| container(&format!("a: {open}[{}]{close}", format!("{value}, ").repeat(count))))
        }),
    ];
    fn list(field: &str, count: usize, item: &dyn Fn(usize) -> String) -> String {
        container(&format!(
            "{field}: [{}]",
            (0..count).map(item).collect::<Vec<_>>().join(", ")
        ))
    }
    for (name, objects) in shapes {
        let time = |count| {
            let read = |text: &String| yaml::parse(text, 0, 1).ok().flatten().context("an object");
            let [installed, desired] = objects(count);
            let (installed, desired) = (read(&installed)?, read(&desired)?);
            Ok::<_, anyhow::Error>(time(&installed, &desired)?.max(time(&desired, &installed)?))
        };
        // 16 times the size takes 16 times as long, and slightly more. With quadratic growth it would be 256 times. A
        // busy machine may try again.
        let mut ratios = (0..4).map(|_| Ok::<_, anyhow::Error>(time(8_000)?.div_duration_f64(time(500)?)));
        let is_linear = ratios.any(|ratio| ratio.is_ok_and(|ratio| ratio < 48.0));
        ensure!(is_linear, "{name}");
    }
    Ok(())
}

/// Checks with Kubernetes' own code.
#[cfg(feature = "kubernetes")]
mod for_real {
    use host_tests::Case;
    use host_tests::kubernetes::{defaulted, equal, types};
    use host_tests::oracles::{documents, kind};
    use std::collections::BTreeSet;

    use super::*;

    /// Prints the difference to the table, or writes the table with `BLESS=1`.
    #[test]
    fn the_table_is_of_kubernetes() -> Result<()> {
        let path = host_tests::root().join("crates/etcd-package/src/plan/difference/types.txt");
        let types = types()?;
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &types)?;
        }
        ensure!(
            std::fs::read_to_string(path)? == types,
            "set BLESS=1 to write the table"
        );
        Ok(())
    }

    fn group_of(object: &Value) -> &str {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group)
    }

    fn is_typed(object: &Value) -> bool {
        KINDS
            .iter()
            .any(|(group, _, of)| *group == group_of(object) && *of == kind(object))
    }

    /// Returns an object with its kind and a name.
    fn named(group: &str, kind: &str, mut object: Value) -> Value {
        let version = if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        };
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        object["metadata"]["name"] = "rutter".into();
        object
    }

    /// Returns the objects of the project's own tests: those that cases render, and those that plans start from.
    fn objects() -> Result<Vec<(String, Value)>> {
        let mut objects = Vec::new();
        for case in Case::all()? {
            if let Ok(values) = String::from_utf8(case.input)
                && let Ok(rendering) = host_tests::accepted(&values)
            {
                for manifest in rendering.manifests {
                    for object in documents(&manifest.document)? {
                        objects.push((format!("{}: {}", case.name, manifest.file_name), object));
                    }
                }
            }
        }
        let accepted: Vec<Value> = serde_yaml::from_str(&host_tests::data("kubernetes/accepted.yaml")?)?;
        for values in accepted {
            for manifest in host_tests::accepted(&values.to_string())?.manifests {
                for object in documents(&manifest.document)? {
                    objects.push((values.to_string(), object));
                }
            }
        }
        for object in documents(&host_tests::data("adopted-chart.yaml")?)? {
            objects.push(("adopted-chart".to_owned(), object));
        }
        objects.retain(|(_, object)| is_typed(object));
        let kinds: BTreeSet<_> = objects.iter().map(|(_, object)| kind(object).to_owned()).collect();
        ensure!(kinds.len() >= 7, "{kinds:?}");
        Ok(objects)
    }

    #[test]
    fn an_object_as_it_is_stored_does_not_differ_from_what_was_applied() -> Result<()> {
        let objects = objects()?;
        let applied: Vec<Value> = objects.iter().map(|(_, object)| object.clone()).collect();
        let mut wrong = Vec::new();
        let mut changed = 0;
        for ((name, object), forms) in objects.iter().zip(defaulted(&applied)?) {
            ensure!(forms.error.is_none(), "{name}: {:?}", forms.error);
            let (defaulted, printed) = (forms.defaulted.context("defaulted")?, forms.printed.context("printed")?);
            changed += usize::from(defaulted != *object);
            for (installed, desired) in [
                (&defaulted, object),
                (&printed, object),
                (object, &defaulted),
                (object, &printed),
                (object, object),
            ] {
                let found = compare(group_of(object), kind(object), installed, desired);
                if !found.is_empty() {
                    wrong.push(format!("{name}: {} {found:?}", kind(object)));
                }
            }
        }
        ensure!(changed > 100, "defaults are filled in: {changed}");
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    /// The results of comparing pairs.
    #[derive(Default)]
    struct Verdicts {
        /// Differences where Kubernetes sees none.
        stricter: Vec<String>,
        compared: usize,
        /// Pairs that Kubernetes cannot parse.
        unread: usize,
    }

    impl Verdicts {
        fn add(&mut self, other: Self) {
            self.stricter.extend(other.stricter);
            self.compared += other.compared;
            self.unread += other.unread;
        }
    }

    /// Returns a Service with the fields that the API server keeps from the installed one.
    fn as_applied(installed: &Value, desired: &Value) -> Value {
        let mut applied = desired.clone();
        let is_empty = |value: &Value| [Value::Null, json!(""), json!(0), json!([])].contains(value);
        if kind(installed) != "Service" || !desired["spec"].is_object() && !desired["spec"].is_null() {
            return applied;
        }
        for field in [
            "clusterIP",
            "clusterIPs",
            "healthCheckNodePort",
            "ipFamilies",
            "ipFamilyPolicy",
        ] {
            let kept = &installed["spec"][field];
            let is_chosen = kept == "None" || field == "ipFamilyPolicy" && kept != "SingleStack";
            if is_empty(&desired["spec"][field]) && !is_empty(kept) && !is_chosen {
                applied["spec"][field] = kept.clone();
            }
        }
        let before = installed["spec"]["ports"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let ports = applied["spec"].get_mut("ports").and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter(|port| port.is_object()) {
            let is_same = |before: &&Value| before["port"] == port["port"] && before["protocol"] == port["protocol"];
            let kept = before
                .iter()
                .find(is_same)
                .map_or(Value::Null, |before| before["nodePort"].clone());
            if is_empty(&port["nodePort"]) && !is_empty(&kept) {
                port["nodePort"] = kept;
            }
        }
        applied
    }

    /// Compares pairs, and fails if there is no difference although Kubernetes sees one.
    fn check_pairs(pairs: &[(String, [Value; 2])]) -> Result<Verdicts> {
        let objects: Vec<[Value; 2]> = pairs
            .iter()
            .map(|(_, [installed, desired])| [installed.clone(), as_applied(installed, desired)])
            .collect();
        let mut wrong = Vec::new();
        let mut verdicts = Verdicts::default();
        for ((name, [installed, desired]), sameness) in pairs.iter().zip(equal(&objects)?) {
            if sameness.error.is_some() {
                verdicts.unread += 1;
                continue;
            }
            verdicts.compared += 1;
            let found = compare(group_of(installed), kind(installed), installed, desired);
            match (found.is_empty(), sameness.equal) {
                (true, false) => wrong.push(format!("{name}: {installed} → {desired}")),
                (false, true) => {
                    let paths: Vec<_> = found.iter().map(|difference| difference.path.to_string()).collect();
                    let has_null = [installed, desired]
                        .into_iter()
                        .any(|object| object.to_string().contains("null"));
                    let null = if has_null { " with null" } else { "" };
                    let name = format!("{name}: {}{null}", paths.join(", "));
                    verdicts.stricter.push(name);
                }
                _ => {}
            }
        }
        let count = wrong.len();
        wrong.truncate(50);
        ensure!(
            count == 0,
            "{count} differences are ignored:\n{}",
            wrong.join(
                "
        "
            )
        );
        Ok(verdicts)
    }

    /// Fields with differences although Kubernetes sees none, in objects that it refuses or that nobody writes.
    const STRICTER: [&str; 6] = [
        // A port of 0 is refused, but has a key.
        "Deployment spec.template.spec.initContainers[].ports[].containerPort: ",
        "Service spec.ports[].port: ",
        // It is removed while there is no affinity.
        "Service spec.sessionAffinityConfig: ",
        "Service spec.sessionAffinityConfig.clientIP.timeoutSeconds: ",
        // They are replaced with any value.
        "StatefulSet spec.volumeClaimTemplates[].apiVersion: ",
        "StatefulSet spec.volumeClaimTemplates[].kind: ",
    ];

    /// Returns values of a type: absent, empty, zero, and the same value in several spellings.
    fn values_of(shape: &FieldType) -> Vec<Option<Value>> {
        let mut values = vec![None, Some(Value::Null)];
        match shape {
            FieldType::Struct(..) => values.push(Some(json!({}))),
            FieldType::Map(inner) => {
                values.push(Some(json!({})));
                let inner = values_of(inner).into_iter().flatten().filter(|value| !value.is_null());
                values.extend(inner.map(|value| Some(json!({ "k": value }))));
            }
            FieldType::List(inner) => {
                values.push(Some(json!([])));
                let inner = values_of(inner).into_iter().flatten().filter(|value| !value.is_null());
                values.extend(inner.take(3).map(|value| Some(json!([value]))));
            }
            FieldType::Leaf([first, second]) => {
                values.extend([first, second].map(|value| Some(value.clone())));
                let others = match first.as_str() {
                    Some("71Mi") => json!([
                        "0", "0Gi", "1", "1000m", "0.5", "500m", "1n", "1m", "1u", "1000n", "1.5Gi", "1536Mi", "1e3",
                        "1k"
                    ]),
                    Some("rutter-1") => json!(["", "1", "1.0"]),
                    Some("QQ==") => json!(["", "Q\nQ=="]),
                    Some(_) => json!([]),
                    None if first == 71 => json!([0, 1]),
                    None => json!([]),
                };
                values.extend(others.as_array().into_iter().flatten().cloned().map(Some));
            }
        }
        values
    }

    /// Compares all pairs of values of each field of each type.
    #[test]
    fn each_field_is_compared_as_kubernetes_does() -> Result<()> {
        let types = table_of_package()?;
        let mut seen = BTreeSet::new();
        let mut pairs = Vec::new();
        for (group, _, of) in KINDS {
            for Place { steps, owner, shape } in places(&types[of]) {
                let path = display(&steps);
                let Some(Step::Field(field)) = steps.last() else {
                    continue;
                };
                if !seen.insert((owner.to_owned(), field.clone())) {
                    continue;
                }
                // Values that the API server decides are no difference, but they are in Kubernetes' comparison.
                let is_free = path.ends_with("rollingUpdate.maxUnavailable")
                    || is_decided(of, &path) && of != "Service"
                    || path == "secrets";
                let values = values_of(shape);
                for desired in &values {
                    let empty = [Value::Null, json!(""), json!(0), json!([])];
                    if is_free && desired.as_ref().is_none_or(|desired| empty.contains(desired)) {
                        continue;
                    }
                    for installed in &values {
                        let [installed, desired] =
                            [installed, desired].map(|value| named(group, of, object(&steps, value.clone())));
                        pairs.push((format!("{of} {path}"), [installed, desired]));
                    }
                }
            }
        }
        let count = pairs.len();
        let verdicts = check_pairs(&pairs)?;
        ensure!(verdicts.compared > 10_000 && verdicts.unread * 20 < count, "{count}");
        let is_known = |name: &String| STRICTER.iter().any(|path| name.starts_with(path));
        let (known, unknown): (Vec<_>, Vec<_>) = verdicts.stricter.into_iter().partition(is_known);
        ensure!(unknown.is_empty(), "{}", unknown.join("\n"));
        for path in STRICTER {
            ensure!(known.iter().any(|name| name.starts_with(path)), "{path} is not");
        }
        Ok(())
    }
    /// Returns objects with all combinations of the values of fields.
    fn combinations(group: &str, kind: &str, fields: &serde_json::Map<String, Value>) -> Vec<Value> {
        let mut all = vec![json!({})];
        for (path, values) in fields {
            let set = |object: &Value, value: &Value| {
                let mut object = object.clone();
                if !value.is_null() {
                    let place = path.split('.').fold(&mut object, |place, field| {
                        if field != "0" {
                            return &mut place[field];
                        }
                        if place.is_null() {
                            *place = json!([{}]);
                        }
                        &mut place[0]
                    });
                    *place = value.clone();
                }
                object
            };
            let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
            all = all
                .iter()
                .flat_map(|object| values.iter().map(|value| set(object, value)))
                .collect();
        }
        all.into_iter().map(|object| named(group, kind, object)).collect()
    }

    #[test]
    fn fields_that_depend_on_others_are_compared_as_kubernetes_does() -> Result<()> {
        let sets: Vec<Value> = serde_yaml::from_str(&host_tests::data("kubernetes/dependent.yaml")?)?;
        ensure!(sets.len() >= 5, "only {} sets are found", sets.len());
        for set in sets {
            let of = set["kind"].as_str().context("a kind")?;
            let (version, kind) = of.split_once(' ').context("a version and a kind")?;
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let objects = combinations(group, kind, set["fields"].as_object().context("fields")?);
            let mut pairs = Vec::new();
            for (index, installed) in objects.iter().enumerate() {
                for (other, desired) in objects.iter().enumerate() {
                    // Of a large set, the pairs that differ in the last fields, and some others.
                    let distance = index.abs_diff(other);
                    if objects.len() < 150 || distance < 13 || distance % 36 == 0 {
                        pairs.push((of.to_owned(), [installed.clone(), desired.clone()]));
                    }
                }
            }
            let verdicts = check_pairs(&pairs)?;
            ensure!(verdicts.compared == pairs.len(), "{of}: some are not read");
            let is_stricter = set["stricter"] == true;
            ensure!(
                is_stricter != verdicts.stricter.is_empty(),
                "{of}: {}",
                verdicts.stricter.join("\n")
            );
        }
        Ok(())
    }
    /// Collects pointers to everything in a value, below this one.
    fn pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
        let mut below = |key: &str, value| {
            let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            pointers(value, &pointer, all);
            all.push(pointer);
        };
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
            Value::Array(items) => (0..)
                .zip(items)
                .for_each(|(index, value)| below(&index.to_string(), value)),
            _ => {}
        }
    }

    /// Returns copies of an object with one value changed, in all ways that its type allows.
    fn mutations(object: &Value, pointer: &str) -> Vec<Value> {
        let with = |value: Value| {
            let mut object = object.clone();
            if let Some(place) = object.pointer_mut(pointer) {
                *place = value;
            }
            object
        };
        let mut all = vec![with(Value::Null)];
        match object.pointer(pointer) {
            Some(Value::String(text)) => {
                let others = ["", "1", "1.0", "1Gi", "ClusterIP", "RollingUpdate", "Always"];
                all.extend(others.map(|other| with(other.into())));
                all.push(with(format!("{text}0").into()));
            }
            Some(Value::Number(number)) => {
                let number = number.as_i64().unwrap_or_default();
                all.extend([0, 1, 30, number + 1].map(|other| with(other.into())));
            }
            Some(Value::Bool(is)) => all.push(with((!is).into())),
            Some(Value::Array(items)) => {
                all.push(with(json!([])));
                let reversed = items.iter().rev();
                all.push(with(reversed.cloned().collect()));
                let twice = items.iter().chain(items.first());
                all.push(with(twice.cloned().collect()));
                all.push(with(items.iter().skip(1).cloned().collect()));
            }
            Some(Value::Object(fields)) => {
                all.push(with(json!({})));
                for key in fields.keys() {
                    let mut fewer = fields.clone();
                    fewer.remove(key);
                    all.push(with(fewer.into()));
                }
            }
            _ => {}
        }
        all
    }

    #[test]
    fn objects_without_differences_are_equal_to_kubernetes() -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut pairs = Vec::new();
        let mut verdicts = Verdicts::default();
        for (name, object) in objects()? {
            let mut all = Vec::new();
            pointers(&object, "", &mut all);
            for pointer in all {
                // Neither names nor the types' names are compared.
                if ["/metadata/name", "/metadata/namespace", "/kind", "/apiVersion"].contains(&pointer.as_str()) {
                    continue;
                }
                let place = pointer
                    .split('/')
                    .filter(|step| step.parse::<usize>().is_err())
                    .collect::<Vec<_>>();
                let value = object.pointer(&pointer).unwrap_or(&Value::Null);
                let is_text = value.is_string();
                if !seen.insert((kind(&object).to_owned(), place.join("/"), is_text)) {
                    continue;
                }
                let mutations = mutations(&object, &pointer);
                let name = format!("{name} {pointer}");
                for pair in mutations.windows(2) {
                    pairs.push((name.clone(), [pair[0].clone(), pair[1].clone()]));
                }
                for mutation in mutations {
                    if kind(&object) == "Service" {
                        // The fields that the API server keeps depend on the installed object.
                        pairs.push((name.clone(), [mutation.clone(), object.clone()]));
                    }
                    pairs.push((name.clone(), [object.clone(), mutation]));
                }
                // All of them at once would take gigabytes.
                if pairs.len() > 1000 {
                    verdicts.add(check_pairs(&pairs)?);
                    pairs.clear();
                }
            }
        }
        verdicts.add(check_pairs(&pairs)?);
        let Verdicts {
            compared,
            unread,
            stricter,
        } = verdicts;
        ensure!(compared > 5_000 && unread * 20 < compared, "{compared}, {unread}");
        // Readers treat a null in a map or a list differently.
        let is_known = |name: &&String| {
            let of_template = ["[data].kind", "[data].apiVersion"];
            name.ends_with(" with null") || of_template.iter().any(|path| name.ends_with(path))
        };
        let unknown: Vec<_> = stricter.iter().filter(|name| !is_known(name)).collect();
        ensure!(unknown.is_empty(), "{unknown:#?}");
        Ok(())
    }
}
