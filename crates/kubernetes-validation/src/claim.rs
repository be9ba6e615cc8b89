//! Volume claims that are created and deleted with a pod (`ValidatePersistentVolumeClaimTemplate`).

use k8s_openapi::api::core::v1::{EphemeralVolumeSource, PersistentVolumeClaimSpec};
use k8s_openapi::apimachinery::pkg::api::resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rutter::names::DnsSubdomain;
use rutter::quantity::Quantity;

use crate::field::Field;
use crate::selector;

const ACCESS_MODES: [&str; 4] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];

/// Checks the template of a claim that is deleted with its pod.
pub(crate) fn ephemeral(field: &mut Field<'_, '_>, source: &EphemeralVolumeSource) {
    let Some(template) = &source.volume_claim_template else {
        field.missing(
            "the field `volumeClaimTemplate` is required",
            "write volumeClaimTemplate: {spec: …}",
        );
        return;
    };
    let mut field = field.at("volumeClaimTemplate");
    field.with("metadata", template.metadata.as_ref(), metadata);
    spec(&mut field.at("spec"), &template.spec);
}

/// Checks that a template's metadata has only labels and annotations.
fn metadata(field: &mut Field<'_, '_>, metadata: &ObjectMeta) {
    field.with("labels", metadata.labels.as_ref(), selector::label_map);
    field.with("annotations", metadata.annotations.as_ref(), selector::keys);
    let rest = ObjectMeta {
        labels: metadata.labels.clone(),
        annotations: metadata.annotations.clone(),
        ..ObjectMeta::default()
    };
    if *metadata != rest {
        field.conflict(
            "a template has labels and annotations, and nothing else",
            "leave the rest out",
        );
    }
}

fn spec(field: &mut Field<'_, '_>, spec: &PersistentVolumeClaimSpec) {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        field.missing(
            "the field `accessModes` is required",
            "write accessModes: [ReadWriteOnce]",
        );
    }
    for (index, mode) in modes.iter().enumerate() {
        field.required_word(&format!("accessModes[{index}]"), mode, &ACCESS_MODES);
    }
    let exclusive = modes.iter().filter(|mode| *mode == "ReadWriteOncePod").count();
    if exclusive > 0 && exclusive < modes.len() {
        field.at("accessModes").conflict(
            "ReadWriteOncePod excludes every other access mode",
            "write [ReadWriteOncePod]",
        );
    }
    let requests = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    match requests.and_then(|requests| requests.get("storage")) {
        None => field.missing("the size is required", "write resources: {requests: {storage: 1Gi}}"),
        Some(resource::Quantity(size)) => {
            let mut field = field.at("resources.requests.storage");
            if field
                .parse::<Quantity>(size)
                .is_some_and(|size| size.milli_value() <= 0)
            {
                field.invalid(format!("a volume of {size} cannot be claimed"), "such as 1Gi");
            }
        }
    }
    field.with("selector", spec.selector.as_ref(), selector::labels);
    field.parsed::<DnsSubdomain>("storageClassName", spec.storage_class_name.as_deref());
    field.parsed::<DnsSubdomain>(
        "volumeAttributesClassName",
        spec.volume_attributes_class_name.as_deref(),
    );
    field.word("volumeMode", spec.volume_mode.as_deref(), &["Block", "Filesystem"]);
    field.with("dataSource", spec.data_source.as_ref(), |field, source| {
        data_source(field, source.api_group.as_deref(), &source.kind, &source.name);
    });
    field.with("dataSourceRef", spec.data_source_ref.as_ref(), |field, source| {
        data_source(field, source.api_group.as_deref(), &source.kind, &source.name);
        field.parsed::<rutter::names::DnsLabel>("namespace", source.namespace.as_deref());
    });
    if let (Some(old), Some(new)) = (&spec.data_source, &spec.data_source_ref) {
        let same = (&old.api_group, &old.kind, &old.name) == (&new.api_group, &new.kind, &new.name);
        if !same || new.namespace.as_ref().is_some_and(|namespace| !namespace.is_empty()) {
            field.conflict("dataSource and dataSourceRef exclude each other", "keep dataSourceRef");
        }
    }
}

fn data_source(field: &mut Field<'_, '_>, group: Option<&str>, kind: &str, name: &str) {
    field.required("name", name);
    let core = group.is_none_or(str::is_empty);
    if field.required("kind", kind) && core && kind != "PersistentVolumeClaim" {
        let message = format!("{kind} is not a kind of the core group that holds data");
        field
            .at("kind")
            .invalid(message, "write PersistentVolumeClaim, or the kind's apiGroup");
    }
    field.parsed::<DnsSubdomain>("apiGroup", group);
}
