//! A snapshot that a new cluster starts from.

use super::{Report, paths};
use crate::codes::{RESTORE_CONFLICT, RESTORE_PENDING};
use crate::etcd::Version;
use crate::values::{self, Bootstrap, BootstrapState};

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The claim that holds it.
    pub claim_name: String,
    /// Its path in the claim.
    pub snapshot: String,
    /// By how much revisions are raised.
    pub bump_revision: Option<u64>,
    /// Whether its checksum is left alone.
    pub skip_hash_check: bool,
}

pub(super) fn resolve(
    restore: values::Restore,
    bootstrap: &Bootstrap,
    version: Version,
    report: &mut Report<'_>,
) -> Restore {
    paths::check(
        &restore.snapshot,
        "restore.snapshot",
        "such as etcd-backup-29370000-x7k2p.db",
        report,
    );
    if bootstrap.state == BootstrapState::Existing {
        report
            .add(
                &RESTORE_CONFLICT,
                "restore",
                "members that join an existing cluster get their data from it",
            )
            .help("leave it out, or write bootstrap: {state: New} for a cluster that does not exist yet");
    } else {
        report
            .add(
                &RESTORE_PENDING,
                "restore",
                "a member that loses its volume starts from the snapshot again, without what was written since",
            )
            .help("remove it as soon as all members are ready");
    }
    if restore.bump_revision.is_some() && !version.bumps_revisions() {
        report
            .add(
                &RESTORE_CONFLICT,
                "restore.bumpRevision",
                format!("etcd {version} cannot raise revisions"),
            )
            .help("leave it out, or take 3.5.10 or a later release");
    }
    Restore {
        claim_name: restore.claim_name.to_string(),
        snapshot: restore.snapshot,
        bump_revision: restore.bump_revision.map(Into::into),
        skip_hash_check: restore.skip_hash_check,
    }
}
