//! The TLS versions, cipher suites and holders of certificates that the listeners accept.

use rutter::report::Report;

use super::{Certificates, Leaf, Purpose};
use crate::codes::{CERTIFICATE_NOT_ALLOWED, INVALID_TLS, UNKNOWN_FLAG, UNUSED_VALUE, WEAK_CIPHER_SUITE};
use crate::etcd::{CipherSuite, Version};
use crate::values::{self, KeyAlgorithm, PeerTlsMode, TlsMode, TlsVersion};

/// The TLS versions and cipher suites of both listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// etcd's `--tls-min-version`.
    pub min_version: Option<&'static str>,
    /// etcd's `--tls-max-version`.
    pub max_version: Option<&'static str>,
    /// etcd's `--cipher-suites`.
    pub cipher_suites: Vec<CipherSuite>,
}

/// The holders of certificates of the peers' CA that are accepted as peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedPeers {
    /// All.
    All,
    /// Those with one of these common names.
    CommonNames(Vec<String>),
    /// Those whose certificate is valid for one of these host names.
    Hostnames(Vec<String>),
}

pub(super) fn resolve(tls: &values::Tls, version: Version, report: &mut Report<'_>) -> Policy {
    if tls.client_auth.is_some() && tls.client.mode == TlsMode::Disabled {
        report
            .add(&UNUSED_VALUE, "tls.clientAuth", "clients speak plain text")
            .help("write a mode in tls.client, or leave it out");
    }
    let plain = tls.client.mode == TlsMode::Disabled && tls.peer.mode == PeerTlsMode::Disabled;
    for (path, flag, given) in [
        ("tls.minVersion", "tls-min-version", tls.min_version.is_some()),
        ("tls.maxVersion", "tls-max-version", tls.max_version.is_some()),
        ("tls.cipherSuites", "cipher-suites", !tls.cipher_suites.is_empty()),
    ] {
        if given && plain {
            report
                .add(&UNUSED_VALUE, path, "there is no TLS that it could apply to")
                .help("write a mode in tls.client or tls.peer, or leave it out");
        } else if given && let Some(release) = version.release_with(flag) {
            report
                .add(&UNKNOWN_FLAG, path, format!("etcd {version} has no flag --{flag}"))
                .help(format!("leave it out, or take {release} or a later release"));
        }
    }
    check_versions(tls, report);
    check_cipher_suites(tls, report);
    Policy {
        min_version: tls.min_version.map(name),
        max_version: tls.max_version.map(name),
        cipher_suites: tls.cipher_suites.clone(),
    }
}

fn name(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "TLS1.2",
        TlsVersion::Tls13 => "TLS1.3",
    }
}

fn check_versions(tls: &values::Tls, report: &mut Report<'_>) {
    if let (Some(min), Some(max)) = (tls.min_version, tls.max_version)
        && min > max
    {
        report
            .add(
                &INVALID_TLS,
                "tls.maxVersion",
                format!("{} is older than tls.minVersion, which is {}", name(max), name(min)),
            )
            .help(format!("write {}, or leave it out", name(min)));
    }
}

