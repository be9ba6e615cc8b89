//! The volumes.

use std::collections::BTreeMap;

use rutter::names::DnsLabel;

use super::{Report, names, tls};
use crate::codes::{CLAIMS_DELETED, INVALID_STORAGE, NAME_COLLISION};
use crate::values::{self, AccessMode, Claim, Retention, RetentionPolicy};

/// The name of the template of the log's claims.
const WAL_CLAIM: &str = "etcd-wal";

/// The volumes of each member.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The database's.
    pub data: Volume,
    /// The write-ahead log's, if it has one of its own.
    pub wal: Option<Volume>,
    /// What becomes of the claims.
    pub retention: Retention,
}

/// A volume and its claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// The name of the claim template and of the volume in the pod.
    pub name: String,
    /// Where it is mounted.
    pub mount_path: &'static str,
    /// Its size.
    pub size: String,
    /// Its class: none for the default class, empty for no dynamic provisioning.
    pub storage_class_name: Option<String>,
    /// How it is mounted.
    pub access_modes: Vec<&'static str>,
    /// Labels of the claims.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the claims.
    pub annotations: BTreeMap<String, String>,
}

impl Storage {
    /// etcd's `--data-dir`.
    #[must_use]
    pub fn data_dir(&self) -> &'static str {
        self.data.mount_path
    }

    /// etcd's `--wal-dir`: below its mount, because etcd creates it by renaming a folder beside it
    /// (`server/storage/wal/wal.go`, `Create`).
    #[must_use]
    pub fn wal_dir(&self) -> String {
        let mount_path = self.wal.as_ref().unwrap_or(&self.data).mount_path;
        format!("{mount_path}/wal")
    }

    /// All volumes.
    pub fn volumes(&self) -> impl Iterator<Item = &Volume> {
        std::iter::once(&self.data).chain(&self.wal)
    }
}

pub(super) fn resolve(storage: values::Storage, data_claim: &DnsLabel, report: &mut Report<'_>) -> Storage {
    if [WAL_CLAIM, tls::CLIENT.volume, tls::PEER.volume].contains(&&**data_claim) {
        report
            .add(
                &NAME_COLLISION,
                "naming.dataClaim",
                format!("another volume of the pod is called {:?}", &**data_claim),
            )
            .help("write etcd-data, or leave it out");
    }
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
    Storage {
        data: volume(data_claim, "/data", storage.data, "storage.data", report),
        wal: storage
            .wal
            .map(|claim| volume(WAL_CLAIM, "/wal", claim, "storage.wal", report)),
        retention: storage.retention,
    }
}

fn volume(name: &str, mount_path: &'static str, claim: Claim, path: &str, report: &mut Report<'_>) -> Volume {
    if claim.size.milli_value() <= 0 {
        report
            .add(
                &INVALID_STORAGE,
                &format!("{path}.size"),
                format!("a volume of {} cannot be claimed", claim.size),
            )
            .help("such as 8Gi");
    }
    if claim.access_modes.is_empty() {
        report
            .add(
                &INVALID_STORAGE,
                &format!("{path}.accessModes"),
                "a claim has at least one access mode",
            )
            .help("write [ReadWriteOnce], or leave it out");
    }
    if let Some(class) = claim.storage_class_name.as_ref().filter(|class| !class.is_empty())
        && let Err(refusal) = class.parse::<rutter::names::DnsSubdomain>()
    {
        report
            .add(&INVALID_STORAGE, &format!("{path}.storageClassName"), refusal.message)
            .help("the name of a StorageClass: `kubectl get storageclass` lists them");
    }
    Volume {
        name: name.to_owned(),
        mount_path,
        size: claim.size.to_string(),
        storage_class_name: claim.storage_class_name,
        access_modes: claim.access_modes.iter().map(access_mode).collect(),
        labels: names::text(&claim.labels),
        annotations: names::text(&claim.annotations),
    }
}

fn access_mode(mode: &AccessMode) -> &'static str {
    match mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
        AccessMode::ReadWriteMany => "ReadWriteMany",
    }
}
