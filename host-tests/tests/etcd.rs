//! The package compared with etcd itself: the lists of flags and feature gates, rendered clusters, and refused values.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use etcd_package::etcd::Minor;
use host_tests::etcd::{CertificateAuthority, Etcd, Invocation, Place, Process, candidates};
use host_tests::{Case, data, render, root, same};
use libtest_mimic::{Arguments, Trial};
use rutter::Position;
use rutter::yaml::{self, Entry, Key, Node, Scalar, Value};
use serde::Deserialize;

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    // A member mostly waits.
    arguments.test_threads.get_or_insert(8);
    let binaries = Etcd::all()?;
    let names = Arc::new(candidates(&binaries)?);
    let authority = Arc::new(CertificateAuthority::new()?);
    if std::env::var_os("BLESS").is_some() {
        for etcd in &binaries {
            fs::write(list(etcd.minor), flags(etcd, &names)?)?;
        }
    }
    let mut trials = Vec::new();
    for etcd in &binaries {
        trials.push(trial(
            format!("flags::{}", etcd.minor),
            (etcd.clone(), Arc::clone(&names)),
            |(etcd, names)| {
                let listed = fs::read_to_string(list(etcd.minor))?;
                same(
                    "list and etcd (`cargo xtask flags` writes the list)",
                    &listed,
                    &flags(etcd, names)?,
                )
            },
        ));
        trials.push(trial(format!("gates::{}", etcd.minor), etcd.clone(), gates));
        trials.push(trial(
            format!("metrics::{}", etcd.minor),
            (etcd.clone(), Arc::clone(&authority)),
            |(etcd, authority)| metrics(etcd, authority),
        ));
        for (cases, invocation) in invocations(etcd)? {
            let first = cases.first().map(String::as_str).unwrap_or_default();
            trials.push(trial(
                format!("starts::{}::{first}", etcd.minor),
                (etcd.clone(), invocation, Arc::clone(&authority)),
                move |(etcd, invocation, authority)| {
                    starts(etcd, invocation, authority).with_context(|| format!("rendered for {}", cases.join(", ")))
                },
            ));
        }
    }
    for row in serde_yaml::from_str::<Vec<Row>>(&data("etcd-refuses.yaml")?)? {
        let row = Arc::new(row);
        let minors = row
            .minors
            .iter()
            .flatten()
            .all(|minor| binaries.iter().any(|etcd| etcd.minor.to_string() == *minor));
        ensure!(minors, "{}: unsupported minor version", row.name);
        for etcd in binaries.iter().filter(|etcd| row.is_about(etcd.minor)) {
            trials.push(trial(
                format!("refuses::{}::{}", etcd.minor, row.name),
                (etcd.clone(), Arc::clone(&row), Arc::clone(&authority)),
                |(etcd, row, authority)| row.check(etcd, authority),
            ));
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn trial<T: Send + 'static>(name: String, with: T, run: impl FnOnce(&T) -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || Ok(run(&with).map_err(|error| format!("{error:#}"))?))
}

/// Returns the path of the package's list of flags of a minor version.
fn list(minor: Minor) -> PathBuf {
    root().join(format!("crates/etcd-package/src/etcd/flags/v{minor}.txt"))
}

/// Formats etcd's own list of flags.
fn flags(etcd: &Etcd, names: &BTreeSet<String>) -> Result<String> {
    let flags = etcd.flags(names)?;
    ensure!(flags.len() > 50, "only {flags:?} are found");
    let line = |flag: &&str| {
        Ok(match etcd.values_of(flag)? {
            Some(values) => format!("{flag} {values}\n"),
            None => format!("{flag}\n"),
        })
    };
    flags.iter().map(line).collect()
}

fn gates(etcd: &Etcd) -> Result<()> {
    let ours: BTreeSet<String> = etcd.minor.feature_gates().map(str::to_owned).collect();
    assert_eq!(ours, etcd.feature_gates()?);
    // If the help lists none, it may be parsed wrongly.
    ensure!(ours.is_empty() != etcd.accepts("feature-gates")?, "{ours:?}");
    Ok(())
}

/// Checks that etcd has the metrics of the alerts.
fn metrics(etcd: &Etcd, authority: &CertificateAuthority) -> Result<()> {
    let values = on_release("monitoring: {rules: {enabled: true}}\n", &etcd.version)?;
    let rendering = render("etcd", "default", &values).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let mut rules = rendering
        .manifests
        .iter()
        .filter(|manifest| manifest.kind == "PrometheusRule");
    let rules = &rules.next().context("rules")?.document;
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named: BTreeSet<&str> = rules.split(word).filter(|word| word.starts_with("etcd_")).collect();
    ensure!(named.len() > 5, "the rules name {named:?}");
    let mut process = Process::start(etcd, &Invocation::of_first_member(&rendering)?, authority)?;
    process.ready()?;
    process.etcdctl(&["put", "key", "value"])?;
    let present = process.metrics()?;
    for metric in named {
        let starts = |line: &str| {
            line.strip_prefix(metric)
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        ensure!(
            present.lines().any(starts),
            "etcd {} has no metric {metric}",
            etcd.version
        );
    }
    Ok(())
}

fn starts(etcd: &Etcd, invocation: &Invocation, authority: &CertificateAuthority) -> Result<()> {
    let mut process = Process::start(etcd, invocation, authority)?;
    process.ready()?;
    process.etcdctl(&["endpoint", "health"])?;
    Ok(())
}

/// Returns the invocations of all cases on a release: each different one once, with its cases.
fn invocations(etcd: &Etcd) -> Result<Vec<(Vec<String>, Invocation)>> {
    let mut all: BTreeMap<Invocation, Vec<String>> = BTreeMap::new();
    for case in Case::all()? {
        let Ok(values) = str::from_utf8(&case.input) else {
            continue;
        };
        let name = case.argument("--name").unwrap_or("etcd");
        let namespace = case.argument("--namespace").unwrap_or("default");
        // Streams, and cases that are refused as they are.
        if render(name, namespace, values).is_err() {
            continue;
        }
        // Some use features that another release lacks.
        if let Ok(rendering) = render(name, namespace, &on_release(values, &etcd.version)?) {
            let invocation = Invocation::of_first_member(&rendering)?.at(&Place::nowhere())?;
            all.entry(invocation).or_default().push(case.name);
        }
    }
    ensure!(all.len() > 10, "there are only {} different invocations", all.len());
    Ok(all.into_iter().map(|(invocation, cases)| (cases, invocation)).collect())
}

/// Changes values to another release.
fn on_release(values: &str, version: &str) -> Result<String> {
    let place = yaml::Place {
        source: 0,
        position: Position { line: 1, column: 1 },
    };
    let mut document = yaml::parse(values, 0, 1)
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?
        .unwrap_or_else(|| Node::empty(place));
    let Value::Mapping(entries) = &mut document.value else {
        bail!("values are not a mapping")
    };
    entries.retain(|entry| entry.key.scalar.text != "version");
    for entry in entries.iter_mut().filter(|entry| entry.key.scalar.text == "image") {
        if let Value::Mapping(image) = &mut entry.value.value {
            image.retain(|entry| entry.key.scalar.text != "tag");
        }
    }
    entries.push(Entry {
        key: Key {
            scalar: Scalar::quoted("version"),
            place,
        },
        value: Node {
            value: Value::Scalar(Scalar::quoted(version)),
            place,
        },
    });
    Ok(document.to_text().0)
}

/// A row of `data/etcd-refuses.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// The minor versions; all if none is named.
    minors: Option<Vec<String>>,
    #[serde(default)]
    beside: String,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The error with which etcd refuses to start.
    says: Option<String>,
    /// The reason why the package refuses values that etcd starts with.
    starts: Option<String>,
    values: String,
    code: String,
}

impl Row {
    fn is_about(&self, minor: Minor) -> bool {
        let minors = self.minors.as_ref();
        minors.is_none_or(|minors| minors.contains(&minor.to_string()))
    }

    fn check(&self, etcd: &Etcd, authority: &CertificateAuthority) -> Result<()> {
        let render = |values: &str| anyhow::Ok(render("etcd", "default", &on_release(values, &etcd.version)?));
        let beside = render(&self.beside)?.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let invocation = Invocation::of_first_member(&beside)?.with(&self.flags, &self.variables);
        let mut process = Process::start(etcd, &invocation, authority)?;
        match (&self.says, &self.starts) {
            (Some(says), None) => {
                let status = process.end()?;
                let log = process.log()?;
                ensure!(
                    !status.success() && log.contains(says),
                    "etcd ended ({status}); its log:\n{log}"
                );
            }
            (None, Some(_reason)) => process.ready()?,
            _ => bail!("a row requires either `says` or `starts`"),
        }
        match render(&self.values)? {
            Ok(_) => bail!("the package accepts the values"),
            Err(problems) => ensure!(problems.iter().any(|problem| problem.code == self.code), "{problems:?}"),
        }
        Ok(())
    }
}
