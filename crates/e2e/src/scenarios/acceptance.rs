//! The API server accepts all rendered objects, without unknown fields.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::process;
use crate::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "strict",
        "every example and every case passes the API server's strict validation",
        strict,
    )
    .short(),
    Scenario::new(
        "updates",
        "manifests can be applied over an earlier version of themselves",
        updates,
    ),
];

/// Returns the expected output of each case that renders. Every route prints the same bytes.
fn rendered(stage: &Stage<'_>) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(stage.checkout.join("host-tests/cases"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let expected = entry.path().join("expected.yaml");
        let is_rendered = fs::read_to_string(&expected).is_ok_and(|text| text.contains("\nkind: StatefulSet\n"));
        // A stream contains foreign objects, whose kinds the API server need not know.
        if is_rendered && !name.starts_with("stream") {
            found.push((name, expected));
        }
    }
    found.sort();
    Ok(found)
}

/// Creates the namespaces of manifests, besides the scenario's own. They are not deleted.
fn create_namespaces(stage: &Stage<'_>, manifests: &str) -> Result<()> {
    let named = manifests.lines().filter_map(|line| line.strip_prefix("  namespace: "));
    let named: BTreeSet<_> = named.map(|name| name.trim_matches('"')).collect();
    for namespace in named {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        if namespace != "default" && namespace != stage.namespace {
            stage.kubectl.apply(&manifest.to_string())?;
        }
    }
    Ok(())
}

/// Returns the values of a case or an example of a single cluster, with the arguments of its rendering.
fn inputs(stage: &Stage<'_>, name: &str) -> Result<Option<(PathBuf, Vec<String>)>> {
    let (input, args) = if let Some(example) = name.strip_prefix("example-") {
        (
            stage.checkout.join("examples").join(format!("{example}.yaml")),
            String::new(),
        )
    } else {
        let directory = stage.checkout.join("host-tests/cases").join(name);
        (
            directory.join("input.yaml"),
            fs::read_to_string(directory.join("args")).unwrap_or_default(),
        )
    };
    let is_bare = !fs::read_to_string(&input)?
        .lines()
        .any(|line| line.starts_with("kind:"));
    // The scenario sets the namespace.
    let takes_namespace = args.lines().any(|arg| arg.starts_with("--namespace"));
    Ok((is_bare && !takes_namespace).then(|| (input, args.lines().map(str::to_owned).collect())))
}

/// Applies values with a harmless change over an installed first version: immutable fields must not depend on the
/// change. First checks that a changed claim template is refused. No pods run, because a quota allows none.
fn updates(stage: &Stage<'_>) -> Result<()> {
    // Some cases contain their own namespace in addresses.
    let namespace = "default";
    stage.kubectl.apply(
        &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods", "namespace": namespace},
            "spec": {"hard": {"pods": "0"}}})
        .to_string(),
    )?;
    let dry_run = ["apply", "--dry-run=server", "--validate=strict", "--filename", "-"];
    let small = stage.render(namespace, "etcd", &json!({}))?;
    stage.kubectl.apply(&small)?;
    let large = stage.render(namespace, "etcd", &json!({"storage": {"data": {"size": "100Gi"}}}))?;
    let refused = stage
        .kubectl
        .feed(&dry_run, &large)
        .err()
        .map(|error| format!("{error:#}"));
    ensure!(
        refused
            .as_ref()
            .is_some_and(|error| error.contains("updates to statefulset spec")),
        "a changed claim template is not refused: {refused:?}"
    );
    stage.kubectl.feed(&["delete", "--filename", "-", "--wait"], &small)?;

    let mut count = 0;
    for (name, _) in rendered(stage)? {
        let Some((input, args)) = inputs(stage, &name)? else {
            continue;
        };
        let render = |more: &[&str]| {
            let mut rutter = Command::new(stage.checkout.join("dist/rutter"));
            rutter
                .arg("render")
                .arg("--values")
                .arg(&input)
                .args(["--namespace", namespace])
                .args(&args)
                .args(more);
            process::read(&mut rutter).with_context(|| name.clone())
        };
        let first = render(&[])?;
        let second = render(&[
            "--set",
            "commonAnnotations.updated=yes",
            "--set",
            "pod.annotations.updated=yes",
        ])?;
        ensure!(first != second, "{name}: the change changes nothing");
        create_namespaces(stage, &first)?;
        stage.kubectl.apply(&first).with_context(|| name.clone())?;
        stage.kubectl.feed(&dry_run, &second).with_context(|| name.clone())?;
        stage
            .kubectl
            .feed(&["delete", "--filename", "-", "--ignore-not-found", "--wait"], &first)?;
        count += 1;
    }
    ensure!(count > 30, "only {count} cases were tried");
    stage.note(format!("{count} cases"));
    Ok(())
}

/// Checks that an unknown field is refused, first with a misspelt one.
fn strict(stage: &Stage<'_>) -> Result<()> {
    const DRY_RUN: [&str; 4] = ["apply", "--server-side", "--dry-run=server", "--validate=strict"];
    let cases = rendered(stage)?;
    ensure!(cases.len() > 50, "only {} cases are there", cases.len());
    for (_, path) in &cases {
        create_namespaces(stage, &fs::read_to_string(path)?)?;
    }
    let (_, first) = cases.first().context("no case")?;
    let misspelt = fs::read_to_string(first)?.replace("podManagementPolicy:", "podManagmentPolicy:");
    let mut args = DRY_RUN.to_vec();
    args.extend(["--filename", "-"]);
    let refused = stage
        .kubectl
        .feed(&args, &misspelt)
        .err()
        .map(|error| format!("{error:#}"));
    ensure!(
        refused
            .as_ref()
            .is_some_and(|error| error.contains("podManagmentPolicy")),
        "a misspelt field is not refused: {refused:?}"
    );

    let mut args: Vec<String> = DRY_RUN.map(str::to_owned).to_vec();
    // Cases share names, so one would own another's fields.
    args.push("--force-conflicts".to_owned());
    for (_, path) in &cases {
        args.extend(["--filename".to_owned(), path.display().to_string()]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let accepted = stage.kubectl.run(&args)?;
    stage.note(format!("{} objects of {} cases", accepted.lines().count(), cases.len()));
    Ok(())
}
