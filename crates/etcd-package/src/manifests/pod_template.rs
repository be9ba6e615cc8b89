//! A member's pod.

use std::num::NonZeroU16;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapKeySelector, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    LocalObjectReference, ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, TCPSocketAction,
    Volume, VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_map::{INITIAL_CLUSTER, INITIAL_CLUSTER_STATE};
use crate::cluster::{Cluster, Identity};
use crate::values::AntiAffinity;

/// The user and group of the etcd process: nobody in particular, as in images that are made to run without root.
/// etcd's own image names no user, so `runAsNonRoot` needs one.
const NONROOT: i64 = 65532;

pub(super) fn pod_template(cluster: &Cluster) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(cluster.labels.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            affinity: affinity(cluster),
            automount_service_account_token: Some(false),
            containers: vec![etcd(cluster)],
            // For a Service called `etcd-x`, service links would add variables `ETCD_X_…`, of each of which etcd warns.
            enable_service_links: Some(false),
            image_pull_secrets: image_pull_secrets(cluster),
            security_context: Some(pod_security_context()),
            volumes: volumes(cluster),
            ..PodSpec::default()
        }),
    }
}

fn etcd(cluster: &Cluster) -> Container {
    Container {
        name: "etcd".to_owned(),
        image: Some(cluster.image.reference.clone()),
        image_pull_policy: Some(cluster.image.pull_policy.to_owned()),
        ports: Some(vec![
            port("etcd-client", cluster.ports.client),
            port("etcd-server", cluster.ports.peer),
            port("etcd-metrics", cluster.ports.metrics),
        ]),
        startup_probe: Some(startup_probe(cluster)),
        readiness_probe: Some(readiness_probe(cluster)),
        liveness_probe: Some(liveness_probe(cluster)),
        env: Some(env(cluster)),
        command: Some(vec!["/usr/local/bin/etcd".to_owned()]),
        args: Some(cluster.flags()),
        resources: (cluster.resources != ResourceRequirements::default()).then(|| cluster.resources.clone()),
        security_context: Some(container_security_context()),
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
fn env(cluster: &Cluster) -> Vec<EnvVar> {
    let value = |name: &str, value: String| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        ..EnvVar::default()
    };
    let mut env = vec![
        EnvVar {
            name: "HOSTNAME".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: "metadata.name".to_owned(),
                    ..ObjectFieldSelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        },
        bootstrap(cluster, INITIAL_CLUSTER),
        bootstrap(cluster, INITIAL_CLUSTER_STATE),
        value(
            "ETCDCTL_ENDPOINTS",
            format!("{}:{}", cluster.names.host("$(HOSTNAME)"), cluster.ports.client),
        ),
    ];
    if let Some(identity) = &cluster.tls.client {
        env.extend([
            value("ETCDCTL_KEY", identity.key()),
            value("ETCDCTL_CERT", identity.certificate()),
            value("ETCDCTL_CACERT", identity.authority()),
        ]);
    }
    env
}

fn bootstrap(cluster: &Cluster, key: &str) -> EnvVar {
    EnvVar {
        name: key.to_owned(),
        value_from: Some(EnvVarSource {
            config_map_key_ref: Some(ConfigMapKeySelector {
                name: cluster.names.bootstrap(),
                key: key.to_owned(),
                ..ConfigMapKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn startup_probe(cluster: &Cluster) -> Probe {
    let times = &cluster.probes.startup;
    Probe {
        initial_delay_seconds: Some(times.initial_delay_seconds.into()),
        period_seconds: Some(times.period_seconds.get().into()),
        timeout_seconds: Some(times.timeout_seconds.get().into()),
        failure_threshold: Some(times.failure_threshold.get().into()),
        ..alive(cluster)
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
        period_seconds: Some(times.period_seconds.get().into()),
        timeout_seconds: Some(times.timeout_seconds.get().into()),
        failure_threshold: Some(times.failure_threshold.get().into()),
        ..alive(cluster)
    }
}

/// Whether the process answers. Before there was `/livez`, only `/health` did, which also fails without a leader or for
/// an alarm; a restart mends neither, so there an open port has to do.
fn alive(cluster: &Cluster) -> Probe {
    if cluster.version.serves_livez() {
        Probe {
            http_get: Some(http_get(cluster, "/livez")),
            ..Probe::default()
        }
    } else {
        Probe {
            tcp_socket: Some(TCPSocketAction {
                port: IntOrString::Int(cluster.ports.metrics.get().into()),
                ..TCPSocketAction::default()
            }),
            ..Probe::default()
        }
    }
}

fn http_get(cluster: &Cluster, path: &str) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(cluster.ports.metrics.get().into()),
        ..HTTPGetAction::default()
    }
}

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
        topology_key: cluster.topology_key.to_string(),
        ..PodAffinityTerm::default()
    };
    let pod_anti_affinity = match cluster.anti_affinity {
        AntiAffinity::Off => return None,
        AntiAffinity::Required => PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![term]),
            ..PodAntiAffinity::default()
        },
        AntiAffinity::Preferred => PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                pod_affinity_term: term,
                weight: 100,
            }]),
            ..PodAntiAffinity::default()
        },
    };
    Some(Affinity {
        pod_anti_affinity: Some(pod_anti_affinity),
        ..Affinity::default()
    })
}

/// What Pod Security's `restricted` profile demands, and a group that can write to the volumes.
fn pod_security_context() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(NONROOT),
        run_as_group: Some(NONROOT),
        fs_group: Some(NONROOT),
        // A large data volume takes long to walk through, and needs it once.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security_context() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

fn image_pull_secrets(cluster: &Cluster) -> Option<Vec<LocalObjectReference>> {
    let secrets: Vec<_> = cluster
        .image
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    (!secrets.is_empty()).then_some(secrets)
}

fn volume_mounts(cluster: &Cluster) -> Vec<VolumeMount> {
    let storage = cluster.storage.volumes().map(|volume| VolumeMount {
        name: volume.name.clone(),
        mount_path: volume.mount_path.to_owned(),
        ..VolumeMount::default()
    });
    let certificates = cluster.tls.identities().map(|identity| VolumeMount {
        name: identity.volume.to_owned(),
        mount_path: identity.mount_path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    storage.chain(certificates).collect()
}

fn volumes(cluster: &Cluster) -> Option<Vec<Volume>> {
    let secret = |identity: &Identity| Volume {
        name: identity.volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(identity.secret.clone()),
            optional: Some(false),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    let volumes: Vec<_> = cluster.tls.identities().map(secret).collect();
    (!volumes.is_empty()).then_some(volumes)
}
