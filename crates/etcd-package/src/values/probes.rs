use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// The health checks of the etcd container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Probes {
    /// The startup probe. It delays the other two probes until the member answers. etcd answers only after it has read
    /// its write-ahead log, which takes minutes on slow disks. By default, the probe waits for ten minutes.
    pub startup: StartupProbe,

    /// The readiness probe. It removes a member from the client Service while the member has no leader or cannot serve
    /// consistent reads.
    pub readiness: ReadinessProbe,

    /// The liveness probe. It restarts a member that does not answer at all.
    pub liveness: LivenessProbe,
}

/// The timing of the startup probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StartupProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: NonZeroU16,
    /// Seconds to wait for an answer.
    pub timeout_seconds: NonZeroU16,
    /// Consecutive failures after which the container is restarted.
    pub failure_threshold: NonZeroU16,
}

impl Default for StartupProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: literal("5"),
            timeout_seconds: literal("5"),
            failure_threshold: literal("120"),
        }
    }
}

/// The timing of the readiness probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReadinessProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: NonZeroU16,
    /// Seconds to wait for an answer.
    pub timeout_seconds: NonZeroU16,
    /// Consecutive successes after which the member is ready.
    pub success_threshold: NonZeroU16,
    /// Consecutive failures after which the member is not ready.
    pub failure_threshold: NonZeroU16,
}

impl Default for ReadinessProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: literal("5"),
            timeout_seconds: literal("5"),
            success_threshold: literal("1"),
            failure_threshold: literal("3"),
        }
    }
}

/// The timing of the liveness probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LivenessProbe {
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: NonZeroU16,
    /// Seconds to wait for an answer.
    pub timeout_seconds: NonZeroU16,
    /// Consecutive failures after which the container is restarted.
    pub failure_threshold: NonZeroU16,
}

impl Default for LivenessProbe {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: literal("10"),
            timeout_seconds: literal("5"),
            // A minute: a disk that stalls for less recovers by itself, and a restart would only make it read more.
            failure_threshold: literal("6"),
        }
    }
}
