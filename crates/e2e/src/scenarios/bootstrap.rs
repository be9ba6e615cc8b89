//! Clusters of each kind start: with all members, each healthy. Values written from inside a pod, and from another
//! namespace by full names, can be read.
//!
//! Errors of the source page show what makes these scenarios fail: a scheme that is set twice, names of members without
//! their domain, a token that two clusters share (see `neighbours`).

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Scenario, eventually};
use crate::cluster::Families;
use crate::etcd::Etcd;
use crate::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("plain", "three members of the default values", |stage| {
        bootstrap(stage, json!({}))
    })
    .short(),
    Scenario::new("plain-3-5", "etcd 3.5", |stage| {
        bootstrap(stage, json!({"version": "3.5.33"}))
    }),
    Scenario::new("plain-3-7", "etcd 3.7", |stage| {
        bootstrap(stage, json!({"version": "3.7.1"}))
    }),
    Scenario::new("tls", "certificates of an own CA, for clients and peers", |stage| {
        bootstrap(stage, both("CertManager"))
    })
    .short(),
    Scenario::new("tls-3-5", "the same with etcd 3.5", |stage| {
        bootstrap(stage, with(both("CertManager"), "version", json!("3.5.33")))
    }),
    Scenario::new("tls-3-7", "the same with etcd 3.7", |stage| {
        bootstrap(stage, with(both("CertManager"), "version", json!("3.7.1")))
    }),
    Scenario::new("tls-clients", "TLS only for clients", |stage| {
        bootstrap(
            stage,
            json!({"tls": {"client": {"mode": "CertManager"}, "clientCertificates": [{"name": "writer"}]}}),
        )
    }),
    Scenario::new("tls-peers", "TLS only among peers", |stage| {
        bootstrap(stage, json!({"tls": {"peer": {"mode": "CertManager"}}}))
    }),
    Scenario::new(
        "tls-self-signed",
        "the source page's self-signed certificates",
        |stage| {
            bootstrap(
                stage,
                json!({
                    "version": "3.5.33",
                    "image": {"repository": "quay.io/coreos/etcd"},
                    "tls": {
                        "client": {"mode": "CertManager"},
                        "peer": {"mode": "CertManager"},
                        // The issuer has a name of its own, because it is a resource of the whole cluster.
                        "certManager": {"issuer": {"type": "SelfSigned", "name": "e2e-self-signed"}},
                    },
                }),
            )
        },
    ),
    Scenario::new("tls-secrets", "certificates of the user", secrets),
    Scenario::new("srv", "members find each other by SRV records", |stage| {
        bootstrap(stage, json!({"bootstrap": {"discovery": "Srv"}}))
    }),
    Scenario::new("srv-tls", "the same with TLS", |stage| {
        bootstrap(
            stage,
            with(both("CertManager"), "bootstrap", json!({"discovery": "Srv"})),
        )
    }),
    Scenario::new("separate-wal", "a log on a volume of its own", |stage| {
        bootstrap(stage, json!({"storage": {"wal": {"size": "4Gi"}}}))
    }),
    Scenario::new("one-member", "one member", |stage| {
        bootstrap(stage, json!({"replicas": 1}))
    }),
    Scenario::new("five-members", "five members on three nodes", |stage| {
        bootstrap(
            stage,
            json!({"replicas": 5, "scheduling": {"antiAffinity": "Preferred"}}),
        )
    }),
    Scenario::new("dual-stack", "IPv6 first, and IPv4", dual_stack),
    Scenario::new(
        "neighbours",
        "two clusters in one namespace, and one name in two namespaces",
        neighbours,
    ),
];

/// Returns values with CertManager for clients and peers, and a certificate for the writer.
pub(super) fn both(mode: &str) -> Value {
    json!({"tls": {
        "client": {"mode": mode},
        "peer": {"mode": mode},
        "clientCertificates": [{"name": "writer"}],
    }})
}

/// Returns values with one more field.
pub(super) fn with(mut values: Value, key: &str, value: Value) -> Value {
    values[key] = value;
    values
}

fn bootstrap(stage: &Stage<'_>, values: Value) -> Result<()> {
    let etcd = Etcd::start(stage, "etcd", values)?;
    write(stage, &etcd)
}

/// Checks that a client in another namespace writes and reads back.
fn write(stage: &Stage<'_>, etcd: &Etcd<'_>) -> Result<()> {
    let writer = etcd.writer()?;
    writer.more(50)?;
    stage.note(writer.finish()?.to_string());
    Ok(())
}

