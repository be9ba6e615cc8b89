//! Events in the life of a cluster, each under a client that writes continuously, and at the end reads back every
//! acknowledged write.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::bootstrap::{both, with};
use super::{Scenario, eventually};
use crate::etcd::{Etcd, READY};
use crate::stage::Stage;
use crate::writer::{ONE_ELECTION, TWO_ELECTIONS};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "rolling-update",
        "a change of the pod template restarts members one by one",
        rolling_update,
    )
    .short(),
    Scenario::new(
        "drain",
        "draining two nodes evicts one member, because the budget protects the second",
        drain,
    ),
    Scenario::new(
        "killed-leader",
        "the leader is killed, and another takes over",
        killed_leader,
    ),
    Scenario::new(
        "emptied-volume",
        "a member that lost its volume is replaced",
        emptied_volume,
    ),
    Scenario::new("renewal", "certificates are renewed, then their CA", renewal),
    Scenario::new(
        "renewal-self-signed",
        "the source page's certificates do not survive a renewal, which is why they are not the default",
        renewal_self_signed,
    ),
    Scenario::new("upgrade", "etcd 3.5 becomes 3.6, then 3.7", upgrade),
    Scenario::new(
        "backup",
        "a backup by the CronJob is restored into a new cluster",
        backup,
    ),
    Scenario::new("defrag", "the CronJob frees space", defrag),
    Scenario::new(
        "full-quota",
        "a full quota raises an alarm, and can be cleared",
        full_quota,
    ),
];

/// Two members down at once would stop acknowledgements. Pods are created in parallel, but updated one by one, each
/// when the previous one is ready.
fn rolling_update(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", both("CertManager"))?;
    let writer = etcd.writer()?;
    let before = etcd.pod_uid(0)?;
    etcd.change(json!({"pod": {"annotations": {"rolled": "yes"}}}))?;
    etcd.check()?;
    ensure!(etcd.pod_uid(0)? != before, "the first member was not restarted");
    writer.more(50)?;
    stage.finish(writer, ONE_ELECTION)
}

/// The second drain is the negative case: with a budget of two it would succeed, and writes would stop.
fn drain(stage: &Stage<'_>) -> Result<()> {
    let etcd = Etcd::start(stage, "etcd", both("CertManager"))?;
    let writer = etcd.writer()?;
    let before = etcd.pod_uid(0)?;
    let node = |ordinal| -> Result<String> {
        let pod = etcd.get_pod(ordinal)?;
        Ok(pod["spec"]["nodeName"].as_str().context("a pod on no node")?.to_owned())
    };
    let (first, second) = (node(0)?, node(1)?);
    let drain = |node: &str, timeout: &str| {
        // Other scenarios have members on these nodes, too.
        let selector = "--pod-selector=e2e=drain";
        stage
            .kubectl
            .run(&["drain", node, "--delete-emptydir-data", selector, timeout])
    };
    stage.kubectl.run(&[
        "label",
        "pods",
        "--selector=app.kubernetes.io/instance=etcd",
        "e2e=drain",
        "--namespace",
        &stage.namespace,
    ])?;
    let drained = drain(&first, "--timeout=120s").and_then(|_| {
        let refused = drain(&second, "--timeout=8s").err().map(|error| format!("{error:#}"));
        ensure!(
            refused
                .as_ref()
                .is_some_and(|error| error.contains("disruption budget")),
            "the budget does not keep a second member: {refused:?}"
        );
        writer.more(50)
    });
    for node in [&first, &second] {
        stage.kubectl.run(&["uncordon", node])?;
    }
    drained?;
    etcd.check()?;
    ensure!(etcd.pod_uid(0)? != before, "the first member was not evicted");
    writer.more(50)?;
    stage.finish(writer, ONE_ELECTION)
}

