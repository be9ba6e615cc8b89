//! The API server accepts all that is rendered, and says nothing of unknown fields.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::Scenario;
use crate::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "strict",
    "every example and every case passes the API server's strict validation",
    strict,
)
.short()];

/// What is expected of each case that renders: what every route gives, byte for byte.
fn rendered(stage: &Stage<'_>) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(stage.checkout.join("host-tests/cases"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let expected = entry.path().join("expected.yaml");
        let is_rendered = fs::read_to_string(&expected).is_ok_and(|text| text.contains("\nkind: StatefulSet\n"));
        // A stream has others' objects in it, whose kinds the API server need not know.
        if is_rendered && !name.starts_with("stream") {
            found.push((name, expected));
        }
    }
    found.sort();
    Ok(found)
}

/// An unknown field is refused: shown first, with one that is misspelt.
fn strict(stage: &Stage<'_>) -> Result<()> {
    const DRY_RUN: [&str; 4] = ["apply", "--server-side", "--dry-run=server", "--validate=strict"];
    let cases = rendered(stage)?;
    ensure!(cases.len() > 50, "only {} cases are there", cases.len());
    let mut namespaces = BTreeSet::new();
    for (_, path) in &cases {
        let text = fs::read_to_string(path)?;
        let named = text.lines().filter_map(|line| line.strip_prefix("  namespace: "));
        namespaces.extend(named.map(|name| name.trim_matches('"').to_owned()));
    }
    for namespace in namespaces.iter().filter(|name| *name != "default") {
        stage
            .kubectl
            .run(&["create", "namespace", namespace])
            .or_else(|error| {
                if format!("{error:#}").contains("AlreadyExists") {
                    Ok(String::new())
                } else {
                    Err(error)
                }
            })?;
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
    // Cases share names, which makes one the owner of another's fields.
    args.push("--force-conflicts".to_owned());
    for (_, path) in &cases {
        args.extend(["--filename".to_owned(), path.display().to_string()]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let accepted = stage.kubectl.run(&args)?;
    stage.note(format!("{} objects of {} cases", accepted.lines().count(), cases.len()));
    Ok(())
}
