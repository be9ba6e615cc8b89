use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use rutter::names::{DnsSubdomain, LabelKey, LabelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;

/// Rules for the nodes on which members run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scheduling {
    /// Whether members run in different topology domains, such as nodes or zones.
    pub anti_affinity: AntiAffinity,

    /// The node label that defines the domains of `antiAffinity`. Use `kubernetes.io/hostname` for nodes,
    /// `topology.kubernetes.io/zone` for zones.
    pub topology_key: LabelKey,

    /// Further rules for spreading members, as in a Pod's `topologySpreadConstraints`. A constraint without a
    /// `labelSelector` gets that of the cluster.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub topology_spread: Vec<TopologySpreadConstraint>,

    /// Labels that a node must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,

    /// Taints of nodes that members tolerate, as in a Pod's `tolerations`.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub tolerations: Vec<Toleration>,

    /// Affinity rules, as in a Pod's `affinity`. They are added to those of `antiAffinity`.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub affinity: Option<Affinity>,

    /// The PriorityClass of the pods. If pods of a higher priority evict members, the cluster can lose its quorum.
    #[schemars(example = &"system-cluster-critical")]
    pub priority_class_name: Option<DnsSubdomain>,

    /// The scheduler of the pods. The default is the default scheduler of the Kubernetes cluster.
    #[schemars(example = &"my-scheduler")]
    pub scheduler_name: Option<DnsSubdomain>,

    /// The RuntimeClass of the pods.
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

/// The strictness with which members are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AntiAffinity {
    /// Members never share a domain. A member without a free domain stays pending.
    Required,
    /// Members share a domain only if they could not run otherwise.
    Preferred,
    /// Members can share a domain.
    Disabled,
}
