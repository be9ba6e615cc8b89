//! The checks of a plan, and the steps where it stops.
//!
//! Each scenario makes a plan for a cluster in an invalid state. The plan is refused or stopped with nothing lost. Then
//! the scenario fixes the cluster, and the same change succeeds.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::directory::{APPLY, NOT_STARTED, PlanDirectory, REFUSED, Route, STEPS, STOPPED};
use super::{change, create_class, create_issuer};
use crate::etcd::{Etcd, merge};
use crate::process;
use crate::scenarios::bootstrap::both;
use crate::scenarios::{Scenario, eventually};
use crate::stage::Stage;
use crate::writer::TWO_ELECTIONS;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("plan-degraded", "no change while a member cannot start", degraded).short(),
    Scenario::new(
        "plan-mid-rollout",
        "no change while a rolling update is stuck",
        mid_rollout,
    ),
    Scenario::new("plan-canary", "an update stops at a partition, and goes on", canary),
    Scenario::new(
        "plan-no-class",
        "no volume is deleted for a class that does not exist",
        no_class,
    ),
    Scenario::new("plan-no-secret", "no member needs a Secret without its CA", no_secret),
    Scenario::new(
        "plan-no-issuer",
        "no member needs a certificate that is not issued",
        no_issuer,
    ),
    Scenario::new(
        "plan-foreign",
        "variables of another chart are gone before a member restarts",
        foreign,
    ),
    Scenario::new("plan-restore", "no snapshot is restored over a cluster", restore),
    Scenario::new(
        "plan-policy",
        "a port that is blocked stops the plan at the first member",
        policy,
    ),
    Scenario::new(
        "plan-tls-versions",
        "members that accept only TLS 1.2 change to only TLS 1.3",
        |stage| {
            let from = with_tls(json!({"maxVersion": "TLS1.2"}));
            super::carry_out(
                stage,
                Route::Apply,
                from,
                json!({"tls": {"minVersion": "TLS1.3", "maxVersion": "TLS1.3"}}),
            )
        },
    ),
    Scenario::new("plan-twice", "a plan is run by one user at a time", twice),
    Scenario::new("plan-other-cluster", "a plan runs only on its cluster", elsewhere),
];

fn with_tls(versions: Value) -> Value {
    let mut values = both("CertManager");
    merge(&mut values["tls"], versions);
    values
}

/// With etcd-2 down, a change of the template would make Kubernetes delete another member's pod.
fn degraded(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let installed = etcd.values.clone();
    merge(&mut etcd.values, json!({"quota": "4Gi"}));
    let quota = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "two-pods", "namespace": stage.namespace},
        "spec": {"hard": {"pods": "2"}},
    });
    stage.kubectl.apply(&quota.to_string())?;
    let namespace = ["--namespace", &stage.namespace];
    stage
        .kubectl
        .run(&["delete", "pod", "etcd-2", namespace[0], namespace[1]])?;

    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.refused(
        &directory.live()?,
        &["cluster-not-healthy", "2 of 3 members are ready", "help: "],
    )?;
    let before = directory.objects()?;
    directory.plan(&installed.to_string(), APPLY)?;
    let run = directory.try_run_within(5)?;
    run.expect(STOPPED, &["failed: wait until all 3 members serve", "etcd-2"])?;
    directory.unchanged(&before)?;
    writer.more(50)?;

    stage
        .kubectl
        .run(&["delete", "resourcequota", "two-pods", namespace[0], namespace[1]])?;
    etcd.check()?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// With an image that cannot be pulled, the update stops at its first member. Any other change would be added to it.
