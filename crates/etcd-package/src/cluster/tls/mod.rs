//! Encryption and authentication: which side uses which Secret, and which certificates are asked for.

use std::time::Duration;

use rutter::names::DnsSubdomain;

use super::{MAX_REPLICAS, Names, Report};
use crate::codes::{
    CERTIFICATE_LIFETIME, INVALID_REPLICAS, NAME_COLLISION, SECRET_REQUIRED, SELF_SIGNED, TLS_DISABLED, UNUSED_VALUE,
};
use crate::values::{self, CertManager, IssuerType, TlsMode, TlsSide};

/// What each side shows, and who makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Of the listener for clients, if it uses TLS.
    pub client: Option<Identity>,
    /// Of the listener for peers, if it uses TLS.
    pub peer: Option<Identity>,
    /// What cert-manager is asked for, if anything.
    pub certificates: Option<Certificates>,
}

/// A key, its certificate and the authority that it trusts, in the files of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The Secret with `tls.crt`, `tls.key` and `ca.crt`.
    pub secret: String,
    /// The volume in the pod.
    pub volume: &'static str,
    /// Where it is mounted.
    pub mount_path: &'static str,
}

impl Identity {
    /// The certificate's file.
    #[must_use]
    pub fn certificate(&self) -> String {
        format!("{}/tls.crt", self.mount_path)
    }

    /// The key's file.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/tls.key", self.mount_path)
    }

    /// The authority's file.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}/ca.crt", self.mount_path)
    }
}

/// What cert-manager is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// Who signs.
    pub authority: Authority,
    /// A certificate for each side that wants one.
    pub leaves: Vec<Leaf>,
    /// The common name of all of them, at most 64 characters.
    pub common_name: String,
    /// The DNS names that all of them hold for.
    pub dns_names: Vec<String>,
    /// How long they are good for, if not as cert-manager has it.
    pub duration: Option<String>,
    /// How long before their end they are renewed, if not as cert-manager has it.
    pub renew_before: Option<String>,
}

/// A certificate and its Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The Certificate's name.
    pub name: String,
    /// The Secret's name.
    pub secret: String,
}

impl Leaf {
    /// The Certificate and the Issuer of the authority that signs it. Each side has one of its own: whoever holds a
    /// certificate for clients must not pass for a peer.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}-ca", self.name)
    }

    /// The Secret of that authority.
    #[must_use]
    pub fn authority_secret(&self) -> String {
        format!("{}-tls", self.authority())
    }
}

/// Who signs certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Authorities of the cluster's own: a self-signed Issuer, and for each leaf a Certificate that it signs and an
    /// Issuer that signs with that.
    Ca,
    /// Each certificate is its own authority.
    SelfSigned {
        /// The ClusterIssuer's name.
        cluster_issuer: DnsSubdomain,
        /// Whether it is rendered.
        create: bool,
    },
}

impl Tls {
    /// The scheme of clients' URLs.
    #[must_use]
    pub fn client_scheme(&self) -> &'static str {
        scheme(self.client.as_ref())
    }

    /// The scheme of peers' URLs.
    #[must_use]
    pub fn peer_scheme(&self) -> &'static str {
        scheme(self.peer.as_ref())
    }

    /// The sides that use TLS.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.client.iter().chain(&self.peer)
    }
}

fn scheme(identity: Option<&Identity>) -> &'static str {
    if identity.is_some() { "https" } else { "http" }
}

/// One side's fixed facts. Names follow the ports, as on the source page: what serves the port `etcd-server`, the peers',
/// is the certificate `<fullname>-server`.
pub(super) struct Side {
    path: &'static str,
    suffix: &'static str,
    pub(super) volume: &'static str,
    mount_path: &'static str,
}

pub(super) const CLIENT: Side = Side {
    path: "tls.client",
    suffix: "client",
    volume: "etcd-client-tls",
    mount_path: "/etc/etcd/certs/client",
};

pub(super) const PEER: Side = Side {
    path: "tls.peer",
    suffix: "server",
    volume: "etcd-server-tls",
    mount_path: "/etc/etcd/certs/server",
};

