//! Plans, run with their own `run.sh` on live objects, under a client that writes; and the results of one apply
//! instead.
//!
//! After each, the API server reports that applying a new rendering would change nothing, and `rutter plan` has nothing
//! to do.

mod directory;
mod guards;

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::directory::Route::{self, Apply, Script};
use self::directory::{APPLY, PlanDirectory, STEPS};
use super::bootstrap::{both, with};
use super::{Scenario, eventually};
use crate::etcd::{Etcd, merge};
use crate::stage::Stage;
use crate::writer::TWO_ELECTIONS;

/// Returns all scenarios with plans.
pub(super) fn scenarios() -> Vec<Scenario> {
    [CHANGES, guards::SCENARIOS].concat()
}

const CHANGES: &[Scenario] = &[
    Scenario::new("plan-up", "one member becomes three", |stage| {
        carry_out(stage, Script, json!({"replicas": 1}), json!({"replicas": 3}))
    })
    .short(),
    Scenario::new("plan-down", "five members become one", |stage| {
        let from = json!({"replicas": 5, "scheduling": {"antiAffinity": "Preferred"}});
        carry_out(stage, Apply, from, json!({"replicas": 1}))
    }),
    Scenario::new(
        "plan-tls-up",
        "three members with TLS become five, by way of four",
        |stage| {
            let from = with(both("CertManager"), "scheduling", json!({"antiAffinity": "Preferred"}));
            carry_out(stage, Script, from, json!({"replicas": 5}))
        },
    ),
    Scenario::new("plan-srv-up", "one member found by SRV becomes three", |stage| {
        let from = json!({"replicas": 1, "bootstrap": {"discovery": "Srv"}});
        carry_out(stage, Apply, from, json!({"replicas": 3}))
    })
    .short(),
    Scenario::new(
        "plan-killed",
        "run.sh is killed again and again, and started again, until it is done",
        |stage| killed(stage, Script, json!({"replicas": 1}), json!({"replicas": 3})),
    ),
    Scenario::new(
        "plan-killed-apply",
        "rutter apply is killed again and again, and started again, until it is done",
        |stage| killed(stage, Apply, json!({}), json!({"replicas": 2, "quota": "4Gi"})),
    ),
    Scenario::new("plan-killed-url", "the same while peer URLs change", |stage| {
        killed(stage, Apply, json!({}), json!({"ports": {"peer": 3380}}))
    }),
    Scenario::new("plan-killed-class", "the same while members are replaced", |stage| {
        create_class(stage, "plan-killed-class")?;
        let to = json!({"storage": {"data": {"storageClassName": "plan-killed-class"}}});
        killed(stage, Script, json!({}), to)
    }),
    Scenario::new("plan-killed-ca", "the same while the CA changes", |stage| {
        create_issuer(stage, "company")?;
        let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
        let from = json!({"tls": {"peer": {"mode": "CertManager"}}});
        killed(stage, Apply, from, json!({"tls": {"certManager": {"issuer": issuer}}}))
    }),
    Scenario::new(
        "plan-killed-downgrade",
        "the same while etcd 3.7 becomes 3.6",
        |stage| killed(stage, Script, json!({"version": "3.7.1"}), json!({"version": "3.6.14"})),
    ),
    Scenario::new("plan-upgrade", "etcd 3.5 becomes 3.7", |stage| {
        let from = with(both("CertManager"), "version", json!("3.5.33"));
        carry_out(stage, Apply, from, json!({"version": "3.7.1"}))
    }),
    Scenario::new("plan-downgrade", "etcd 3.7 becomes 3.6", |stage| {
        carry_out(stage, Script, json!({"version": "3.7.1"}), json!({"version": "3.6.14"}))
    }),
    Scenario::new(
        "plan-peer-tls",
        "members begin to speak TLS among themselves",
        |stage| {
            carry_out(
                stage,
                Script,
                json!({}),
                json!({"tls": {"peer": {"mode": "CertManager"}}}),
            )
        },
    ),
    Scenario::new("plan-client-tls", "clients are required to use TLS", |stage| {
        let to = json!({"tls": {"client": {"mode": "CertManager"}, "clientCertificates": [{"name": "writer"}]}});
        carry_out_without_client(stage, Apply, json!({}), to, APPLY)
    }),
    Scenario::new("plan-ca", "members get another CA", ca),
    Scenario::new("plan-cas", "members and clients get another CA", |stage| {
        create_issuer(stage, "company")?;
        let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
        let to = json!({"tls": {"certManager": {"issuer": issuer}}});
        carry_out_without_client(stage, Apply, both("CertManager"), to, STEPS)
    }),
    Scenario::new(
        "plan-client-ca",
        "clients get another CA, and there are more members",
        |stage| {
            create_issuer(stage, "company")?;
            let from = json!({
                "tls": {"client": {"mode": "CertManager"}, "clientCertificates": [{"name": "writer"}]},
                "replicas": 1,
            });
            let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
            let to = json!({"tls": {"certManager": {"issuer": issuer}}, "replicas": 2});
            carry_out_without_client(stage, Script, from, to, STEPS)
        },
    ),
    Scenario::new(
        "plan-self-signed",
        "self-signed certificates are replaced by those of a CA",
        self_signed,
    ),
    Scenario::new("plan-class", "data move to volumes of another class", class),
    Scenario::new("plan-wal", "the log gets a volume of its own", |stage| {
        carry_out(stage, Apply, json!({}), json!({"storage": {"wal": {"size": "4Gi"}}}))
    }),
    Scenario::new("plan-grow", "claims grow", grow),
    Scenario::new(
        "plan-ephemeral",
        "data that end with their pods survive a change of all",
        |stage| {
            let from = json!({"storage": {"ephemeral": {}}, "quota": "1Gi"});
            carry_out(stage, Script, from, json!({"pod": {"annotations": {"rolled": "yes"}}}))
        },
    ),
    Scenario::new("plan-selector", "other labels select the pods", |stage| {
        carry_out(
            stage,
            Script,
            json!({}),
            json!({"naming": {"selectorLabels": {"app": "etcd"}}}),
        )
    }),
    Scenario::new("plan-service", "the headless Service gets another name", |stage| {
        carry_out_without_client(
            stage,
            Apply,
            json!({}),
            json!({"naming": {"headlessService": "peers"}}),
            STEPS,
        )
    }),
    Scenario::new(
        "plan-discovery",
        "members that found each other by a list use SRV records",
        |stage| {
            let mut etcd = Etcd::start(stage, "etcd", json!({}))?;
            let writer = etcd.writer()?;
            merge(&mut etcd.values, json!({"bootstrap": {"discovery": "Srv"}}));
            change(stage, &etcd, Script, STEPS)?;
            let report = writer.finish()?;
            stage.note(report.to_string());
            report.check_pause(TWO_ELECTIONS)
        },
    ),
    Scenario::new("plan-page", "the source page's own cluster is adopted", page),
    Scenario::new("plan-apply", "changes that one apply does", one_apply),
    Scenario::new(
        "one-apply",
        "one apply does harm where the plan says that it is unsafe",
        naive,
    ),
];

