use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// How a change reaches the members that run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Update {
    /// `RollingUpdate` restarts one member after the other, each when the one before it is ready; `OnDelete` leaves it to
    /// whoever deletes pods.
    #[serde(rename = "type")]
    pub kind: UpdateType,

    /// Only members with this ordinal or a higher one are restarted: to try a change on a few of them first.
    pub partition: u16,

    /// Seconds that a member must be ready before the next one is restarted.
    pub min_ready_seconds: u16,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            kind: UpdateType::RollingUpdate,
            partition: 0,
            min_ready_seconds: 0,
        }
    }
}

string_enum! {
    /// Kubernetes' `updateStrategy`.
    pub enum UpdateType {
        /// One member after the other.
        RollingUpdate = "RollingUpdate",
        /// When a pod is deleted.
        OnDelete = "OnDelete",
    }
}
