//! Tools that install what they render.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Scenario, eventually};
use crate::etcd::Etcd;
use crate::process;
use crate::stage::Stage;
use crate::writer::ONE_ELECTION;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "helm",
    "helm installs, upgrades, rolls back and uninstalls the chart with its post-renderer, and refuses an unsafe upgrade",
    helm,
)];

fn helm(stage: &Stage<'_>) -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([stage.checkout.join("dist")].into_iter().chain(env::split_paths(&path)))?;
    let helm = |args: &[&str]| {
        let mut helm = stage.kubectl.entrance.command("helm");
        helm.env("PATH", &path)
            .env("HELM_PLUGINS", stage.checkout.join("plugins/helm"))
            .args(args)
            .args(["--namespace", &stage.namespace]);
        process::read(&mut helm)
    };
    let chart: PathBuf = stage.checkout.join("chart");
    let chart = chart.display().to_string();
    let install = |verb: &str, set: &str| {
        helm(&[
            verb,
            "orders",
            &chart,
            "--post-renderer",
            "rutter",
            "--wait",
            "--timeout",
            "4m",
            "--set",
            "resources.requests.cpu=20m,resources.requests.memory=64Mi",
            "--set",
            set,
        ])
    };
    install("install", "replicas=3")?;
    let etcd = Etcd::found(stage, "orders-etcd", json!({}));
    etcd.check()?;
    let writer = etcd.writer()?;
    let first = etcd.pod_uid(0)?;
    ensure!(
        install("upgrade", "replicas=1").is_err(),
        "an upgrade that loses the quorum is not refused"
    );
    etcd.check()?;
    ensure!(etcd.pod_uid(0)? == first, "a refused upgrade restarts a member");
    install("upgrade", "pod.annotations.upgraded=yes")?;
    etcd.check()?;
    let second = etcd.pod_uid(0)?;
    ensure!(first != second, "the upgrade restarted nothing");
    helm(&["rollback", "orders", "1", "--wait", "--timeout", "4m"])?;
    etcd.check()?;
    ensure!(etcd.pod_uid(0)? != second, "the rollback restarted nothing");
    writer.more(50)?;
    let report = writer.finish()?;
    helm(&["uninstall", "orders", "--wait"])?;
    eventually("the pods to be gone", || {
        let pods = stage.kubectl.get(&stage.namespace, &["pods"])?;
        Ok(pods["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })?;
    // Data outlive a release.
    let claims = stage.kubectl.get(&stage.namespace, &["pvc"])?;
    ensure!(
        claims["items"].as_array().map(Vec::len) == Some(3),
        "claims went with the release"
    );
    stage.note(report.to_string());
    report.check_pause(ONE_ELECTION)
}
