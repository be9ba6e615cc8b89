//! What members read on their first start, and only then.
//!
//! It stands outside the pod template, so that a change of size touches the members that come or go and restarts no
//! other.

use k8s_openapi::api::core::v1::ConfigMap;

use super::metadata;
use crate::cluster::Cluster;
use crate::values::{BootstrapState, Discovery};

/// The key of the members and their peer URLs, and the variable that carries it.
pub(super) const INITIAL_CLUSTER: &str = "INITIAL_CLUSTER";
/// The key of their number, and the variable that carries it.
pub(super) const INITIAL_CLUSTER_SIZE: &str = "INITIAL_CLUSTER_SIZE";
/// The key of the bootstrap state, and the variable that carries it.
pub(super) const INITIAL_CLUSTER_STATE: &str = "INITIAL_CLUSTER_STATE";

pub(super) fn bootstrap(cluster: &Cluster) -> ConfigMap {
    let state = match cluster.bootstrap.state {
        BootstrapState::New => "new",
        BootstrapState::Existing => "existing",
    };
    let mut data = cluster.bootstrap.kept.clone();
    data.insert(INITIAL_CLUSTER_STATE.to_owned(), state.to_owned());
    let is_static = cluster.bootstrap.discovery == Discovery::Static;
    if is_static || cluster.restore.is_some() {
        data.insert(INITIAL_CLUSTER.to_owned(), cluster.initial_cluster());
    }
    if !is_static {
        data.insert(INITIAL_CLUSTER_SIZE.to_owned(), cluster.replicas.to_string());
    }
    ConfigMap {
        metadata: metadata(cluster, cluster.names.bootstrap()),
        data: Some(data),
        ..ConfigMap::default()
    }
}
