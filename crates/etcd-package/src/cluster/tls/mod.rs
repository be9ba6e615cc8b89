//! Encryption and authentication: the Secret of each listener, its requirements of others, and the certificates.

mod cert_manager;
mod certificates;
mod policy;

use std::collections::{BTreeMap, BTreeSet};

use kubernetes_validation::codes::NAME_COLLISION;
use rutter::report::Report;

use super::Names;
use crate::codes::{SECRET_REQUIRED, SHARED_AUTHORITY, TLS_DISABLED, UNAUTHENTICATED, UNUSED_VALUE};
use crate::etcd::Version;
use crate::values::{self, IssuerType, PeerTlsMode, TlsMode};

pub use certificates::{CertificateAuthority, Certificates, Issuers, Leaf, Purpose};
pub use policy::{AllowedPeers, Policy};

/// The TLS settings of both listeners, and the certificates that cert-manager makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// The listener for clients.
    pub client: Option<ClientTls>,
    /// The listener for peers.
    pub peer: PeerTls,
    /// The versions and cipher suites of both.
    pub policy: Policy,
    /// The objects for cert-manager, if it makes any certificate.
    pub certificates: Option<Certificates>,
}

/// TLS for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// The certificate of members for clients, and of jobs for members.
    pub identity: Identity,
    /// Whether clients need a certificate.
    pub auth: bool,
    /// The host names of clients. A client's certificate must be valid for one of them, if there are any.
    pub allowed_hostnames: Vec<String>,
}

/// TLS between members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerTls {
    /// Plain text.
    Plain,
    /// Encryption without authentication: each member makes its own certificate.
    Auto,
    /// With certificates.
    Identity {
        /// The certificate of members for each other.
        identity: Identity,
        /// The holders of certificates of the same CA that are accepted.
        allowed: AllowedPeers,
    },
}

/// A key, its certificate and the trusted CA certificate, in the files of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The Secret with `tls.crt`, `tls.key` and `ca.crt`.
    pub secret: String,
    /// The name of the volume in the pod.
    pub volume: &'static str,
    /// The mount path of the volume.
    pub mount_path: &'static str,
}

impl Identity {
    /// Returns the path of the certificate.
    #[must_use]
    pub fn certificate(&self) -> String {
        format!("{}/tls.crt", self.mount_path)
    }

    /// Returns the path of the key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/tls.key", self.mount_path)
    }

    /// Returns the path of the CA certificate.
    #[must_use]
    pub fn ca_certificate(&self) -> String {
        format!("{}/ca.crt", self.mount_path)
    }
}

impl Tls {
    /// Returns the scheme of URLs for clients.
    #[must_use]
    pub fn client_scheme(&self) -> &'static str {
        if self.client.is_some() { "https" } else { "http" }
    }

    /// Returns the scheme of URLs for peers.
    #[must_use]
    pub fn peer_scheme(&self) -> &'static str {
        if self.peer == PeerTls::Plain { "http" } else { "https" }
    }

    /// Returns the identities that a member mounts.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        let peer = match &self.peer {
            PeerTls::Identity { identity, .. } => Some(identity),
            PeerTls::Plain | PeerTls::Auto => None,
        };
        self.client.iter().map(|client| &client.identity).chain(peer)
    }
}

/// The constants of a listener. Names follow the ports, as on etcd's page: the certificate of the port
/// `etcd-server`, which is that of the peers, is called `<fullname>-server`.
pub(super) struct Listener {
    purpose: Purpose,
    path: &'static str,
    suffix: &'static str,
    pub(super) volume: &'static str,
    pub(super) mount_path: &'static str,
}

pub(super) const CLIENT: Listener = Listener {
    purpose: Purpose::ClientListener,
    path: "tls.client",
    suffix: "client",
    volume: "etcd-client-tls",
    mount_path: "/etc/etcd/certs/client",
};

pub(super) const PEER: Listener = Listener {
    purpose: Purpose::PeerListener,
    path: "tls.peer",
    suffix: "server",
    volume: "etcd-server-tls",
    mount_path: "/etc/etcd/certs/server",
};

impl Listener {
    fn secret_name(&self) -> String {
        format!("{}.secretName", self.path)
    }

