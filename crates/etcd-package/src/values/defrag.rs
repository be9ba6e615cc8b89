use rutter::cron::CronSchedule;
use rutter::duration::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
