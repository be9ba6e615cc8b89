use std::num::NonZeroU64;

use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The snapshot from which a new cluster starts. Remove it when the cluster runs. Otherwise a member that lost its
/// volume starts from the snapshot again, without what was written since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// The volume claim with the snapshot. All members mount it at the same time, read-only. If they run on several
    /// nodes, its volume must be `ReadOnlyMany` or `ReadWriteMany`.
    pub claim_name: DnsSubdomain,

    /// The path of the snapshot in the claim, such as etcd-backup-29370000-x7k2p.db.
    pub snapshot: String,

    /// The number by which revisions are raised. Clients that remember later revisions, such as controllers of
    /// Kubernetes, then notice the restore. Earlier revisions are marked as compacted. Requires etcd 3.5.10 or later.
    #[serde(default)]
    pub bump_revision: Option<NonZeroU64>,

    /// Whether the checksum of the snapshot is not checked. Required for a file that was copied from a data directory,
    /// because only snapshots have a checksum.
    #[serde(default)]
    pub skip_hash_check: bool,
}
