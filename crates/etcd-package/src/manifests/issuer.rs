//! Who signs the certificates.

use super::{cluster_metadata, metadata};
use crate::cert_manager::{CaIssuer, ClusterIssuer, Issuer, IssuerSpec, SelfSignedIssuer};
use crate::cluster::{Cluster, Leaf};

/// Signs the authorities' certificates, once in ten years.
pub(super) fn self_signed(cluster: &Cluster) -> Issuer {
    Issuer {
        metadata: metadata(cluster, cluster.names.self_signed()),
        spec: IssuerSpec {
            self_signed: Some(SelfSignedIssuer {}),
            ..IssuerSpec::default()
        },
    }
}

/// Signs a leaf, with its authority's certificate.
pub(super) fn authority(cluster: &Cluster, leaf: &Leaf) -> Issuer {
    Issuer {
        metadata: metadata(cluster, leaf.authority()),
        spec: IssuerSpec {
            ca: Some(CaIssuer {
                secret_name: leaf.authority_secret(),
            }),
            ..IssuerSpec::default()
        },
    }
}

/// Signs each certificate with its own key, as the source page has it.
pub(super) fn cluster_self_signed(cluster: &Cluster, name: &str) -> ClusterIssuer {
    ClusterIssuer {
        metadata: cluster_metadata(cluster, name.to_owned()),
        spec: IssuerSpec {
            self_signed: Some(SelfSignedIssuer {}),
            ..IssuerSpec::default()
        },
    }
}
