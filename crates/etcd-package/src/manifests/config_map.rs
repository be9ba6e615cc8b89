//! The settings that members read on their first start, and only then.
//!
//! They are outside of the pod template, so that a change of size affects only members that are added or removed, and
//! restarts no other member.

use k8s_openapi::api::core::v1::ConfigMap;

use super::metadata::metadata;
use crate::cluster::Cluster;

pub(super) fn bootstrap(cluster: &Cluster) -> ConfigMap {
    ConfigMap {
        metadata: metadata(cluster, cluster.names.bootstrap()),
        data: Some(cluster.bootstrap_data()),
        ..ConfigMap::default()
    }
}