fn secrets(stage: &Stage<'_>) -> Result<()> {
    // Users create their certificates elsewhere: here the issuer does, from the test's own Certificates.
    let names = [
        "localhost",
        "*.etcd.tls-secrets.svc.cluster.local",
        "etcd.tls-secrets.svc.cluster.local",
        "etcd-client.tls-secrets.svc.cluster.local",
    ];
    let certificate = |name: &str| {
        json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": name, "namespace": stage.namespace},
            "spec": {
                "secretName": name,
                "commonName": "etcd",
                "dnsNames": names,
                "ipAddresses": ["127.0.0.1"],
                "issuerRef": {"name": "my-ca"},
                "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
            },
        })
    };
    let objects = [
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
            "metadata": {"name": "nobody", "namespace": stage.namespace}, "spec": {"selfSigned": {}}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
            "metadata": {"name": "my-ca", "namespace": stage.namespace},
            "spec": {"secretName": "my-ca", "commonName": "mine", "isCA": true,
                "usages": ["cert sign", "digital signature"], "issuerRef": {"name": "nobody"}}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
            "metadata": {"name": "my-ca", "namespace": stage.namespace},
            "spec": {"ca": {"secretName": "my-ca"}}}),
        certificate("my-client-tls"),
        certificate("my-peer-tls"),
    ];
    let objects: Vec<_> = objects.iter().map(Value::to_string).collect();
    stage.kubectl.apply(&objects.join("\n---\n"))?;
    bootstrap(
        stage,
        json!({"tls": {
            "client": {"mode": "Secret", "secretName": "my-client-tls"},
            "peer": {"mode": "Secret", "secretName": "my-peer-tls"},
        }}),
    )
}

fn dual_stack(stage: &Stage<'_>) -> Result<()> {
    if !Families::here().is_dual() {
        stage.note("skipped: this machine has no IPv6");
        return Ok(());
    }
    let service = json!({"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "RequireDualStack"});
    let etcd = Etcd::start(stage, "etcd", with(both("CertManager"), "service", service))?;
    let service = stage.kubectl.get(&stage.namespace, &["service", "etcd-client"])?;
    let addresses = service["spec"]["clusterIPs"].as_array().map_or(0, Vec::len);
    ensure!(addresses == 2, "the Service has {addresses} addresses");
    write(stage, &etcd)
}

/// Two clusters with one token and each other's addresses would form one cluster of six, or none. Rendered clusters
/// share nothing: each has its own ID, and does not contain the keys of the others.
fn neighbours(stage: &Stage<'_>) -> Result<()> {
    let elsewhere = format!("{}-elsewhere", stage.namespace);
    stage.create_namespace(&elsewhere)?;
    let clusters = [
        Etcd::apply(stage, &stage.namespace, "etcd", json!({}))?,
        Etcd::apply(stage, &stage.namespace, "orders", both("CertManager"))?,
        Etcd::apply(stage, &elsewhere, "etcd", json!({"replicas": 1}))?,
    ];
    let mut identities = Vec::new();
    for etcd in &clusters {
        etcd.check()?;
        let list = etcd.etcdctl_json(0, &["member", "list"])?;
        identities.push(list["header"]["cluster_id"].as_u64());
        etcd.etcdctl(0, &["put", "whose", &format!("{}/{}", etcd.namespace, etcd.name)])?;
    }
    let distinct: std::collections::BTreeSet<_> = identities.iter().collect();
    ensure!(
        distinct.len() == clusters.len(),
        "clusters share an identity: {identities:?}"
    );
    for etcd in &clusters {
        let whose = etcd.etcdctl(0, &["get", "whose", "--print-value-only"])?;
        ensure!(
            whose.trim() == format!("{}/{}", etcd.namespace, etcd.name),
            "a cluster has {whose}"
        );
    }
    // One cluster is deleted, and the others are not affected.
    let [first, second, third] = clusters;
    stage
        .kubectl
        .feed(&["delete", "--filename", "-", "--wait=false"], &first.render()?)?;
    eventually("the first cluster's pods to be gone", || {
        let pods = stage.kubectl.get(
            &stage.namespace,
            &["pods", "--selector=app.kubernetes.io/instance=etcd"],
        )?;
        Ok(pods["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })?;
    second.check()?;
    third.check()
}
