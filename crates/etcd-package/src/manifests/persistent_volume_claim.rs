//! The claims of members, and the claim for snapshots.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::metadata;
use super::non_empty;
use crate::cluster::{Claim, Cluster};

/// The claim for snapshots, which outlives the cluster.
pub(super) fn backup(cluster: &Cluster, name: &str, claim: &Claim) -> PersistentVolumeClaim {
    let mut metadata = metadata(cluster, name.to_owned());
    metadata.labels.get_or_insert_default().extend(claim.labels.clone());
    let annotations = metadata.annotations.get_or_insert_default();
    for (key, value) in [
        ("argocd.argoproj.io/sync-options", "Delete=false,Prune=false"),
        ("helm.sh/resource-policy", "keep"),
    ] {
        annotations.insert(key.to_owned(), value.to_owned());
    }
    annotations.extend(claim.annotations.clone());
    PersistentVolumeClaim {
        metadata,
        spec: Some(spec(claim)),
        ..PersistentVolumeClaim::default()
    }
}

/// A claim template of a StatefulSet.
pub(super) fn template(name: &str, claim: &Claim) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: non_empty::map(&claim.labels),
            annotations: non_empty::map(&claim.annotations),
            ..ObjectMeta::default()
        },
        spec: Some(spec(claim)),
        ..PersistentVolumeClaim::default()
    }
}

fn spec(claim: &Claim) -> PersistentVolumeClaimSpec {
    PersistentVolumeClaimSpec {
        access_modes: Some(claim.access_modes.iter().map(|mode| (*mode).to_owned()).collect()),
        storage_class_name: claim.storage_class_name.clone(),
        resources: Some(VolumeResourceRequirements {
            requests: Some([("storage".to_owned(), Quantity(claim.size.clone()))].into()),
            ..VolumeResourceRequirements::default()
        }),
        ..PersistentVolumeClaimSpec::default()
    }
}
