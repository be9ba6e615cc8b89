//! Projected volumes, which combine several sources (`validateProjectedVolumeSource`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    ClusterTrustBundleProjection, KeyToPath, ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
};
use rutter::names::DnsSubdomain;

use crate::field::Field;
use crate::file::{key_to_path, mode, path, pod_file};
use crate::selector;

/// Checks a projected volume. No two files can have the same path.
pub(crate) fn volume(field: &mut Field<'_, '_>, source: &ProjectedVolumeSource) {
    mode(field, "defaultMode", source.default_mode);
    let mut files = BTreeSet::new();
    field.each("sources", source.sources.iter().flatten(), |field, source| {
        projection(field, source, &mut files);
    });
}

fn projection(field: &mut Field<'_, '_>, source: &VolumeProjection, files: &mut BTreeSet<String>) {
    field.exactly_one(&[
        ("secret", source.secret.is_some()),
        ("configMap", source.config_map.is_some()),
        ("downwardAPI", source.downward_api.is_some()),
        ("serviceAccountToken", source.service_account_token.is_some()),
        ("clusterTrustBundle", source.cluster_trust_bundle.is_some()),
    ]);
    field.with("secret", source.secret.as_ref(), |field, secret| {
        field.name::<DnsSubdomain>("name", &secret.name);
        items(field, secret.items.as_deref(), files);
    });
    field.with("configMap", source.config_map.as_ref(), |field, config_map| {
        field.name::<DnsSubdomain>("name", &config_map.name);
        items(field, config_map.items.as_deref(), files);
    });
    field.with("downwardAPI", source.downward_api.as_ref(), |field, downward_api| {
        field.each("items", downward_api.items.iter().flatten(), |field, item| {
            pod_file(field, item);
            field.unique("path", "file", &item.path, files);
        });
    });
    field.with("serviceAccountToken", source.service_account_token.as_ref(), token);
    field.with(
        "clusterTrustBundle",
        source.cluster_trust_bundle.as_ref(),
        |field, bundle| {
            trust_bundle(field, bundle);
            field.unique("path", "file", &bundle.path, files);
        },
    );
}

fn items(field: &mut Field<'_, '_>, items: Option<&[KeyToPath]>, files: &mut BTreeSet<String>) {
    field.each("items", items.unwrap_or_default(), |field, item| {
        key_to_path(field, item);
        field.unique("path", "file", &item.path, files);
    });
}

fn token(field: &mut Field<'_, '_>, token: &ServiceAccountTokenProjection) {
    path(field, "path", &token.path);
    field.range("expirationSeconds", token.expiration_seconds, 600..=1 << 32);
}

fn trust_bundle(field: &mut Field<'_, '_>, bundle: &ClusterTrustBundleProjection) {
    path(field, "path", &bundle.path);
    field.exactly_one(&[
        ("name", bundle.name.is_some()),
        ("signerName", bundle.signer_name.is_some()),
    ]);
    for (name, text) in [("name", &bundle.name), ("signerName", &bundle.signer_name)] {
        if let Some(text) = text {
            field.required(name, text);
        }
    }
    field.with("labelSelector", bundle.label_selector.as_ref(), selector::labels);
    if bundle.name.is_some() && bundle.label_selector.is_some() {
        field.at("labelSelector").conflict(
            "name and labelSelector exclude each other",
            "keep one: name or labelSelector",
        );
    }
}
