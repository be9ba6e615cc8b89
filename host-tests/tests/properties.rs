//! Properties of all accepted values: names, volumes, selectors, certificates and neighbours.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use etcd_package::cluster::OWNERSHIP_LABEL;
use host_tests::kubelet::{Pod, expand};
use host_tests::oracles::{check, documents, kind};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use rutter::{Change, ChangeRequest, Package as _, Severity, State};
use serde_json::{Map, Value, json};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        max_global_rejects: 512,
        ..ProptestConfig::default()
    }
}

/// Renders values. Rejects values that contradict each other.
fn render(name: &str, namespace: &str, values: &Value) -> Result<Vec<Value>, TestCaseError> {
    let rendering = host_tests::render(name, namespace, &values.to_string()).map_err(|diagnostics| {
        let errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        let unexpected: Vec<_> = errors
            .filter(|diagnostic| !CONTRADICTIONS.contains(&&*diagnostic.code))
            .collect();
        if unexpected.is_empty() {
            TestCaseError::reject("two values contradict each other")
        } else {
            TestCaseError::fail(format!("{unexpected:#?}"))
        }
    })?;
    let mut objects = Vec::new();
    for manifest in rendering.manifests {
        objects.extend(documents(&manifest.document).map_err(fail)?);
    }
    Ok(objects)
}

/// The errors for values that are each valid.
const CONTRADICTIONS: [&str; 8] = [
    "invalid-discovery",
    "invalid-quota",
    "restore-conflict",
    "unused-value",
    "invalid-tls",
    "invalid-certificate",
    "name-too-long",
    "label-taken",
];

