use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// The PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DisruptionBudget {
    /// Whether the PodDisruptionBudget is rendered, if there is more than one member.
    pub enabled: bool,

    /// The condition for evicting a member that is not ready. Kubernetes' default is `IfHealthyBudget`.
    #[schemars(example = &"AlwaysAllow")]
    pub unhealthy_pod_eviction_policy: Option<UnhealthyPodEvictionPolicy>,
}

string_enum! {
    /// Kubernetes' `unhealthyPodEvictionPolicy`.
    pub enum UnhealthyPodEvictionPolicy {
        /// Only while enough other members are healthy.
        IfHealthyBudget = "IfHealthyBudget",
        /// Always. A drain never waits for a member that will not recover.
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