    fn identity(&self, secret: String) -> Identity {
        Identity {
            secret,
            volume: self.volume,
            mount_path: self.mount_path,
        }
    }
}

/// The other settings on which certificates depend.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names,
    pub(super) version: Version,
    pub(super) replicas: u32,
    pub(super) has_client_service: bool,
}

pub(super) fn resolve(tls: values::Tls, context: &Context<'_>, report: &mut Report<'_>) -> Option<Tls> {
    warn_of_plain_text(&tls, report);
    warn_of_unauthenticated(&tls, report);
    warn_of_shared_authority(&tls, report);
    let names = context.names;
    let client = secret(
        source_of_client(tls.client.mode),
        tls.client.secret_name.as_deref(),
        &CLIENT,
        names,
        report,
    );
    let peer = secret(
        source_of_peer(tls.peer.mode),
        tls.peer.secret_name.as_deref(),
        &PEER,
        names,
        report,
    );
    cert_manager::check(&tls, report);
    let certificates = certificates::resolve(&tls, context, report);
    check_secrets(&tls, certificates.as_ref(), report);
    let allowed = policy::allowed_peers(&tls, certificates.as_ref(), context.version, report);
    policy::check_allowed_clients(&tls, certificates.as_ref(), context.version, report);
    let policy = policy::resolve(&tls, context.version, report);
    let (client, peer) = (client?, peer?);
    Some(Tls {
        client: client.map(|secret| ClientTls {
            identity: CLIENT.identity(secret),
            auth: tls.client_auth.unwrap_or(true),
            allowed_hostnames: tls.client.allowed_hostnames.iter().map(ToString::to_string).collect(),
        }),
        peer: match peer {
            Some(secret) => PeerTls::Identity {
                identity: PEER.identity(secret),
                allowed,
            },
            None if tls.peer.mode == PeerTlsMode::Auto => PeerTls::Auto,
            None => PeerTls::Plain,
        },
        policy,
        certificates,
    })
}

