use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use rutter::names::{DnsSubdomain, LabelKey, LabelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Where the members run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scheduling {
    /// Whether members keep away from each other. `Required` never puts two into one place and leaves a member pending
    /// instead; `Preferred` does it rather than not run; `Disabled` does not care.
    pub anti_affinity: AntiAffinity,

    /// The node label whose values are the places: `kubernetes.io/hostname` for nodes,
    /// `topology.kubernetes.io/zone` for zones.
    pub topology_key: LabelKey,

    /// How members spread over further places, as Kubernetes' `topologySpreadConstraints`. A constraint without a
    /// `labelSelector` gets the cluster's.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub topology_spread: Vec<TopologySpreadConstraint>,

    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,

    /// Taints of nodes that members put up with.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub tolerations: Vec<Toleration>,

    /// Kubernetes' `affinity`, in addition to what `antiAffinity` gives.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub affinity: Option<Affinity>,

    /// The PriorityClass. What evicts members to make room breaks quorum.
    #[schemars(example = &"system-cluster-critical")]
    pub priority_class_name: Option<DnsSubdomain>,

    /// The scheduler, if not the default one.
    #[schemars(example = &"my-scheduler")]
    pub scheduler_name: Option<DnsSubdomain>,

    /// The RuntimeClass.
    #[schemars(example = &"kata")]
    pub runtime_class_name: Option<DnsSubdomain>,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            anti_affinity: AntiAffinity::Required,
            topology_key: literal("kubernetes.io/hostname"),
            topology_spread: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            priority_class_name: None,
            scheduler_name: None,
            runtime_class_name: None,
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
    Disabled,
}
