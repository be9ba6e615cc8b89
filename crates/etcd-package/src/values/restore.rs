use std::num::NonZeroU64;

use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A snapshot that a cluster that does not exist yet starts from. Remove it when the cluster runs: a member that lost its
/// volume would start from it again, with what the others have long moved on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// The claim with the snapshot. All members mount it at once, read-only: on several nodes its volume must be
    /// `ReadOnlyMany` or `ReadWriteMany`.
    pub claim_name: DnsSubdomain,

    /// The snapshot's path in the claim, such as etcd-backup-29370000-x7k2p.db.
    pub snapshot: String,

    /// By how much revisions are raised, so that clients who remember later ones notice, as controllers of Kubernetes do.
    /// What came before is marked as compacted. Since etcd 3.5.10.
    #[serde(default)]
    pub bump_revision: Option<NonZeroU64>,

    /// For a file that was copied from a data folder and has no checksum, unlike a snapshot.
    #[serde(default)]
    pub skip_hash_check: bool,
}
