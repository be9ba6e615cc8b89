//! The source page, reproduced: the seed's manifests compared with ours, pod by pod. `docs/page.md` lists the intended
//! differences.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use host_tests::kubelet::{Pod, expand};
use host_tests::oracles::{documents, kind, parts};
use host_tests::{accepted, data, root};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, EnvVar, Service};
use serde_json::{Map, Value};

/// The options that the page contains as comments.
#[derive(Clone, Copy, PartialEq)]
enum Options {
    None,
    Tls,
    Rest,
}

#[test]
fn the_page_is_reproduced_except_for_the_table() -> Result<()> {
    let table = table()?;
    let mut used = vec![false; table.len()];
    let mut unexpected = Vec::new();
    for (example, options) in [
        ("page", Options::None),
        ("page-tls", Options::Tls),
        ("page-options", Options::Rest),
    ] {
        let page = comparable(&page(options)?)?;
        let ours = comparable(&ours(example)?)?;
        ensure!(page.len() > 50, "only {} parts of the page are compared", page.len());
        for (path, page, ours) in differences(&page, &ours) {
            let row = table
                .iter()
                .position(|row| matches(&row.pattern, &path) && row.change.explains(page, ours));
            match row {
                Some(row) => used[row] = true,
                None => unexpected.push(format!("{example}: {path}: {page:?} on the page, {ours:?} here")),
            }
        }
    }
    assert!(unexpected.is_empty(), "not in docs/page.md:\n{}", unexpected.join("\n"));
    let stale: Vec<_> = table
        .iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|(row, _)| &row.pattern)
        .collect();
    assert!(stale.is_empty(), "in docs/page.md, but not a difference: {stale:?}");
    Ok(())
}

#[test]
fn all_18_dns_names_of_the_page_are_rendered() -> Result<()> {
    let names = |objects: &[Value]| -> Vec<Vec<String>> {
        let certificates = objects.iter().filter(|object| kind(object) == "Certificate");
        let names = certificates.map(|certificate| {
            let names = certificate["spec"]["dnsNames"].as_array().into_iter().flatten();
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        });
        names.collect()
    };
    let page = names(&page(Options::Tls)?);
    let ours = names(&ours("page-tls")?);
    assert_eq!((page.len(), ours.len()), (2, 2));
    for (page, ours) in page.iter().zip(&ours) {
        assert_eq!(page.len(), 18);
        assert!(page.iter().all(|name| ours.contains(name)), "{ours:?}");
    }
    Ok(())
}

/// Returns the page's objects, with some of its comments turned into fields.
fn page(options: Options) -> Result<Vec<Value>> {
    let mut objects = documents(&uncomment(&data("seed/etcd.yaml")?, options))?;
    if options == Options::Tls {
        objects.extend(documents(&data("seed/issuer.yaml")?)?);
        objects.extend(documents(&data("seed/certificates.yaml")?)?);
    }
    Ok(objects)
}

/// The page has prose after `##` and options after a single `#`.
fn uncomment(text: &str, options: Options) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indent = &line[..line.len() - trimmed.len()];
        let Some(option) = trimmed.strip_prefix("# ") else {
            // The TLS block for this variable is mis-indented, so its value is changed instead.
            let tls = options == Options::Tls && line.trim() == "value: \"http\"";
            lines.push(if tls {
                line.replace("http", "https")
            } else {
                line.to_owned()
            });
            continue;
        };
        let rest = option.contains("auto-compaction") || option.contains("storageClassName");
        let broken = option.contains("URI_SCHEME") || option.starts_with("value: \"https\"");
        let wanted = match options {
            Options::None => false,
            Options::Tls => !rest,
            Options::Rest => rest,
        };
        if wanted && !broken {
            lines.push(format!("{indent}{option}"));
        }
    }
    lines.join("\n") + "\n"
}

fn ours(example: &str) -> Result<Vec<Value>> {
    let values = fs::read_to_string(root().join(format!("examples/{example}.yaml")))?;
    let rendering = accepted(&values)?;
    let objects = rendering.manifests.iter().map(|manifest| documents(&manifest.document));
    Ok(objects.collect::<Result<Vec<_>>>()?.concat())
}

