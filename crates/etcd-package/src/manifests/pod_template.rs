//! A member's pod.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvVar, HTTPGetAction, LocalObjectReference, PodAffinityTerm, PodSpec,
    PodTemplateSpec, Probe, TCPSocketAction, TopologySpreadConstraint, VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_map::{INITIAL_CLUSTER, INITIAL_CLUSTER_STATE};
use super::init_containers::init_containers;
use super::{env, list, members, security_context, service_account, some, volume};
use crate::cluster::{ClientTls, Cluster, text};
use crate::values::{AntiAffinity, Discovery};

pub(super) fn pod_template(cluster: &Cluster) -> PodTemplateSpec {
    let pod = &cluster.pod;
    let scheduling = &cluster.scheduling;
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels(cluster)),
            annotations: some(&text(&pod.annotations)),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            affinity: affinity(cluster),
            automount_service_account_token: Some(false),
            containers: containers(cluster),
            dns_config: pod.dns_config.clone(),
            // For a Service called `etcd-x`, service links would add variables `ETCD_X_…`, of each of which etcd warns.
            enable_service_links: Some(false),
            host_aliases: list(&pod.host_aliases),
            image_pull_secrets: image_pull_secrets(cluster),
            init_containers: init_containers(cluster),
            node_selector: some(&text(&scheduling.node_selector)),
            priority_class_name: scheduling.priority_class_name.as_ref().map(ToString::to_string),
            runtime_class_name: scheduling.runtime_class_name.as_ref().map(ToString::to_string),
            scheduler_name: scheduling.scheduler_name.as_ref().map(ToString::to_string),
            service_account_name: service_account::name(cluster),
            security_context: Some(security_context::of_pod(cluster)),
            termination_grace_period_seconds: pod.termination_grace_period_seconds.map(Into::into),
            tolerations: list(&scheduling.tolerations),
            topology_spread_constraints: list(&topology_spread(cluster)),
            volumes: volume::volumes(cluster),
            ..PodSpec::default()
        }),
    }
}

fn labels(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut labels = cluster.labels.clone();
    labels.extend(text(&cluster.pod.labels));
    labels
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
        startup_probe: Some(startup_probe(cluster)),
        readiness_probe: Some(readiness_probe(cluster)),
        liveness_probe: Some(liveness_probe(cluster)),
        env: Some(variables(cluster)),
        env_from: list(&cluster.extra_env_from),
        command: Some(vec![cluster.image.program("etcd")]),
        args: Some(cluster.flags()),
        lifecycle: pod.lifecycle.clone(),
        resources: cluster.resources.clone(),
        security_context: Some(security_context::of_container(cluster)),
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

/// What the flags expand, and how etcdctl in the container reaches its own member.
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
            env::variable("ETCDCTL_CACERT", identity.authority()),
        ]);
    }
    variables.extend(cluster.extra_env.iter().cloned());
    variables
}

fn startup_probe(cluster: &Cluster) -> Probe {
    let times = &cluster.probes.startup;
    Probe {
        initial_delay_seconds: Some(times.initial_delay_seconds.into()),
        ..alive(
            cluster,
            times.period_seconds,
            times.timeout_seconds,
            times.failure_threshold,
        )
    }
}

fn readiness_probe(cluster: &Cluster) -> Probe {
    let times = &cluster.probes.readiness;
    let path = if cluster.version.serves_livez() {
        "/readyz"
    } else {
        "/health"
    };
    Probe {
        http_get: Some(http_get(cluster, path)),
        initial_delay_seconds: Some(times.initial_delay_seconds.into()),
        period_seconds: Some(times.period_seconds.get().into()),
        timeout_seconds: Some(times.timeout_seconds.get().into()),
        success_threshold: Some(times.success_threshold.get().into()),
        failure_threshold: Some(times.failure_threshold.get().into()),
        ..Probe::default()
    }
}

fn liveness_probe(cluster: &Cluster) -> Probe {
    let times = &cluster.probes.liveness;
    Probe {
        initial_delay_seconds: Some(times.initial_delay_seconds.into()),
        ..alive(
            cluster,
            times.period_seconds,
            times.timeout_seconds,
            times.failure_threshold,
        )
    }
}

/// Whether the process answers. Before there was `/livez`, only `/health` did, which also fails without a leader or for
/// an alarm; a restart mends neither, so there an open port has to do.
fn alive(cluster: &Cluster, period: NonZeroU16, timeout: NonZeroU16, failures: NonZeroU16) -> Probe {
    let livez = cluster.version.serves_livez();
    Probe {
        http_get: livez.then(|| http_get(cluster, "/livez")),
        tcp_socket: (!livez).then(|| TCPSocketAction {
            port: IntOrString::Int(cluster.ports.metrics.get().into()),
            ..TCPSocketAction::default()
        }),
        period_seconds: Some(period.get().into()),
        timeout_seconds: Some(timeout.get().into()),
        failure_threshold: Some(failures.get().into()),
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

/// What keeps members away from each other, beside what the user asks for.
fn affinity(cluster: &Cluster) -> Option<Affinity> {
    let selector = cluster.selector.iter().map(|(key, value)| LabelSelectorRequirement {
        key: key.clone(),
        operator: "In".to_owned(),
        values: Some(vec![value.clone()]),
    });
    let term = PodAffinityTerm {
        label_selector: Some(LabelSelector {
            match_expressions: Some(selector.collect()),
            ..LabelSelector::default()
        }),
        topology_key: cluster.scheduling.topology_key.to_string(),
        ..PodAffinityTerm::default()
    };
    let users = cluster.scheduling.affinity.clone();
    if cluster.scheduling.anti_affinity == AntiAffinity::Disabled {
        return users;
    }
    let mut affinity = users.unwrap_or_default();
    let terms = affinity.pod_anti_affinity.get_or_insert_default();
    if cluster.scheduling.anti_affinity == AntiAffinity::Required {
        let required = &mut terms.required_during_scheduling_ignored_during_execution;
        required.get_or_insert_default().push(term);
    } else {
        let preferred = &mut terms.preferred_during_scheduling_ignored_during_execution;
        preferred.get_or_insert_default().push(WeightedPodAffinityTerm {
            pod_affinity_term: term,
            weight: 100,
        });
    }
    Some(affinity)
}

/// The user's constraints, about this cluster's pods unless they say otherwise.
fn topology_spread(cluster: &Cluster) -> Vec<TopologySpreadConstraint> {
    let own = members(cluster);
    let constraints = cluster.scheduling.topology_spread.iter().cloned();
    constraints
        .map(|constraint| TopologySpreadConstraint {
            label_selector: constraint.label_selector.or_else(|| Some(own.clone())),
            ..constraint
        })
        .collect()
}

pub(super) fn image_pull_secrets(cluster: &Cluster) -> Option<Vec<LocalObjectReference>> {
    let secrets: Vec<_> = cluster
        .image
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    list(&secrets)
}

fn volume_mounts(cluster: &Cluster) -> Vec<VolumeMount> {
    let mut mounts = volume::storage_mounts(cluster);
    mounts.extend(cluster.tls.identities().map(volume::identity_mount));
    mounts.extend(cluster.pod.extra_volume_mounts.iter().cloned());
    mounts
}
