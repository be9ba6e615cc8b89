use std::collections::BTreeMap;
use std::num::NonZeroU16;

use rutter::names::LabelKey;
use rutter::net::Cidr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rutter::string_enum;

/// The Services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Service {
    /// The client Service, `<fullname>-client`. Unlike the headless Service, it has an address of its own and lists
    /// only members that are ready.
    pub client: ClientService,

    /// The headless Service.
    pub headless: HeadlessService,

    /// The IP families of both Services. The first one is preferred. The default is that of the Kubernetes cluster. If
    /// `IPv6` is included, etcd listens on both families.
    pub ip_families: Vec<IpFamily>,

    /// Whether the Services have addresses of one family or of both. By default, Kubernetes uses `SingleStack`, or
    /// `RequireDualStack` if `ipFamilies` has two.
    #[schemars(example = &"PreferDualStack")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
}

/// The headless Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HeadlessService {
    /// Annotations of the Service.
    pub annotations: BTreeMap<LabelKey, String>,
}

string_enum! {
    /// Kubernetes' IP families.
    pub enum IpFamily {
        /// Addresses such as 10.0.0.1.
        IPv4 = "IPv4",
        /// Addresses such as fd00::1.
        IPv6 = "IPv6",
    }
}

string_enum! {
    /// Kubernetes' `ipFamilyPolicy`.
    pub enum IpFamilyPolicy {
        /// One family.
        SingleStack = "SingleStack",
        /// Both families if the Kubernetes cluster has both.
        PreferDualStack = "PreferDualStack",
        /// Both families. If the Kubernetes cluster does not have both, it refuses the Service.
        RequireDualStack = "RequireDualStack",
    }
}

/// The client Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientService {
    /// Whether the Service is rendered.
    pub enabled: bool,

    /// The type of the Service, which determines where it can be reached from. Clients require a certificate only if
    /// `tls.client` is enabled.
    #[serde(rename = "type")]
    pub kind: ServiceType,

    /// Annotations of the Service. Many load balancers are configured by them.
    pub annotations: BTreeMap<LabelKey, String>,

    /// The port on each node, for the types `NodePort` and `LoadBalancer`. By default, Kubernetes chooses one.
    #[schemars(example = 32379)]
    pub node_port: Option<NonZeroU16>,

    /// The class of the load balancer, for the type `LoadBalancer`.
    #[schemars(example = &"example.com/internal")]
    pub load_balancer_class: Option<LabelKey>,

    /// The address ranges from which the load balancer can be reached, for the type `LoadBalancer`. If the list is
    /// empty, it can be reached from everywhere.
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub load_balancer_source_ranges: Vec<Cidr>,

    /// The routing of traffic from outside, for the types `NodePort` and `LoadBalancer`. Kubernetes' default is
    /// `Cluster`.
    #[schemars(example = &"Local")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
}

string_enum! {
    /// Kubernetes' `externalTrafficPolicy`.
    pub enum ExternalTrafficPolicy {
        /// To members on any node.
        Cluster = "Cluster",
        /// To members on the node that received it. Its source address is kept.
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

string_enum! {
    /// The types of Services with an address.
    pub enum ServiceType {
        /// From inside the Kubernetes cluster.
        ClusterIP = "ClusterIP",
        /// Through a port of each node.
        NodePort = "NodePort",
        /// Through a load balancer.
        LoadBalancer = "LoadBalancer",
    }
}
