//! The objects for cert-manager.

use std::collections::BTreeSet;
use std::time::Duration;

use rutter::report::Report;

use super::{CLIENT, Context, Listener, PEER};
use crate::cert_manager::{IssuerRef, PrivateKey, Subject};
use crate::cluster::Names;
use crate::cluster::replicas::MAX_REPLICAS;
use crate::codes::{INVALID_CERTIFICATE, INVALID_REPLICAS, SELF_SIGNED, UNUSED_VALUE};
use crate::values::{self, CertManager, IssuerType, PeerTlsMode, TlsMode};

/// cert-manager's default duration of a certificate.
pub(super) const DURATION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The objects for cert-manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificates {
    /// The issuers.
    pub issuers: Issuers,
    /// The certificates that are signed: those of the listeners, then those of further clients.
    pub leaves: Vec<Leaf>,
    /// The duration of leaves, if not cert-manager's default.
    pub duration: Option<String>,
    /// The time from their renewal to their end, if not cert-manager's default.
    pub renew_before: Option<String>,
    /// The seconds before their end at which an alert fires: half of the time that a renewal has.
    pub alarm_seconds: u64,
    /// The keys of leaves, if not cert-manager's default.
    pub private_key: Option<PrivateKey>,
    /// The subject of leaves, except for the common name.
    pub subject: Option<Subject>,
}

impl Certificates {
    /// Returns the names of all Certificates and of their Secrets, with those of the leaves last.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let authorities: &[CertificateAuthority] = match &self.issuers {
            Issuers::Ca { authorities, .. } => authorities,
            Issuers::SelfSigned { .. } | Issuers::Existing => &[],
        };
        let authorities = authorities.iter().map(|ca| (ca.name.as_str(), ca.secret.as_str()));
        authorities.chain(
            self.leaves
                .iter()
                .map(|leaf| (leaf.name.as_str(), leaf.secret.as_str())),
        )
    }

    /// Returns the certificate of a listener, if cert-manager makes it.
    pub(super) fn shown_by(&self, purpose: Purpose) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.purpose == purpose)
    }
}

/// A certificate of a listener or a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The Certificate's name.
    pub name: String,
    /// The Secret's name.
    pub secret: String,
    /// The issuer.
    pub issuer: IssuerRef,
    /// The common name, which has at most 64 characters.
    pub common_name: String,
    /// The DNS names for which it is valid.
    pub dns_names: Vec<String>,
    /// The IP addresses for which it is valid.
    pub ip_addresses: Vec<String>,
    /// Its purpose.
    pub purpose: Purpose,
}

impl Leaf {
    /// Whether it is valid for a host, as Go's `VerifyHostname` decides.
    #[must_use]
    pub fn holds_for(&self, host: &str) -> bool {
        let names = self.dns_names.iter().any(|name| matches(name, host));
        names || self.ip_addresses.iter().any(|address| address == host)
    }
}

/// Whether a name in a certificate matches a host. Its first label may be `*`.
pub(super) fn matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(first, parent)| !first.is_empty() && parent == rest),
        None => name == host,
    }
}

/// The purpose of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Members authenticate to clients, and jobs and etcdctl in the pods to members.
    ClientListener,
    /// Members authenticate to each other.
    PeerListener,
    /// A client authenticates to members.
    Client,
}

/// The issuers of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuers {
    /// The cluster has its own CAs.
    Ca {
        /// The name of the self-signed Issuer of their certificates.
        self_signed: String,
        /// One CA for each listener: the holder of a client's certificate must not be accepted as a peer.
        authorities: Vec<CertificateAuthority>,
    },
    /// Each certificate signs itself.
    SelfSigned {
        /// The ClusterIssuer's name.
        cluster_issuer: String,
        /// Whether it is rendered.
        create: bool,
    },
    /// An existing issuer, so none is rendered.
    Existing,
}

/// A CA of the cluster: a Certificate that signs itself, and an Issuer that signs with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// The name of both.
    pub name: String,
    /// The name of the CA's Secret.
    pub secret: String,
}

/// Returns the name of the Secret of a listener's Certificate.
pub(super) fn secret(names: &Names, listener: &Listener) -> String {
    names.suffixed(format_args!("{}-tls", listener.suffix))
}

