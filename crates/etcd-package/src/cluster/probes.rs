//! The health checks.

use std::num::NonZeroU16;

use crate::etcd::Version;
use crate::values;

/// The health checks of a member, all of them at its port for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes {
    /// The startup probe, which delays the other two until the member answers.
    pub startup: Probe,
    /// The readiness probe, which removes a member from the client Service.
    pub readiness: Probe,
    /// The liveness probe, which restarts a member.
    pub liveness: Probe,
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The check.
    pub check: HealthCheck,
    /// Seconds before the first check.
    pub initial_delay_seconds: u16,
    /// Seconds between checks.
    pub period_seconds: NonZeroU16,
    /// Seconds to wait for an answer.
    pub timeout_seconds: NonZeroU16,
    /// Successes in a row after which the check passes, if it may be more than one.
    pub success_threshold: Option<NonZeroU16>,
    /// Failures in a row after which the check fails.
    pub failure_threshold: NonZeroU16,
}

/// The question of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// Whether a path is served.
    Http(&'static str),
    /// Whether the port is open.
    Tcp,
}

/// Resolves the checks that a release of etcd answers.
pub(super) fn resolve(probes: &values::Probes, version: Version) -> Probes {
    let values::Probes {
        startup,
        readiness,
        liveness,
    } = probes;
    // Releases without `/livez` have only `/health`, which also fails without a leader or with an alarm. A restart fixes
    // neither, so the probe checks only that the port is open.
    let (alive, ready) = if version.serves_livez() {
        (HealthCheck::Http("/livez"), HealthCheck::Http("/readyz"))
    } else {
        (HealthCheck::Tcp, HealthCheck::Http("/health"))
    };
    Probes {
        startup: Probe {
            check: alive,
            initial_delay_seconds: startup.initial_delay_seconds,
            period_seconds: startup.period_seconds,
            timeout_seconds: startup.timeout_seconds,
            success_threshold: None,
            failure_threshold: startup.failure_threshold,
        },
        readiness: Probe {
            check: ready,
            initial_delay_seconds: readiness.initial_delay_seconds,
            period_seconds: readiness.period_seconds,
            timeout_seconds: readiness.timeout_seconds,
            success_threshold: Some(readiness.success_threshold),
            failure_threshold: readiness.failure_threshold,
        },
        liveness: Probe {
            check: alive,
            initial_delay_seconds: liveness.initial_delay_seconds,
            period_seconds: liveness.period_seconds,
            timeout_seconds: liveness.timeout_seconds,
            success_threshold: None,
            failure_threshold: liveness.failure_threshold,
        },
    }
}