pub(super) fn resolve(
    tls: values::Tls,
    names: &Names,
    replicas: u32,
    client_service: bool,
    report: &mut Report<'_>,
) -> Option<Tls> {
    warn_of_plain_text(&tls, report);
    check_lifetime(&tls.cert_manager, report);
    let client = identity(&tls.client, &CLIENT, names, report);
    let peer = identity(&tls.peer, &PEER, names, report);
    let leaves: Vec<Leaf> = [(&tls.client, &CLIENT), (&tls.peer, &PEER)]
        .into_iter()
        .filter(|(values, _)| values.mode == TlsMode::CertManager)
        .map(|(_, side)| Leaf {
            name: names.suffixed(side.suffix),
            secret: secret(names, side),
        })
        .collect();
    for (values, side, other) in [(&tls.client, &CLIENT, &PEER), (&tls.peer, &PEER, &CLIENT)] {
        let others = secret(names, other);
        if values.secret_name.as_ref().is_some_and(|own| **own == *others) && leaves.iter().any(|l| l.secret == others)
        {
            report
                .add(
                    &NAME_COLLISION,
                    &format!("{}.secretName", side.path),
                    format!("cert-manager writes {others:?} for {}", other.path),
                )
                .help("name another Secret, or set the mode to CertManager here too");
        }
    }
    let certificates = if leaves.is_empty() {
        None
    } else {
        Some(certificates(
            tls.cert_manager,
            leaves,
            names,
            replicas,
            client_service,
            report,
        ))
    };
    Some(Tls {
        client: client?,
        peer: peer?,
        certificates,
    })
}

fn warn_of_plain_text(tls: &values::Tls, report: &mut Report<'_>) {
    let (path, traffic) = match (tls.client.mode, tls.peer.mode) {
        (TlsMode::Disabled, TlsMode::Disabled) => ("tls", "all traffic"),
        (TlsMode::Disabled, _) => ("tls.client", "clients' traffic"),
        (_, TlsMode::Disabled) => ("tls.peer", "the members' own traffic"),
        _ => return,
    };
    report
        .add(
            &TLS_DISABLED,
            path,
            format!("{traffic} is plain text, and anyone who reaches the port is served"),
        )
        .help("with cert-manager in the cluster, write tls: {client: {mode: CertManager}, peer: {mode: CertManager}}");
}

/// The side's identity; the inner option is none without TLS, the outer one where the values are refused.
fn identity(values: &TlsSide, side: &Side, names: &Names, report: &mut Report<'_>) -> Option<Option<Identity>> {
    let path = format!("{}.secretName", side.path);
    let secret = match (values.mode, &values.secret_name) {
        (TlsMode::Disabled, None) => return Some(None),
        (TlsMode::CertManager, None) => secret(names, side),
        (TlsMode::Secret, Some(name)) => name.to_string(),
        (TlsMode::Secret, None) => {
            report
                .add(&SECRET_REQUIRED, &path, "the mode Secret needs the name of a Secret")
                .help("such as my-etcd-tls, with tls.crt, tls.key and ca.crt");
            return None;
        }
        (TlsMode::Disabled | TlsMode::CertManager, Some(name)) => {
            report
                .add(
                    &UNUSED_VALUE,
                    &path,
                    format!("the Secret {:?} is not used in the mode {:?}", &**name, values.mode),
                )
                .help("write mode: Secret, or leave secretName out");
            return None;
        }
    };
    Some(Some(Identity {
        secret,
        volume: side.volume,
        mount_path: side.mount_path,
    }))
}

fn secret(names: &Names, side: &Side) -> String {
    names.suffixed(format_args!("{}-tls", side.suffix))
}

