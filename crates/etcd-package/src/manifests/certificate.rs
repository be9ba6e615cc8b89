//! The certificates.

use super::metadata;
use crate::cert_manager::{Certificate, CertificateSpec, IssuerRef, PrivateKey};
use crate::cluster::{Authority, Certificates, Cluster, Leaf};

/// The authority that signs a leaf. etcd reads it only when it starts, so it outlives whatever it signs.
pub(super) fn authority(cluster: &Cluster, leaf: &Leaf) -> Certificate {
    Certificate {
        metadata: metadata(cluster, leaf.authority()),
        spec: CertificateSpec {
            common_name: leaf.authority(),
            // Ten years, as kubeadm gives its own.
            duration: Some("87600h".to_owned()),
            is_ca: Some(true),
            issuer_ref: issuer("Issuer", cluster.names.self_signed()),
            // A renewal keeps the key, so that what the old certificate signed stays trusted.
            private_key: Some(PrivateKey {
                algorithm: "ECDSA".to_owned(),
                rotation_policy: "Never".to_owned(),
                size: 256,
            }),
            secret_name: leaf.authority_secret(),
            usages: usages(&["digital signature", "key encipherment", "cert sign"]),
            ..CertificateSpec::default()
        },
    }
}

/// The certificate of one side. Members are clients of each other, and etcd dials its own listener to serve its HTTP
/// gateway, so it is good for both ends of a connection.
pub(super) fn leaf(cluster: &Cluster, certificates: &Certificates, leaf: &Leaf) -> Certificate {
    Certificate {
        metadata: metadata(cluster, leaf.name.clone()),
        spec: CertificateSpec {
            common_name: certificates.common_name.clone(),
            dns_names: certificates.dns_names.clone(),
            duration: certificates.duration.clone(),
            ip_addresses: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            issuer_ref: match &certificates.authority {
                Authority::Ca => issuer("Issuer", leaf.authority()),
                Authority::SelfSigned { cluster_issuer, .. } => issuer("ClusterIssuer", cluster_issuer.to_string()),
            },
            renew_before: certificates.renew_before.clone(),
            secret_name: leaf.secret.clone(),
            usages: usages(&["digital signature", "key encipherment", "server auth", "client auth"]),
            ..CertificateSpec::default()
        },
    }
}

fn issuer(kind: &str, name: String) -> IssuerRef {
    IssuerRef {
        group: "cert-manager.io".to_owned(),
        kind: kind.to_owned(),
        name,
    }
}

fn usages(usages: &[&str]) -> Vec<String> {
    usages.iter().map(|usage| (*usage).to_owned()).collect()
}
