use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// The PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DisruptionBudget {
    /// Whether it is rendered, for more than one member.
    pub enabled: bool,

    /// Whether members that are not ready can be evicted only while a quorum is, or always: a drain then never waits
    /// for a member that will not come back. Kubernetes' default is `IfHealthyBudget`.
    #[schemars(example = &"AlwaysAllow")]
    pub unhealthy_pod_eviction_policy: Option<UnhealthyPodEvictionPolicy>,
}

string_enum! {
    /// Kubernetes' `unhealthyPodEvictionPolicy`.
    pub enum UnhealthyPodEvictionPolicy {
        /// While enough others are healthy.
        IfHealthyBudget = "IfHealthyBudget",
        /// Always.
        AlwaysAllow = "AlwaysAllow",
    }
}

impl Default for DisruptionBudget {
    fn default() -> Self {
        Self {
            enabled: true,
            unhealthy_pod_eviction_policy: None,
        }
    }
}
