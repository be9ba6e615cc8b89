//! The volumes of pods, and their mounts.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, PersistentVolumeClaimVolumeSource, SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::non_empty;
use crate::cluster::{Cluster, HELPER_VOLUME, Identity, RESTORE_VOLUME, Volumes};

pub(super) fn storage_mounts(cluster: &Cluster) -> Vec<VolumeMount> {
    let mounts = cluster.storage.mounts().into_iter();
    mounts
        .map(|(name, path)| VolumeMount {
            name: name.to_owned(),
            mount_path: path.to_owned(),
            ..VolumeMount::default()
        })
        .collect()
}

pub(super) fn identity_mount(identity: &Identity) -> VolumeMount {
    VolumeMount {
        name: identity.volume.to_owned(),
        mount_path: identity.mount_path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

pub(super) fn identity_volume(identity: &Identity) -> Volume {
    Volume {
        name: identity.volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(identity.secret.clone()),
            optional: Some(false),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Returns the volumes of a member, without its claims.
pub(super) fn volumes(cluster: &Cluster) -> Option<Vec<Volume>> {
    let mut volumes: Vec<Volume> = cluster.tls.identities().map(identity_volume).collect();
    if let Volumes::Ephemeral {
        name,
        memory,
        size_limit,
    } = &cluster.storage.volumes
    {
        volumes.push(empty_dir(name, *memory, size_limit.as_ref()));
    }
    if let Some(restore) = &cluster.restore {
        volumes.push(empty_dir(HELPER_VOLUME, false, None));
        volumes.push(Volume {
            name: RESTORE_VOLUME.to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: restore.claim_name.clone(),
                read_only: Some(true),
            }),
            ..Volume::default()
        });
    }
    volumes.extend(cluster.pod.extra_volumes.iter().cloned());
    non_empty::list(&volumes)
}

fn empty_dir(name: &str, memory: bool, size_limit: Option<&String>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: memory.then(|| "Memory".to_owned()),
            size_limit: size_limit.map(|limit| Quantity(limit.clone())),
        }),
        ..Volume::default()
    }
}