/// Plans a change of the live objects and carries it out, under a client that writes continuously.
fn carry_out(stage: &Stage<'_>, route: Route, from: Value, to: Value) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", from)?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, to);
    change(stage, &etcd, route, STEPS)?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// Like `carry_out`, for changes that clients have to follow. The client ends before the change, and its writes are
/// counted after it.
fn carry_out_without_client(stage: &Stage<'_>, route: Route, from: Value, to: Value, code: i32) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", from)?;
    let writer = etcd.writer()?;
    writer.more(100)?;
    let written = writer.finish()?.acknowledged;
    merge(&mut etcd.values, to);
    change(stage, &etcd, route, code)?;
    let kept = etcd.etcdctl(0, &["get", "writer/", "--prefix", "--keys-only"])?;
    let kept = kept.lines().filter(|line| !line.is_empty()).count();
    ensure!(kept >= written, "of {written} writes {kept} are there");
    stage.note(format!("{written} writes before, none lost"));
    Ok(())
}

/// Plans the change to an etcd's values, carries it out, and checks the result.
fn change(stage: &Stage<'_>, etcd: &Etcd<'_>, route: Route, code: i32) -> Result<()> {
    let directory = PlanDirectory::by(route, stage, etcd)?;
    directory.change(code)?;
    directory.check()
}

fn killed(stage: &Stage<'_>, route: Route, from: Value, to: Value) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", from)?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, to);
    let directory = PlanDirectory::by(route, stage, &etcd)?;
    directory.plan_live(STEPS)?;
    let kills = directory.run_and_be_killed(4)?;
    ensure!(kills >= 3, "it was killed {kills} times only");
    directory.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(format!("killed {kills} times; {report}"));
    report.check_pause(TWO_ELECTIONS)
}

/// Creates an issuer with a CA of its own.
fn create_issuer(stage: &Stage<'_>, name: &str) -> Result<()> {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": stage.namespace},
            "spec": spec,
        })
    };
    let ca = json!({
        "isCA": true,
        "commonName": name,
        "secretName": name,
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "issuerRef": {"kind": "Issuer", "name": "itself"},
    });
    let objects = [
        object("Issuer", "itself", json!({"selfSigned": {}})),
        object("Certificate", name, ca),
        object("Issuer", name, json!({"ca": {"secretName": name}})),
    ];
    let objects = objects.map(|object| object.to_string());
    stage.kubectl.apply(&objects.join("\n---\n"))
}

