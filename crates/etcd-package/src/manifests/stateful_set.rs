//! The StatefulSet of the members.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::metadata::{member_selector, metadata};
use super::persistent_volume_claim;
use super::pod_template::pod_template;
use crate::cluster::{Cluster, Volumes};

pub(super) fn stateful_set(cluster: &Cluster) -> StatefulSet {
    StatefulSet {
        metadata: metadata(cluster, cluster.names.fullname.to_string()),
        spec: Some(StatefulSetSpec {
            service_name: Some(cluster.names.headless_service.to_string()),
            replicas: Some(cluster.replicas.cast_signed()),
            // Members must reach each other before any of them is ready.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some(cluster.update.kind.to_string()),
                rolling_update: (cluster.update.partition > 0).then(|| RollingUpdateStatefulSetStrategy {
                    partition: Some(cluster.update.partition.into()),
                    ..RollingUpdateStatefulSetStrategy::default()
                }),
            }),
            min_ready_seconds: (cluster.update.min_ready_seconds > 0).then(|| cluster.update.min_ready_seconds.into()),
            selector: member_selector(cluster),
            template: pod_template(cluster),
            persistent_volume_claim_retention_policy: retention_policy(cluster),
            volume_claim_templates: volume_claim_templates(cluster),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn retention_policy(cluster: &Cluster) -> Option<StatefulSetPersistentVolumeClaimRetentionPolicy> {
    match &cluster.storage.volumes {
        Volumes::Claims {
            when_deleted,
            when_scaled,
            ..
        } => Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
            when_deleted: Some(when_deleted.to_string()),
            when_scaled: Some(when_scaled.to_string()),
        }),
        Volumes::Ephemeral { .. } => None,
    }
}

fn volume_claim_templates(cluster: &Cluster) -> Option<Vec<PersistentVolumeClaim>> {
    match &cluster.storage.volumes {
        Volumes::Claims { templates, .. } => {
            let templates = templates.iter();
            let template = templates.map(|template| persistent_volume_claim::template(&template.name, &template.claim));
            Some(template.collect())
        }
        Volumes::Ephemeral { .. } => None,
    }
}