fn warn_of_plain_text(tls: &values::Tls, report: &mut Report<'_>) {
    let (path, traffic) = match (tls.client.mode, tls.peer.mode) {
        (TlsMode::Disabled, PeerTlsMode::Disabled) => ("tls", "all traffic"),
        (TlsMode::Disabled, _) => ("tls.client", "clients' traffic"),
        (_, PeerTlsMode::Disabled) => ("tls.peer", "the members' own traffic"),
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

fn warn_of_unauthenticated(tls: &values::Tls, report: &mut Report<'_>) {
    if tls.peer.mode == PeerTlsMode::Auto {
        report
            .add(
                &UNAUTHENTICATED,
                "tls.peer.mode",
                "with Auto anyone who reaches the port of the peers can pass for a member",
            )
            .help("write mode: CertManager, or let a networkPolicy keep others away");
    }
    if tls.client_auth == Some(false) && tls.client.mode != TlsMode::Disabled {
        report
            .add(
                &UNAUTHENTICATED,
                "tls.clientAuth",
                "clients need no certificate, so anyone who reaches the port is served",
            )
            .help("leave it out, or switch etcd's own authentication on");
    }
}

/// Warns if a CA signs certificates of clients and of peers, because members accept every certificate of their CA.
fn warn_of_shared_authority(tls: &values::Tls, report: &mut Report<'_>) {
    if !tls.peer.allowed_common_names.is_empty() || !tls.peer.allowed_hostnames.is_empty() {
        return;
    }
    let one_issuer = tls.client.mode == TlsMode::CertManager
        && tls.peer.mode == PeerTlsMode::CertManager
        && tls.cert_manager.issuer.kind == IssuerType::Existing;
    let one_secret = tls.client.secret_name.is_some()
        && tls.client.secret_name == tls.peer.secret_name
        && tls.client.mode == TlsMode::Secret
        && tls.peer.mode == PeerTlsMode::Secret;
    if one_issuer || one_secret {
        report
            .add(
                &SHARED_AUTHORITY,
                if one_issuer {
                    "tls.certManager.issuer"
                } else {
                    "tls.peer.secretName"
                },
                "clients and peers have one authority, so whoever holds a client's certificate can pass for a member",
            )
            .help("say in tls.peer.allowedCommonNames or tls.peer.allowedHostnames who is a peer");
    }
}

/// The source of a listener's Secret.
enum SecretSource {
    /// There is no Secret.
    None,
    CertManager,
    User,
}

fn source_of_client(mode: TlsMode) -> SecretSource {
    match mode {
        TlsMode::Disabled => SecretSource::None,
        TlsMode::CertManager => SecretSource::CertManager,
        TlsMode::Secret => SecretSource::User,
    }
}

fn source_of_peer(mode: PeerTlsMode) -> SecretSource {
    match mode {
        PeerTlsMode::Disabled | PeerTlsMode::Auto => SecretSource::None,
        PeerTlsMode::CertManager => SecretSource::CertManager,
        PeerTlsMode::Secret => SecretSource::User,
    }
}

/// Returns the listener's Secret. The inner option is none if there is no Secret, and the outer one if the values are
/// refused.
fn secret(
    source: SecretSource,
    name: Option<&str>,
    listener: &Listener,
    names: &Names,
    report: &mut Report<'_>,
) -> Option<Option<String>> {
    match (source, name) {
        (SecretSource::None, None) => Some(None),
        (SecretSource::CertManager, None) => Some(Some(certificates::secret(names, listener))),
        (SecretSource::User, Some(name)) => Some(Some(name.to_owned())),
        (SecretSource::User, None) => {
            report
                .add(
                    &SECRET_REQUIRED,
                    &listener.secret_name(),
                    "the mode Secret needs the name of a Secret",
                )
                .help("such as my-etcd-tls, with tls.crt, tls.key and ca.crt");
            None
        }
        (SecretSource::None | SecretSource::CertManager, Some(name)) => {
            report
                .add(
                    &UNUSED_VALUE,
                    &listener.secret_name(),
                    format!("the Secret {name:?} is used in the mode Secret only"),
                )
                .help("write mode: Secret, or leave secretName out");
            None
        }
    }
}

/// Checks that cert-manager writes no Secret of the user's, and none twice.
fn check_secrets(tls: &values::Tls, certificates: Option<&Certificates>, report: &mut Report<'_>) {
    let Some(certificates) = certificates else { return };
    let mut written: Vec<(&str, &str)> = certificates.secrets().collect();
    let own = [
        (
            &CLIENT,
            tls.client
                .secret_name
                .as_ref()
                .filter(|_| tls.client.mode == TlsMode::Secret),
        ),
        (
            &PEER,
            tls.peer
                .secret_name
                .as_ref()
                .filter(|_| tls.peer.mode == PeerTlsMode::Secret),
        ),
    ];
    for (listener, name) in own {
        let Some(name) = name else { continue };
        if let Some((certificate, _)) = written.iter().find(|(_, secret)| *secret == &**name) {
            report
                .add(
                    &NAME_COLLISION,
                    &listener.secret_name(),
                    format!("cert-manager writes {:?} for the Certificate {certificate:?}", &**name),
                )
                .help("name another Secret, or set the mode to CertManager here too");
        }
    }
    let of_clients = written.split_off(written.len() - tls.client_certificates.len());
    let mut secrets: BTreeMap<&str, &str> = written.iter().map(|(name, secret)| (*secret, *name)).collect();
    let mut names = BTreeSet::new();
    for (index, (client, (certificate, secret))) in tls.client_certificates.iter().zip(of_clients).enumerate() {
        if report.is_full() {
            return;
        }
        let path = format!("tls.clientCertificates[{index}]");
        if !names.insert(certificate) {
            report
                .add(
                    &NAME_COLLISION,
                    &format!("{path}.name"),
                    format!("two certificates are called {:?}", &*client.name),
                )
                .help("give each client a name of its own");
        } else if let Some(other) = secrets.insert(secret, certificate) {
            report
                .add(
                    &NAME_COLLISION,
                    &format!("{path}.secretName"),
                    format!("cert-manager writes {secret:?} for the Certificate {other:?}"),
                )
                .help("leave it out, or name another Secret");
        }
    }
}
