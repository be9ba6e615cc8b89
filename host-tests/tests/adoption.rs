//! Adoption of clusters that something else has created: no immutable field of a StatefulSet changes, and etcd's files
//! keep their paths in the volume.

use std::fs;

use anyhow::{Context, Result, ensure};
use host_tests::oracles::{documents, kind};
use host_tests::{data, root};
use serde_json::Value;

/// The fields that the API server never allows to change (`pkg/apis/apps/validation`, `ValidateStatefulSetUpdate`).
const IMMUTABLE: [&str; 4] = ["podManagementPolicy", "selector", "serviceName", "volumeClaimTemplates"];

fn render(example: &str, name: &str) -> Result<Vec<Value>> {
    let values = fs::read_to_string(root().join("examples").join(example))?;
    let rendering =
        host_tests::render(name, "default", &values).map_err(|diagnostics| anyhow::anyhow!("{diagnostics:#?}"))?;
    let stream: Vec<String> = rendering
        .manifests
        .into_iter()
        .map(|manifest| manifest.document)
        .collect();
    documents(&stream.join("---\n"))
}

fn stateful_set(objects: &[Value]) -> Result<&Value> {
    let mut sets = objects.iter().filter(|object| kind(object) == "StatefulSet");
    sets.next().context("a StatefulSet")
}

/// Removes the types of claims, which others write and we leave out.
fn without_types(mut set: Value) -> Value {
    for claim in set["spec"]["volumeClaimTemplates"].as_array_mut().into_iter().flatten() {
        if let Some(claim) = claim.as_object_mut() {
            claim.remove("apiVersion");
            claim.remove("kind");
        }
    }
    set
}

fn check_immutable(before: &Value, after: &Value) -> Result<()> {
    ensure!(before["metadata"]["name"] == after["metadata"]["name"], "another name");
    let (before, after) = (without_types(before.clone()), without_types(after.clone()));
    for field in IMMUTABLE {
        let (before, after) = (&before["spec"][field], &after["spec"][field]);
        ensure!(!before.is_null(), "{field} is missing before");
        ensure!(before == after, "{field}: {before} before, {after} after");
    }
    Ok(())
}

/// Returns the value of a flag of the first member, whose name is `pod`.
fn flag(set: &Value, name: &str, pod: &str) -> Result<String> {
    let args = set["spec"]["template"]["spec"]["containers"][0]["args"].as_array();
    let mut args = args.into_iter().flatten().filter_map(Value::as_str);
    let start = format!("--{name}=");
    let arg = args
        .find_map(|arg| arg.strip_prefix(&start))
        .with_context(|| format!("no --{name}"))?;
    Ok(arg.replace("$(HOSTNAME)", pod))
}

/// Returns the path of a directory in the volume that is mounted at `mount`.
fn in_volume<'p>(path: &'p str, mount: &str) -> Result<&'p str> {
    let path = path.strip_prefix(mount).context("outside of the volume")?;
    Ok(path.trim_start_matches('/'))
}

#[test]
fn the_pages_cluster() -> Result<()> {
    let page = documents(&data("seed/etcd.yaml")?)?;
    let ours = render("adopt-page.yaml", "etcd")?;
    let (before, after) = (stateful_set(&page)?, stateful_set(&ours)?);
    check_immutable(before, after)?;
    for directory in ["data-dir", "wal-dir"] {
        assert_eq!(flag(before, directory, "etcd-0")?, flag(after, directory, "etcd-0")?);
    }
    Ok(())
}

#[test]
fn a_charts_cluster() -> Result<()> {
    let chart: Value = serde_yaml::from_str(&data("adopted-chart.yaml")?)?;
    let ours = render("adopt-chart.yaml", "my-release-etcd")?;
    let after = stateful_set(&ours)?;
    check_immutable(&chart, after)?;
    let etcd = |field: &str| chart["etcd"][field].as_str().context("a fact");
    let pod = "my-release-etcd-0";
    for (directory, before) in [("data-dir", etcd("dataDir")?), ("wal-dir", etcd("walDir")?)] {
        let now = flag(after, directory, pod)?;
        assert_eq!(in_volume(before, etcd("mountPath")?)?, in_volume(&now, "/data")?);
    }
    assert_eq!(flag(after, "initial-advertise-peer-urls", pod)?, etcd("peerUrls")?);
    assert_eq!(flag(after, "advertise-client-urls", pod)?, etcd("clientUrls")?);
    let services = ours.iter().filter(|object| kind(object) == "Service");
    let names: Vec<_> = services.map(|service| service["metadata"]["name"].as_str()).collect();
    assert_eq!(
        names,
        [chart["spec"]["serviceName"].as_str(), Some(etcd("clientService")?)]
    );
    Ok(())
}