fn fail(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

/// Generates values: each top-level value is absent or from a list.
fn values() -> impl Strategy<Value = Value> {
    let label = "[a-z]([a-z0-9_.-]{0,20}[a-z0-9])?";
    let labels = || prop::collection::btree_map("[a-z]{1,8}[.]io/[a-z]{1,8}", label, 0..3).prop_map(|map| json!(map));
    let text = prop::collection::btree_map("[a-z]{1,8}", "[ -~é\n]{0,20}", 0..3).prop_map(|map| json!(map));
    let size = || select(vec!["4Gi", "10G", "8Gi", "1Ti", "100Gi"]);
    let claim = move || {
        (size(), prop::option::of(select(vec!["", "fast"])), labels()).prop_map(|(size, class, labels)| match class {
            Some(class) => json!({"size": size, "storageClassName": class, "labels": labels}),
            None => json!({"size": size, "labels": labels}),
        })
    };
    let storage = prop_oneof![
        4 => (claim(), prop::option::of(claim())).prop_map(|(data, wal)| match wal {
            Some(wal) => json!({"data": data, "wal": wal}),
            None => json!({"data": data}),
        }),
        1 => Just(json!({"ephemeral": {}})),
        1 => Just(json!({"ephemeral": {"memory": true, "sizeLimit": "16Gi"}})),
    ];
    let tls = (
        select(vec![
            json!({"mode": "CertManager"}),
            json!({"mode": "Secret", "secretName": "of-clients"}),
            json!({"mode": "Disabled"}),
        ]),
        select(vec![
            json!({"mode": "CertManager"}),
            json!({"mode": "Secret", "secretName": "of-peers", "allowedCommonNames": ["peer"]}),
            json!({"mode": "Auto"}),
            json!({}),
        ]),
        prop::option::of(select(vec![
            json!({"issuer": {"type": "Existing", "name": "company", "kind": "ClusterIssuer"}}),
            json!({"issuer": {"type": "SelfSigned"}}),
            json!({"maxReplicas": 100, "duration": "48h", "renewBefore": "10h"}),
            json!({"extraDnsNames": ["*.example.com"], "extraIpAddresses": ["10.0.0.1"]}),
            json!({"privateKey": {"algorithm": "Ed25519"}, "subject": {"organizations": ["Shop"]}}),
        ])),
        prop::option::of(select(vec![
            json!([{"name": "orders"}]),
            json!([{"name": "orders"}, {"name": "carts", "commonName": "Carts", "secretName": "of-carts"}]),
        ])),
    )
        .prop_map(|(client, peer, cert_manager, certificates)| {
            let mut tls = json!({"client": client, "peer": peer});
            if let Some(cert_manager) = cert_manager {
                tls["certManager"] = cert_manager;
            }
            if let Some(certificates) = certificates {
                tls["clientCertificates"] = certificates;
            }
            tls
        });
    let naming = (
        prop::option::of("[a-z]([a-z0-9-]{0,20}[a-z0-9])?"),
        prop::option::of(select(vec![
            json!({"app": "etcd"}),
            json!({"app.kubernetes.io/instance": "x", "b": ""}),
        ])),
        prop::option::of(select(vec!["data", "member"])),
    )
        .prop_map(|(claim, selector, path)| {
            let mut naming = Map::new();
            if let Some(claim) = claim {
                naming.insert("dataClaim".to_owned(), json!(format!("c{claim}")));
            }
            if let Some(selector) = selector {
                naming.insert("selectorLabels".to_owned(), selector);
            }
            if let Some(path) = path {
                naming.insert("dataPath".to_owned(), json!(path));
            }
            Value::Object(naming)
        });
    let one_of = |alternatives: Value| {
        let alternatives = alternatives.as_array().cloned().unwrap_or_default();
        select(alternatives).boxed()
    };
    let fields: Vec<(&'static str, BoxedStrategy<Value>)> = vec![
        ("replicas", (1_u32..=9).prop_map(Value::from).boxed()),
        (
            "version",
            one_of(json!(["3.4.34", "3.5.33", "3.5.15", "v3.6.14", "3.7.1"])),
        ),
        (
            "clusterDomain",
            one_of(json!(["cluster.local", "k8s.example.com", "x"])),
        ),
        (
            "ports",
            one_of(json!([{"client": 1}, {"peer": 65535, "metrics": 9090}, {"client": 12379, "peer": 12380}])),
        ),
        (
            "bootstrap",
            one_of(json!([{"discovery": "Srv"}, {"state": "Existing"}, {"discovery": "Static", "state": "New"}])),
        ),
        ("storage", storage.boxed()),
        ("tls", tls.boxed()),
        (
            "compaction",
            one_of(json!([{"mode": "Revision", "retention": 1000}, {"retention": "30m"}, {"mode": "Disabled"}])),
        ),
        ("quota", one_of(json!(["1Gi", "2Gi", "4Gi"]))),
        (
            "resources",
            one_of(json!([{"limits": {"cpu": 2, "memory": "4Gi"}}, {"requests": {"cpu": null}}])),
        ),
        (
            "service",
            one_of(json!([
                {"client": {"enabled": false}},
                {"client": {"type": "LoadBalancer", "loadBalancerClass": "a.io/b"}},
                {"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "RequireDualStack"},
                {"headless": {"annotations": {"a": "b"}}}
            ])),
        ),
        (
            "scheduling",
            one_of(json!([{"antiAffinity": "Preferred"}, {"antiAffinity": "Disabled"}, {"nodeSelector": {"a": "b"}}])),
        ),
        (
            "networkPolicy",
            one_of(json!([{"enabled": true}, {"enabled": true, "clients": [], "metrics": [{"podSelector": {}}]}])),
        ),
        (
            "monitoring",
            one_of(
                json!([{"serviceMonitor": {"enabled": true}}, {"rules": {"enabled": true}, "podMonitor": {"enabled": true}}]),
            ),
        ),
        (
            "defrag",
            one_of(json!([{"schedule": "@daily"}, {"schedule": "1 2 3 4 5", "timeZone": "Etc/UTC"}])),
        ),
        (
            "backup",
            one_of(json!([{"schedule": "@daily"}, {"schedule": "@hourly", "keep": 5, "claimName": "mine"}])),
        ),
        ("restore", one_of(json!([{"claimName": "mine", "snapshot": "a.db"}]))),
        (
            "disruptionBudget",
            one_of(json!([{"enabled": false}, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}])),
        ),
        ("naming", naming.boxed()),
        ("commonLabels", labels().boxed()),
        ("commonAnnotations", text.boxed()),
        (
            "serviceAccount",
            one_of(json!([{"create": false}, {"name": "account"}])),
        ),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, strategy)| prop::option::weighted(0.4, strategy).prop_map(move |value| Some((name, value?))))
        .collect();
    fields.prop_map(|fields| {
        let fields = fields.into_iter().flatten();
        Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,40}[a-z0-9])?".prop_filter("reserved", |name| !name.ends_with("-client"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn accepted_values_are_complete(name in name(), namespace in "[a-z]([a-z0-9-]{0,30}[a-z0-9])?", values in values()) {
        let objects = render(&name, &namespace, &values)?;
        for object in &objects {
            check(object).map_err(fail)?;
            names_fit(object).map_err(fail)?;
            volumes_match(object).map_err(fail)?;
        }
        selectors_match(&objects).map_err(fail)?;
        certificates_cover(&objects).map_err(fail)?;
        references_exist(&objects).map_err(fail)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 4096, ..ProptestConfig::default() })]

    /// If two renderings differ, the plan from one to the other is not "nothing to do".
    #[test]
    fn different_renderings_are_a_change(values in values(), others in values(), taken in any::<u32>()) {
        // A few values differ, because most pairs of unrelated values are refused.
        let mut changed = values.clone();
        for (index, (name, value)) in others.as_object().into_iter().flatten().enumerate() {
            if taken >> index & 3 == 0 {
                changed[name] = value.clone();
            }
        }
        let (installed, desired) = (render("etcd", "default", &values)?, render("etcd", "default", &changed)?);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": installed}).to_string();
        let plan = |values: &Value| {
            let desired = ChangeRequest {
                name: Some("etcd".to_owned()),
                namespace: Some("default".to_owned()),
                ..ChangeRequest::new(values.to_string())
            };
            EtcdPackage.plan(&State::Objects(list.clone()), &desired)
        };
        let unchanged = plan(&values);
        prop_assert!(matches!(&unchanged, Ok(plan) if plan.change == Change::Nothing), "{unchanged:#?}");
        match plan(&changed) {
            Ok(plan) => prop_assert_eq!(plan.change == Change::Nothing, installed == desired, "{:#?}", plan),
            Err(problems) => {
                let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
                prop_assert!(errors.clone().count() > 0 && errors.clone().all(|error| error.help.is_some()), "{problems:#?}");
            }
        }
    }
}

