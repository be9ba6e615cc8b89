//! The volumes of members, and the directories of etcd's files.

use std::collections::BTreeMap;

use kubernetes_validation::codes::NAME_COLLISION;
use rutter::report::Report;

use super::{names, paths, tls};
use crate::codes::{CLAIMS_DELETED, EPHEMERAL_STORAGE, INVALID_STORAGE, UNUSED_VALUE};
use crate::values::{self, AccessMode, Ephemeral, Naming, Retention, RetentionPolicy};

/// The smallest volume. A smaller number was probably meant in another unit: the first file of a log has 64 MB
/// (`server/storage/wal/wal.go`, `SegmentSizeBytes`).
pub(super) const SMALLEST_VOLUME: i128 = 128 << 20;

/// The mount paths of the data volume and of the log's volume.
pub(super) const DATA: &str = "/data";
pub(super) const WAL: &str = "/wal";

/// The name of the template for the log's claims.
pub(super) const WAL_CLAIM: &str = "etcd-wal";

/// The volume through which one init container passes busybox to the next.
pub const HELPER_VOLUME: &str = "etcd-helper";
/// The volume with the snapshot to restore.
pub const RESTORE_VOLUME: &str = "etcd-restore";

/// The volumes of each member.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// etcd's `--data-dir`.
    pub data_dir: String,
    /// etcd's `--wal-dir`. It is below its mount, because etcd creates it by renaming a directory next to it
    /// (`server/storage/wal/wal.go`, `Create`).
    pub wal_dir: String,
    /// The volumes.
    pub volumes: Volumes,
}

/// The volumes with a member's files.
#[derive(Clone, Debug, PartialEq)]
pub enum Volumes {
    /// Persistent volume claims, which outlive pods.
    Claims {
        /// One for the data, and one for the log if it has its own volume.
        templates: Vec<ClaimTemplate>,
        /// Whether claims stay when the StatefulSet is deleted.
        when_deleted: RetentionPolicy,
        /// Whether the claims of a member stay when it is scaled away.
        when_scaled: RetentionPolicy,
    },
    /// A volume that is deleted with its pod.
    Ephemeral {
        /// The name of the volume.
        name: String,
        /// Whether it is in memory.
        memory: bool,
        /// Its size limit.
        size_limit: Option<String>,
    },
}

/// The template of a claim that each member gets, and the volume in its pod.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimTemplate {
    /// The name of both.
    pub name: String,
    /// The mount path.
    pub mount_path: &'static str,
    /// The claim.
    pub claim: Claim,
}

/// A claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its size.
    pub size: String,
    /// Its storage class: none for the default class, empty for no dynamic provisioning.
    pub storage_class_name: Option<String>,
    /// Its access modes.
    pub access_modes: Vec<&'static str>,
    /// Labels of the claim.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the claim.
    pub annotations: BTreeMap<String, String>,
}

impl Storage {
    /// Returns the volumes that a member mounts: names and mount paths.
    #[must_use]
    pub fn mounts(&self) -> Vec<(&str, &'static str)> {
        match &self.volumes {
            Volumes::Claims { templates, .. } => templates
                .iter()
                .map(|template| (template.name.as_str(), template.mount_path))
                .collect(),
            Volumes::Ephemeral { name, .. } => vec![(name, DATA)],
        }
    }
}

pub(super) fn resolve(storage: values::Storage, naming: &Naming, report: &mut Report<'_>) -> Storage {
    let taken = [
        WAL_CLAIM,
        HELPER_VOLUME,
        RESTORE_VOLUME,
        tls::CLIENT.volume,
        tls::PEER.volume,
    ];
    if taken.contains(&&*naming.data_claim) {
        report
            .add(
                &NAME_COLLISION,
                "naming.dataClaim",
                format!("another volume of the pod is called {:?}", &*naming.data_claim),
            )
            .help("write etcd-data, or leave it out");
    }
    let own_log = storage.wal.is_some() && storage.ephemeral.is_none();
    let data_dir = data_dir(naming, report);
    let wal_dir = wal_dir(naming, own_log, &data_dir, report);
    let volumes = match &storage.ephemeral {
        Some(ephemeral) => self::ephemeral(ephemeral, &storage, naming, report),
        None => claims(storage, naming, report),
    };
    Storage {
        data_dir,
        wal_dir,
        volumes,
    }
}

fn data_dir(naming: &Naming, report: &mut Report<'_>) -> String {
    let Some(path) = &naming.data_path else {
        return DATA.to_owned();
    };
    paths::check(path, "naming.dataPath", "leave it out to use the volume itself", report);
    format!("{DATA}/{path}")
}

