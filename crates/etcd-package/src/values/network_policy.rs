use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A NetworkPolicy for incoming traffic. Traffic between members, and from the pods of `defrag` and `backup` to
/// members, is always allowed. It requires a network plugin that enforces policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Whether the NetworkPolicy is rendered.
    pub enabled: bool,

    /// The sources that can reach the client port, as Kubernetes' NetworkPolicyPeers. The default is every pod of the
    /// namespace. An empty list allows no further sources.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub clients: Vec<NetworkPolicyPeer>,

    /// The sources that can reach the metrics port, as Kubernetes' NetworkPolicyPeers. Name the pods that scrape
    /// metrics. On most networks the kubelet's probes are allowed without a rule.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub metrics: Vec<NetworkPolicyPeer>,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            clients: vec![NetworkPolicyPeer {
                pod_selector: Some(LabelSelector::default()),
                ..NetworkPolicyPeer::default()
            }],
            metrics: Vec::new(),
        }
    }
}
