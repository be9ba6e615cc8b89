//! Who signs the certificates.

use super::{cluster_metadata, metadata};
use crate::cert_manager::{CaIssuer, ClusterIssuer, Issuer, IssuerSpec, SelfSignedIssuer};
use crate::cluster::Cluster;

/// Signs the authority's certificate, once in ten years.
pub(super) fn self_signed(cluster: &Cluster) -> Issuer {
    Issuer {
        metadata: metadata(cluster, cluster.names.self_signed()),
        spec: IssuerSpec {
            self_signed: Some(SelfSignedIssuer {}),
            ..IssuerSpec::default()
        },
    }
}

/// Signs the members' certificates, with the authority's.
pub(super) fn authority(cluster: &Cluster) -> Issuer {
    Issuer {
        metadata: metadata(cluster, cluster.names.authority()),
        spec: IssuerSpec {
            ca: Some(CaIssuer {
                secret_name: cluster.names.authority_secret(),
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
