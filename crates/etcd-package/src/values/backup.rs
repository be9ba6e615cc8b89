use std::num::NonZeroU32;

use rutter::cron::CronSchedule;
use rutter::duration::Duration;
use rutter::names::DnsSubdomain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;
use super::storage::Claim;

/// Regular snapshots on a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// The schedule in the format of a CronJob: minute, hour, day of the month, month, day of the week.
    pub schedule: CronSchedule,

    /// The time zone of the schedule, such as `Europe/Paris`. The default is that of the Kubernetes controllers,
    /// usually UTC.
    #[serde(default)]
    pub time_zone: Option<String>,

    /// Whether the CronJob is suspended.
    #[serde(default)]
    pub suspend: bool,

    /// The maximum duration of a snapshot.
    #[serde(default = "Backup::default_timeout")]
    pub timeout: Duration,

    /// The name of an existing volume claim for the snapshots. By default, `claim` is rendered.
    #[serde(default)]
    pub claim_name: Option<DnsSubdomain>,

    /// The volume claim that is rendered, `<fullname>-backup`. Its annotations make Helm and Argo CD keep it.
    #[serde(default)]
    pub claim: Option<Claim>,

    /// The number of snapshots to keep. After each snapshot, a container of `helperImage` deletes older ones. By
    /// default, all are kept.
    #[serde(default)]
    pub keep: Option<NonZeroU32>,
}

impl Backup {
    fn default_timeout() -> Duration {
        literal("10m")
    }
}
