//! The Certificates.

use super::metadata::metadata;
use crate::cert_manager::{Certificate, CertificateSpec, IssuerRef, PrivateKey};
use crate::cluster::{CertificateAuthority, Certificates, Cluster, Leaf, Purpose};

/// The certificate of a CA. etcd reads it only when it starts, so it outlives all leaves.
pub(super) fn ca(cluster: &Cluster, ca: &CertificateAuthority, self_signed: &str) -> Certificate {
    Certificate {
        metadata: metadata(cluster, ca.name.clone()),
        spec: CertificateSpec {
            common_name: ca.name.clone(),
            // Ten years, as kubeadm's CA has.
            duration: Some("87600h".to_owned()),
            is_ca: Some(true),
            issuer_ref: IssuerRef::own("Issuer", self_signed.to_owned()),
            // A renewal keeps the key, so that certificates that the old one signed stay trusted.
            private_key: Some(PrivateKey {
                algorithm: Some("ECDSA".to_owned()),
                encoding: None,
                rotation_policy: Some("Never".to_owned()),
                size: Some(256),
            }),
            secret_name: ca.secret.clone(),
            usages: usages(&["digital signature", "key encipherment", "cert sign"]),
            ..CertificateSpec::default()
        },
    }
}

/// A certificate of a listener or a client. Members are clients of each other, and etcd connects to its own listener to
/// serve its HTTP gateway, so their certificates are valid for both ends of a connection.
pub(super) fn leaf(cluster: &Cluster, certificates: &Certificates, leaf: &Leaf) -> Certificate {
    let usages = match leaf.purpose {
        Purpose::ClientListener | Purpose::PeerListener => {
            usages(&["digital signature", "key encipherment", "server auth", "client auth"])
        }
        Purpose::Client => usages(&["digital signature", "key encipherment", "client auth"]),
    };
    Certificate {
        metadata: metadata(cluster, leaf.name.clone()),
        spec: CertificateSpec {
            common_name: leaf.common_name.clone(),
            dns_names: leaf.dns_names.clone(),
            duration: certificates.duration.clone(),
            ip_addresses: leaf.ip_addresses.clone(),
            issuer_ref: leaf.issuer.clone(),
            private_key: certificates.private_key.clone(),
            renew_before: certificates.renew_before.clone(),
            secret_name: leaf.secret.clone(),
            subject: certificates.subject.clone(),
            usages,
            ..CertificateSpec::default()
        },
    }
}

fn usages(usages: &[&str]) -> Vec<String> {
    usages.iter().map(|usage| (*usage).to_owned()).collect()
}
