//! What members read on their first start, and only then.
//!
//! It stands outside the pod template, so that a change of size touches the members that come or go and restarts no
//! other.

use k8s_openapi::api::core::v1::ConfigMap;

use super::metadata;
use crate::cluster::Cluster;
use crate::values::BootstrapState;

/// The key of the members and their peer URLs, and the variable that carries it.
pub(super) const INITIAL_CLUSTER: &str = "INITIAL_CLUSTER";
/// The key of the bootstrap state, and the variable that carries it.
pub(super) const INITIAL_CLUSTER_STATE: &str = "INITIAL_CLUSTER_STATE";

pub(super) fn bootstrap(cluster: &Cluster) -> ConfigMap {
    let state = match cluster.state {
        BootstrapState::New => "new",
        BootstrapState::Existing => "existing",
    };
    let data = [
        (INITIAL_CLUSTER, cluster.initial_cluster()),
        (INITIAL_CLUSTER_STATE, state.to_owned()),
    ];
    ConfigMap {
        metadata: metadata(cluster, cluster.names.bootstrap()),
        data: Some(data.map(|(key, value)| (key.to_owned(), value)).into()),
        ..ConfigMap::default()
    }
}