/// Refuses cipher suites that `server/embed/config.go` (`Validate`) and Go's HTTP/2 server refuse.
fn check_cipher_suites(tls: &values::Tls, report: &mut Report<'_>) {
    let suites = &tls.cipher_suites;
    if suites.is_empty() {
        return;
    }
    let path = "tls.cipherSuites";
    if tls.min_version == Some(TlsVersion::Tls13) {
        report
            .add(
                &INVALID_TLS,
                path,
                "etcd refuses cipher suites where only TLS 1.3 is spoken",
            )
            .help("leave them out, or write minVersion: TLS1.2");
        return;
    }
    if tls.client.mode != TlsMode::Disabled && !suites.iter().any(|suite| suite.satisfies_http2()) {
        report
            .add(
                &INVALID_TLS,
                path,
                "etcd does not start without a suite that HTTP/2 demands",
            )
            .help("add TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    }
    let made = tls.client.mode == TlsMode::CertManager || tls.peer.mode == PeerTlsMode::CertManager;
    let rsa = matches!(tls.cert_manager.private_key.algorithm, None | Some(KeyAlgorithm::Rsa));
    if made && tls.max_version == Some(TlsVersion::Tls12) && !suites.iter().any(|suite| suite.is_for_rsa() == rsa) {
        report
            .add(
                &INVALID_TLS,
                path,
                format!(
                    "none of them goes with an {} key (tls.certManager.privateKey.algorithm)",
                    if rsa { "RSA" } else { "ECDSA or Ed25519" }
                ),
            )
            .help(if rsa {
                "add TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
            } else {
                "add TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
            });
    }
    for (index, suite) in suites.iter().enumerate() {
        if !suite.is_safe() {
            report
                .add(
                    &WEAK_CIPHER_SUITE,
                    &format!("{path}[{index}]"),
                    format!("Go takes {suite} for unsafe"),
                )
                .help("leave it out unless a client knows nothing better");
        }
    }
}

pub(super) fn allowed_peers(
    tls: &values::Tls,
    certificates: Option<&Certificates>,
    version: Version,
    report: &mut Report<'_>,
) -> AllowedPeers {
    let peer = &tls.peer;
    let hostnames: Vec<String> = peer.allowed_hostnames.iter().map(ToString::to_string).collect();
    let anyone = matches!(peer.mode, PeerTlsMode::Disabled | PeerTlsMode::Auto);
    for (field, list) in [
        ("allowedCommonNames", &peer.allowed_common_names),
        ("allowedHostnames", &hostnames),
    ] {
        check_list(&format!("tls.peer.{field}"), list, anyone, version, report);
    }
    if !peer.allowed_common_names.is_empty() && !hostnames.is_empty() {
        report
            .add(
                &INVALID_TLS,
                "tls.peer.allowedHostnames",
                "etcd refuses host names beside allowedCommonNames",
            )
            .help("keep one of the two");
    }
    let own = certificates.and_then(|certificates| certificates.shown_by(Purpose::PeerListener));
    if let Some(leaf) = own {
        if !peer.allowed_common_names.is_empty() && !peer.allowed_common_names.contains(&leaf.common_name) {
            report
                .add(
                    &CERTIFICATE_NOT_ALLOWED,
                    "tls.peer.allowedCommonNames",
                    format!(
                        "the members' own certificate, whose common name is {:?}, is not let in",
                        leaf.common_name
                    ),
                )
                .help(format!("add {}", leaf.common_name));
        }
        check_hostnames("tls.peer.allowedHostnames", &hostnames, leaf, report);
    }
    if !peer.allowed_common_names.is_empty() {
        AllowedPeers::CommonNames(peer.allowed_common_names.clone())
    } else if !hostnames.is_empty() {
        AllowedPeers::Hostnames(hostnames)
    } else {
        AllowedPeers::All
    }
}

pub(super) fn check_allowed_clients(
    tls: &values::Tls,
    certificates: Option<&Certificates>,
    version: Version,
    report: &mut Report<'_>,
) {
    let path = "tls.client.allowedHostnames";
    let hostnames: Vec<String> = tls.client.allowed_hostnames.iter().map(ToString::to_string).collect();
    let anyone = tls.client.mode == TlsMode::Disabled || tls.client_auth == Some(false);
    check_list(path, &hostnames, anyone, version, report);
    // etcdctl in the pods, jobs and etcd's HTTP gateway use it.
    if let Some(leaf) = certificates.and_then(|certificates| certificates.shown_by(Purpose::ClientListener)) {
        check_hostnames(path, &hostnames, leaf, report);
    }
}

fn check_list(path: &str, list: &[String], anyone: bool, version: Version, report: &mut Report<'_>) {
    if anyone && !list.is_empty() {
        report
            .add(&UNUSED_VALUE, path, "nobody shows a certificate there")
            .help("leave it out");
    }
    if list.len() > 1 && !version.takes_lists_of_allowed() {
        report
            .add(
                &INVALID_TLS,
                path,
                format!("etcd {version} takes one name, found {}", list.len()),
            )
            .help(format!(
                "keep one, or take {} or a later release",
                Version::first_with_lists_of_allowed()
            ));
    }
    for (index, name) in list.iter().enumerate() {
        if name.is_empty() || name.contains(',') {
            report
                .add(
                    &INVALID_TLS,
                    &format!("{path}[{index}]"),
                    format!("{name:?} cannot be told from a list: etcd parts names at commas"),
                )
                .help("write one name an item");
        } else if name.contains('$') {
            report
                .add(
                    &INVALID_TLS,
                    &format!("{path}[{index}]"),
                    format!("{name:?} would reach etcd as another name: the kubelet expands `$(…)`"),
                )
                .help("write the name itself");
        }
    }
}

fn check_hostnames(path: &str, allowed: &[String], leaf: &Leaf, report: &mut Report<'_>) {
    if !allowed.is_empty() && !allowed.iter().any(|name| leaf.holds_for(name)) {
        let service = leaf.dns_names.first().map(String::as_str).unwrap_or_default();
        report
            .add(
                &CERTIFICATE_NOT_ALLOWED,
                path,
                "the members' own certificate holds for none of these names, so it is not let in",
            )
            .help(format!("add {service}"));
    }
}
