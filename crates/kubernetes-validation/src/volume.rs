//! Volumes (`ValidateVolumes` and the functions that it calls).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    CSIVolumeSource, ConfigMapVolumeSource, DownwardAPIVolumeSource, EmptyDirVolumeSource, HostPathVolumeSource,
    ImageVolumeSource, NFSVolumeSource, SecretVolumeSource, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::names::{DnsLabel, DnsSubdomain};
use rutter::quantity::Quantity;

use crate::container::PULL_POLICIES;
use crate::field::{Field, given};
use crate::file::{key_to_path, mode, pod_file};
use crate::{claim, drive, projected};

const HOST_PATH_TYPES: [&str; 7] = [
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
];

/// Checks the volumes in the list `name`. The names of the pod's other volumes are `taken`.
pub fn volumes(field: &mut Field<'_, '_>, name: &str, volumes: &[Volume], mut taken: BTreeSet<String>) {
    field.each(name, volumes, |field, volume| {
        field.name::<DnsLabel>("name", &volume.name);
        field.unique("name", "volume", &volume.name, &mut taken);
        exactly_one_source(field, volume);
        field.with("configMap", volume.config_map.as_ref(), config_map);
        field.with("csi", volume.csi.as_ref(), csi);
        field.with("downwardAPI", volume.downward_api.as_ref(), downward_api);
        field.with("emptyDir", volume.empty_dir.as_ref(), empty_dir);
        field.with("ephemeral", volume.ephemeral.as_ref(), claim::ephemeral);
        field.with("hostPath", volume.host_path.as_ref(), host_path);
        field.with("image", volume.image.as_ref(), image);
        field.with("nfs", volume.nfs.as_ref(), nfs);
        field.with(
            "persistentVolumeClaim",
            volume.persistent_volume_claim.as_ref(),
            |field, claim| {
                field.name::<DnsSubdomain>("claimName", &claim.claim_name);
            },
        );
        field.with("projected", volume.projected.as_ref(), projected::volume);
        field.with("secret", volume.secret.as_ref(), secret);
        drive::volume(field, volume);
    });
}

/// Checks that a volume has one source. Kubernetes reads a volume without a source as an empty directory, which is
/// rarely intended.
fn exactly_one_source(field: &mut Field<'_, '_>, volume: &Volume) {
    let sources = [
        ("emptyDir", volume.empty_dir.is_some()),
        ("configMap", volume.config_map.is_some()),
        ("secret", volume.secret.is_some()),
        ("persistentVolumeClaim", volume.persistent_volume_claim.is_some()),
        ("hostPath", volume.host_path.is_some()),
        ("projected", volume.projected.is_some()),
        ("downwardAPI", volume.downward_api.is_some()),
        ("csi", volume.csi.is_some()),
        ("ephemeral", volume.ephemeral.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("image", volume.image.is_some()),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("cephfs", volume.cephfs.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("fc", volume.fc.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("storageos", volume.storageos.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
    ];
    if sources.iter().any(|(_, given)| *given) {
        field.at_most_one(&sources);
    } else {
        field.missing(
            "the volume has no source",
            "such as emptyDir: {} or configMap: {name: …}",
        );
    }
}

/// Checks an empty directory. An API server accepts other media too, but a pod with one never starts.
fn empty_dir(field: &mut Field<'_, '_>, source: &EmptyDirVolumeSource) {
    let medium = given(source.medium.as_ref());
    if !medium.is_some_and(|medium| medium.starts_with("HugePages-")) {
        field.word("medium", medium, &["Memory", "HugePages"]);
    }
    let limit = source.size_limit.as_ref().map(|resource::Quantity(text)| text.as_str());
    if let Some(limit) = field.parsed::<Quantity>("sizeLimit", limit)
        && limit.milli_value() < 0
    {
        field
            .at("sizeLimit")
            .invalid(format!("{limit} is less than nothing"), "such as 1Gi");
    }
}

fn host_path(field: &mut Field<'_, '_>, source: &HostPathVolumeSource) {
    if field.required("path", &source.path) && source.path.split('/').any(|part| part == "..") {
        let message = format!("{:?} goes up", source.path);
        field.at("path").invalid(message, "write the path without `..`");
    }
    field.word("type", given(source.type_.as_ref()), &HOST_PATH_TYPES);
}

fn nfs(field: &mut Field<'_, '_>, source: &NFSVolumeSource) {
    field.required("server", &source.server);
    if field.required("path", &source.path) && !source.path.starts_with('/') {
        let message = format!("{:?} is not an absolute path", source.path);
        field.at("path").invalid(message, "start it with `/`");
    }
}

/// Checks the name of a CSI driver. Capital letters are accepted.
fn csi(field: &mut Field<'_, '_>, source: &CSIVolumeSource) {
    let driver = &source.driver;
    if field.required("driver", driver) {
        field.parsed::<DnsSubdomain>("driver", Some(&driver.to_lowercase()));
        if driver.len() > 63 {
            let message = format!(
                "a driver's name has at most 63 characters, this one has {}",
                driver.len()
            );
            field
                .at("driver")
                .invalid(message, "`kubectl get csidriver` lists them");
        }
    }
    field.with(
        "nodePublishSecretRef",
        source.node_publish_secret_ref.as_ref(),
        |field, secret| {
            field.name::<DnsSubdomain>("name", &secret.name);
        },
    );
}

fn image(field: &mut Field<'_, '_>, source: &ImageVolumeSource) {
    field.required("reference", source.reference.as_deref().unwrap_or_default());
    field.word("pullPolicy", given(source.pull_policy.as_ref()), &PULL_POLICIES);
}

fn config_map(field: &mut Field<'_, '_>, source: &ConfigMapVolumeSource) {
    field.name::<DnsSubdomain>("name", &source.name);
    mode(field, "defaultMode", source.default_mode);
    field.each("items", source.items.iter().flatten(), key_to_path);
}

fn secret(field: &mut Field<'_, '_>, source: &SecretVolumeSource) {
    field.name::<DnsSubdomain>("secretName", source.secret_name.as_deref().unwrap_or_default());
    mode(field, "defaultMode", source.default_mode);
    field.each("items", source.items.iter().flatten(), key_to_path);
}

fn downward_api(field: &mut Field<'_, '_>, source: &DownwardAPIVolumeSource) {
    mode(field, "defaultMode", source.default_mode);
    field.each("items", source.items.iter().flatten(), pod_file);
}
