//! The pods of members, and the values that have Kubernetes' own types: they are validated together with the parts of a
//! pod that are the package's own.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, ExecAction, HostAlias, Lifecycle, LifecycleHandler, PodDNSConfig, PodSecurityContext, SecurityContext,
    Volume, VolumeMount,
};
use kubernetes_validation::{
    Field, VolumeKind, container, dns, env, handler, mount, network, scheduling, security, volume,
};
use rutter::report::Report;

use super::names::text;
use super::security_context::{restricted_container, restricted_pod};
use super::{names, reserved};
use crate::codes::NO_SHELL;
use crate::values::{self, Values};

/// The pods of members, beyond what makes them members.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The security context of the pods, those of jobs included.
    pub security_context: PodSecurityContext,
    /// The security context of the package's own containers, those of jobs included.
    pub container_security_context: SecurityContext,
    /// Seconds that etcd has to stop, if not Kubernetes' default.
    pub termination_grace_period_seconds: Option<u32>,
    /// Kubernetes' `dnsConfig`.
    pub dns_config: Option<PodDNSConfig>,
    /// Kubernetes' `hostAliases`.
    pub host_aliases: Vec<HostAlias>,
    /// The user's containers.
    pub extra_containers: Vec<Container>,
    /// The user's init containers.
    pub extra_init_containers: Vec<Container>,
    /// The user's volumes.
    pub extra_volumes: Vec<Volume>,
    /// The user's mounts of the etcd container.
    pub extra_volume_mounts: Vec<VolumeMount>,
    /// The etcd container's `lifecycle`.
    pub lifecycle: Option<Lifecycle>,
}

/// Resolves the pods. `labels` are those of every object of the cluster.
pub(super) fn resolve(pod: values::Pod, labels: &BTreeMap<String, String>) -> Pod {
    let mut labels = labels.clone();
    labels.extend(text(&pod.labels));
    Pod {
        labels,
        annotations: text(&pod.annotations),
        security_context: pod.security_context.unwrap_or_else(restricted_pod),
        container_security_context: pod.container_security_context.unwrap_or_else(restricted_container),
        termination_grace_period_seconds: pod.termination_grace_period_seconds,
        dns_config: pod.dns_config,
        host_aliases: pod.host_aliases,
        extra_containers: pod.extra_containers,
        extra_init_containers: pod.extra_init_containers,
        extra_volumes: pod.extra_volumes,
        extra_volume_mounts: pod.extra_volume_mounts,
        lifecycle: pod.lifecycle,
    }
}

/// Kubernetes' default of `terminationGracePeriodSeconds`.
const GRACE: u32 = 30;

/// Checks every value that has one of Kubernetes' types.
pub(super) fn check(values: &Values, report: &mut Report<'_>) {
    let field = &mut Field::new("", report);
    env::variables(field, "extraEnv", &values.extra_env);
    env::variables_from(field, "extraEnvFrom", &values.extra_env_from);
    check_scheduling(values, &mut field.at("scheduling"));
    check_pod(values, &mut field.at("pod"));
    scheduling::tolerations(&mut field.at("jobs"), "tolerations", &values.jobs.tolerations);
    let field = &mut field.at("networkPolicy");
    network::peers(field, "clients", &values.network_policy.clients);
    network::peers(field, "metrics", &values.network_policy.metrics);
}

fn check_scheduling(values: &Values, field: &mut Field<'_, '_>) {
    let scheduling = &values.scheduling;
    let own = names::selector_keys(values);
    scheduling::topology_spread(field, "topologySpread", &scheduling.topology_spread, &own);
    scheduling::tolerations(field, "tolerations", &scheduling.tolerations);
    field.with("affinity", scheduling.affinity.as_ref(), scheduling::affinity);
}