fn ca(stage: &Stage<'_>) -> Result<()> {
    create_issuer(stage, "company")?;
    let from = json!({"tls": {"peer": {"mode": "CertManager"}}});
    let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
    let to = json!({"tls": {"certManager": {"issuer": issuer}}});
    carry_out(stage, Script, from, to)
}

fn self_signed(stage: &Stage<'_>) -> Result<()> {
    let issuer = json!({"type": "SelfSigned", "name": "e2e-plan-self-signed"});
    let from = json!({"tls": {"peer": {"mode": "CertManager"}, "certManager": {"issuer": issuer}}});
    let to = json!({"tls": {"certManager": {"issuer": {"type": "Ca", "name": null}}}});
    carry_out(stage, Apply, from, to)
}

fn create_class(stage: &Stage<'_>, name: &str) -> Result<()> {
    let default = stage.kubectl.run(&["get", "storageclasses", "--output", "json"])?;
    let classes: Value = serde_json::from_str(&default)?;
    let provisioner = classes["items"][0]["provisioner"]
        .as_str()
        .context("no class of volumes")?;
    stage.kubectl.apply(
        &json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": provisioner,
            "allowVolumeExpansion": true,
        })
        .to_string(),
    )
}

fn class(stage: &Stage<'_>) -> Result<()> {
    create_class(stage, "plan-class")?;
    let to = json!({"storage": {"data": {"storageClassName": "plan-class"}}});
    carry_out(stage, Script, json!({}), to)
}

/// Whether volumes grow depends on their provisioner, and this one cannot. The scenario checks that the claims request
/// it.
fn grow(stage: &Stage<'_>) -> Result<()> {
    create_class(stage, "plan-grow")?;
    let from = json!({"storage": {"data": {"storageClassName": "plan-grow", "size": "16Gi"}}});
    carry_out(stage, Apply, from, json!({"storage": {"data": {"size": "20Gi"}}}))?;
    let claims = stage.kubectl.get(&stage.namespace, &["persistentvolumeclaims"])?;
    let claims = claims["items"].as_array().cloned().unwrap_or_default();
    ensure!(
        claims.len() == 3
            && claims
                .iter()
                .all(|claim| claim["spec"]["resources"]["requests"]["storage"] == "20Gi"),
        "claims do not ask for more: {claims:?}"
    );
    Ok(())
}

