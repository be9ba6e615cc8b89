//! The ServiceAccount of the pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::{annotations, metadata};
use crate::cluster::Cluster;

/// The account. Pods that use it get its token only if they ask for it.
pub(super) fn service_account(cluster: &Cluster, name: &str, own: &BTreeMap<String, String>) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            annotations: annotations(cluster, own),
            ..metadata(cluster, name.to_owned())
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
