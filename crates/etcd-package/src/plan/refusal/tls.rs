//! Certificates, CAs and cipher suites with which members would not trust each other.

use rutter::Code;

use super::super::changes::accepted_option;
use super::super::fact::Fact;
use super::super::objects::{items, scalar};
use super::super::observed::{ObservedCluster, PeerTls, TlsFiles, quoted};
use crate::cluster::{Cluster, Issuers, Purpose};
use crate::codes::{NOT_UNDERSTOOD, UNKNOWN_CLUSTER, UNSAFE_CHANGE};
use crate::etcd::CipherSuite;
use crate::values::TlsVersion;

/// Refuses what keeps members from trusting each other.
pub(super) fn check(
    from: &ObservedCluster,
    to: &ObservedCluster,
    wanted: &Cluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    check_certificates(from, to, refuse);
    check_secret_keys(from, to, refuse);
    check_peers(from, to, refuse);
    check_peer_ca(from, to, accepted, refuse);
    check_peer_clients(from, to, accepted, refuse);
    check_cipher_suites(from, to, accepted, refuse);
    check_self_signed(from, wanted, refuse);
}

/// A CA that nothing is known of may be another one.
fn check_certificates(
    from: &ObservedCluster,
    to: &ObservedCluster,
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let same = |old: Option<&str>, new: Option<&str>| match (old, new) {
        (Some(old), Some(new)) if old == new => Some(new.to_owned()),
        _ => None,
    };
    let peer = same(from.peer_secret(), to.peer_secret());
    let client = same(from.client_files.secret(), to.client_files.secret());
    for secret in peer.into_iter().chain(client) {
        if to.certificates.contains_key(&secret) && !from.certificates.contains_key(&secret) {
            refuse(
                &UNKNOWN_CLUSTER,
                "tls",
                format!("the Certificate of the Secret {secret:?} is not among the installed objects"),
                "give the Certificates as well, or have cert-manager fill a Secret of another name",
            );
        }
    }
}

/// Files in a Secret that stays have to be there under the keys that the new flags read.
fn check_secret_keys(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let mut sides = vec![("tls.client.secretName", &from.client_files, &to.client_files)];
    if let (Fact::Known(PeerTls::Identity(old)), Fact::Known(PeerTls::Identity(new))) = (&from.peer_tls, &to.peer_tls) {
        sides.push(("tls.peer.secretName", old, new));
    }
    for (path, old, new) in sides {
        let pairs = [
            (&old.certificate, &new.certificate),
            (&old.private_key, &new.private_key),
            (&old.ca, &new.ca),
        ];
        let mut other = Vec::new();
        for (old, new) in pairs {
            if let (Fact::Known(old), Fact::Known(new)) = (old, new)
                && old.secret == new.secret
                && old.key != new.key
                && !to.certificates.contains_key(&new.secret)
            {
                other.push(format!("{} instead of {}", new.key, old.key));
            }
        }
        if let (false, Some(secret)) = (other.is_empty(), new.secret()) {
            refuse(
                &UNSAFE_CHANGE,
                path,
                format!(
                    "members would read other keys of the Secret {secret:?}: {}",
                    other.join(", ")
                ),
                "copy the Secret to one of another name, with the keys tls.crt, tls.key and ca.crt, and name that",
            );
        }
    }
}

