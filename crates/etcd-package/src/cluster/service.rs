//! The Services.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use rutter::report::Report;

use super::{Cluster, Discovery, names};
use crate::codes::{INVALID_IP_FAMILIES, UNUSED_VALUE};
use crate::values::{self, ExternalTrafficPolicy, IpFamily, IpFamilyPolicy, ServiceType};

/// The Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// The Service for clients, if it is rendered.
    pub client: Option<ClientService>,
    /// Annotations of the headless Service.
    pub headless_annotations: BTreeMap<String, String>,
    /// The IP families of both, if not the default.
    pub ip_families: Vec<IpFamily>,
    /// Whether they have addresses of both families.
    pub ip_family_policy: Option<IpFamilyPolicy>,
    /// The host part of the URLs that etcd listens on.
    pub listen_host: &'static str,
}

/// Returns the host part of the URLs that etcd listens on: every address of every family of the Services.
fn listen_host(service: &values::Service) -> &'static str {
    let is_dual = matches!(
        service.ip_family_policy,
        Some(IpFamilyPolicy::PreferDualStack | IpFamilyPolicy::RequireDualStack)
    );
    // On Linux, the unspecified address of IPv6 also accepts IPv4 connections.
    if is_dual || service.ip_families.contains(&IpFamily::IPv6) {
        "[::]"
    } else {
        "0.0.0.0"
    }
}

impl Cluster {
    /// Returns the name of the headless Service's port for clients. etcd's clients find the SRV records of
    /// `etcd-client`, or of `etcd-client-ssl` with TLS.
    #[must_use]
    pub fn client_port_name(&self) -> &'static str {
        match self.bootstrap.discovery {
            Discovery::Srv { .. } if self.tls.client.is_some() => "etcd-client-ssl",
            Discovery::Srv { .. } | Discovery::Static => "etcd-client",
        }
    }

    /// Returns the name of the headless Service's port for peers. Members find the SRV records of `etcd-server`, or of
    /// `etcd-server-ssl` with TLS, and refuse those of the other (`client/pkg/srv/srv.go`, `GetCluster`).
    #[must_use]
    pub fn peer_port_name(&self) -> &'static str {
        match self.bootstrap.discovery {
            Discovery::Srv { .. } if self.tls.peer_scheme() == "https" => "etcd-server-ssl",
            Discovery::Srv { .. } | Discovery::Static => "etcd-server",
        }
    }

    /// Returns the URL at which clients reach the cluster: that of the Service which lists ready members, if there is
    /// one.
    #[must_use]
    pub fn service_url(&self) -> String {
        let service = if self.services.client.is_some() {
            &self.names.client_service
        } else {
            &self.names.headless_service
        };
        self.client_url(&self.names.service_host(service))
    }
}

/// The Service for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientService {
    /// Kubernetes' `type`.
    pub kind: ServiceType,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The port on each node, unless Kubernetes chooses it.
    pub node_port: Option<NonZeroU16>,
    /// Kubernetes' `loadBalancerClass`, if not the default.
    pub load_balancer_class: Option<String>,
    /// The addresses that can reach the load balancer, if not all.
    pub load_balancer_source_ranges: Vec<String>,
    /// Kubernetes' `externalTrafficPolicy`, if not the default.
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
}

pub(super) fn resolve(service: values::Service, report: &mut Report<'_>) -> Services {
    check_ip_families(&service, report);
    Services {
        listen_host: listen_host(&service),
        client: client(service.client, report),
        headless_annotations: names::text(&service.headless.annotations),
        ip_families: service.ip_families,
        ip_family_policy: service.ip_family_policy,
    }
}

/// Refuses families that Kubernetes refuses (`pkg/apis/core/validation/validation.go`,
/// `validateServiceClusterIPsRelatedFields`).
fn check_ip_families(service: &values::Service, report: &mut Report<'_>) {
    let path = "service.ipFamilies";
    match service.ip_families.as_slice() {
        [] | [_] => {}
        [first, second] if first == second => report
            .add(&INVALID_IP_FAMILIES, path, format!("{first:?} stands there twice"))
            .help("write [IPv4, IPv6] or [IPv6, IPv4]"),
        [_, _] if service.ip_family_policy == Some(IpFamilyPolicy::SingleStack) => report
            .add(
                &INVALID_IP_FAMILIES,
                "service.ipFamilyPolicy",
                "SingleStack takes one of service.ipFamilies, found two",
            )
            .help("write PreferDualStack or RequireDualStack, or keep one family"),
        [_, _] => {}
        more => report
            .add(
                &INVALID_IP_FAMILIES,
                path,
                format!("there are two families, found {}", more.len()),
            )
            .help("write [IPv4, IPv6] or [IPv6, IPv4]"),
    }
}

/// Resolves the Service for clients, unless it is disabled.
fn client(service: values::ClientService, report: &mut Report<'_>) -> Option<ClientService> {
    if !service.enabled {
        let nothing = values::ClientService {
            enabled: false,
            ..values::ClientService::default()
        };
        if service != nothing {
            report
                .add(
                    &UNUSED_VALUE,
                    "service.client",
                    "with enabled: false, nothing of it is rendered",
                )
                .help("leave enabled out, or leave the rest out");
        }
        return None;
    }
    let is_external = service.kind != ServiceType::ClusterIP;
    let has_balancer = service.kind == ServiceType::LoadBalancer;
    for (field, given, used, types) in [
        (
            "nodePort",
            service.node_port.is_some(),
            is_external,
            "NodePort or LoadBalancer",
        ),
        (
            "loadBalancerClass",
            service.load_balancer_class.is_some(),
            has_balancer,
            "LoadBalancer",
        ),
        (
            "loadBalancerSourceRanges",
            !service.load_balancer_source_ranges.is_empty(),
            has_balancer,
            "LoadBalancer",
        ),
        (
            "externalTrafficPolicy",
            service.external_traffic_policy.is_some(),
            is_external,
            "NodePort or LoadBalancer",
        ),
    ] {
        if given && !used {
            report
                .add(
                    &UNUSED_VALUE,
                    &format!("service.client.{field}"),
                    format!("a Service of type {:?} has no such field", service.kind),
                )
                .help(format!("write type: {types}, or leave it out"));
        }
    }
    Some(ClientService {
        kind: service.kind,
        annotations: names::text(&service.annotations),
        node_port: service.node_port,
        load_balancer_class: service.load_balancer_class.map(|class| class.to_string()),
        load_balancer_source_ranges: service
            .load_balancer_source_ranges
            .iter()
            .map(ToString::to_string)
            .collect(),
        external_traffic_policy: service.external_traffic_policy,
    })
}
