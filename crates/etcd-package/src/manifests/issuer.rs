//! The issuers of certificates.

use super::metadata::{cluster_metadata, metadata};
use crate::cert_manager::{CaIssuer, ClusterIssuer, Issuer, IssuerSpec, SelfSignedIssuer};
use crate::cluster::{CertificateAuthority, Cluster};

/// Signs the certificates of CAs, once in ten years.
pub(super) fn self_signed(cluster: &Cluster, name: &str) -> Issuer {
    Issuer {
        metadata: metadata(cluster, name.to_owned()),
        spec: IssuerSpec {
            self_signed: Some(SelfSignedIssuer {}),
            ..IssuerSpec::default()
        },
    }
}

/// Signs leaves with the certificate of a CA.
pub(super) fn ca(cluster: &Cluster, ca: &CertificateAuthority) -> Issuer {
    Issuer {
        metadata: metadata(cluster, ca.name.clone()),
        spec: IssuerSpec {
            ca: Some(CaIssuer {
                secret_name: ca.secret.clone(),
            }),
            ..IssuerSpec::default()
        },
    }
}

/// Signs each certificate with its own key, as on etcd's page.
pub(super) fn cluster_self_signed(cluster: &Cluster, name: &str) -> ClusterIssuer {
    ClusterIssuer {
        metadata: cluster_metadata(cluster, name.to_owned()),
        spec: IssuerSpec {
            self_signed: Some(SelfSignedIssuer {}),
            ..IssuerSpec::default()
        },
    }
}