/// Members that do not trust each other have no quorum.
fn check_peers(from: &ObservedCluster, to: &ObservedCluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let (old, new) = (&from.peer_tls, &to.peer_tls);
    match (old, new) {
        (Fact::Unknown(reason), _) if from.options.opaque().is_none() => refuse(
            &UNKNOWN_CLUSTER,
            "tls.peer",
            format!("whether members use TLS among themselves is not known: {reason}"),
            "give an edited copy of the objects as --from, with the peer flags in the container's args",
        ),
        (Fact::Known(PeerTls::Auto), Fact::Known(PeerTls::Identity(_)))
        | (Fact::Known(PeerTls::Identity(_)), Fact::Known(PeerTls::Auto)) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "members with certificates of a CA and members with their own do not talk to each other, so the quorum would be \
             lost"
                .to_owned(),
            "keep the mode, or restore a snapshot in a new cluster",
        ),
        // The other way round a member that has TLS reaches those without, in both directions of its streams.
        (Fact::Known(PeerTls::Auto | PeerTls::Identity(_)), Fact::Known(PeerTls::Plain)) => refuse(
            &UNSAFE_CHANGE,
            "tls.peer.mode",
            "a member without TLS cannot reach those that still have it, so the quorum would be lost".to_owned(),
            "keep TLS among members, or restore a snapshot in a new cluster",
        ),
        (Fact::Known(PeerTls::Identity(files)), Fact::Known(PeerTls::Identity(_))) if files.secret().is_none() => {
            let reason = files.certificate.unknown().unwrap_or("its files are in no Secret");
            refuse(
                &UNKNOWN_CLUSTER,
                "tls.peer",
                format!("the Secret of the members' certificates is not known: {reason}"),
                "give the Secrets' keys as well (--live does), or restore a snapshot in a new cluster",
            );
        }
        _ => {}
    }
}

/// A CA that is not beside the certificate in its Secret is not known to have signed it, nor to stay.
fn check_peer_ca(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let (Fact::Known(PeerTls::Identity(old)), Fact::Known(PeerTls::Identity(new))) = (&from.peer_tls, &to.peer_tls)
    else {
        return;
    };
    let name = accepted_option(from, "peer-trusted-ca-file");
    // Another Secret for the certificate is a rotation, which has checks of its own.
    if old.ca == new.ca || old.secret() != new.secret() || accepted.contains(&name) {
        return;
    }
    let is_beside = |files: &TlsFiles| files.ca.known().map(|ca| ca.secret.as_str()) == files.secret();
    if is_beside(old) && is_beside(new) {
        return;
    }
    let place = |files: &TlsFiles| match &files.ca {
        Fact::Known(ca) => format!("the key {} of the Secret {}", quoted(&ca.key), quoted(&ca.secret)),
        Fact::Absent => "a file that is in no Secret, or none".to_owned(),
        Fact::Unknown(reason) => format!("a file that is not known ({reason})"),
    };
    refuse(
        &NOT_UNDERSTOOD,
        "tls.peer",
        format!(
            "members trust the CA in {}, and would trust that in {}; members that have restarted may not trust those that have \
             not",
            place(old),
            place(new)
        ),
        &format!(
            "have the same CA at the new place first, and compare both (`openssl x509 -noout -fingerprint`); if they are the same: \
             --accept '{name}'"
        ),
    );
}

/// Members that ask for certificates refuse one that is only for servers.
fn check_peer_clients(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let name = accepted_option(from, "peer-client-cert-auth");
    // With a CA etcd asks for certificates as well (`ServerConfig` in `client/pkg/transport/listener.go`).
    let asks = |cluster: &ObservedCluster| {
        cluster.options.get("peer-trusted-ca-file") != Fact::Absent
            || cluster.options.is_on("peer-client-cert-auth") != Fact::Known(false)
    };
    let have_certificates = from.has_peer_certificates() && to.has_peer_certificates();
    if !have_certificates || asks(from) || !asks(to) || accepted.contains(&name) {
        return;
    }
    let certificate = from.peer_secret().and_then(|secret| from.certificates.get(secret));
    let is_for_clients = certificate.is_some_and(|certificate| {
        let usages = items(certificate.object.node.at("spec.usages"));
        usages.iter().filter_map(scalar).any(|usage| usage == "client auth")
    });
    if !is_for_clients {
        refuse(
            &NOT_UNDERSTOOD,
            "tls.peer",
            "members that have restarted ask others for a certificate that is for clients as well, and nothing shows that \
             theirs are"
                .to_owned(),
            &format!(
                "look at them (`openssl x509 -noout -ext extendedKeyUsage`); if each is for clients and servers: --accept '{name}'"
            ),
        );
    }
}

