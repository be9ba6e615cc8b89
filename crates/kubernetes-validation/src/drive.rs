//! Volumes of the storage systems that Kubernetes once had code of its own for (`validateVolumeSource`, by type).

use k8s_openapi::api::core::v1::{
    AzureDiskVolumeSource, FCVolumeSource, FlexVolumeSource, FlockerVolumeSource, GitRepoVolumeSource,
    ISCSIVolumeSource, QuobyteVolumeSource, StorageOSVolumeSource, Volume,
};
use rutter::names::DnsLabel;

use crate::field::{Field, given};

/// Checks the source of a volume if it is one of these.
pub(crate) fn volume(field: &mut Field<'_, '_>, volume: &Volume) {
    field.with(
        "awsElasticBlockStore",
        volume.aws_elastic_block_store.as_ref(),
        |field, source| {
            field.required("volumeID", &source.volume_id);
            field.range("partition", source.partition, 0..=255);
        },
    );
    field.with("azureDisk", volume.azure_disk.as_ref(), azure_disk);
    field.with("azureFile", volume.azure_file.as_ref(), |field, source| {
        field.required("secretName", &source.secret_name);
        field.required("shareName", &source.share_name);
    });
    field.with("cephfs", volume.cephfs.as_ref(), |field, source| {
        monitors(field, &source.monitors)
    });
    field.with("cinder", volume.cinder.as_ref(), |field, source| {
        field.required("volumeID", &source.volume_id);
        field.with("secretRef", source.secret_ref.as_ref(), |field, secret| {
            field.required("name", &secret.name);
        });
    });
    field.with("fc", volume.fc.as_ref(), fibre_channel);
    field.with("flexVolume", volume.flex_volume.as_ref(), flex);
    field.with("flocker", volume.flocker.as_ref(), flocker);
    field.with(
        "gcePersistentDisk",
        volume.gce_persistent_disk.as_ref(),
        |field, source| {
            field.required("pdName", &source.pd_name);
            field.range("partition", source.partition, 0..=255);
        },
    );
    field.with("gitRepo", volume.git_repo.as_ref(), git_repo);
    field.with("glusterfs", volume.glusterfs.as_ref(), |field, source| {
        field.required("endpoints", &source.endpoints);
        field.required("path", &source.path);
    });
    field.with("iscsi", volume.iscsi.as_ref(), |field, source| {
        iscsi(field, source, &volume.name)
    });
    field.with(
        "photonPersistentDisk",
        volume.photon_persistent_disk.as_ref(),
        |field, source| {
            field.required("pdID", &source.pd_id);
        },
    );
    field.with("portworxVolume", volume.portworx_volume.as_ref(), |field, source| {
        field.required("volumeID", &source.volume_id);
    });
    field.with("quobyte", volume.quobyte.as_ref(), quobyte);
    field.with("rbd", volume.rbd.as_ref(), |field, source| {
        monitors(field, &source.monitors);
        field.required("image", &source.image);
    });
    field.with("scaleIO", volume.scale_io.as_ref(), |field, source| {
        field.required("gateway", &source.gateway);
        field.required("system", &source.system);
        field.required("volumeName", source.volume_name.as_deref().unwrap_or_default());
    });
    field.with("storageos", volume.storageos.as_ref(), storage_os);
    field.with("vsphereVolume", volume.vsphere_volume.as_ref(), |field, source| {
        field.required("volumePath", &source.volume_path);
    });
}

fn monitors(field: &mut Field<'_, '_>, monitors: &[String]) {
    if monitors.is_empty() {
        field.missing("the field `monitors` is required", "write monitors: [HOST:PORT]");
    }
}

fn azure_disk(field: &mut Field<'_, '_>, source: &AzureDiskVolumeSource) {
    field.required("diskName", &source.disk_name);
    field.required("diskURI", &source.disk_uri);
    field.word(
        "cachingMode",
        source.caching_mode.as_deref(),
        &["None", "ReadOnly", "ReadWrite"],
    );
    field.word("kind", source.kind.as_deref(), &["Shared", "Dedicated", "Managed"]);
    let prefix = match source.kind.as_deref() {
        Some("Managed") => "/subscriptions/",
        None | Some("Shared" | "Dedicated") => "https://",
        _ => return,
    };
    if !source.disk_uri.is_empty() && !source.disk_uri.starts_with(prefix) {
        let message = format!(
            "the URI of such a disk starts with {prefix}, found {:?}",
            source.disk_uri
        );
        field
            .at("diskURI")
            .invalid(message, "write the URI that Azure shows, or another kind");
    }
}

