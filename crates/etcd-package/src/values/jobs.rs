use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

use k8s_openapi::api::core::v1::Toleration;
use rutter::cron::CronSchedule;
use rutter::duration::Duration;
use rutter::names::{DnsSubdomain, LabelKey, LabelValue};
use rutter::quantity::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Claim;
use super::literal::literal;

/// Regular defragmentation, which gives the space of removed revisions back to the file system. A member answers nothing
/// while it is defragmented, so members take turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defrag {
    /// When, as a CronJob's schedule: minute, hour, day of the month, month, day of the week.
    pub schedule: CronSchedule,

    /// The time zone of the schedule. The default is that of the Kubernetes controllers, mostly UTC.
    #[serde(default)]
    pub time_zone: Option<String>,

    /// Whether it pauses.
    #[serde(default)]
    pub suspend: bool,

    /// How long a member may take.
    #[serde(default = "Defrag::default_timeout")]
    pub timeout: Duration,
}

impl Defrag {
    fn default_timeout() -> Duration {
        literal("5m")
    }
}

/// Regular snapshots on a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// When, as a CronJob's schedule: minute, hour, day of the month, month, day of the week.
    pub schedule: CronSchedule,

    /// The time zone of the schedule. The default is that of the Kubernetes controllers, mostly UTC.
    #[serde(default)]
    pub time_zone: Option<String>,

    /// Whether it pauses.
    #[serde(default)]
    pub suspend: bool,

    /// How long a snapshot may take.
    #[serde(default = "Backup::default_timeout")]
    pub timeout: Duration,

    /// A claim that is there, for the snapshots. Without it one is rendered.
    #[serde(default)]
    pub claim_name: Option<DnsSubdomain>,

    /// The claim that is rendered, `<fullname>-backup`. Helm and Argo CD are asked to keep it.
    #[serde(default)]
    pub claim: Option<Claim>,

    /// How many snapshots are kept; older ones are deleted after each new one, by a container of `helperImage`. Without
    /// it all are kept.
    #[serde(default)]
    pub keep: Option<NonZeroU32>,
}

impl Backup {
    fn default_timeout() -> Duration {
        literal("10m")
    }
}

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

/// The pods of `defrag` and `backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Jobs {
    /// More labels of the pods.
    pub labels: BTreeMap<LabelKey, LabelValue>,

    /// Annotations of the pods.
    pub annotations: BTreeMap<LabelKey, String>,

    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,

    /// Taints of nodes that the pods put up with.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub tolerations: Vec<Toleration>,

    /// Compute resources of each container, by name.
    pub resources: JobResources,

    /// How many times a failed job is tried again.
    pub backoff_limit: u16,

    /// How many jobs that succeeded stay for inspection.
    pub successful_jobs_history_limit: u16,

    /// How many jobs that failed stay for inspection.
    pub failed_jobs_history_limit: u16,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            resources: JobResources::default(),
            backoff_limit: 2,
            successful_jobs_history_limit: 3,
            failed_jobs_history_limit: 3,
        }
    }
}

/// Compute resources of the jobs' containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JobResources {
    /// What a node must have free.
    pub requests: BTreeMap<String, Quantity>,

    /// What a container may use at most.
    pub limits: BTreeMap<String, Quantity>,
}