fn certificates(
    values: CertManager,
    leaves: Vec<Leaf>,
    names: &Names,
    replicas: u32,
    client_service: bool,
    report: &mut Report<'_>,
) -> Certificates {
    let authority = match values.issuer.kind {
        IssuerType::Ca => {
            let issuer = &values.issuer;
            for (path, given) in [
                (
                    "tls.certManager.issuer.clusterIssuerName",
                    issuer.cluster_issuer_name.is_some(),
                ),
                (
                    "tls.certManager.issuer.createClusterIssuer",
                    issuer.create_cluster_issuer.is_some(),
                ),
            ] {
                if given {
                    report
                        .add(&UNUSED_VALUE, path, "the issuer type Ca uses no ClusterIssuer")
                        .help("write type: SelfSigned, or leave it out");
                }
            }
            Authority::Ca
        }
        IssuerType::SelfSigned => {
            report
                .add(
                    &SELF_SIGNED,
                    "tls.certManager.issuer.type",
                    "at the first renewal each certificate becomes an authority that the running members do not know",
                )
                .help("write type: Ca; with SelfSigned, restart all members at once after each renewal");
            Authority::SelfSigned {
                cluster_issuer: values
                    .issuer
                    .cluster_issuer_name
                    .unwrap_or_else(|| crate::literal("selfsigned")),
                create: values.issuer.create_cluster_issuer.unwrap_or(true),
            }
        }
    };
    let largest = values.max_replicas.unwrap_or(replicas);
    if largest < replicas || largest > MAX_REPLICAS {
        report
            .add(
                &INVALID_REPLICAS,
                "tls.certManager.maxReplicas",
                format!("found {largest}, expected {replicas} (`replicas`) to {MAX_REPLICAS}"),
            )
            .help("leave it out, or write the largest size that is planned");
    }
    Certificates {
        authority,
        leaves,
        common_name: names.fullname.to_string(),
        dns_names: dns_names(names, largest.min(MAX_REPLICAS), client_service),
        duration: values.duration.map(|duration| duration.to_string()),
        renew_before: values.renew_before.map(|duration| duration.to_string()),
    }
}

/// cert-manager's limits: `internal/apis/certmanager/validation/certificate.go`.
fn check_lifetime(values: &CertManager, report: &mut Report<'_>) {
    const SHORTEST: Duration = Duration::from_secs(60 * 60);
    const SHORTEST_RENEWAL: Duration = Duration::from_secs(5 * 60);
    const DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
    let duration = values
        .duration
        .as_ref()
        .map_or(DEFAULT, rutter::duration::Duration::value);
    if let Some(text) = values.duration.as_ref().filter(|_| duration < SHORTEST) {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                "tls.certManager.duration",
                format!("a certificate is good for at least 1h, found {text}"),
            )
            .help("such as 2160h");
    }
    let Some(renew_before) = &values.renew_before else {
        return;
    };
    let path = "tls.certManager.renewBefore";
    if renew_before.value() < SHORTEST_RENEWAL {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                path,
                format!("a certificate is renewed at least 5m before its end, found {renew_before}"),
            )
            .help("such as 720h");
    } else if renew_before.value() >= duration {
        report
            .add(
                &CERTIFICATE_LIFETIME,
                path,
                format!("{renew_before} before its end is before the certificate begins"),
            )
            .help(match &values.duration {
                Some(duration) => format!("write less than tls.certManager.duration, which is {duration}"),
                None => {
                    "write less than 2160h, which a certificate is good for unless duration says otherwise".to_owned()
                }
            });
    }
}

/// Every name by which something may reach a member: both Services and each member in every form that resolves, and
/// the pod itself.
fn dns_names(names: &Names, replicas: u32, client_service: bool) -> Vec<String> {
    let namespace = &names.namespace;
    let domain = &names.domain;
    let forms = |name: String| {
        [
            format!("{name}.{namespace}"),
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.{domain}"),
        ]
    };
    let mut all = Vec::new();
    let services = std::iter::once(names.headless_service()).chain(client_service.then(|| names.client_service()));
    for service in services {
        all.push(service.clone());
        all.extend(forms(service));
    }
    for ordinal in 0..replicas {
        let member = names.member(ordinal);
        let in_service = format!("{member}.{}", names.headless_service());
        all.push(member);
        all.push(in_service.clone());
        all.extend(forms(in_service));
    }
    all.push("localhost".to_owned());
    all
}
