//! Files in volumes.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath};

use crate::env;
use crate::field::{Field, is_below};

/// Fields of a pod that a file can hold.
const POD_FIELDS: [&str; 5] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.labels",
    "metadata.annotations",
    "metadata.uid",
];

/// Checks a key and its file.
pub(crate) fn key_to_path(field: &mut Field<'_, '_>, item: &KeyToPath) {
    field.required("key", &item.key);
    path(field, "path", &item.path);
    mode(field, "mode", item.mode);
}

/// Checks a file with a field of the pod.
pub(crate) fn pod_file(field: &mut Field<'_, '_>, item: &DownwardAPIVolumeFile) {
    path(field, "path", &item.path);
    mode(field, "mode", item.mode);
    field.exactly_one(&[
        ("fieldRef", item.field_ref.is_some()),
        ("resourceFieldRef", item.resource_field_ref.is_some()),
    ]);
    field.with("fieldRef", item.field_ref.as_ref(), |field, pod| {
        env::pod_field(field, pod, &POD_FIELDS);
    });
    field.with(
        "resourceFieldRef",
        item.resource_field_ref.as_ref(),
        |field, selector| {
            field.required("containerName", selector.container_name.as_deref().unwrap_or_default());
            env::resource(field, selector);
        },
    );
}

/// Checks the path of a file in a volume. Names that start with `..` are reserved for files of the kubelet.
pub(crate) fn path(field: &mut Field<'_, '_>, name: &str, path: &str) {
    if field.required(name, path) && (path.starts_with("..") || !is_below(path)) {
        let message = format!("{path:?} is no path of a file in the volume");
        field.at(name).invalid(message, "write a relative path without `..`");
    }
}

/// Checks the mode of a file. YAML has no octal numbers that all parsers read in the same way.
pub(crate) fn mode(field: &mut Field<'_, '_>, name: &str, mode: Option<i32>) {
    let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) else {
        return;
    };
    let meant = i32::from_str_radix(&mode.to_string(), 8);
    let meant = meant.ok().filter(|meant| (0..=0o777).contains(meant)).unwrap_or(0o640);
    let message = format!("expected 0 to 511, which is 777 in octal, found {mode}");
    field
        .at(name)
        .invalid(message, &format!("write {meant} for {meant:o} in octal"));
}