/// Checks every pair of similar fullnames and namespaces, with any names of the installations themselves.
#[test]
fn neighbours_share_nothing() -> Result<()> {
    let alike = [
        "a",
        "a-0",
        "a-b",
        "a-backup",
        "a-bootstrap",
        "a-ca",
        "a-client-ca",
        "a-client-tls",
        "a-server",
        "a-tls",
        "a-user",
        "b",
        "b-a",
    ];
    let all = json!({
        "tls": {
            "client": {"mode": "CertManager"},
            "peer": {"mode": "CertManager"},
            "clientCertificates": [{"name": "b"}, {"name": "b-client-ca"}],
        },
        "storage": {"wal": {}},
        "scheduling": {"topologySpread": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"},
        ]},
        "networkPolicy": {"enabled": true},
        "defrag": {"schedule": "@daily"},
        "backup": {"schedule": "@daily"},
        "monitoring": {
            "serviceMonitor": {"enabled": true},
            "podMonitor": {"enabled": true},
            "rules": {"enabled": true},
        },
    });
    let own_names = alike.map(|fullname| (fullname, None));
    let one_name = alike.map(|fullname| ("etcd", Some(fullname)));
    // Each installation has the name of another one's objects.
    let mut names_of_others = alike.map(|fullname| (fullname, Some(fullname)));
    for (index, (name, _)) in names_of_others.iter_mut().enumerate() {
        *name = alike[(index + 1) % alike.len()];
    }
    // The first one has its fullname from its name, which all others have, too.
    let mut one_has_no_fullname = alike.map(|fullname| (alike[0], Some(fullname)));
    one_has_no_fullname[0].1 = None;
    for installations in [own_names, one_name, names_of_others, one_has_no_fullname] {
        let mut clusters = Vec::new();
        for namespace in ["a", "a-b", "b"] {
            for (name, fullname) in installations {
                let mut values = all.clone();
                if let Some(fullname) = fullname {
                    values["naming"] = json!({"fullname": fullname});
                }
                let who = format!("{namespace}/{name} {fullname:?}");
                let objects = render(name, namespace, &values).map_err(|error| anyhow::anyhow!("{who}: {error}"))?;
                clusters.push((who, shared_names(&objects)?, objects));
            }
        }
        for (index, (one, its, objects)) in clusters.iter().enumerate() {
            for (other, others, neighbours) in &clusters[index + 1..] {
                let common: Vec<_> = its.intersection(others).collect();
                ensure!(common.is_empty(), "{one} and {other} both have {common:?}");
                do_not_select(objects, neighbours).with_context(|| format!("{one} and {other}"))?;
            }
        }
    }
    Ok(())
}

