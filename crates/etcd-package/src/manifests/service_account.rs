//! Who the pods are to Kubernetes.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{annotated, metadata};
use crate::cluster::Cluster;

/// The account. Nobody who uses it gets its token unasked.
pub(super) fn service_account(cluster: &Cluster) -> ServiceAccount {
    let name = name(cluster).unwrap_or_default();
    ServiceAccount {
        metadata: ObjectMeta {
            annotations: annotated(cluster, &cluster.service_account.annotations),
            ..metadata(cluster, name)
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Its name, unless the pods use the namespace's default account.
pub(super) fn name(cluster: &Cluster) -> Option<String> {
    let given = cluster.service_account.name.as_ref().map(ToString::to_string);
    given.or_else(|| {
        cluster
            .service_account
            .create
            .then(|| cluster.names.fullname.to_string())
    })
}
