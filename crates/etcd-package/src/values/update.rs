use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// The rollout of changes to running members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Update {
    /// The update strategy.
    #[serde(rename = "type")]
    pub kind: UpdateType,

    /// The lowest ordinal of the members that are restarted. Use it to try a change on a few members first.
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
        /// Members are restarted one after the other, each when the one before it is ready.
        RollingUpdate = "RollingUpdate",
        /// A member is restarted only when its pod is deleted.
        OnDelete = "OnDelete",
    }
}