fn check_pod(values: &Values, field: &mut Field<'_, '_>) {
    let pod = &values.pod;
    let own = reserved::volumes(values);
    field.with("securityContext", pod.security_context.as_ref(), security::pod);
    field.with(
        "containerSecurityContext",
        pod.container_security_context.as_ref(),
        security::container,
    );
    field.with("dnsConfig", pod.dns_config.as_ref(), dns::config);
    dns::host_aliases(field, "hostAliases", &pod.host_aliases);
    let reserved = own.iter().map(|volume| volume.name.clone()).collect();
    volume::volumes(field, "extraVolumes", &pod.extra_volumes, reserved);

    let extra = pod.extra_volumes.iter().map(|volume| {
        let is_claim = volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some();
        (
            volume.name.clone(),
            if is_claim { VolumeKind::Claim } else { VolumeKind::Files },
        )
    });
    let mut containers = kubernetes_validation::Pod {
        volumes: own
            .iter()
            .map(|volume| (volume.name.clone(), volume.kind))
            .chain(extra)
            .collect(),
        names: reserved::containers(values),
        host_ports: BTreeSet::new(),
        grace: pod.termination_grace_period_seconds.unwrap_or(GRACE).into(),
    };
    let taken = own
        .iter()
        .filter_map(|volume| volume.mount_path)
        .map(str::to_owned)
        .collect();
    mount::mounts(
        field,
        "extraVolumeMounts",
        &pod.extra_volume_mounts,
        pod.container_security_context.as_ref(),
        &containers.volumes,
        taken,
    );
    refuse_mounts_in_data(field, &pod.extra_volume_mounts, &own);
    refuse_root(field, pod);
    container::containers(field, "extraContainers", &pod.extra_containers, &mut containers);
    container::init_containers(
        field,
        "extraInitContainers",
        &pod.extra_init_containers,
        &mut containers,
    );
    field.with("lifecycle", pod.lifecycle.as_ref(), |field, lifecycle| {
        handler::lifecycle(field, lifecycle, containers.grace);
        warn_of_shells(values, field, lifecycle);
    });
}

/// Refuses mounts in the directories of the data and of the log, because they would hide files of etcd.
fn refuse_mounts_in_data(field: &mut Field<'_, '_>, mounts: &[VolumeMount], own: &[reserved::Volume]) {
    field.each("extraVolumeMounts", mounts, |field, mount| {
        for own in own.iter().filter_map(|volume| volume.mount_path) {
            if mount
                .mount_path
                .strip_prefix(own)
                .is_some_and(|rest| rest.trim_end_matches('/').starts_with('/'))
            {
                field.at("mountPath").invalid(
                    format!("{own} holds etcd's files, and a mount in it would hide some"),
                    "mount it elsewhere",
                );
            }
        }
    });
}

/// Refuses root where the pod forbids it. A field that the container leaves out comes from the pod
/// (`pkg/securitycontext/util.go`, `DetermineEffectiveSecurityContext`), and the package's default for the pod forbids
/// root.
fn refuse_root(field: &mut Field<'_, '_>, pod: &values::Pod) {
    let Some(container) = &pod.container_security_context else {
        return;
    };
    let of_pod = pod.security_context.as_ref();
    let not_root = of_pod.is_none_or(|context| context.run_as_non_root == Some(true));
    if container.run_as_user == Some(0) && container.run_as_non_root.is_none() && not_root {
        field.at("containerSecurityContext.runAsUser").conflict(
            "the pod has runAsNonRoot: true, and 0 is root",
            "write another user, or a pod.securityContext without runAsNonRoot",
        );
    }
}

/// Warns about hooks that call a shell, because etcd's own images have none. The values may name another image.
fn warn_of_shells(values: &Values, field: &mut Field<'_, '_>, lifecycle: &Lifecycle) {
    if values.version.has_shell() {
        return;
    }
    let hooks = [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)];
    for (name, hook) in hooks {
        if let Some(LifecycleHandler {
            exec: Some(ExecAction {
                command: Some(command), ..
            }),
            ..
        }) = hook
            && let Some(program) = command.first()
            && ["sh", "bash", "ash", "dash"].contains(&program.rsplit('/').next().unwrap_or_default())
        {
            field
                .at(&format!("{name}.exec.command"))
                .refuse(&NO_SHELL, format!("etcd's own image has no {program}"))
                .help("call etcdctl itself, sleep, or do it in a container of extraContainers");
        }
    }
}