fn mid_rollout(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let before = etcd.pod_uid(2)?;
    let namespace = ["--namespace", &stage.namespace];
    stage.kubectl.run(&[
        "set",
        "image",
        "statefulset/etcd",
        "etcd=gcr.io/etcd-development/etcd:v3.6.999",
        namespace[0],
        namespace[1],
    ])?;
    eventually("the update to be stuck", || {
        let pod = etcd.get_pod(2)?;
        let is_new = pod["metadata"]["uid"].as_str() != Some(&before);
        let waits = pod["status"]["containerStatuses"][0]["state"]["waiting"].is_object();
        Ok((is_new && waits).then_some(()))
    })?;
    let installed = etcd.values.clone();
    merge(&mut etcd.values, json!({"quota": "4Gi"}));
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.refused(
        &directory.live()?,
        &["cluster-not-healthy", "2 of 3 members are ready", "help: "],
    )?;
    let objects = directory.objects()?;
    let apply = directory.rutter_live("apply", &["--yes"])?;
    apply.expect(REFUSED, &["cluster-not-healthy", "help: "])?;
    directory.unchanged(&objects)?;
    // The manifests do not show it, but the plan's first command does.
    directory.plan(&installed.to_string(), APPLY)?;
    directory
        .try_run_within(5)?
        .expect(STOPPED, &["failed: wait until all 3 members serve"])?;
    directory.unchanged(&objects)?;
    writer.more(50)?;

    // Kubernetes deletes no pod that is not ready because of another template.
    let rendered = stage.render(&stage.namespace, "etcd", &installed)?;
    stage.kubectl.apply(&rendered)?;
    stage
        .kubectl
        .run(&["delete", "pod", "etcd-2", namespace[0], namespace[1]])?;
    etcd.check()?;
    change(stage, &etcd, Route::Script, APPLY)?;
    stage.finish(writer, TWO_ELECTIONS)
}

fn canary(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let pods = |etcd: &Etcd<'_>| (0..3).map(|ordinal| etcd.pod_uid(ordinal)).collect::<Result<Vec<_>>>();
    let before = pods(&etcd)?;
    let canary = json!({"update": {"partition": 2}, "pod": {"annotations": {"rolled": "yes"}}});
    merge(&mut etcd.values, canary);
    change(stage, &etcd, Route::Script, APPLY)?;
    let between = pods(&etcd)?;
    ensure!(
        between[..2] == before[..2] && between[2] != before[2],
        "not only etcd-2 has restarted"
    );
    // Another change would be another update on top of this one.
    let canary = etcd.values.clone();
    merge(&mut etcd.values, json!({"quota": "4Gi"}));
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.refused(&directory.live()?, &["cluster-not-healthy", "update.partition: 0"])?;
    etcd.values = canary;
    merge(&mut etcd.values, json!({"update": {"partition": 0}}));
    change(stage, &etcd, Route::Script, APPLY)?;
    let after = pods(&etcd)?;
    ensure!(
        after.iter().zip(&before).all(|(after, before)| after != before) && after[2] == between[2],
        "the update did not go on"
    );
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

fn no_class(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    merge(
        &mut etcd.values,
        json!({"storage": {"data": {"storageClassName": "plan-no-class"}}}),
    );
    let directory = PlanDirectory::new(stage, &etcd)?;
    let before = directory.objects()?;
    directory.plan_live(STEPS)?;
    let run = directory.try_run()?;
    run.expect(
        NOT_STARTED,
        &["failed: check that the storage class plan-no-class exists"],
    )?;
    directory.unchanged(&before)?;
    create_class(stage, "plan-no-class")?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(report.to_string());
    Ok(())
}

fn no_secret(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": stage.namespace},
            "spec": spec,
        })
        .to_string()
    };
    let objects = [
        object("Issuer", "itself", json!({"selfSigned": {}})),
        object(
            "Certificate",
            "members",
            json!({
                "secretName": "issued",
                "commonName": "etcd",
                "isCA": true,
                "dnsNames": [
                    format!("*.etcd.{}.svc.cluster.local", stage.namespace),
                    format!("etcd.{}.svc.cluster.local", stage.namespace),
                    "localhost",
                ],
                "ipAddresses": ["127.0.0.1"],
                "usages": ["digital signature", "key encipherment", "server auth", "client auth", "cert sign"],
                "issuerRef": {"name": "itself"},
            }),
        ),
    ];
    stage.kubectl.apply(&objects.join("\n---\n"))?;
    let issued = process::wait(crate::etcd::READY, "the members' certificate", || {
        Ok(stage.kubectl.get(&stage.namespace, &["secret", "issued"]).ok())
    })?;
    let secret = |data: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "members", "namespace": stage.namespace},
            "data": data,
        })
        .to_string()
    };
    let mut data = issued["data"].clone();
    data.as_object_mut().context("a Secret without data")?.remove("ca.crt");
    stage.kubectl.apply(&secret(data))?;

    let installed = etcd.values.clone();
    merge(
        &mut etcd.values,
        json!({"tls": {"peer": {"mode": "Secret", "secretName": "members"}}}),
    );
    let directory = PlanDirectory::new(stage, &etcd)?;
    let before = directory.objects()?;
    // Rendered objects do not contain the user's Secrets.
    directory.plan(&installed.to_string(), STEPS)?;
    let run = directory.try_run()?;
    run.expect(
        NOT_STARTED,
        &["failed: check that the Secret members holds", "has no ca.crt"],
    )?;
    directory.unchanged(&before)?;
    stage.kubectl.apply(&secret(issued["data"].clone()))?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// cert-manager accepts a Certificate of an issuer that does not exist, and waits.
