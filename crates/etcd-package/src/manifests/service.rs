//! The Services.

use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{annotated, metadata};
use crate::cluster::{ClientService, Cluster};

/// The Service by which each member has a DNS name. Members need each other's names before they are ready.
pub(super) fn headless(cluster: &Cluster) -> Service {
    let ports = &cluster.ports;
    Service {
        metadata: metadata(cluster, cluster.names.headless_service()),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            selector: Some(cluster.selector.clone()),
            publish_not_ready_addresses: Some(true),
            // The first two names are those of etcd's SRV records.
            ports: Some(vec![
                port("etcd-client", ports.client),
                port("etcd-server", ports.peer),
                port("etcd-metrics", ports.metrics),
            ]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The Service for clients: one address, members that are ready.
pub(super) fn client(cluster: &Cluster, service: &ClientService) -> Service {
    Service {
        metadata: ObjectMeta {
            annotations: annotated(cluster, &service.annotations),
            ..metadata(cluster, cluster.names.client_service())
        },
        spec: Some(ServiceSpec {
            type_: Some(format!("{:?}", service.kind)),
            selector: Some(cluster.selector.clone()),
            ports: Some(vec![ServicePort {
                node_port: service.node_port.map(|port| port.get().into()),
                ..port("etcd-client", cluster.ports.client)
            }]),
            load_balancer_class: service.load_balancer_class.clone(),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(name: &str, port: NonZeroU16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.get().into(),
        ..ServicePort::default()
    }
}
