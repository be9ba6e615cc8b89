//! The members.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::pod_template::pod_template;
use super::{metadata, some};
use crate::cluster::{Cluster, Volume, retention};

pub(super) fn stateful_set(cluster: &Cluster) -> StatefulSet {
    StatefulSet {
        metadata: metadata(cluster, cluster.names.fullname.to_string()),
        spec: Some(StatefulSetSpec {
            service_name: Some(cluster.names.headless_service()),
            replicas: Some(cluster.replicas.cast_signed()),
            // Members must reach each other before any of them is ready.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some(format!("{:?}", cluster.update.kind)),
                rolling_update: (cluster.update.partition > 0).then(|| RollingUpdateStatefulSetStrategy {
                    partition: Some(cluster.update.partition.into()),
                    ..RollingUpdateStatefulSetStrategy::default()
                }),
            }),
            min_ready_seconds: (cluster.update.min_ready_seconds > 0).then(|| cluster.update.min_ready_seconds.into()),
            selector: LabelSelector {
                match_labels: Some(cluster.selector.clone()),
                ..LabelSelector::default()
            },
            template: pod_template(cluster),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some(retention(cluster.storage.retention.when_deleted).to_owned()),
                when_scaled: Some(retention(cluster.storage.retention.when_scaled).to_owned()),
            }),
            volume_claim_templates: Some(cluster.storage.volumes().map(volume_claim_template).collect()),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn volume_claim_template(volume: &Volume) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(volume.name.clone()),
            labels: some(&volume.labels),
            annotations: some(&volume.annotations),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(volume.access_modes.iter().map(|mode| (*mode).to_owned()).collect()),
            storage_class_name: volume.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(volume.size.clone()))].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
