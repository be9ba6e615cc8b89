use std::collections::BTreeMap;
use std::num::NonZeroU16;

use rutter::names::LabelKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ports that etcd listens on: 1 to 65535.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ports {
    /// For clients.
    pub client: NonZeroU16,
    /// Between members.
    pub peer: NonZeroU16,
    /// For metrics and health checks, always without TLS.
    pub metrics: NonZeroU16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            client: crate::literal("2379"),
            peer: crate::literal("2380"),
            metrics: crate::literal("8080"),
        }
    }
}

/// The Services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Service {
    /// The Service for clients, `<fullname>-client`. Unlike the headless one it has an address of its own and lists
    /// only members that are ready.
    pub client: ClientService,
}

/// The Service for clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientService {
    /// Whether it is rendered.
    pub enabled: bool,

    /// Where it can be reached from. Whoever can reach it needs a certificate only if `tls.client` is on.
    #[serde(rename = "type")]
    pub kind: ServiceType,

    /// Its annotations, by which load balancers are often set up.
    pub annotations: BTreeMap<LabelKey, String>,

    /// The port on each node, for the types `NodePort` and `LoadBalancer`. Kubernetes chooses one unless it is given.
    #[schemars(example = 32379)]
    pub node_port: Option<NonZeroU16>,

    /// What provides the load balancer, for the type `LoadBalancer`.
    #[schemars(example = &"example.com/internal")]
    pub load_balancer_class: Option<LabelKey>,
}

impl Default for ClientService {
    fn default() -> Self {
        Self {
            enabled: true,
            kind: ServiceType::ClusterIP,
            annotations: BTreeMap::new(),
            node_port: None,
            load_balancer_class: None,
        }
    }
}

/// Kubernetes' types of Service that have an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// From inside the Kubernetes cluster.
    ClusterIP,
    /// At a port of each node.
    NodePort,
    /// At a load balancer.
    LoadBalancer,
}

/// The PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DisruptionBudget {
    /// Whether it is rendered, for more than one member.
    pub enabled: bool,
}

impl Default for DisruptionBudget {
    fn default() -> Self {
        Self { enabled: true }
    }
}
