//! What cert-manager is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use rutter::report::Report;

use super::{CLIENT, Context, PEER, Side};
use crate::cert_manager::{IssuerRef, PrivateKey, Subject};
use crate::cluster::Names;
use crate::cluster::replicas::MAX_REPLICAS;
use crate::codes::{INVALID_CERTIFICATE, INVALID_REPLICAS, SELF_SIGNED, UNUSED_VALUE};
use crate::values::{self, CertManager, IssuerType, PeerTlsMode, TlsMode};

/// How long a certificate is good for unless it says otherwise.
pub(super) const DURATION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What cert-manager is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificates {
    /// Who signs, as far as it is rendered.
    pub issuers: Issuers,
    /// Whom it signs for: the sides of members, then further clients.
    pub leaves: Vec<Leaf>,
    /// How long leaves are good for, if not as cert-manager has it.
    pub duration: Option<String>,
    /// How long before their end they are renewed, if not as cert-manager has it.
    pub renew_before: Option<String>,
    /// How many seconds before their end they should have been renewed long ago: half of the time that a renewal has.
    pub alarm_seconds: u64,
    /// The leaves' keys, if not as cert-manager has them.
    pub private_key: Option<PrivateKey>,
    /// The leaves' subject, beside the common name.
    pub subject: Option<Subject>,
}

impl Certificates {
    /// The names of all Certificates and of their Secrets, those of the leaves last.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let authorities: &[Authority] = match &self.issuers {
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

    /// The certificate that members show on a listener, if cert-manager makes it.
    pub(super) fn shown_by(&self, purpose: Purpose) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.purpose == purpose)
    }
}

/// A certificate that somebody shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The Certificate's name.
    pub name: String,
    /// The Secret's name.
    pub secret: String,
    /// Who signs it.
    pub issuer: IssuerRef,
    /// At most 64 characters.
    pub common_name: String,
    /// The DNS names that it holds for.
    pub dns_names: Vec<String>,
    /// The addresses that it holds for.
    pub ip_addresses: Vec<String>,
    /// Who shows it.
    pub purpose: Purpose,
}

impl Leaf {
    /// Whether a host of this name would be believed to be the holder, as Go's `VerifyHostname` decides.
    #[must_use]
    pub fn holds_for(&self, host: &str) -> bool {
        let names = self.dns_names.iter().any(|name| matches(name, host));
        names || self.ip_addresses.iter().any(|address| address == host)
    }
}

/// Whether a name in a certificate, whose first label may be `*`, is that of a host.
pub(super) fn matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(first, parent)| !first.is_empty() && parent == rest),
        None => name == host,
    }
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Members to clients, jobs and etcdctl in the pods to members.
    ClientListener,
    /// Members to each other.
    PeerListener,
    /// A client.
    Client,
}

/// The issuers that are rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuers {
    /// Authorities of the cluster's own.
    Ca {
        /// The self-signed Issuer of their certificates.
        self_signed: String,
        /// One for each side: whoever holds a certificate for clients must not pass for a peer.
        authorities: Vec<Authority>,
    },
    /// Each certificate is its own authority.
    SelfSigned {
        /// The ClusterIssuer's name.
        cluster_issuer: String,
        /// Whether it is rendered.
        create: bool,
    },
    /// None: there is one.
    Existing,
}

/// An authority of the cluster's own: a Certificate that signs itself, and an Issuer that signs with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The name of both.
    pub name: String,
    /// The Secret between them.
    pub secret: String,
}

/// The Secret of a side's Certificate.
pub(super) fn secret(names: &Names, side: &Side) -> String {
    names.suffixed(format_args!("{}-tls", side.suffix))
}

pub(super) fn resolve(tls: &values::Tls, context: &Context<'_>, report: &mut Report<'_>) -> Option<Certificates> {
    let values = &tls.cert_manager;
    let Context { names, replicas, .. } = *context;
    let sides: Vec<&Side> = [
        (&CLIENT, tls.client.mode == TlsMode::CertManager),
        (&PEER, tls.peer.mode == PeerTlsMode::CertManager),
    ]
    .into_iter()
    .filter_map(|(side, made)| made.then_some(side))
    .collect();
    if sides.is_empty() {
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
    let issuers = issuers(&values.issuer, &sides, names, report);
    let largest = largest(values.max_replicas, replicas, report);
    let dns_names = dns_names(names, largest, context.has_client_service);
    let mut leaves: Vec<Leaf> = sides
        .iter()
        .map(|side| served(side, values, &issuers, names, dns_names.clone()))
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

/// The certificate that a side shows. Extra names are for clients alone: of a peer's certificate, etcd looks each name up
/// to see whether it is the peer's (`client/pkg/transport/listener_tls.go`, `checkSAN`).
fn served(side: &Side, values: &CertManager, issuers: &Issuers, names: &Names, dns_names: Vec<String>) -> Leaf {
    let mut leaf = Leaf {
        name: names.suffixed(side.suffix),
        secret: secret(names, side),
        issuer: issuer_of(side, values, issuers, names),
        common_name: names.fullname.to_string(),
        dns_names,
        ip_addresses: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
        purpose: side.purpose,
    };
    if side.purpose == Purpose::ClientListener {
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

fn authority(side: &Side, names: &Names) -> String {
    names.suffixed(format_args!("{}-ca", side.suffix))
}

fn issuer_of(side: &Side, values: &CertManager, issuers: &Issuers, names: &Names) -> IssuerRef {
    match issuers {
        Issuers::Ca { .. } => IssuerRef::own("Issuer", authority(side, names)),
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

fn issuers(issuer: &values::Issuer, sides: &[&Side], names: &Names, report: &mut Report<'_>) -> Issuers {
    refuse_unused(issuer, report);
    match issuer.kind {
        IssuerType::Ca => Issuers::Ca {
            self_signed: names.self_signed(),
            authorities: sides
                .iter()
                .map(|side| {
                    let name = authority(side, names);
                    let secret = format!("{name}-tls");
                    Authority { name, secret }
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

/// cert-manager renews a third of the duration before the end, unless told otherwise, and tries until it succeeds.
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

/// Every name by which something may reach a member: both Services and each member in every form that resolves, and
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
