//! Metadata and selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::non_empty;
use crate::cluster::{Cluster, OWNERSHIP_LABEL};

/// Returns the metadata of an object in the cluster's namespace.
pub(super) fn metadata(cluster: &Cluster, name: String) -> ObjectMeta {
    ObjectMeta {
        namespace: Some(cluster.names.namespace.to_string()),
        ..cluster_metadata(cluster, name)
    }
}

/// Returns the metadata of an object without a namespace.
pub(super) fn cluster_metadata(cluster: &Cluster, name: String) -> ObjectMeta {
    let mut labels = cluster.labels.clone();
    labels.insert(OWNERSHIP_LABEL.to_owned(), cluster.names.fullname.to_string());
    ObjectMeta {
        name: Some(name),
        labels: Some(labels),
        annotations: non_empty::map(&cluster.annotations),
        ..ObjectMeta::default()
    }
}

/// Returns the annotations of an object that has some of its own.
pub(super) fn annotations(cluster: &Cluster, own: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let mut annotations = cluster.annotations.clone();
    annotations.extend(own.clone());
    non_empty::map(&annotations)
}

/// Returns the selector of the members.
pub(super) fn member_selector(cluster: &Cluster) -> LabelSelector {
    LabelSelector {
        match_labels: Some(cluster.selector.clone()),
        ..LabelSelector::default()
    }
}
