use rutter::names::LabelKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the members run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scheduling {
    /// Whether members keep away from each other. `Required` never puts two into one place and leaves a member pending
    /// instead; `Preferred` does it rather than not run; `Off` does not care.
    pub anti_affinity: AntiAffinity,

    /// The node label whose values are the places: `kubernetes.io/hostname` for nodes,
    /// `topology.kubernetes.io/zone` for zones.
    pub topology_key: LabelKey,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            anti_affinity: AntiAffinity::Required,
            topology_key: crate::literal("kubernetes.io/hostname"),
        }
    }
}

/// How strictly members keep away from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AntiAffinity {
    /// Always.
    Required,
    /// If possible.
    Preferred,
    /// Not at all.
    Off,
}
