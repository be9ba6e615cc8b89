//! The snapshot that a new cluster starts from.

use rutter::report::Report;

use super::{Names, paths};
use crate::codes::RESTORE_CONFLICT;
use crate::etcd::Version;
use crate::values::{self, AccessMode, Values};

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The name of the claim that holds it.
    pub claim_name: String,
    /// Its path in the claim.
    pub snapshot: String,
    /// The number that is added to revisions.
    pub bump_revision: Option<u64>,
    /// Whether its checksum is not checked.
    pub skip_hash_check: bool,
}

pub(super) fn resolve(restore: values::Restore, values: &Values, names: &Names, report: &mut Report<'_>) -> Restore {
    let version = values.version;
    if values.storage.ephemeral.is_some() {
        report
            .add(
                &RESTORE_CONFLICT,
                "restore",
                "with storage.ephemeral each pod that is lost comes back from the snapshot, without what was written since",
            )
            .help("leave one of the two out");
    }
    check_claim(&restore.claim_name, values, names, report);
    paths::check(
        &restore.snapshot,
        "restore.snapshot",
        "such as etcd-backup-29370000-x7k2p.db",
        report,
    );
    if restore.bump_revision.is_some() && !version.bumps_revisions() {
        report
            .add(
                &RESTORE_CONFLICT,
                "restore.bumpRevision",
                format!("etcd {version} cannot raise revisions"),
            )
            .help(format!(
                "leave it out, or take {} or a later release",
                Version::first_to_bump_revisions()
            ));
    }
    Restore {
        claim_name: restore.claim_name.to_string(),
        snapshot: restore.snapshot,
        bump_revision: restore.bump_revision.map(Into::into),
        skip_hash_check: restore.skip_hash_check,
    }
}

/// Checks that all members can mount the claim at once, and that it is not one of their own.
fn check_claim(claim_name: &str, values: &Values, names: &Names, report: &mut Report<'_>) {
    let path = "restore.claimName";
    let of_backup = values.backup.as_ref().filter(|backup| backup.claim_name.is_none());
    let modes = of_backup.map(|backup| backup.claim.clone().unwrap_or_default().access_modes);
    let is_shared = modes.is_none_or(|modes| modes.contains(&AccessMode::ReadWriteMany));
    if claim_name == names.suffixed("backup") && !is_shared && values.replicas > 1 {
        report
            .add(
                &RESTORE_CONFLICT,
                path,
                format!("the volume of {claim_name:?} is mounted on one node, and all members mount it"),
            )
            .help("write backup: {claim: {accessModes: [ReadWriteMany]}}, or copy the snapshot to a volume that is shared");
    }
    let of_member = format!("{}-{}-", names.data_claim, names.fullname);
    let ordinal = claim_name.strip_prefix(&of_member);
    if ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok()) {
        report
            .add(
                &RESTORE_CONFLICT,
                path,
                format!("{claim_name:?} is a member's own claim"),
            )
            .help("name a claim that holds snapshots");
    }
}
