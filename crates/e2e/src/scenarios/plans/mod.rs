//! Plans, carried out by their own `run.sh` on what is live, under a client that writes; and what one apply would have
//! done instead.
//!
//! After each, the API server is asked what applying a fresh rendering would change, which is nothing, and `rutter plan`
//! says that nothing is to do.

mod folder;
mod guards;

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::folder::Route::{self, Apply, Script};
use self::folder::{APPLY, Folder, STEPS};
use super::bootstrap::{both, with};
use super::{Scenario, eventually};
use crate::etcd::{Etcd, merge};
use crate::stage::Stage;
use crate::writer::TWO_ELECTIONS;

/// All scenarios with plans.
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
        make_class(stage, "plan-killed-class")?;
        let to = json!({"storage": {"data": {"storageClassName": "plan-killed-class"}}});
        killed(stage, Script, json!({}), to)
    }),
    Scenario::new("plan-killed-authority", "the same while the CA changes", |stage| {
        make_issuer(stage, "company")?;
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
    Scenario::new("plan-client-tls", "clients have to speak TLS", |stage| {
        let to = json!({"tls": {"client": {"mode": "CertManager"}, "clientCertificates": [{"name": "writer"}]}});
        carry_out_alone(stage, Apply, json!({}), to, APPLY)
    }),
    Scenario::new("plan-authority", "members get another authority", authority),
    Scenario::new(
        "plan-authorities",
        "members and clients get another authority",
        |stage| {
            make_issuer(stage, "company")?;
            let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
            let to = json!({"tls": {"certManager": {"issuer": issuer}}});
            carry_out_alone(stage, Apply, both("CertManager"), to, STEPS)
        },
    ),
    Scenario::new(
        "plan-client-authority",
        "clients get another authority, and there are more members",
        |stage| {
            make_issuer(stage, "company")?;
            let from = json!({
                "tls": {"client": {"mode": "CertManager"}, "clientCertificates": [{"name": "writer"}]},
                "replicas": 1,
            });
            let issuer = json!({"type": "Existing", "kind": "Issuer", "name": "company"});
            let to = json!({"tls": {"certManager": {"issuer": issuer}}, "replicas": 2});
            carry_out_alone(stage, Script, from, to, STEPS)
        },
    ),
    Scenario::new(
        "plan-self-signed",
        "certificates that sign themselves give way to those of an authority",
        self_signed,
    ),
    Scenario::new("plan-class", "data move to volumes of another class", class),
    Scenario::new("plan-wal", "the log gets a volume of its own", |stage| {
        carry_out(stage, Apply, json!({}), json!({"storage": {"wal": {"size": "4Gi"}}}))
    }),
    Scenario::new("plan-grow", "claims grow", grow),
    Scenario::new(
        "plan-ephemeral",
        "data that die with their pods survive a change of all",
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
        carry_out_alone(
            stage,
            Apply,
            json!({}),
            json!({"naming": {"headlessService": "peers"}}),
            STEPS,
        )
    }),
    Scenario::new(
        "plan-discovery",
        "members that found each other by a list do so by SRV",
        |stage| {
            let mut etcd = stage.etcd("etcd", json!({}))?;
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
        "what one apply does where the plan says that it is not safe",
        naive,
    ),
];

/// Plans a change of what is live and carries it out, under a client that writes all the time.
fn carry_out(stage: &Stage<'_>, route: Route, from: Value, to: Value) -> Result<()> {
    let mut etcd = stage.etcd("etcd", from)?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, to);
    change(stage, &etcd, route, STEPS)?;
    writer.more(50)?;
    stage.finish(writer, TWO_ELECTIONS)
}

/// The same where a client would have to change with the cluster: this one ends before, and what it wrote is counted after.
fn carry_out_alone(stage: &Stage<'_>, route: Route, from: Value, to: Value, code: i32) -> Result<()> {
    let mut etcd = stage.etcd("etcd", from)?;
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

/// Plans the way to an etcd's values, carries it out, and checks where it has led.
fn change(stage: &Stage<'_>, etcd: &Etcd<'_>, route: Route, code: i32) -> Result<()> {
    let folder = Folder::by(route, stage, etcd)?;
    folder.change(code)?;
    folder.check()
}

fn killed(stage: &Stage<'_>, route: Route, from: Value, to: Value) -> Result<()> {
    let mut etcd = stage.etcd("etcd", from)?;
    let writer = etcd.writer()?;
    merge(&mut etcd.values, to);
    let folder = Folder::by(route, stage, &etcd)?;
    folder.plan_live(STEPS)?;
    let kills = folder.run_and_be_killed(4)?;
    ensure!(kills >= 3, "it was killed {kills} times only");
    folder.check()?;
    writer.more(50)?;
    let report = writer.finish()?;
    stage.note(format!("killed {kills} times; {report}"));
    report.check_pause(TWO_ELECTIONS)
}

/// An issuer that signs with an authority of its own.
fn make_issuer(stage: &Stage<'_>, name: &str) -> Result<()> {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": stage.namespace},
            "spec": spec,
        })
    };
    let authority = json!({
        "isCA": true,
        "commonName": name,
        "secretName": name,
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "issuerRef": {"kind": "Issuer", "name": "itself"},
    });
    let objects = [
        object("Issuer", "itself", json!({"selfSigned": {}})),
        object("Certificate", name, authority),
        object("Issuer", name, json!({"ca": {"secretName": name}})),
    ];
    let objects = objects.map(|object| object.to_string());
    stage.kubectl.apply(&objects.join("\n---\n"))
}