/// Members of both sides need a cipher suite in common, for the keys of the certificates that both show. Those of TLS 1.3
/// cannot be chosen, so that members that both take it have them all.
fn check_cipher_suites(
    from: &ObservedCluster,
    to: &ObservedCluster,
    accepted: &[String],
    refuse: &mut impl FnMut(&Code, &str, String, &str),
) {
    let (old, new) = (from.options.get("cipher-suites"), to.options.get("cipher-suites"));
    let highest = |cluster: &ObservedCluster| Some(cluster.tls_versions()?.1);
    let has_1_3 = highest(from).min(highest(to)) == Some(TlsVersion::Tls13);
    let is_plain = from.peer_tls.known() == Some(&PeerTls::Plain);
    let name = accepted_option(from, "cipher-suites");
    if old == new || has_1_3 || is_plain || accepted.contains(&name) || from.options.opaque().is_some() {
        return;
    }
    let (Some(old), Some(new)) = (suites(&old), suites(&new)) else {
        let message = "the cipher suites of members before and after are not known to have one in common".to_owned();
        let help = "write cipherSuites with suites that `rutter explain tls.cipherSuites` lists";
        return refuse(&UNSAFE_CHANGE, "tls.cipherSuites", message, help);
    };
    let shown = [(from, &old), (to, &new)].map(|(cluster, suites)| has_rsa_key(cluster, suites));
    let kinds = shown.into_iter().flatten();
    let has_common = |is_for_rsa: bool| {
        old.iter()
            .any(|suite| suite.is_for_rsa() == is_for_rsa && new.iter().any(|other| other.is_same(*suite)))
    };
    if let Some(is_for_rsa) = kinds.into_iter().find(|is_for_rsa| !has_common(*is_for_rsa)) {
        let kind = if is_for_rsa { "RSA" } else { "ECDSA" };
        refuse(
            &UNSAFE_CHANGE,
            "tls.cipherSuites",
            format!(
                "members that have restarted would have no cipher suite for {kind} keys in common with those that have not, and \
                 their TLS ends at 1.2"
            ),
            &format!(
                "write the old and the new suites first, and remove the old ones in a second change; or, if no certificate of a \
                 member has such a key: --accept '{name}'"
            ),
        );
    }
}

/// The cipher suites of TLS 1.2 that an option stands for; none if they are not known.
fn suites(option: &Fact<String>) -> Option<Vec<CipherSuite>> {
    match option {
        Fact::Known(text) if !text.is_empty() => text.split(',').map(|name| name.parse().ok()).collect(),
        Fact::Known(_) | Fact::Absent => Some(CipherSuite::defaults().collect()),
        Fact::Unknown(_) => None,
    }
}

/// The kinds of keys that a member's certificate may have, with these suites: whether RSA.
fn has_rsa_key(cluster: &ObservedCluster, suites: &[CipherSuite]) -> Vec<bool> {
    // etcd's own certificates have keys on elliptic curves (`SelfCert` in `client/pkg/transport/listener.go`).
    if cluster.peer_tls.known() == Some(&PeerTls::Auto) {
        return vec![false];
    }
    let certificate = cluster
        .peer_secret()
        .and_then(|secret| cluster.certificates.get(secret));
    match certificate {
        // RSA is cert-manager's default.
        Some(certificate) => {
            let algorithm = certificate.object.text("spec.privateKey.algorithm");
            vec![algorithm.is_none_or(|algorithm| algorithm == "RSA")]
        }
        None => [true, false]
            .into_iter()
            .filter(|is_rsa| suites.iter().any(|suite| suite.is_for_rsa() == *is_rsa))
            .collect(),
    }
}

/// Refuses certificates that sign themselves: nothing trusts them once they are issued again.
fn check_self_signed(from: &ObservedCluster, wanted: &Cluster, refuse: &mut impl FnMut(&Code, &str, String, &str)) {
    let Some(certificates) = &wanted.tls.certificates else {
        return;
    };
    let peers = certificates
        .leaves
        .iter()
        .find(|leaf| leaf.purpose == Purpose::PeerListener);
    // The certificate names all members, so that it is issued again for others, also if it is issued first for this change.
    let signs_itself = peers.is_some() && matches!(certificates.issuers, Issuers::SelfSigned { .. });
    if signs_itself && from.replicas != wanted.replicas {
        refuse(
            &UNSAFE_CHANGE,
            "replicas",
            "the certificate of the peers would be issued again for other members, and being its own CA, running members would \
             not trust it"
                .to_owned(),
            "write tls: {certManager: {issuer: {type: Ca}}} first",
        );
    }
}
