//! The number of members that a drain may evict at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata::{member_selector, metadata};
use crate::cluster::{self, Cluster};

pub(super) fn pod_disruption_budget(cluster: &Cluster, budget: cluster::DisruptionBudget) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata(cluster, cluster.names.fullname.to_string()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(budget.max_unavailable.cast_signed())),
            selector: Some(member_selector(cluster)),
            unhealthy_pod_eviction_policy: budget.unhealthy_pod_eviction_policy.map(|policy| policy.to_string()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
