//! What the package itself puts into a member's pod, which the user's part of it must fit to.

use std::collections::BTreeSet;

use super::Source;
use crate::cluster::{HELPER_VOLUME, RESTORE_VOLUME, storage, tls};
use crate::values::{Discovery, PeerTlsMode, TlsMode, Values};

/// A volume of the package.
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) source: Source,
    /// Where etcd's container has it, if it does.
    pub(super) mount_path: Option<&'static str>,
}

/// The volumes that these values ask for.
pub(super) fn volumes(values: &Values) -> Vec<Volume> {
    let volume = |name: &str, source, mount_path| Volume {
        name: name.to_owned(),
        source,
        mount_path,
    };
    let ephemeral = values.storage.ephemeral.is_some();
    let data = if ephemeral { Source::Files } else { Source::Claim };
    let wal = values.storage.wal.is_some() && !ephemeral;
    let restore = values.restore.is_some();
    let client = values.tls.client.mode != TlsMode::Disabled;
    let peer = matches!(values.tls.peer.mode, PeerTlsMode::CertManager | PeerTlsMode::Secret);
    let mut own = vec![volume(&values.naming.data_claim, data, Some(storage::DATA))];
    for (there, name, source, mount_path) in [
        (wal, storage::WAL_CLAIM, Source::Claim, Some(storage::WAL)),
        (client, tls::CLIENT.volume, Source::Files, Some(tls::CLIENT.mount_path)),
        (peer, tls::PEER.volume, Source::Files, Some(tls::PEER.mount_path)),
        (restore, HELPER_VOLUME, Source::Files, None),
        (restore, RESTORE_VOLUME, Source::Claim, None),
    ] {
        if there {
            own.push(volume(name, source, mount_path));
        }
    }
    own
}

/// The names of the containers that these values ask for.
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
