use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The health checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Probes {
    /// Holds the other two back until the member answers. etcd answers only after it has read its write-ahead log, which
    /// takes minutes on slow disks; the default waits for ten.
    pub startup: StartupProbe,

    /// Takes a member out of the client Service while it has no leader or cannot read consistently.
    pub readiness: ReadinessProbe,

    /// Restarts a member that no longer answers at all.
    pub liveness: LivenessProbe,
}

/// The times of the startup probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StartupProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: Count,
    /// Seconds to wait for an answer.
    pub timeout_seconds: Count,
    /// Failures in a row after which the container is restarted.
    pub failure_threshold: Count,
}

impl Default for StartupProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: Count(5),
            timeout_seconds: Count(5),
            failure_threshold: Count(120),
        }
    }
}

/// The times of the readiness probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReadinessProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: Count,
    /// Seconds to wait for an answer.
    pub timeout_seconds: Count,
    /// Successes in a row after which the member is ready.
    pub success_threshold: Count,
    /// Failures in a row after which it is not.
    pub failure_threshold: Count,
}

impl Default for ReadinessProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: Count(5),
            timeout_seconds: Count(5),
            success_threshold: Count(1),
            failure_threshold: Count(3),
        }
    }
}

/// The times of the liveness probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LivenessProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: Count,
    /// Seconds to wait for an answer.
    pub timeout_seconds: Count,
    /// Failures in a row after which the container is restarted.
    pub failure_threshold: Count,
}

impl Default for LivenessProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: Count(10),
            timeout_seconds: Count(5),
            // A minute: a disk that stalls for less recovers by itself, and a restart would only make it read more.
            failure_threshold: Count(6),
        }
    }
}

/// A number of seconds or of attempts: 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
pub struct Count(#[schemars(range(min = 1))] u16);

impl TryFrom<u16> for Count {
    type Error = CountZero;

    fn try_from(count: u16) -> Result<Self, CountZero> {
        if count == 0 { Err(CountZero) } else { Ok(Self(count)) }
    }
}

impl From<Count> for u16 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl From<Count> for i32 {
    fn from(count: Count) -> Self {
        Self::from(count.0)
    }
}

/// A count starts at 1.
#[derive(Clone, Copy, Debug)]
pub struct CountZero;

impl fmt::Display for CountZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a whole number from 1 to 65535, found 0")
    }
}
