//! The pod template of members.

use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, HTTPGetAction, LocalObjectReference, PodSpec, PodTemplateSpec, Probe,
    TCPSocketAction, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::init_containers::init_containers;
use super::{env, non_empty, volume};
use crate::cluster::{self, ClientTls, Cluster, Discovery, HealthCheck, INITIAL_CLUSTER, INITIAL_CLUSTER_STATE};

pub(super) fn pod_template(cluster: &Cluster) -> PodTemplateSpec {
    let pod = &cluster.pod;
    let scheduling = &cluster.scheduling;
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(pod.labels.clone()),
            annotations: non_empty::map(&pod.annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            affinity: scheduling.affinity.clone(),
            automount_service_account_token: Some(false),
            containers: containers(cluster),
            dns_config: pod.dns_config.clone(),
            // For a Service called `etcd-x`, service links would add variables `ETCD_X_…`, and etcd would warn of each.
            enable_service_links: Some(false),
            host_aliases: non_empty::list(&pod.host_aliases),
            image_pull_secrets: image_pull_secrets(cluster),
            init_containers: init_containers(cluster),
            node_selector: non_empty::map(&scheduling.node_selector),
            priority_class_name: scheduling.priority_class_name.clone(),
            runtime_class_name: scheduling.runtime_class_name.clone(),
            scheduler_name: scheduling.scheduler_name.clone(),
            service_account_name: cluster.service_account.name().map(str::to_owned),
            security_context: Some(pod.security_context.clone()),
            termination_grace_period_seconds: pod.termination_grace_period_seconds.map(Into::into),
            tolerations: non_empty::list(&scheduling.tolerations),
            topology_spread_constraints: non_empty::list(&scheduling.topology_spread_constraints),
            volumes: volume::volumes(cluster),
            ..PodSpec::default()
        }),
    }
}

fn containers(cluster: &Cluster) -> Vec<Container> {
    let mut containers = vec![etcd(cluster)];
    containers.extend(cluster.pod.extra_containers.iter().cloned());
    containers
}

fn etcd(cluster: &Cluster) -> Container {
    let pod = &cluster.pod;
    Container {
        name: "etcd".to_owned(),
        image: Some(cluster.image.reference.clone()),
        image_pull_policy: Some(cluster.image.pull_policy.to_string()),
        ports: Some(vec![
            port("etcd-client", cluster.ports.client),
            port("etcd-server", cluster.ports.peer),
            port("etcd-metrics", cluster.ports.metrics),
        ]),
        startup_probe: Some(probe(cluster, &cluster.probes.startup)),
        readiness_probe: Some(probe(cluster, &cluster.probes.readiness)),
        liveness_probe: Some(probe(cluster, &cluster.probes.liveness)),
        env: Some(variables(cluster)),
        env_from: non_empty::list(&cluster.extra_env_from),
        command: Some(vec![cluster.image.program("etcd")]),
        args: Some(cluster.flags()),
        lifecycle: pod.lifecycle.clone(),
        resources: cluster.resources.clone(),
        security_context: Some(pod.container_security_context.clone()),
        volume_mounts: Some(volume_mounts(cluster)),
        ..Container::default()
    }
}

fn port(name: &str, port: NonZeroU16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: port.get().into(),
        ..ContainerPort::default()
    }
}

/// Returns the variables that flags expand to, and those by which etcdctl in the container reaches its own member.
fn variables(cluster: &Cluster) -> Vec<EnvVar> {
    let mut variables = vec![env::from_pod_name("HOSTNAME")];
    if cluster.bootstrap.discovery == Discovery::Static {
        variables.push(env::from_bootstrap(cluster, INITIAL_CLUSTER));
    }
    variables.push(env::from_bootstrap(cluster, INITIAL_CLUSTER_STATE));
    variables.push(env::variable(
        "ETCDCTL_ENDPOINTS",
        format!("{}:{}", cluster.names.host("$(HOSTNAME)"), cluster.ports.client),
    ));
    if let Some(ClientTls { identity, .. }) = &cluster.tls.client {
        variables.extend([
            env::variable("ETCDCTL_KEY", identity.key()),
            env::variable("ETCDCTL_CERT", identity.certificate()),
            env::variable("ETCDCTL_CACERT", identity.ca_certificate()),
        ]);
    }
    variables.extend(cluster.extra_env.iter().cloned());
    variables
}

fn probe(cluster: &Cluster, probe: &cluster::Probe) -> Probe {
    let (http_get, tcp_socket) = match probe.check {
        HealthCheck::Http(path) => (Some(http_get(cluster, path)), None),
        HealthCheck::Tcp => (None, Some(tcp_socket(cluster))),
    };
    Probe {
        http_get,
        tcp_socket,
        initial_delay_seconds: Some(probe.initial_delay_seconds.into()),
        period_seconds: Some(probe.period_seconds.get().into()),
        timeout_seconds: Some(probe.timeout_seconds.get().into()),
        success_threshold: probe.success_threshold.map(|threshold| threshold.get().into()),
        failure_threshold: Some(probe.failure_threshold.get().into()),
        ..Probe::default()
    }
}

fn http_get(cluster: &Cluster, path: &str) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(cluster.ports.metrics.get().into()),
        ..HTTPGetAction::default()
    }
}

fn tcp_socket(cluster: &Cluster) -> TCPSocketAction {
    TCPSocketAction {
        port: IntOrString::Int(cluster.ports.metrics.get().into()),
        ..TCPSocketAction::default()
    }
}

pub(super) fn image_pull_secrets(cluster: &Cluster) -> Option<Vec<LocalObjectReference>> {
    let secrets: Vec<_> = cluster
        .image
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    non_empty::list(&secrets)
}

fn volume_mounts(cluster: &Cluster) -> Vec<VolumeMount> {
    let mut mounts = volume::storage_mounts(cluster);
    mounts.extend(cluster.tls.identities().map(volume::identity_mount));
    mounts.extend(cluster.pod.extra_volume_mounts.iter().cloned());
    mounts
}
