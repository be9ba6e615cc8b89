//! The number of members that a drain may evict at once.

use rutter::report::Report;

use crate::codes::UNUSED_VALUE;
use crate::values::{self, UnhealthyPodEvictionPolicy};

/// The PodDisruptionBudget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisruptionBudget {
    /// The number of members that may be down while the rest keep quorum.
    pub max_unavailable: u32,
    /// Whether members that are not ready count.
    pub unhealthy_pod_eviction_policy: Option<UnhealthyPodEvictionPolicy>,
}

/// Checks the values of the budget.
pub(super) fn check(budget: &values::DisruptionBudget, report: &mut Report<'_>) {
    if !budget.enabled && budget.unhealthy_pod_eviction_policy.is_some() {
        report
            .add(
                &UNUSED_VALUE,
                "disruptionBudget.unhealthyPodEvictionPolicy",
                "with enabled: false, nothing is rendered that could have it",
            )
            .help("leave it out");
    }
}

/// Resolves the budget. A single member has none, because it would block every drain.
pub(super) fn resolve(budget: &values::DisruptionBudget, replicas: u32) -> Option<DisruptionBudget> {
    (budget.enabled && replicas > 1).then(|| DisruptionBudget {
        max_unavailable: (replicas - 1) / 2,
        unhealthy_pod_eviction_policy: budget.unhealthy_pod_eviction_policy,
    })
}