fn fibre_channel(field: &mut Field<'_, '_>, source: &FCVolumeSource) {
    let any = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    field.exactly_one(&[("targetWWNs", any(&source.target_wwns)), ("wwids", any(&source.wwids))]);
    if any(&source.target_wwns) {
        match source.lun {
            None => field.missing("targetWWNs needs a lun", "write lun: 0"),
            lun => field.range("lun", lun, 0..=255),
        }
    }
}

fn flex(field: &mut Field<'_, '_>, source: &FlexVolumeSource) {
    field.required("driver", &source.driver);
    for key in source.options.iter().flatten().map(|(key, _)| key) {
        let domain = key.split_once('/').map_or(key.as_str(), |(domain, _)| domain);
        let domain = format!(".{}", domain.to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let mut field = field.at("options");
            field
                .entry(key)
                .invalid(format!("{key} is Kubernetes' own"), "use a domain of yours");
        }
    }
}

fn flocker(field: &mut Field<'_, '_>, source: &FlockerVolumeSource) {
    field.exactly_one(&[
        ("datasetName", given(source.dataset_name.as_ref()).is_some()),
        ("datasetUUID", given(source.dataset_uuid.as_ref()).is_some()),
    ]);
    if source.dataset_name.as_ref().is_some_and(|name| name.contains('/')) {
        field
            .at("datasetName")
            .invalid("a dataset's name has no `/`", "leave the `/` out");
    }
}

fn git_repo(field: &mut Field<'_, '_>, source: &GitRepoVolumeSource) {
    field.required("repository", &source.repository);
    field.relative_path("directory", source.directory.as_deref().unwrap_or_default());
}

fn iscsi(field: &mut Field<'_, '_>, source: &ISCSIVolumeSource, volume: &str) {
    field.required("targetPortal", &source.target_portal);
    if field.required("iqn", &source.iqn) {
        qualified_name(field, "iqn", &source.iqn);
    }
    field.range("lun", Some(source.lun), 0..=255);
    let authenticates = source.chap_auth_discovery == Some(true) || source.chap_auth_session == Some(true);
    if authenticates && source.secret_ref.is_none() {
        field.missing("CHAP needs a Secret", "write secretRef: {name: …}");
    }
    if let Some(initiator) = &source.initiator_name {
        qualified_name(field, "initiatorName", initiator);
        if volume.len() + 1 + source.target_portal.len() > 64 {
            field.invalid(
                "with an initiatorName, the volume's name and targetPortal have at most 63 characters together",
                "shorten the volume's name",
            );
        }
    }
}

/// `iqn.2001-04.com.example:disk`, `eui.` and 16 or `naa.` and 32 letters and digits.
fn qualified_name(field: &mut Field<'_, '_>, name: &str, text: &str) {
    let (kind, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    let of_length = |length| rest.len() == length && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    let good = match kind {
        "eui." => of_length(16),
        "naa." => of_length(32),
        "iqn." => is_iqn(rest),
        _ => false,
    };
    if !good {
        let message = format!("{text:?} is no name of an iSCSI node");
        field.at(name).invalid(message, "such as iqn.2001-04.com.example:disk");
    }
}

fn is_iqn(text: &str) -> bool {
    let Some((authority, name)) = text.split_once(':') else {
        return false;
    };
    let Some((date, domain)) = authority.split_once('.') else {
        return false;
    };
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    date.split_once('-')
        .is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
        && !domain.is_empty()
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && !name.is_empty()
        && !name.contains([',', ';', '*', '&', '$', '|'])
        && !name.contains(char::is_whitespace)
}

fn quobyte(field: &mut Field<'_, '_>, source: &QuobyteVolumeSource) {
    field.required("volume", &source.volume);
    if source.tenant.as_ref().is_some_and(|tenant| tenant.len() > 64) {
        field
            .at("tenant")
            .invalid("a tenant has at most 64 characters", "write its UUID");
    }
    let is_pair = |pair: &str| {
        pair.rsplit_once(':')
            .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'))
    };
    if field.required("registry", &source.registry) && !source.registry.split(',').all(is_pair) {
        let message = format!("{:?} is not HOST:PORT", source.registry);
        field
            .at("registry")
            .invalid(message, "write HOST:PORT, several of them with commas");
    }
}

fn storage_os(field: &mut Field<'_, '_>, source: &StorageOSVolumeSource) {
    field.name::<DnsLabel>("volumeName", source.volume_name.as_deref().unwrap_or_default());
    field.parsed::<DnsLabel>("volumeNamespace", source.volume_namespace.as_deref());
    field.with("secretRef", source.secret_ref.as_ref(), |field, secret| {
        field.required("name", &secret.name);
    });
}
