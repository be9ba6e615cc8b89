//! The Services.

use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::{annotations, metadata};
use super::non_empty;
use crate::cluster::{ClientService, Cluster};

/// The Service that gives each member a DNS name. Members need these names before they are ready.
pub(super) fn headless(cluster: &Cluster) -> Service {
    let ports = &cluster.ports;
    Service {
        metadata: ObjectMeta {
            annotations: annotations(cluster, &cluster.services.headless_annotations),
            ..metadata(cluster, cluster.names.headless_service.to_string())
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            selector: Some(cluster.selector.clone()),
            publish_not_ready_addresses: Some(true),
            ports: Some(vec![
                port(cluster.client_port_name(), ports.client),
                port(cluster.peer_port_name(), ports.peer),
                port("etcd-metrics", ports.metrics),
            ]),
            ..spec(cluster)
        }),
        ..Service::default()
    }
}

/// The Service for clients, which has one address and only members that are ready.
pub(super) fn client(cluster: &Cluster, service: &ClientService) -> Service {
    Service {
        metadata: ObjectMeta {
            annotations: annotations(cluster, &service.annotations),
            ..metadata(cluster, cluster.names.client_service.to_string())
        },
        spec: Some(ServiceSpec {
            type_: Some(service.kind.to_string()),
            selector: Some(cluster.selector.clone()),
            ports: Some(vec![ServicePort {
                node_port: service.node_port.map(|port| port.get().into()),
                ..port("etcd-client", cluster.ports.client)
            }]),
            load_balancer_class: service.load_balancer_class.clone(),
            load_balancer_source_ranges: non_empty::list(&service.load_balancer_source_ranges),
            external_traffic_policy: service.external_traffic_policy.map(|policy| policy.to_string()),
            ..spec(cluster)
        }),
        ..Service::default()
    }
}

/// Returns the fields that both have.
fn spec(cluster: &Cluster) -> ServiceSpec {
    let services = &cluster.services;
    let families: Vec<String> = services.ip_families.iter().map(ToString::to_string).collect();
    ServiceSpec {
        ip_families: non_empty::list(&families),
        ip_family_policy: services.ip_family_policy.map(|policy| policy.to_string()),
        ..ServiceSpec::default()
    }
}

fn port(name: &str, port: NonZeroU16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.get().into(),
        ..ServicePort::default()
    }
}