/// Returns all parts of all objects by path. StatefulSets are replaced by their pods.
fn comparable(objects: &[Value]) -> Result<Map<String, Value>> {
    let of_kind = |wanted: &'static str| objects.iter().filter(move |object| kind(object) == wanted).cloned();
    let config_maps: Vec<ConfigMap> = of_kind("ConfigMap")
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()?;
    let mut comparable = Map::new();
    let mut add = |label: &str, object: &Value| {
        for (path, value) in parts(object) {
            comparable.insert(format!("{label} {path}"), value);
        }
    };
    for object in objects {
        let label = format!(
            "{} {}",
            kind(object),
            object["metadata"]["name"].as_str().unwrap_or_default()
        );
        match kind(object) {
            "StatefulSet" => {
                let stateful_set: StatefulSet = serde_json::from_value(object.clone())?;
                for ordinal in 0..3 {
                    add(
                        &format!("StatefulSet pod {ordinal}"),
                        &pod(&stateful_set, ordinal, &config_maps)?,
                    );
                }
                add("StatefulSet", &serde_json::to_value(&stateful_set)?);
            }
            "Service" => add(
                &label,
                &serde_json::to_value(serde_json::from_value::<Service>(object.clone())?)?,
            ),
            _ => add(&label, object),
        }
    }
    // The contents of pods are compared pod by pod.
    comparable.retain(|path, _| !path.starts_with("StatefulSet spec.template."));
    Ok(comparable)
}

/// Returns a pod of the StatefulSet with its variables resolved and expanded.
fn pod(stateful_set: &StatefulSet, ordinal: u32, config_maps: &[ConfigMap]) -> Result<Value> {
    let name = format!("{}-{ordinal}", stateful_set.metadata.name.as_deref().context("a name")?);
    let spec = stateful_set.spec.as_ref().context("a spec")?;
    let mut template = spec.template.clone();
    let pod = Pod {
        name: &name,
        namespace: "default",
        template: &spec.template,
        config_maps,
    };
    let containers = template.spec.as_mut().context("a pod spec")?.containers.iter_mut();
    for container in containers {
        let environment: BTreeMap<String, String> = pod.environment(container)?;
        for arg in container.args.iter_mut().flatten() {
            *arg = expand(arg, &environment);
            ensure!(!arg.contains("$("), "{arg} is not expanded");
        }
        let resolved = environment.into_iter().map(|(name, value)| EnvVar {
            name,
            value: Some(value),
            ..EnvVar::default()
        });
        container.env = Some(resolved.collect());
    }
    Ok(serde_json::to_value(&template)?)
}

fn differences<'a>(
    page: &'a Map<String, Value>,
    ours: &'a Map<String, Value>,
) -> Vec<(String, Option<&'a Value>, Option<&'a Value>)> {
    let paths: std::collections::BTreeSet<&String> = page.keys().chain(ours.keys()).collect();
    let pairs = paths
        .into_iter()
        .map(|path| (path.clone(), page.get(path), ours.get(path)));
    pairs.filter(|(_, page, ours)| page != ours).collect()
}

enum Change {
    /// Only here.
    Present,
    /// Only on the page.
    Absent,
    /// The first text is on the page, the second is rendered instead.
    Replaced(String, String),
}

impl Change {
    fn explains(&self, page: Option<&Value>, ours: Option<&Value>) -> bool {
        match (self, page, ours) {
            (Self::Present, None, Some(_)) | (Self::Absent, Some(_), None) => true,
            (Self::Replaced(from, to), Some(Value::String(page)), Some(Value::String(ours))) => {
                page.contains(from.as_str()) && page.replace(from, to) == *ours
            }
            _ => false,
        }
    }
}

struct Row {
    pattern: String,
    change: Change,
}

/// Parses the table of `docs/page.md`.
fn table() -> Result<Vec<Row>> {
    let text = fs::read_to_string(root().join("docs/page.md"))?;
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells.as_slice() {
            [pattern, page, here, _] if pattern.starts_with('`') => Some((*pattern, *page, *here)),
            _ => None,
        }
    });
    let row = |(pattern, page, here): (&str, &str, &str)| {
        let change = match (page, here) {
            ("absent", "present") => Change::Present,
            ("present", "absent") => Change::Absent,
            _ => Change::Replaced(page.trim_matches('`').to_owned(), here.trim_matches('`').to_owned()),
        };
        Ok(Row {
            pattern: pattern.trim_matches('`').to_owned(),
            change,
        })
    };
    let table: Vec<Row> = rows.map(row).collect::<Result<_>>()?;
    ensure!(!table.is_empty(), "docs/page.md has no table");
    Ok(table)
}

/// Whether `text` matches `pattern`, in which `*` matches any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|end| matches(rest, &text[end..]))
        }),
    }
}
