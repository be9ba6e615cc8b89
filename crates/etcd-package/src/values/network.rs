use std::collections::BTreeMap;
use std::num::NonZeroU16;

use rutter::names::LabelKey;
use rutter::net::Cidr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::literal::literal;
use super::words::words;

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
            client: literal("2379"),
            peer: literal("2380"),
            metrics: literal("8080"),
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

    /// The headless Service.
    pub headless: HeadlessService,

    /// The IP families of both Services, the first of which is preferred. The default is the Kubernetes cluster's. With
    /// `IPv6` among them, etcd listens on both families.
    pub ip_families: Vec<IpFamily>,

    /// Whether the Services have addresses of one family or of both. The default is Kubernetes': `SingleStack`, or
    /// `RequireDualStack` where two families are given.
    #[schemars(example = &"PreferDualStack")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
}

/// The headless Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HeadlessService {
    /// Its annotations.
    pub annotations: BTreeMap<LabelKey, String>,
}

words! {
    /// Kubernetes' IP families.
    IpFamily {
        /// 10.0.0.1
        IPv4 = "IPv4",
        /// fd00::1
        IPv6 = "IPv6",
    }
}

words! {
    /// Kubernetes' `ipFamilyPolicy`.
    IpFamilyPolicy {
        /// One family.
        SingleStack = "SingleStack",
        /// Both, where the Kubernetes cluster has both.
        PreferDualStack = "PreferDualStack",
        /// Both, or the Service is refused.
        RequireDualStack = "RequireDualStack",
    }
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

    /// From where the load balancer can be reached, for the type `LoadBalancer`. Empty means from everywhere.
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub load_balancer_source_ranges: Vec<Cidr>,

    /// Whether traffic from outside goes to members of any node, or keeps its source address and goes to those of the
    /// node that it came to; for the types `NodePort` and `LoadBalancer`. Kubernetes' default is `Cluster`.
    #[schemars(example = &"Local")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
}

words! {
    /// Kubernetes' `externalTrafficPolicy`.
    ExternalTrafficPolicy {
        /// To members of any node.
        Cluster = "Cluster",
        /// To members of the node that it came to.
        Local = "Local",
    }
}

impl Default for ClientService {
    fn default() -> Self {
        Self {
            enabled: true,
            kind: ServiceType::ClusterIP,
            annotations: BTreeMap::new(),
            node_port: None,
            load_balancer_class: None,
            load_balancer_source_ranges: Vec::new(),
            external_traffic_policy: None,
        }
    }
}

words! {
    /// Kubernetes' types of Service that have an address.
    ServiceType {
        /// From inside the Kubernetes cluster.
        ClusterIP = "ClusterIP",
        /// At a port of each node.
        NodePort = "NodePort",
        /// At a load balancer.
        LoadBalancer = "LoadBalancer",
    }
}

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

words! {
    /// Kubernetes' `unhealthyPodEvictionPolicy`.
    UnhealthyPodEvictionPolicy {
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