pub(super) fn resolve(tls: &values::Tls, context: &Context<'_>, report: &mut Report<'_>) -> Option<Certificates> {
    let values = &tls.cert_manager;
    let Context { names, replicas, .. } = *context;
    let listeners: Vec<&Listener> = [
        (&CLIENT, tls.client.mode == TlsMode::CertManager),
        (&PEER, tls.peer.mode == PeerTlsMode::CertManager),
    ]
    .into_iter()
    .filter_map(|(listener, made)| made.then_some(listener))
    .collect();
    if listeners.is_empty() {
        if *values != CertManager::default() {
            report
                .add(
                    &UNUSED_VALUE,
                    "tls.certManager",
                    "no certificate is made by cert-manager",
                )
                .help("write mode: CertManager in tls.client or tls.peer, or leave it out");
        }
        return None;
    }
    let issuers = issuers(&values.issuer, &listeners, names, report);
    let largest = largest(values.max_replicas, replicas, report);
    let dns_names = dns_names(names, largest, context.has_client_service);
    let mut leaves: Vec<Leaf> = listeners
        .iter()
        .map(|listener| served(listener, values, &issuers, names, dns_names.clone()))
        .collect();
    for client in &tls.client_certificates {
        // A fullname has no dot, so no other cluster has this name.
        let name = names.suffixed(format_args!("user.{}", client.name));
        let secret = client.secret_name.as_ref().map(ToString::to_string);
        leaves.push(Leaf {
            secret: secret.unwrap_or_else(|| format!("{name}-tls")),
            issuer: issuer_of(&CLIENT, values, &issuers, names),
            common_name: client.common_name.clone().unwrap_or_else(|| client.name.to_string()),
            dns_names: client.dns_names.iter().map(ToString::to_string).collect(),
            ip_addresses: Vec::new(),
            purpose: Purpose::Client,
            name,
        });
    }
    Some(Certificates {
        issuers,
        leaves,
        duration: values.duration.as_ref().map(ToString::to_string),
        renew_before: values.renew_before.as_ref().map(ToString::to_string),
        alarm_seconds: alarm_seconds(values),
        private_key: private_key(&values.private_key),
        subject: subject(&values.subject),
    })
}

fn private_key(key: &values::PrivateKey) -> Option<PrivateKey> {
    let key = PrivateKey {
        algorithm: key.algorithm.map(|algorithm| algorithm.to_string()),
        encoding: key.encoding.map(|encoding| encoding.to_string()),
        rotation_policy: key.rotation_policy.map(|policy| policy.to_string()),
        size: key.size.map(Into::into),
    };
    (key != PrivateKey::default()).then_some(key)
}

fn subject(subject: &values::Subject) -> Option<Subject> {
    let subject = Subject {
        countries: subject.countries.clone(),
        localities: subject.localities.clone(),
        organizational_units: subject.organizational_units.clone(),
        organizations: subject.organizations.clone(),
        postal_codes: subject.postal_codes.clone(),
        provinces: subject.provinces.clone(),
        serial_number: subject.serial_number.clone(),
        street_addresses: subject.street_addresses.clone(),
    };
    (subject != Subject::default()).then_some(subject)
}

/// Returns the certificate of a listener. Only that for clients has extra names: etcd looks up each name in a peer's
/// certificate, to check that it is the peer's (`client/pkg/transport/listener_tls.go`, `checkSAN`).
fn served(listener: &Listener, values: &CertManager, issuers: &Issuers, names: &Names, dns_names: Vec<String>) -> Leaf {
    let mut leaf = Leaf {
        name: names.suffixed(listener.suffix),
        secret: secret(names, listener),
        issuer: issuer_of(listener, values, issuers, names),
        common_name: names.fullname.to_string(),
        dns_names,
        ip_addresses: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
        purpose: listener.purpose,
    };
    if listener.purpose == Purpose::ClientListener {
        let names = values.extra_dns_names.iter().map(ToString::to_string);
        extend(&mut leaf.dns_names, names);
        let addresses = values.extra_ip_addresses.iter().map(ToString::to_string);
        extend(&mut leaf.ip_addresses, addresses);
    }
    leaf
}

fn extend(list: &mut Vec<String>, more: impl Iterator<Item = String>) {
    let mut there: BTreeSet<String> = list.iter().cloned().collect();
    list.extend(more.filter(|item| there.insert(item.clone())));
}

fn ca_name(listener: &Listener, names: &Names) -> String {
    names.suffixed(format_args!("{}-ca", listener.suffix))
}

fn issuer_of(listener: &Listener, values: &CertManager, issuers: &Issuers, names: &Names) -> IssuerRef {
    match issuers {
        Issuers::Ca { .. } => IssuerRef::own("Issuer", ca_name(listener, names)),
        Issuers::SelfSigned { cluster_issuer, .. } => IssuerRef::own("ClusterIssuer", cluster_issuer.clone()),
        Issuers::Existing => {
            let issuer = &values.issuer;
            let name = issuer.name.as_ref().map(ToString::to_string).unwrap_or_default();
            let kind = issuer.resource_kind.as_deref().unwrap_or("Issuer");
            IssuerRef {
                group: issuer
                    .group
                    .as_ref()
                    .map_or_else(|| IssuerRef::own(kind, String::new()).group, ToString::to_string),
                ..IssuerRef::own(kind, name)
            }
        }
    }
}