/// The page as printed, except for its user, which is not root, and its release, which is not available.
fn page(stage: &Stage<'_>) -> Result<()> {
    let page = fs::read_to_string(stage.checkout.join("host-tests/plans/adopt-page/from.yaml"))?;
    let page = page
        .replace("namespace: default", &format!("namespace: {}", stage.namespace))
        .replace("v3.5.15", "v3.5.33");
    // Volumes here belong to this user. Only the page gives root the capabilities to read them.
    let user = "      securityContext: {runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532}\n";
    let page = page.replacen("      containers:\n", &format!("{user}      containers:\n"), 1);
    // Namespaces here accept only pods that are as restricted as possible, and the page's are not.
    stage.kubectl.run(&[
        "label",
        "namespace",
        &stage.namespace,
        "pod-security.kubernetes.io/enforce=privileged",
        "--overwrite",
    ])?;
    stage.kubectl.apply(&page)?;
    let mut etcd = Etcd::found(stage, "etcd", json!({}));
    etcd.check()?;
    let writer = etcd.writer()?;
    // Like the example `adopt-page.yaml`.
    etcd.values = json!({
        "version": "3.5.33",
        "image": {"repository": "quay.io/coreos/etcd"},
        "bootstrap": {"state": "Existing", "token": format!("etcd-{}", stage.namespace)},
        "storage": {"data": {"size": "1Gi"}},
        "compaction": {"mode": "Disabled"},
        "naming": {"selectorLabels": {"app": "etcd"}, "dataClaim": "etcd-data"},
    });
    change(stage, &etcd, Apply, STEPS)?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

fn one_apply(stage: &Stage<'_>) -> Result<()> {
    let mut etcd = Etcd::start(stage, "etcd", both("CertManager"))?;
    let writer = etcd.writer()?;
    for to in [
        json!({"pod": {"annotations": {"rolled": "yes"}}}),
        json!({"quota": "4Gi"}),
        json!({"disruptionBudget": {"enabled": false}}),
    ] {
        merge(&mut etcd.values, to);
        change(stage, &etcd, Apply, APPLY)?;
    }
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// Shows the harm that plans prevent.
fn naive(stage: &Stage<'_>) -> Result<()> {
    let restarts = |etcd: &Etcd<'_>, ordinal| -> Result<u64> {
        let status = &etcd.get_pod(ordinal)?["status"]["containerStatuses"][0];
        Ok(status["restartCount"].as_u64().unwrap_or_default())
    };
    let cannot_write = |etcd: &Etcd<'_>| {
        Ok(etcd
            .etcdctl(0, &["put", "e2e/greeting", "hello"])
            .is_err()
            .then_some(()))
    };

    let mut etcd = Etcd::start(stage, "up", json!({"replicas": 1}))?;
    etcd.change(json!({"replicas": 3}))?;
    eventually("the new members to be a cluster of their own", || {
        let id = |ordinal| -> Result<Value> {
            Ok(etcd.etcdctl_json(ordinal, &["endpoint", "status"])?[0]["Status"]["header"]["cluster_id"].clone())
        };
        Ok((id(0)? != id(1)?).then_some(()))
    })?;
    let read = etcd.etcdctl(1, &["get", "e2e/greeting", "--print-value-only"])?;
    ensure!(read.trim().is_empty(), "the new members know what was written: {read}");
    stage.note("1 → 3: the new members form a second cluster without data, behind the same Services");

    let mut etcd = Etcd::start(stage, "down", json!({}))?;
    etcd.change(json!({"replicas": 1}))?;
    eventually("the quorum to be lost", || cannot_write(&etcd))?;
    stage.note("3 → 1: no write succeeds");

    let mut etcd = Etcd::start(stage, "skip", json!({"version": "3.5.33"}))?;
    etcd.change(json!({"version": "3.7.1"}))?;
    eventually("a member of 3.7 to end", || Ok((restarts(&etcd, 2)? > 0).then_some(())))?;
    stage.note("3.5 → 3.7: the first member ends repeatedly");

    let mut etcd = Etcd::start(stage, "peers", json!({}))?;
    etcd.change(json!({"tls": {"peer": {"mode": "CertManager"}}}))?;
    eventually("the quorum to be lost", || cannot_write(&etcd))?;
    stage.note("http → https: no write succeeds");

    let mut etcd = Etcd::start(stage, "claims", json!({}))?;
    let refused = etcd.change(json!({"storage": {"data": {"size": "16Gi"}}}));
    let message = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(
        message.contains("Forbidden") || message.contains("forbidden"),
        "not refused: {message:?}"
    );
    stage.note("a changed claim template: refused, and half of the rest is applied");

    // A change that has no plan is refused before anything is changed.
    let mut etcd = Etcd::found(stage, "claims", json!({"storage": {"data": {"size": "1Gi"}}}));
    etcd.values["version"] = json!("3.4.25");
    let directory = PlanDirectory::new(stage, &etcd)?;
    directory.refused(&directory.live()?, &["no-downgrade"])
}
