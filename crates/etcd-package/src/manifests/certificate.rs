//! The certificates.

use super::metadata;
use crate::cert_manager::{self, Certificate, CertificateSpec, PrivateKey, Subject};
use crate::cluster::{Authority, Certificates, Cluster, IssuerRef, Leaf, Purpose};
use crate::values;

/// The authority that signs leaves. etcd reads it only when it starts, so it outlives whatever it signs.
pub(super) fn authority(cluster: &Cluster, authority: &Authority, self_signed: &str) -> Certificate {
    Certificate {
        metadata: metadata(cluster, authority.name.clone()),
        spec: CertificateSpec {
            common_name: authority.name.clone(),
            // Ten years, as kubeadm gives its own.
            duration: Some("87600h".to_owned()),
            is_ca: Some(true),
            issuer_ref: issuer(&IssuerRef::own("Issuer", self_signed.to_owned())),
            // A renewal keeps the key, so that what the old certificate signed stays trusted.
            private_key: Some(PrivateKey {
                algorithm: Some("ECDSA".to_owned()),
                encoding: None,
                rotation_policy: Some("Never".to_owned()),
                size: Some(256),
            }),
            secret_name: authority.secret.clone(),
            usages: usages(&["digital signature", "key encipherment", "cert sign"]),
            ..CertificateSpec::default()
        },
    }
}

/// A certificate that somebody shows. Members are clients of each other, and etcd dials its own listener to serve its
/// HTTP gateway, so theirs are good for both ends of a connection.
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
            issuer_ref: issuer(&leaf.issuer),
            private_key: private_key(&certificates.private_key),
            renew_before: certificates.renew_before.clone(),
            secret_name: leaf.secret.clone(),
            subject: subject(&certificates.subject),
            usages,
            ..CertificateSpec::default()
        },
    }
}

fn issuer(issuer: &IssuerRef) -> cert_manager::IssuerRef {
    cert_manager::IssuerRef {
        group: issuer.group.clone(),
        kind: issuer.kind.clone(),
        name: issuer.name.clone(),
    }
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

fn usages(usages: &[&str]) -> Vec<String> {
    usages.iter().map(|usage| (*usage).to_owned()).collect()
}