fn issuers(issuer: &values::Issuer, listeners: &[&Listener], names: &Names, report: &mut Report<'_>) -> Issuers {
    refuse_unused(issuer, report);
    match issuer.kind {
        IssuerType::Ca => Issuers::Ca {
            self_signed: names.self_signed(),
            authorities: listeners
                .iter()
                .map(|listener| {
                    let name = ca_name(listener, names);
                    let secret = format!("{name}-tls");
                    CertificateAuthority { name, secret }
                })
                .collect(),
        },
        IssuerType::SelfSigned => {
            report
                .add(
                    &SELF_SIGNED,
                    "tls.certManager.issuer.type",
                    "at the first renewal each certificate becomes an authority that the running members do not know",
                )
                .help("write type: Ca; with SelfSigned, restart all members at once after each renewal");
            Issuers::SelfSigned {
                cluster_issuer: issuer
                    .name
                    .as_ref()
                    .map_or_else(|| "selfsigned".to_owned(), ToString::to_string),
                create: issuer.create.unwrap_or(true),
            }
        }
        IssuerType::Existing => {
            if issuer.name.is_none() {
                report
                    .add(
                        &INVALID_CERTIFICATE,
                        "tls.certManager.issuer.name",
                        "the type Existing needs the name of an issuer",
                    )
                    .help("`kubectl get issuers,clusterissuers` lists cert-manager's own");
            }
            check_kind(issuer, report);
            Issuers::Existing
        }
    }
}

fn check_kind(issuer: &values::Issuer, report: &mut Report<'_>) {
    let Some(kind) = &issuer.resource_kind else { return };
    let external = issuer.group.as_ref().is_some_and(|group| &**group != "cert-manager.io");
    let path = "tls.certManager.issuer.kind";
    if !external && !["Issuer", "ClusterIssuer"].contains(&kind.as_str()) {
        report
            .add(
                &INVALID_CERTIFICATE,
                path,
                format!("cert-manager has no issuers of kind {kind:?}"),
            )
            .help("Issuer or ClusterIssuer; an external issuer needs its group too");
    } else if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_alphanumeric()) {
        report
            .add(&INVALID_CERTIFICATE, path, format!("{kind:?} is not a kind"))
            .help("such as AWSPCAClusterIssuer");
    }
}

fn refuse_unused(issuer: &values::Issuer, report: &mut Report<'_>) {
    let existing = issuer.kind == IssuerType::Existing;
    let self_signed = issuer.kind == IssuerType::SelfSigned;
    for (field, given, used, types) in [
        (
            "name",
            issuer.name.is_some(),
            existing || self_signed,
            "Existing or SelfSigned",
        ),
        ("kind", issuer.resource_kind.is_some(), existing, "Existing"),
        ("group", issuer.group.is_some(), existing, "Existing"),
        ("create", issuer.create.is_some(), self_signed, "SelfSigned"),
    ] {
        if given && !used {
            report
                .add(
                    &UNUSED_VALUE,
                    &format!("tls.certManager.issuer.{field}"),
                    format!("the issuer type {:?} does not use it", issuer.kind),
                )
                .help(format!("write type: {types}, or leave it out"));
        }
    }
}

/// Returns the seconds before the end of a certificate at which an alert fires. By default, cert-manager renews it a
/// third of the duration before its end, and tries until it succeeds.
fn alarm_seconds(values: &CertManager) -> u64 {
    let duration = values.duration.as_ref().map_or(DURATION, |duration| duration.value());
    let renew_before = values.renew_before.as_ref().map_or(duration / 3, |time| time.value());
    renew_before.as_secs() / 2
}

fn largest(max_replicas: Option<u32>, replicas: u32, report: &mut Report<'_>) -> u32 {
    let largest = max_replicas.unwrap_or(replicas);
    if largest < replicas || largest > MAX_REPLICAS {
        report
            .add(
                &INVALID_REPLICAS,
                "tls.certManager.maxReplicas",
                format!("found {largest}, expected {replicas} (`replicas`) to {MAX_REPLICAS}"),
            )
            .help("leave it out, or write the largest size that is planned");
    }
    largest.min(MAX_REPLICAS)
}

/// Returns every name by which a member can be reached: both Services and each member in every form that resolves, and
/// the pod itself.
fn dns_names(names: &Names, replicas: u32, client_service: bool) -> Vec<String> {
    let namespace = &names.namespace;
    let domain = &names.domain;
    let forms = |name: &str| {
        [
            format!("{name}.{namespace}"),
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.{domain}"),
        ]
    };
    let mut all = Vec::new();
    let client = client_service.then_some(&names.client_service);
    for service in std::iter::once(&names.headless_service).chain(client) {
        all.push(service.to_string());
        all.extend(forms(service));
    }
    for ordinal in 0..replicas {
        let member = names.member(ordinal);
        let in_service = format!("{member}.{}", names.headless_service);
        all.push(member);
        all.push(in_service.clone());
        all.extend(forms(&in_service));
    }
    all.push("localhost".to_owned());
    all
}
