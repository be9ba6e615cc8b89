//! The package's own volumes and containers in a member's pod. Those of the user must not conflict with them.

use std::collections::BTreeSet;

use kubernetes_validation::VolumeKind;

use super::{HELPER_VOLUME, RESTORE_VOLUME, storage, tls};
use crate::values::{Discovery, PeerTlsMode, TlsMode, Values};

/// A volume of the package.
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) kind: VolumeKind,
    /// The directory at which etcd's container mounts it, if any.
    pub(super) mount_path: Option<&'static str>,
}

/// Returns the volumes that the values require.
pub(super) fn volumes(values: &Values) -> Vec<Volume> {
    let volume = |name: &str, kind, mount_path| Volume {
        name: name.to_owned(),
        kind,
        mount_path,
    };
    let ephemeral = values.storage.ephemeral.is_some();
    let data = if ephemeral {
        VolumeKind::Files
    } else {
        VolumeKind::Claim
    };
    let wal = values.storage.wal.is_some() && !ephemeral;
    let restore = values.restore.is_some();
    let client = values.tls.client.mode != TlsMode::Disabled;
    let peer = matches!(values.tls.peer.mode, PeerTlsMode::CertManager | PeerTlsMode::Secret);
    let mut own = vec![volume(&values.naming.data_claim, data, Some(storage::DATA))];
    for (is_there, name, kind, mount_path) in [
        (wal, storage::WAL_CLAIM, VolumeKind::Claim, Some(storage::WAL)),
        (
            client,
            tls::CLIENT.volume,
            VolumeKind::Files,
            Some(tls::CLIENT.mount_path),
        ),
        (peer, tls::PEER.volume, VolumeKind::Files, Some(tls::PEER.mount_path)),
        (restore, HELPER_VOLUME, VolumeKind::Files, None),
        (restore, RESTORE_VOLUME, VolumeKind::Claim, None),
    ] {
        if is_there {
            own.push(volume(name, kind, mount_path));
        }
    }
    own
}

/// Returns the names of the containers that the values require.
pub(super) fn containers(values: &Values) -> BTreeSet<String> {
    let restore = values.restore.is_some();
    let srv = values.bootstrap.discovery == Discovery::Srv;
    [
        (true, "etcd"),
        (restore, "helper"),
        (restore, "restore"),
        (srv, "wait-for-srv"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, name)| name.to_owned())
    .collect()
}
