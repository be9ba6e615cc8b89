//! The Service for clients.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use super::{Report, names};
use crate::codes::UNUSED_VALUE;
use crate::values::{self, ServiceType};

/// The Service for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientService {
    /// Where it can be reached from.
    pub kind: ServiceType,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The port on each node, if it is not Kubernetes' to choose.
    pub node_port: Option<NonZeroU16>,
    /// What provides the load balancer, if not the default.
    pub load_balancer_class: Option<String>,
}

/// The Service, unless there is none.
pub(super) fn resolve(service: values::ClientService, report: &mut Report<'_>) -> Option<ClientService> {
    let has_node_port = service.kind != ServiceType::ClusterIP;
    let has_balancer = service.kind == ServiceType::LoadBalancer;
    for (path, given, used, types) in [
        (
            "service.client.nodePort",
            service.node_port.is_some(),
            has_node_port,
            "NodePort or LoadBalancer",
        ),
        (
            "service.client.loadBalancerClass",
            service.load_balancer_class.is_some(),
            has_balancer,
            "LoadBalancer",
        ),
    ] {
        if given && !used {
            report
                .add(
                    &UNUSED_VALUE,
                    path,
                    format!("a Service of type {:?} has no such field", service.kind),
                )
                .help(format!("write type: {types}, or leave it out"));
        }
    }
    service.enabled.then(|| ClientService {
        kind: service.kind,
        annotations: names::text(&service.annotations),
        node_port: service.node_port,
        load_balancer_class: service.load_balancer_class.map(|class| class.to_string()),
    })
}
