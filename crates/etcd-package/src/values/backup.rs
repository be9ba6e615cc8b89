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
