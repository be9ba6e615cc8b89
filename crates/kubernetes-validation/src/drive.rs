//! Volumes of storage systems for which Kubernetes used to have its own drivers (`validateVolumeSource`, by type). CSI
//! drivers replace some of them.

use k8s_openapi::api::core::v1::{AzureDiskVolumeSource, FCVolumeSource, FlexVolumeSource, ISCSIVolumeSource, Volume};

use crate::field::Field;

/// Checks the source of a volume if it is one of these.
pub(crate) fn volume(field: &mut Field<'_, '_>, volume: &Volume) {
    refuse_removed(field, volume);
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
    field.with("cinder", volume.cinder.as_ref(), |field, source| {
        field.required("volumeID", &source.volume_id);
        field.with("secretRef", source.secret_ref.as_ref(), |field, secret| {
            field.required("name", &secret.name);
        });
    });
    field.with("fc", volume.fc.as_ref(), fibre_channel);
    field.with("flexVolume", volume.flex_volume.as_ref(), flex);
    field.with(
        "gcePersistentDisk",
        volume.gce_persistent_disk.as_ref(),
        |field, source| {
            field.required("pdName", &source.pd_name);
            field.range("partition", source.partition, 0..=255);
        },
    );
    field.with("iscsi", volume.iscsi.as_ref(), |field, source| {
        iscsi(field, source, &volume.name)
    });
    field.with("portworxVolume", volume.portworx_volume.as_ref(), |field, source| {
        field.required("volumeID", &source.volume_id);
    });
    field.with("vsphereVolume", volume.vsphere_volume.as_ref(), |field, source| {
        field.required("volumePath", &source.volume_path);
    });
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

/// Checks a name: `iqn.2001-04.com.example:disk`, `eui.` and 16 or `naa.` and 32 letters and digits.
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

/// Refuses types that Kubernetes no longer supports. An API server accepts them, but no kubelet can mount them
/// ("Volumes" in Kubernetes' documentation; `gitRepo` since 1.33, by the feature gate `GitRepoVolumeDriver`).
fn refuse_removed(field: &mut Field<'_, '_>, volume: &Volume) {
    for (name, is_given) in [
        ("cephfs", volume.cephfs.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("storageos", volume.storageos.is_some()),
    ] {
        if is_given {
            field.at(name).invalid(
                format!("Kubernetes has removed volumes of the type {name}"),
                if name == "gitRepo" {
                    "clone the repository in an init container into an emptyDir"
                } else {
                    "use persistentVolumeClaim, with a claim of a CSI driver"
                },
            );
        }
    }
}