fn names_fit(object: &Value) -> Result<()> {
    let name = object["metadata"]["name"].as_str().context("a name")?;
    let most = match kind(object) {
        "StatefulSet" | "CronJob" => 52,
        "Service" => 63,
        _ => 253,
    };
    ensure!(name.len() <= most, "{} {name} is too long", kind(object));
    let mut labels = vec![&object["metadata"]["labels"]];
    labels.extend(
        templates(object)
            .into_iter()
            .map(|template| &template["metadata"]["labels"]),
    );
    for labels in labels {
        for (key, value) in labels.as_object().into_iter().flatten() {
            ensure!(value.as_str().is_some_and(|value| value.len() <= 63), "{key} = {value}");
        }
    }
    Ok(())
}

/// Returns the pod templates in an object.
fn templates(object: &Value) -> Vec<&Value> {
    match kind(object) {
        "StatefulSet" => vec![&object["spec"]["template"]],
        "CronJob" => vec![&object["spec"]["jobTemplate"]["spec"]["template"]],
        _ => Vec::new(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    let spec = &template["spec"];
    list(&spec["initContainers"]).iter().chain(list(&spec["containers"]))
}

fn texts<'v>(values: &'v [Value], path: &str) -> BTreeSet<&'v str> {
    values
        .iter()
        .filter_map(|value| value.pointer(path)?.as_str())
        .collect()
}

/// Every mount has its volume, every volume and claim its mount, and no path is mounted twice.
fn volumes_match(object: &Value) -> Result<()> {
    for template in templates(object) {
        let claims = list(&object["spec"]["volumeClaimTemplates"]);
        let volumes = list(&template["spec"]["volumes"]);
        let mut present = texts(volumes, "/name");
        ensure!(present.len() == volumes.len(), "two volumes with one name");
        for claim in texts(claims, "/metadata/name") {
            ensure!(present.insert(claim), "a claim and a volume are called {claim}");
        }
        let mut mounted = BTreeSet::new();
        for container in containers(template) {
            let mounts = list(&container["volumeMounts"]);
            ensure!(
                texts(mounts, "/mountPath").len() == mounts.len(),
                "a path is mounted twice: {container:#}"
            );
            mounted.extend(texts(mounts, "/name"));
        }
        ensure!(mounted == present, "mounted {mounted:?}, present {present:?}");
    }
    Ok(())
}

