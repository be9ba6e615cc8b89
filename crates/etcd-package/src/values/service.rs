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

string_enum! {
    /// Kubernetes' IP families.
    pub enum IpFamily {
        /// 10.0.0.1
        IPv4 = "IPv4",
        /// fd00::1
        IPv6 = "IPv6",
    }
}

string_enum! {
    /// Kubernetes' `ipFamilyPolicy`.
    pub enum IpFamilyPolicy {
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

string_enum! {
    /// Kubernetes' `externalTrafficPolicy`.
    pub enum ExternalTrafficPolicy {
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

string_enum! {
    /// Kubernetes' types of Service that have an address.
    pub enum ServiceType {
        /// From inside the Kubernetes cluster.
        ClusterIP = "ClusterIP",
        /// At a port of each node.
        NodePort = "NodePort",
        /// At a load balancer.
        LoadBalancer = "LoadBalancer",
    }
}