fn wal_dir(naming: &Naming, own_log: bool, data_dir: &str, report: &mut Report<'_>) -> String {
    let path = &naming.wal_path;
    paths::check(path, "naming.walPath", "such as wal", report);
    let wal_dir = format!("{}/{path}", if own_log { WAL } else { DATA });
    // Files and directories of etcd and of a restore in the data directory.
    let in_data = wal_dir.strip_prefix(&format!("{data_dir}/")).unwrap_or_default();
    let taken = ["member", "fixtures", "restored", ".restoring", "wal.restored"];
    if taken.contains(&in_data.split('/').next().unwrap_or_default()) && in_data != "member/wal" {
        report
            .add(
                &NAME_COLLISION,
                "naming.walPath",
                format!("{in_data} in the data's folder is etcd's own"),
            )
            .help("write wal, or member/wal in that folder, which is etcd's own choice");
    }
    let log_holds_data = data_dir == wal_dir || data_dir.starts_with(&format!("{wal_dir}/"));
    if log_holds_data {
        report
            .add(
                &NAME_COLLISION,
                "naming.walPath",
                format!("the log's folder {wal_dir} would hold the data's, {data_dir}"),
            )
            .help("give the log a folder of its own: wal");
    }
    wal_dir
}

fn ephemeral(ephemeral: &Ephemeral, storage: &values::Storage, naming: &Naming, report: &mut Report<'_>) -> Volumes {
    report
        .add(
            &EPHEMERAL_STORAGE,
            "storage.ephemeral",
            "a member's data die with its pod, and it cannot come back to its cluster without them",
        )
        .help("for anything but tests, leave it out");
    for (path, given) in [
        ("storage.data", storage.data != values::Claim::default()),
        ("storage.wal", storage.wal.is_some()),
        ("storage.retention", storage.retention != Retention::default()),
    ] {
        if given {
            report
                .add(&UNUSED_VALUE, path, "with storage.ephemeral there are no claims")
                .help("leave one of the two out");
        }
    }
    if let Some(limit) = ephemeral
        .size_limit
        .as_ref()
        .filter(|limit| limit.value() < SMALLEST_VOLUME)
    {
        report
            .add(
                &INVALID_STORAGE,
                "storage.ephemeral.sizeLimit",
                format!("a volume of {limit} is too small for anything of etcd's"),
            )
            .help("such as 1Gi, or leave it out");
    }
    Volumes::Ephemeral {
        name: naming.data_claim.to_string(),
        memory: ephemeral.memory,
        size_limit: ephemeral.size_limit.as_ref().map(ToString::to_string),
    }
}

fn claims(storage: values::Storage, naming: &Naming, report: &mut Report<'_>) -> Volumes {
    let retention = &storage.retention;
    for (path, policy, when) in [
        (
            "storage.retention.whenScaled",
            retention.when_scaled,
            "scaling to 0, even for a moment, deletes all data",
        ),
        (
            "storage.retention.whenDeleted",
            retention.when_deleted,
            "deleting the StatefulSet deletes all data",
        ),
    ] {
        if policy == RetentionPolicy::Delete {
            report
                .add(&CLAIMS_DELETED, path, when)
                .help("write Retain, and delete claims by hand");
        }
    }
    let mut templates = vec![ClaimTemplate {
        name: naming.data_claim.to_string(),
        mount_path: DATA,
        claim: claim(storage.data, "storage.data", report),
    }];
    templates.extend(storage.wal.map(|wal| ClaimTemplate {
        name: WAL_CLAIM.to_owned(),
        mount_path: WAL,
        claim: claim(wal, "storage.wal", report),
    }));
    Volumes::Claims {
        templates,
        when_deleted: storage.retention.when_deleted,
        when_scaled: storage.retention.when_scaled,
    }
}

/// Resolves the claim at `path`.
pub(super) fn claim(values: values::Claim, path: &str, report: &mut Report<'_>) -> Claim {
    if values.size.value() < SMALLEST_VOLUME {
        report
            .add(
                &INVALID_STORAGE,
                &format!("{path}.size"),
                format!("a volume of {} is too small for anything of etcd's", values.size),
            )
            .help("such as 8Gi");
    }
    if values.access_modes.is_empty() {
        report
            .add(
                &INVALID_STORAGE,
                &format!("{path}.accessModes"),
                "a claim has at least one access mode",
            )
            .help("write [ReadWriteOnce], or leave it out");
    }
    let one_pod = values.access_modes.contains(&AccessMode::ReadWriteOncePod);
    if one_pod
        && values
            .access_modes
            .iter()
            .any(|mode| *mode != AccessMode::ReadWriteOncePod)
    {
        report
            .add(
                &INVALID_STORAGE,
                &format!("{path}.accessModes"),
                "Kubernetes refuses other access modes beside ReadWriteOncePod",
            )
            .help("write [ReadWriteOncePod] or [ReadWriteOnce]");
    }
    if let Some(class) = values.storage_class_name.as_ref().filter(|class| !class.is_empty())
        && let Err(refusal) = class.parse::<rutter::names::DnsSubdomain>()
    {
        report
            .add(&INVALID_STORAGE, &format!("{path}.storageClassName"), refusal.message)
            .help("the name of a StorageClass: `kubectl get storageclass` lists them");
    }
    Claim {
        size: values.size.to_string(),
        storage_class_name: values.storage_class_name,
        access_modes: values.access_modes.iter().map(|mode| mode.as_str()).collect(),
        labels: names::text(&values.labels),
        annotations: names::text(&values.annotations),
    }
}