fn no_issuer(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    let pods = |etcd: &Etcd<'_>| (0..3).map(|ordinal| etcd.pod_uid(ordinal)).collect::<Result<Vec<_>>>();
    let before = pods(&etcd)?;
    let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
    let tls = json!({"peer": {"mode": "CertManager"}, "certManager": {"issuer": issuer}});
    merge(&mut etcd.values, json!({"tls": tls}));
    let directory = PlanDirectory::by(Route::Apply, stage, &etcd)?;
    directory.plan_live(STEPS)?;
    directory.try_run_within(10)?.expect(
        STOPPED,
        &["failed: wait until the certificates are issued", "is not ready"],
    )?;
    ensure!(pods(&etcd)? == before, "a member has restarted");
    let list = etcd.etcdctl(0, &["member", "list"])?;
    ensure!(!list.contains("https"), "etcd looks for a member elsewhere: {list}");
    etcd.check()?;
    create_issuer(stage, "company")?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// A StatefulSet like that of a common chart, created by another tool. `kubectl apply` does not own its fields, and
/// would keep the variables next to the flags, with which etcd ends.
fn foreign(stage: &Stage<'_>) -> Result<()> {
    let peers = (0..3)
        .map(|ordinal| {
            format!(
                "orders-etcd-{ordinal}=http://orders-etcd-{ordinal}.orders-etcd-headless.{}.svc.cluster.local:2380",
                stage.namespace
            )
        })
        .collect::<Vec<_>>()
        .join(",");
    let labels = json!({"app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": "orders"});
    let metadata = |name: &str| json!({"name": name, "namespace": stage.namespace, "labels": labels});
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let service = |name: &str, spec: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": spec}).to_string()
    };
    let ports = json!([
        {"name": "client", "port": 2379, "targetPort": "client"},
        {"name": "peer", "port": 2380, "targetPort": "peer"},
    ]);
    let host = format!(
        "$(MY_POD_NAME).orders-etcd-headless.{}.svc.cluster.local",
        stage.namespace
    );
    let stateful_set = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata("orders-etcd"),
        "spec": {
            "replicas": 3,
            "podManagementPolicy": "Parallel",
            "serviceName": "orders-etcd-headless",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "runAsNonRoot": true,
                        "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "etcd",
                        "image": "quay.io/coreos/etcd:v3.5.33",
                        "command": ["/usr/local/bin/etcd"],
                        "env": [
                            {"name": "MY_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                            variable("MY_STS_NAME", "orders-etcd"),
                            variable("ETCDCTL_API", "3"),
                            variable("ETCD_NAME", "$(MY_POD_NAME)"),
                            variable("ETCD_DATA_DIR", "/bitnami/etcd/data"),
                            variable("ETCD_LISTEN_CLIENT_URLS", "http://0.0.0.0:2379"),
                            variable("ETCD_LISTEN_PEER_URLS", "http://0.0.0.0:2380"),
                            variable("ETCD_ADVERTISE_CLIENT_URLS", &format!("http://{host}:2379")),
                            variable("ETCD_INITIAL_ADVERTISE_PEER_URLS", &format!("http://{host}:2380")),
                            variable("ETCD_INITIAL_CLUSTER_TOKEN", "etcd-cluster-k8s"),
                            variable("ETCD_INITIAL_CLUSTER_STATE", "new"),
                            variable("ETCD_INITIAL_CLUSTER", &peers),
                        ],
                        "ports": [{"name": "client", "containerPort": 2379}, {"name": "peer", "containerPort": 2380}],
                        "readinessProbe": {
                            "exec": {"command": ["etcdctl", "endpoint", "health"]}, "periodSeconds": 5, "timeoutSeconds": 10,
                        },
                        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                        "volumeMounts": [{"name": "data", "mountPath": "/bitnami/etcd"}],
                    }],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}},
            }],
        },
    });
    let objects = [
        service(
            "orders-etcd-headless",
            json!({"clusterIP": "None", "publishNotReadyAddresses": true, "selector": labels, "ports": ports}),
        ),
        service("orders-etcd", json!({"selector": labels, "ports": ports})),
        stateful_set.to_string(),
    ];
    stage.kubectl.feed(
        &["apply", "--server-side", "--field-manager=helm", "--filename", "-"],
        &objects.join("\n---\n"),
    )?;
    // Like the example `adopt-chart.yaml`, except for the user.
    let values = json!({
        "version": "3.5.33",
        "image": {"repository": "quay.io/coreos/etcd"},
        "bootstrap": {"state": "Existing", "token": "etcd-cluster-k8s"},
        "storage": {"data": {"size": "8Gi"}},
        "compaction": {"mode": "Disabled"},
        "naming": {
            "fullname": "orders-etcd",
            "headlessService": "orders-etcd-headless",
            "clientService": "orders-etcd",
            "selectorLabels": labels,
            "dataClaim": "data",
            "dataPath": "data",
            "walPath": "data/member/wal",
        },
    });
    let etcd = Etcd::found(stage, "orders", values);
    etcd.check()?;
    let writer = etcd.writer()?;
    change(stage, &etcd, Route::Script, APPLY)?;
    for ordinal in 0..3 {
        let pod = etcd.get_pod(ordinal)?;
        let variables = pod["spec"]["containers"][0]["env"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let left: Vec<&Value> = variables
            .iter()
            .map(|variable| &variable["name"])
            .filter(|name| name.as_str().is_some_and(|name| name.starts_with("ETCD_")))
            .collect();
        ensure!(left.is_empty(), "etcd-{ordinal} has {left:?}");
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        ensure!(restarts == 0, "etcd-{ordinal} has crashed");
    }
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// A survivor with its data, next to members that have restored a snapshot, would serve both under one name. Restored
/// members have a token of their own, so that they are another cluster.
fn restore(stage: &Stage<'_>) -> Result<()> {
    let claim = json!({"size": "20Gi", "accessModes": ["ReadWriteMany"]});
    let backup = json!({"schedule": "0 0 1 1 *", "keep": 2, "claim": claim});
    let mut etcd = Etcd::start(stage, "etcd", json!({"backup": backup}))?;
    etcd.etcdctl(0, &["put", "when", "before the backup"])?;
    let snapshot = crate::scenarios::life::back_up(stage)?;
    etcd.etcdctl(0, &["put", "when", "after the backup"])?;
    merge(
        &mut etcd.values,
        json!({"restore": {"claimName": "etcd-backup", "snapshot": snapshot}}),
    );
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.refused(&directory.live()?, &["restore", "help: "])?;

    // A user who applies it nevertheless, and empties two members, gets two clusters that do not connect.
    let cluster = |ordinal: u64| -> Result<u64> {
        let status = etcd.etcdctl_json(ordinal, &["endpoint", "status"])?;
        status[0]["Status"]["header"]["cluster_id"]
            .as_u64()
            .context("no cluster ID")
    };
    let (survivor, pod) = (cluster(0)?, etcd.pod_uid(0)?);
    let namespace = ["--namespace", &stage.namespace];
    stage.kubectl.run(&[
        "delete",
        "statefulset",
        "etcd",
        "--cascade=orphan",
        namespace[0],
        namespace[1],
    ])?;
    for ordinal in [1, 2] {
        let (pod, claim) = (etcd.pod(ordinal), format!("etcd-data-etcd-{ordinal}"));
        stage
            .kubectl
            .run(&["delete", "pvc", &claim, "--wait=false", namespace[0], namespace[1]])?;
        stage
            .kubectl
            .run(&["delete", "pod", &pod, namespace[0], namespace[1]])?;
    }
    stage.kubectl.apply(&etcd.render()?)?;
    let restored = eventually("the emptied members to be another cluster", || {
        let (first, second) = (cluster(1)?, cluster(2)?);
        Ok((first == second && first != survivor).then_some(first))
    })?;
    let when = eventually("the emptied members to serve the snapshot", || {
        etcd.etcdctl(1, &["get", "when", "--print-value-only"]).map(Some)
    })?;
    ensure!(when.trim() == "before the backup", "restored members serve {when:?}");
    // The survivor restarts with the new template and its own data, and the others refuse it. Without them it has no
    // quorum, so etcd serves nobody.
    eventually("the survivor to have met the others", || {
        let log = stage.logs(&etcd.pod(0), false)?;
        Ok((etcd.pod_uid(0)? != pod && log.contains("cluster ID mismatch")).then_some(()))
    })?;
    let survivor_reads = etcd.etcdctl(0, &["get", "when", "--print-value-only"]);
    ensure!(survivor_reads.is_err(), "the survivor serves {survivor_reads:?}");
    stage.note(format!(
        "the survivor is of the cluster {survivor:x}, the others are of {restored:x}"
    ));
    Ok(())
}

/// The network of these clusters enforces no policies, so a rule of the bridge replaces one. No object shows it.
fn policy(stage: &Stage<'_>) -> Result<()> {
    const PORT: &str = "23800";
    if !Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists() {
        stage.note("skipped: this machine does not filter packets on a bridge");
        return Ok(());
    }
    let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, json!({"ports": {"peer": 23800}}));
    let rule = |verb: &str| {
        let mut iptables = stage.kubectl.entrance.command("iptables");
        iptables.args([
            "--wait",
            verb,
            "FORWARD",
            "--protocol",
            "tcp",
            "--dport",
            PORT,
            "--jump",
            "DROP",
        ]);
        process::run(&mut iptables)
    };
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.plan_live(STEPS)?;
    rule("--insert")?;
    let run = directory.try_run_within(40).and_then(|run| {
        run.expect(
            STOPPED,
            &[
                "failed: wait until the members reach each other",
                "has no connection to etcd-2",
            ],
        )?;
        writer.more(50)?;
        let lists = etcd.etcdctl(0, &["member", "list"])?;
        ensure!(
            lists.matches(":23800").count() == 1,
            "more than one member has another port: {lists}"
        );
        etcd.check()
    });
    rule("--delete")?;
    run?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

fn twice(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({"replicas": 1}))?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, json!({"replicas": 2}));
    let live = PlanDirectory::new(stage, &etcd)?.live()?;
    let (first, second) = (
        PlanDirectory::named(stage, &etcd, "a")?,
        PlanDirectory::named(stage, &etcd, "b")?,
    );
    first.plan(&live, STEPS)?;
    second.plan(&live, STEPS)?;
    let mut running = first.run_command();
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let refused = eventually("the lock", || {
        Ok(stage.kubectl.get(&stage.namespace, &["lease", "rutter-etcd"]).ok())
    })
    .and_then(|_| {
        for directory in [&first, &second] {
            directory.try_run()?.expect(
                NOT_STARTED,
                &[&format!("carries out a plan for {}/etcd", stage.namespace)],
            )?;
        }
        Ok(())
    });
    let status = running.wait()?;
    refused?;
    ensure!(status.success(), "the first run ended with {status}");
    // What the other has done is done.
    second.run()?;
    second.check()?;
    first.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(report.to_string());
    Ok(())
}

fn elsewhere(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", json!({"replicas": 1}))?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, json!({"replicas": 2}));
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.plan_live(STEPS)?;
    let first = directory.try_run_with(&["--step", "add-etcd-1"])?;
    first.expect(0, &["add etcd-1"])?;
    let before = directory.objects()?;
    let kubectl = process::find("kubectl")?;
    let path = directory.path_with_kubectl(&format!(
        "#!/bin/sh\ncase \"$*\" in\n*'get namespace kube-system'*) echo 00000000-0000-4000-8000-000000000000 ;;\n\
         *) exec {} \"$@\" ;;\nesac\n",
        kubectl.display()
    ))?;
    let run = directory.try_run_by(Path::new(&path))?;
    run.expect(NOT_STARTED, &["the plan was first run on the cluster"])?;
    directory.unchanged(&before)?;
    directory.run()?;
    directory.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(report.to_string());
    Ok(())
}