fn labels(value: &Value) -> BTreeMap<&str, &str> {
    let labels = value.as_object().into_iter().flatten();
    labels
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

fn selects(selector: &Value, template: &Value) -> bool {
    let there = labels(&template["metadata"]["labels"]);
    let selector = labels(selector);
    !selector.is_empty() && selector.iter().all(|(key, value)| there.get(key) == Some(value))
}

fn stateful_set(objects: &[Value]) -> Result<&Value> {
    objects
        .iter()
        .find(|object| kind(object) == "StatefulSet")
        .context("a StatefulSet")
}

/// Selectors of members match all members, and no pod of a job.
fn selectors_match(objects: &[Value]) -> Result<()> {
    let members = &stateful_set(objects)?["spec"]["template"];
    for object in objects {
        let selector = match kind(object) {
            "Service" => &object["spec"]["selector"],
            "StatefulSet" | "PodDisruptionBudget" => &object["spec"]["selector"]["matchLabels"],
            "NetworkPolicy" => &object["spec"]["podSelector"]["matchLabels"],
            _ => continue,
        };
        ensure!(selects(selector, members), "{selector} selects no members");
        for job in objects.iter().filter(|object| kind(object) == "CronJob") {
            let pods = templates(job).remove(0);
            ensure!(!selects(selector, pods), "{selector} selects the pods of a job");
        }
    }
    Ok(())
}

/// Returns the host names in the URLs of a text, by scheme.
fn hosts(text: &str) -> Vec<(&str, &str)> {
    let mut hosts = Vec::new();
    for (index, _) in text.match_indices("://") {
        let scheme = if text[..index].ends_with("https") {
            "https"
        } else {
            "http"
        };
        let rest = &text[index + 3..];
        let end = rest
            .rfind(':')
            .map_or(rest.len(), |_| rest.find([':', ',', '/']).unwrap_or(rest.len()));
        hosts.push((scheme, &rest[..end]));
    }
    hosts
}

/// Certificates of cert-manager cover every host in a URL.
fn certificates_cover(objects: &[Value]) -> Result<()> {
    let names_of = |suffix: &str| {
        let name = stateful_set(objects)
            .ok()
            .and_then(|set| set["metadata"]["name"].as_str().map(str::to_owned));
        let name = format!("{}-{suffix}", name.unwrap_or_default());
        let mut certificates = objects.iter().filter(|object| kind(object) == "Certificate");
        let certificate = certificates.find(|object| object["metadata"]["name"] == name.as_str());
        certificate.map(|certificate| list(&certificate["spec"]["dnsNames"]).to_vec())
    };
    let sides = [("client", names_of("client")), ("peer", names_of("server"))];
    let covered = |side: &str, text: &str| -> Result<()> {
        let names = sides
            .iter()
            .find(|(name, _)| *name == side)
            .and_then(|(_, names)| names.as_ref());
        for (scheme, host) in hosts(text) {
            if let Some(names) = names
                && scheme == "https"
                && !["0.0.0.0", "["].contains(&host)
            {
                ensure!(
                    names.iter().any(|name| name == host),
                    "{side}: no certificate covers {host}"
                );
            }
        }
        Ok(())
    };
    for arg in arguments(objects)? {
        let side = if arg.contains("client-urls") { "client" } else { "peer" };
        covered(side, &arg)?;
    }
    for job in objects.iter().filter(|object| kind(object) == "CronJob") {
        for container in containers(templates(job).remove(0)) {
            for word in list(&container["command"]) {
                covered("client", word.as_str().unwrap_or_default())?;
            }
        }
    }
    Ok(())
}

/// Returns the arguments of etcd in all members, as the kubelet expands them.
fn arguments(objects: &[Value]) -> Result<Vec<String>> {
    let set: StatefulSet = serde_json::from_value(stateful_set(objects)?.clone())?;
    let config_maps = objects.iter().filter(|object| kind(object) == "ConfigMap");
    let config_maps: Vec<ConfigMap> = config_maps
        .map(|map| Ok(serde_json::from_value(map.clone())?))
        .collect::<Result<_>>()?;
    let name = set.metadata.name.context("a name")?;
    let namespace = set.metadata.namespace.context("a namespace")?;
    let spec = set.spec.context("a spec")?;
    let mut arguments = Vec::new();
    for ordinal in 0..spec.replicas.unwrap_or_default() {
        let pod = Pod {
            name: &format!("{name}-{ordinal}"),
            namespace: &namespace,
            template: &spec.template,
            config_maps: &config_maps,
        };
        let containers = &spec.template.spec.as_ref().context("a pod")?.containers;
        let etcd = containers.first().context("etcd")?;
        let environment = pod.environment(etcd)?;
        arguments.extend(etcd.args.iter().flatten().map(|arg| expand(arg, &environment)));
    }
    Ok(arguments)
}

/// References between objects lead to rendered objects, as far as these are rendered.
fn references_exist(objects: &[Value]) -> Result<()> {
    let named = |wanted: &str| -> BTreeSet<&str> {
        objects
            .iter()
            .filter(|object| kind(object) == wanted)
            .filter_map(|object| object["metadata"]["name"].as_str())
            .collect()
    };
    let set = stateful_set(objects)?;
    let service = set["spec"]["serviceName"].as_str().unwrap_or_default();
    ensure!(named("Service").contains(service), "no Service {service}");
    let secrets: BTreeSet<&str> = objects
        .iter()
        .filter(|object| kind(object) == "Certificate")
        .filter_map(|object| object["spec"]["secretName"].as_str())
        .collect();
    for template in objects.iter().flat_map(templates) {
        for volume in list(&template["spec"]["volumes"]) {
            if let Some(secret) = volume["secret"]["secretName"].as_str() {
                ensure!(
                    secret.starts_with("of-") || secrets.contains(secret),
                    "no Certificate for {secret}"
                );
            }
        }
        for variable in containers(template).flat_map(|container| list(&container["env"])) {
            let reference = &variable["valueFrom"]["configMapKeyRef"];
            if let (Some(map), Some(key)) = (reference["name"].as_str(), reference["key"].as_str()) {
                let mut maps = objects.iter().filter(|object| kind(object) == "ConfigMap");
                let found = maps.any(|object| object["metadata"]["name"] == map && object["data"][key].is_string());
                ensure!(found, "no key {key} in a ConfigMap {map}");
            }
        }
    }
    let issuers: BTreeSet<&str> = named("Issuer");
    for certificate in objects.iter().filter(|object| kind(object) == "Certificate") {
        let issuer = &certificate["spec"]["issuerRef"];
        let name = issuer["name"].as_str().unwrap_or_default();
        ensure!(issuer["kind"] != "Issuer" || issuers.contains(name), "no Issuer {name}");
    }
    Ok(())
}

/// Checks that no selector of either matches a pod or a Service of the other.
fn do_not_select(one: &[Value], other: &[Value]) -> Result<()> {
    for (selecting, selected) in [(one, other), (other, one)] {
        let (set, neighbour) = (stateful_set(selecting)?, stateful_set(selected)?);
        if set["metadata"]["namespace"] != neighbour["metadata"]["namespace"] {
            continue;
        }
        let services = selected.iter().filter(|object| kind(object) == "Service");
        let candidates: Vec<&Value> = selected.iter().flat_map(templates).chain(services).collect();
        for object in selecting {
            let mut selectors = Vec::new();
            collect_selectors(object, &mut selectors);
            for selector in selectors {
                for candidate in &candidates {
                    ensure!(
                        !selects(&selector, candidate),
                        "{} {} has the selector {selector}, which matches {:#}",
                        kind(object),
                        object["metadata"]["name"],
                        candidate["metadata"]
                    );
                }
            }
        }
    }
    Ok(())
}

/// Collects all selectors in an object, each with its labels. An empty one is the network policy's default for clients,
/// which selects the whole namespace.
fn collect_selectors(value: &Value, selectors: &mut Vec<Value>) {
    let children = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.as_str(), value)).collect(),
        Value::Array(items) => items.iter().map(|item| ("", item)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in children {
        if !["selector", "podSelector", "labelSelector"].contains(&key) {
            collect_selectors(value, selectors);
            continue;
        }
        let by_labels = value["matchLabels"].as_object();
        let mut labels = match (by_labels, value["matchExpressions"].as_array()) {
            (None, None) => value.as_object().cloned().unwrap_or_default(),
            _ => by_labels.cloned().unwrap_or_default(),
        };
        for expression in list(&value["matchExpressions"]) {
            // Rendered objects have only `In`, with one value.
            labels.insert(
                expression["key"].as_str().unwrap_or_default().to_owned(),
                expression["values"][0].clone(),
            );
        }
        selectors.push(Value::Object(labels));
    }
}

