use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A NetworkPolicy for what comes in. Members always reach each other, and the pods of `defrag` and `backup` reach
/// members. It takes a network plugin that enforces policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Whether it is rendered.
    pub enabled: bool,

    /// Who reaches the port for clients, as Kubernetes' NetworkPolicyPeers. The default is every pod of the namespace;
    /// an empty list is nobody else.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub clients: Vec<NetworkPolicyPeer>,

    /// Who reaches the port for metrics: whoever scrapes. The kubelet's probes come through on most networks without it.
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
