use rutter::cron::CronSchedule;
use rutter::duration::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Regular defragmentation, which returns the space of removed revisions to the file system. A member does not answer
/// while it is defragmented, so members are defragmented one at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defrag {
    /// The schedule in the format of a CronJob: minute, hour, day of the month, month, day of the week.
    pub schedule: CronSchedule,

    /// The time zone of the schedule, such as `Europe/Paris`. The default is that of the Kubernetes controllers,
    /// usually UTC.
    #[serde(default)]
    pub time_zone: Option<String>,

    /// Whether the CronJob is suspended.
    #[serde(default)]
    pub suspend: bool,

    /// The maximum duration of the defragmentation of one member.
    #[serde(default = "Defrag::default_timeout")]
    pub timeout: Duration,
}

impl Defrag {
    fn default_timeout() -> Duration {
        literal("5m")
    }
}
