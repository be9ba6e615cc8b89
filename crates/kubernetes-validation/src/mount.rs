//! Mounts and devices of a container (`ValidateVolumeMounts`, `ValidateVolumeDevices`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, SecurityContext, VolumeDevice, VolumeMount};

use crate::codes::UNKNOWN_REFERENCE;
use crate::field::{Field, given};
use crate::pod::{VolumeKind, Volumes};
use crate::security;

/// Checks the mounts in the list `name` of a container. The paths of its other mounts are `taken`.
pub fn mounts(
    field: &mut Field<'_, '_>,
    name: &str,
    mounts: &[VolumeMount],
    context: Option<&SecurityContext>,
    volumes: &Volumes,
    mut taken: BTreeSet<String>,
) {
    field.each(name, mounts, |field, mount| {
        volume(field, &mount.name, volumes);
        if field.required("mountPath", &mount.mount_path) {
            path(field, &mount.mount_path, &mut taken);
        }
        field.relative_path("subPath", mount.sub_path.as_deref().unwrap_or_default());
        field.relative_path("subPathExpr", mount.sub_path_expr.as_deref().unwrap_or_default());
        field.at_most_one(&[
            ("subPath", given(mount.sub_path.as_ref()).is_some()),
            ("subPathExpr", given(mount.sub_path_expr.as_ref()).is_some()),
        ]);
        propagation(field, mount);
        if mount.mount_propagation.as_deref() == Some("Bidirectional") && !security::is_privileged(context) {
            field.at("mountPropagation").conflict(
                "Bidirectional is for privileged containers",
                "write None or HostToContainer",
            );
        }
    });
}

/// Checks the block devices. They are claims without a file system.
pub(crate) fn devices(field: &mut Field<'_, '_>, container: &Container, volumes: &Volumes) {
    let mounts = || container.volume_mounts.iter().flatten();
    let mut names: BTreeSet<String> = mounts().map(|mount| mount.name.clone()).collect();
    let mut paths: BTreeSet<String> = mounts().map(|mount| mount.mount_path.clone()).collect();
    field.each(
        "volumeDevices",
        container.volume_devices.iter().flatten(),
        |field, device: &VolumeDevice| {
            if volume(field, &device.name, volumes) == Some(VolumeKind::Files) {
                let message = format!("the volume {:?} is not a claim", device.name);
                field
                    .at("name")
                    .invalid(message, "mount it instead, or name a volume that is a claim");
            }
            field.unique("name", "mount or device of", &device.name, &mut names);
            if field.required("devicePath", &device.device_path)
                && device.device_path.split('/').any(|part| part == "..")
            {
                let message = format!("{:?} goes up", device.device_path);
                field.at("devicePath").invalid(message, "write the path without `..`");
            }
            field.unique("devicePath", "device or mount at", &device.device_path, &mut paths);
        },
    );
}

fn volume(field: &mut Field<'_, '_>, name: &str, volumes: &Volumes) -> Option<VolumeKind> {
    let source = volumes.get(name).copied();
    if field.required("name", name) && source.is_none() {
        let names: Vec<&str> = volumes.keys().map(String::as_str).collect();
        field
            .at("name")
            .refuse(&UNKNOWN_REFERENCE, format!("the pod has no volume {name:?}"))
            .help(rutter::suggest::remedy(name, &names));
    }
    source
}

/// Checks a mount path. Kubernetes' documentation forbids `:`, because Docker reads options after it. Nothing checks
/// it.
fn path(field: &mut Field<'_, '_>, path: &str, taken: &mut BTreeSet<String>) {
    if path.contains(':') {
        let message = format!("{path:?} has a `:`, which container runtimes do not take");
        field.at("mountPath").invalid(message, "choose another path");
    }
    let end = path.trim_end_matches('/').len().max(1);
    field.unique("mountPath", "mount at", &path[..end], taken);
}

fn propagation(field: &mut Field<'_, '_>, mount: &VolumeMount) {
    let propagation = mount.mount_propagation.as_deref();
    field.word(
        "mountPropagation",
        propagation,
        &["None", "HostToContainer", "Bidirectional"],
    );
    let recursive = mount.recursive_read_only.as_deref();
    field.word("recursiveReadOnly", recursive, &["Disabled", "IfPossible", "Enabled"]);
    if let Some(recursive @ ("IfPossible" | "Enabled")) = recursive {
        let mut field = field.at("recursiveReadOnly");
        if mount.read_only != Some(true) {
            field.conflict(format!("{recursive} needs readOnly"), "write readOnly: true beside it");
        }
        if propagation.is_some_and(|propagation| propagation != "None") {
            field.conflict(
                format!("{recursive} excludes mountPropagation"),
                "write mountPropagation: None, or leave it out",
            );
        }
    }
}