fn killed_leader(stage: &Stage<'_>) -> Result<()> {
    let etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let leader = etcd.leader()?;
    let pod = etcd.get_pod(leader)?;
    let node = pod["spec"]["nodeName"].as_str().context("a pod on no node")?;
    let container = pod["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .unwrap_or_default();
    let container = container
        .strip_prefix("containerd://")
        .context("a container that is not containerd's")?;
    stage.cluster.kill(node, container)?;
    eventually("the leader to be restarted", || {
        let restarts = &etcd.get_pod(leader)?["status"]["containerStatuses"][0]["restartCount"];
        Ok((restarts.as_u64() > Some(0)).then_some(()))
    })?;
    etcd.check()?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// A member that starts as a new one on an empty volume does not know its votes. First checks that it does not start
/// this way, then replaces it with the steps of `docs/recovery.md`.
fn emptied_volume(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    writer.more(50)?;
    let claim = "etcd-data-etcd-2";
    lose_volume(&etcd, stage, 2, claim)?;
    let log = eventually("the member with the empty volume to fail", || {
        let pod = etcd.get_pod(2)?;
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
        (restarts >= Some(1))
            .then(|| stage.logs(&etcd.pod(2), true))
            .transpose()
    })?;
    let log = log
        .lines()
        .rev()
        .find(|line| line.contains("panic") || line.contains("fatal"))
        .unwrap_or_default();
    stage.note(format!(
        "a new member on an empty volume: {}",
        log.chars().take(160).collect::<String>()
    ));

    etcd.change(json!({"bootstrap": {"state": "Existing"}}))?;
    let list = etcd.etcdctl_json(0, &["member", "list", "--hex"])?;
    let members = list["members"].as_array().context("a list without members")?;
    let lost = members
        .iter()
        .find(|member| member["name"] == "etcd-2")
        .context("no member etcd-2")?;
    let identity = match &lost["ID"] {
        Value::String(text) => text.clone(),
        number => format!("{:x}", number.as_u64().context("a member without an identity")?),
    };
    etcd.etcdctl(0, &["member", "remove", &identity])?;
    let peer = format!(
        "--peer-urls=http://etcd-2.etcd.{}.svc.cluster.local:2380",
        stage.namespace
    );
    eventually("the member to be added", || {
        etcd.etcdctl(0, &["member", "add", "etcd-2", &peer]).map(Some)
    })?;
    lose_volume(&etcd, stage, 2, claim)?;
    etcd.check()?;
    writer.more(50)?;
    stage.finish(writer, ONE_ELECTION)
}

/// Deletes a member's volume: its claim, and its pod. The StatefulSet creates both again.
fn lose_volume(etcd: &Etcd<'_>, stage: &Stage<'_>, ordinal: u64, claim: &str) -> Result<()> {
    let namespace = ["--namespace", &stage.namespace];
    stage
        .kubectl
        .run(&["delete", "pvc", claim, "--wait=false", namespace[0], namespace[1]])?;
    stage.kubectl.run(&[
        "delete",
        "pod",
        &etcd.pod(ordinal),
        "--wait=false",
        namespace[0],
        namespace[1],
    ])?;
    eventually("the claim to be created again", || {
        let claim = stage.kubectl.get(&stage.namespace, &["pvc", claim])?;
        let is_new = claim["metadata"]["deletionTimestamp"].is_null() && claim["status"]["phase"] == "Bound";
        Ok(is_new.then_some(()))
    })
}

/// Certificates of a CA: a renewal requires no restart, because members read their certificates for each connection.
/// The CA's own renewal keeps its key, so certificates from before and after are both trusted.
fn renewal(stage: &Stage<'_>) -> Result<()> {
    let etcd = Etcd::start(stage, "etcd", both("CertManager"))?;
    let writer = etcd.writer()?;
    let leaves = ["etcd-client", "etcd-server", "etcd-user.writer"];
    renew(stage, &leaves)?;
    mounted(stage, &etcd)?;
    etcd.renew_client_secret()?;
    rejoins(stage, &etcd, 0)?;
    writer.more(50)?;

    let cas = cas(stage)?;
    ensure!(!cas.is_empty(), "there is no CA");
    renew(stage, &cas.iter().map(String::as_str).collect::<Vec<_>>())?;
    renew(stage, &leaves)?;
    mounted(stage, &etcd)?;
    etcd.renew_client_secret()?;
    for ordinal in 0..etcd.replicas() {
        rejoins(stage, &etcd, ordinal)?;
    }
    writer.more(50)?;
    stage.finish(writer, ONE_ELECTION)
}

fn renewal_self_signed(stage: &Stage<'_>) -> Result<()> {
    let issuer = json!({"issuer": {"type": "SelfSigned", "name": "e2e-self-signed"}});
    let mut values = both("CertManager");
    values["tls"]["certManager"] = issuer;
    values["tls"]["clientCertificates"] = json!([]);
    let etcd = Etcd::start(stage, "etcd", values)?;
    renew(stage, &["etcd-client", "etcd-server"])?;
    mounted(stage, &etcd)?;
    restart(stage, &etcd, 2)?;
    let log = eventually("the restarted member to be turned away", || {
        let log = stage.logs("etcd-2", false)?;
        let line = log
            .lines()
            .find(|line| line.contains("bad certificate") || line.contains("x509"));
        Ok(line.map(str::to_owned))
    })?;
    ensure!(!is_ready(&etcd, 2)?, "the member is ready all the same");
    let log: Value = serde_json::from_str(&log).unwrap_or_default();
    stage.note(format!("after the renewal: {}: {}", log["msg"], log["error"]));
    Ok(())
}

/// Triggers new certificates, like `cmctl renew`, and waits until they are issued.
fn renew(stage: &Stage<'_>, certificates: &[&str]) -> Result<()> {
    let issuing = json!({"status": {"conditions": [{
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    for name in certificates {
        let certificate = || {
            stage
                .kubectl
                .get(&stage.namespace, &["certificates.cert-manager.io", name])
        };
        let before = certificate()?["status"]["revision"].as_u64();
        stage.kubectl.run(&[
            "patch",
            "certificates.cert-manager.io",
            name,
            "--namespace",
            &stage.namespace,
            "--subresource=status",
            "--type=merge",
            "--patch",
            &issuing.to_string(),
        ])?;
        eventually(&format!("{name} to be renewed"), || {
            Ok((certificate()?["status"]["revision"].as_u64() > before).then_some(()))
        })?;
    }
    Ok(())
}

/// Returns the names of all certificates of CAs.
fn cas(stage: &Stage<'_>) -> Result<Vec<String>> {
    let all = stage.kubectl.get(&stage.namespace, &["certificates.cert-manager.io"])?;
    let all = all["items"].as_array().context("a list without items")?;
    let cas = all.iter().filter(|certificate| certificate["spec"]["isCA"] == true);
    Ok(cas
        .filter_map(|certificate| certificate["metadata"]["name"].as_str())
        .map(str::to_owned)
        .collect())
}

/// Waits until all members' containers see the current Secrets.
fn mounted(stage: &Stage<'_>, etcd: &Etcd<'_>) -> Result<()> {
    for ordinal in 0..etcd.replicas() {
        let pod = etcd.get_pod(ordinal)?;
        let node = pod["spec"]["nodeName"].as_str().context("a pod on no node")?;
        let directory = stage
            .cluster
            .pods(node)
            .join(etcd.pod_uid(ordinal)?)
            .join("volumes/kubernetes.io~secret");
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let (Some(name), Some(secret)) = (volume["name"].as_str(), volume["secret"]["secretName"].as_str()) else {
                continue;
            };
            let secret = stage.kubectl.get(&stage.namespace, &["secret", secret])?;
            let current = crate::issuer::text(&secret, "tls.crt").context("a Secret without tls.crt")?;
            let file = directory.join(name).join("tls.crt");
            eventually(&format!("{} to be the Secret's", file.display()), || {
                Ok((stage.cluster.read(&file)? == current).then_some(()))
            })?;
        }
    }
    Ok(())
}

/// Restarts a member by deleting its pod.
fn restart(stage: &Stage<'_>, etcd: &Etcd<'_>, ordinal: u64) -> Result<()> {
    let before = etcd.pod_uid(ordinal)?;
    stage
        .kubectl
        .run(&["delete", "pod", &etcd.pod(ordinal), "--namespace", &stage.namespace])?;
    eventually("the pod to be created again", || {
        Ok((etcd.pod_uid(ordinal)? != before).then_some(()))
    })
}

/// Restarts a member and waits until it is healthy.
fn rejoins(stage: &Stage<'_>, etcd: &Etcd<'_>, ordinal: u64) -> Result<()> {
    restart(stage, etcd, ordinal)?;
    stage.kubectl.wait(
        &stage.namespace,
        &format!("pod/{}", etcd.pod(ordinal)),
        "condition=Ready",
        READY,
    )?;
    etcd.check()
}

fn is_ready(etcd: &Etcd<'_>, ordinal: u64) -> Result<bool> {
    let pod = etcd.get_pod(ordinal)?;
    Ok(pod["status"]["containerStatuses"][0]["ready"] == true)
}

/// Upgrades by one minor version at a time, and to 3.7 only once no member's log contains entries of 3.5: these have
/// members' addresses in a format that 3.7 does not know, and it ends at the first of them, with `unmarshal should
/// never fail`. A log begins at the last snapshot, which 3.6 makes every 10,000 writes. Without a smaller
/// `snapshotCount` this fails.
fn upgrade(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", with(both("CertManager"), "version", json!("3.5.33")))?;
    let writer = etcd.writer()?;
    let mut upgrade = |values: Value| -> Result<()> {
        let version = values["version"].clone();
        etcd.change(values)?;
        etcd.check()?;
        let status = etcd.etcdctl_json(0, &["endpoint", "status", "--cluster"])?;
        let members = status.as_array().context("no endpoints")?;
        let all = members.iter().all(|member| member["Status"]["version"] == version);
        ensure!(all && members.len() == 3, "not all members are of {version}: {status}");
        writer.more(50)
    };
    upgrade(json!({"version": "3.6.14", "snapshotCount": 100}))?;
    // More writes than between two snapshots, after the last member of 3.5 is gone.
    writer.more(250)?;
    upgrade(json!({"version": "3.7.1", "snapshotCount": null}))?;
    stage.finish(writer, ONE_ELECTION)
}

fn backup(stage: &Stage<'_>) -> Result<()> {
    let backup = json!({"schedule": "0 0 1 1 *", "keep": 2, "claim": {"size": "20Gi"}});
    let etcd = Etcd::start(stage, "etcd", with(both("CertManager"), "backup", backup))?;
    let writer = etcd.writer()?;
    writer.more(200)?;
    let report = writer.finish()?;
    let snapshot = back_up(stage)?;
    // A write after the backup, which the backup must not contain.
    etcd.etcdctl(0, &["put", "writer/after", "the backup"])?;

    let restored = Etcd::start(
        stage,
        "restored-etcd",
        json!({"restore": {"claimName": "etcd-backup", "snapshot": snapshot}}),
    )?;
    let counted = restored.etcdctl(0, &["get", "writer/", "--prefix", "--count-only", "--write-out=fields"])?;
    let there = counted.lines().find_map(|line| line.strip_prefix("\"Count\" : "));
    let there: u64 = there.context("a count without a count")?.trim().parse()?;
    let kept = report.acknowledged as u64;
    ensure!(
        there >= kept && there < kept + 1 + report.refused(),
        "{kept} writes were backed up, {there} restored"
    );
    ensure!(
        restored
            .etcdctl(0, &["get", "writer/after", "--print-value-only"])?
            .is_empty(),
        "a write from after it"
    );
    // Writes to the new cluster survive its restarts, because it is restored only once.
    restored.etcdctl(0, &["put", "writer/later", "in the new cluster"])?;
    for ordinal in 0..3 {
        rejoins(stage, &restored, ordinal)?;
    }
    let later = restored.etcdctl(0, &["get", "writer/later", "--print-value-only"])?;
    ensure!(
        later.trim() == "in the new cluster",
        "a restart restored again: {later:?}"
    );
    stage.note(format!("{kept} writes before the backup, all restored"));
    Ok(())
}

/// Backs up the cluster `etcd` with its CronJob. Returns the snapshot's name.
pub(super) fn back_up(stage: &Stage<'_>) -> Result<String> {
    run_job(stage, "etcd-backup", "backup-now")?;
    let pods = stage
        .kubectl
        .get(&stage.namespace, &["pods", "--selector=job-name=backup-now"])?;
    let name = pods["items"][0]["metadata"]["name"].as_str();
    Ok(format!("{}.db", name.context("a job without a pod")?))
}

/// Runs a job of a CronJob now.
fn run_job(stage: &Stage<'_>, cron_job: &str, name: &str) -> Result<()> {
    let from = format!("--from=cronjob/{cron_job}");
    stage
        .kubectl
        .run(&["create", "job", name, &from, "--namespace", &stage.namespace])?;
    eventually(&format!("the job of {cron_job}"), || {
        let job = stage.kubectl.get(&stage.namespace, &["job", name])?;
        let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is = |kind: &str| conditions.iter().any(|of| of["type"] == kind && of["status"] == "True");
        if is("Failed") {
            return Ok(Some(Err(anyhow::anyhow!(
                "the job of {cron_job} failed: {}",
                job["status"]
            ))));
        }
        Ok(is("Complete").then_some(Ok(())))
    })?
}

fn sizes(etcd: &Etcd<'_>) -> Result<Vec<u64>> {
    let status = etcd.etcdctl_json(0, &["endpoint", "status", "--cluster"])?;
    let members = status.as_array().context("no endpoints")?;
    Ok(members
        .iter()
        .filter_map(|member| member["Status"]["dbSize"].as_u64())
        .collect())
}

fn revision(etcd: &Etcd<'_>) -> Result<String> {
    let status = etcd.etcdctl_json(0, &["endpoint", "status"])?;
    let revision = status[0]["Status"]["header"]["revision"]
        .as_u64()
        .context("no revision")?;
    Ok(revision.to_string())
}

fn defrag(stage: &Stage<'_>) -> Result<()> {
    let etcd = Etcd::start(
        stage,
        "etcd",
        with(both("CertManager"), "defrag", json!({"schedule": "0 0 1 1 *"})),
    )?;
    let filler = etcd.start_writer("filler", &["--prefix=filler/", "--size=100000"])?;
    filler.more(200)?;
    filler.finish()?;
    let writer = etcd.writer()?;
    etcd.etcdctl(0, &["del", "filler/", "--prefix"])?;
    etcd.etcdctl(0, &["compact", &revision(&etcd)?])?;
    let before = sizes(&etcd)?;
    run_job(stage, "etcd-defrag", "defrag-now")?;
    let after = sizes(&etcd)?;
    ensure!(
        before.len() == 3 && before.iter().zip(&after).all(|(before, after)| *after * 2 < *before),
        "sizes were {before:?} and are {after:?}"
    );
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(format!("from {before:?} to {after:?} bytes; {report}"));
    report.check_pause(ONE_ELECTION)
}

/// Neither compaction nor a restart clears an alarm. `docs/recovery.md` has the steps in their order.
fn full_quota(stage: &Stage<'_>) -> Result<()> {
    let etcd = Etcd::start(stage, "etcd", with(both("CertManager"), "quota", json!("64Mi")))?;
    let writer = etcd.writer()?;
    let filler = etcd.start_writer("filler", &["--prefix=filler/", "--size=500000"])?;
    eventually("the alarm", || {
        let alarms = etcd.etcdctl(0, &["alarm", "list"])?;
        Ok(alarms.contains("NOSPACE").then_some(()))
    })?;
    if etcd.etcdctl(0, &["put", "e2e/greeting", "hello"]).is_ok() {
        bail!("a full cluster takes writes");
    }
    drop(filler);
    stage
        .kubectl
        .run(&["delete", "pod", "filler-etcd", "--namespace", &stage.clients()?])?;
    etcd.etcdctl(0, &["del", "filler/", "--prefix"])?;
    etcd.etcdctl(0, &["compact", &revision(&etcd)?])?;
    etcd.etcdctl(0, &["defrag", "--cluster"])?;
    etcd.etcdctl(0, &["alarm", "disarm"])?;
    etcd.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(report.to_string());
    // The scenario decides for how long the quota is full, so the limit of this pause is the scenario's time limit.
    report.check_pause(Duration::from_secs(120))
}