fn authority(stage: &Stage<'_>) -> Result<()> {
    make_issuer(stage, "company")?;
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

fn make_class(stage: &Stage<'_>, name: &str) -> Result<()> {
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
    make_class(stage, "plan-class")?;
    let to = json!({"storage": {"data": {"storageClassName": "plan-class"}}});
    carry_out(stage, Script, json!({}), to)
}

/// That volumes grow is up to what provides them, and nothing here can: what is seen is that the claims ask for it.
fn grow(stage: &Stage<'_>) -> Result<()> {
    make_class(stage, "plan-grow")?;
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

/// The page as it is printed, but for its user, which is not root, and its release, which is not to be had.
fn page(stage: &Stage<'_>) -> Result<()> {
    let page = fs::read_to_string(stage.checkout.join("host-tests/plans/adopt-page/from.yaml"))?;
    let page = page
        .replace("namespace: default", &format!("namespace: {}", stage.namespace))
        .replace("v3.5.15", "v3.5.33");
    // Volumes here belong to this user, and root could not read them without the capabilities that only the page gives it.
    let user = "      securityContext: {runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532}\n";
    let page = page.replacen("      containers:\n", &format!("{user}      containers:\n"), 1);
    // Namespaces here take only pods that are as restricted as can be, and the page's are not.
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
    // As in the example `adopt-page.yaml`.
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
    let mut etcd = stage.etcd("etcd", both("CertManager"))?;
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

/// What the plans are for.
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

    let mut etcd = stage.etcd("up", json!({"replicas": 1}))?;
    etcd.change(json!({"replicas": 3}))?;
    eventually("the new members to be a cluster of their own", || {
        let id = |ordinal| -> Result<Value> {
            Ok(etcd.ask(ordinal, &["endpoint", "status"])?[0]["Status"]["header"]["cluster_id"].clone())
        };
        Ok((id(0)? != id(1)?).then_some(()))
    })?;
    let read = etcd.etcdctl(1, &["get", "e2e/greeting", "--print-value-only"])?;
    ensure!(read.trim().is_empty(), "the new members know what was written: {read}");
    stage.note("1 → 3: the new members make a second cluster, with nothing in it, behind the same Services");

    let mut etcd = stage.etcd("down", json!({}))?;
    etcd.change(json!({"replicas": 1}))?;
    eventually("the quorum to be lost", || cannot_write(&etcd))?;
    stage.note("3 → 1: nothing can be written");

    let mut etcd = stage.etcd("skip", json!({"version": "3.5.33"}))?;
    etcd.change(json!({"version": "3.7.1"}))?;
    eventually("a member of 3.7 to end", || Ok((restarts(&etcd, 2)? > 0).then_some(())))?;
    stage.note("3.5 → 3.7: the first member ends, again and again");

    let mut etcd = stage.etcd("peers", json!({}))?;
    etcd.change(json!({"tls": {"peer": {"mode": "CertManager"}}}))?;
    eventually("the quorum to be lost", || cannot_write(&etcd))?;
    stage.note("http → https: nothing can be written");

    let mut etcd = stage.etcd("claims", json!({}))?;
    let refused = etcd.change(json!({"storage": {"data": {"size": "16Gi"}}}));
    let said = refused.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(
        said.contains("Forbidden") || said.contains("forbidden"),
        "not refused: {said:?}"
    );
    stage.note("a changed claim template: refused, and half of the rest is applied");

    // And what there is no way for is refused before anything is touched.
    let mut etcd = Etcd::found(stage, "claims", json!({"storage": {"data": {"size": "1Gi"}}}));
    etcd.values["replicas"] = json!(0);
    let folder = Folder::new(stage, &etcd)?;
    folder.refused(&folder.live()?, &["replicas"])
}