/// Returns everything that could be shared: names by kind and namespace, claims, Secrets, tokens, ownership.
fn shared_names(objects: &[Value]) -> Result<BTreeSet<String>> {
    let mut things = BTreeSet::new();
    for object in objects {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        // The page's ClusterIssuer belongs to everything that it signs for.
        if kind(object) != "ClusterIssuer" {
            things.insert(format!("{} {namespace}/{}", kind(object), metadata["name"]));
            let owner = metadata["labels"][OWNERSHIP_LABEL].as_str();
            things.insert(format!("owner {namespace}/{}", owner.context("an owner")?));
        }
        if kind(object) == "Certificate" {
            things.insert(format!("Secret {namespace}/{}", object["spec"]["secretName"]));
        }
    }
    let set = stateful_set(objects)?;
    let (namespace, name) = (
        &set["metadata"]["namespace"],
        set["metadata"]["name"].as_str().unwrap_or_default(),
    );
    for ordinal in 0..set["spec"]["replicas"].as_u64().unwrap_or_default() {
        things.insert(format!("Pod {namespace}/{name}-{ordinal}"));
        for claim in texts(list(&set["spec"]["volumeClaimTemplates"]), "/metadata/name") {
            things.insert(format!(
                "PersistentVolumeClaim {namespace}/\"{claim}-{name}-{ordinal}\""
            ));
        }
    }
    let args = list(&set["spec"]["template"]["spec"]["containers"][0]["args"]);
    for arg in args.iter().filter_map(Value::as_str) {
        if arg.starts_with("--initial-cluster-token=") {
            things.insert(arg.to_owned());
        }
    }
    Ok(things)
}
